/* SPDX-License-Identifier: GPL-2.0 */
/* Standard input becomes what a guest's serial port receives. */
#ifndef PENUMBRA_CONSOLE_H
#define PENUMBRA_CONSOLE_H

#include "vm.h"

/*
 * For Linux, until console_stop(): bytes go to the guest as they come. A terminal is put
 * into raw mode; Ctrl-A x there ends the guest, Ctrl-A a is Ctrl-A.
 */
void console_start(struct vm *vm);
void console_stop(struct vm *vm);

#endif
