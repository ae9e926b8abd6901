/* SPDX-License-Identifier: GPL-2.0 */
/* The devices behind the I/O ports of ports.h. */
#ifndef PENUMBRA_PIO_H
#define PENUMBRA_PIO_H

#include "vm.h"

/* Serve the KVM_EXIT_IO that stands in the vCPU's run page. */
void pio_handle(struct vcpu *v);

#endif
