/* SPDX-License-Identifier: GPL-2.0 */
/* What CPUID says to the vCPUs of a pc.h machine. */
#ifndef PENUMBRA_CPUID_H
#define PENUMBRA_CPUID_H

#include "vm.h"

/* For vCPU @id, to be freed; boot_cpuid() is the plain machine's. */
struct kvm_cpuid2 *pc_cpuid(const struct vm *vm, unsigned int id);

#endif
