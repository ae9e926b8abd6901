/* SPDX-License-Identifier: GPL-2.0 */
/* What CPUID says to the vCPUs of a pc.h machine. */
#ifndef PENUMBRA_CPUID_H
#define PENUMBRA_CPUID_H

#include "vm.h"

/* For vCPU @id, to be freed; boot_cpuid() is the plain machine's. */
struct kvm_cpuid2 *pc_cpuid(const struct vm *vm, unsigned int id);
/*
 * TSC and crystal of leaf 0x15 as a fraction: the nearest whose numerator times
 * the crystal's kHz is of 32 bits, as Linux multiplies in these.
 */
void cpuid_tsc_ratio(uint32_t khz, uint32_t *n, uint32_t *d);

#endif
