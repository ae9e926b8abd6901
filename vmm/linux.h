/* SPDX-License-Identifier: GPL-2.0 */
/* Linux, by its 64-bit boot protocol. */
#ifndef PENUMBRA_LINUX_H
#define PENUMBRA_LINUX_H

#include "options.h"
#include "vm.h"

/* Load kernel and initrd into a pc.h machine and make its first vCPU ready. */
void boot_linux(struct vm *vm, const struct guest_options *o);

#endif
