/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which MSRs a VM's guests may read and write: KVM_X86_SET_MSR_FILTER.
 *
 *   KVM_X86_SET_MSR_FILTER             vCPU
 *   vm->msr_filter = new               in_guest = true
 *   attention = true, of each vCPU     smp_mb               T2
 *   smp_mb               T1            attention ? :
 *   in_guest ? IPI, and wait             attention = false  E2
 *                                        filter's seq is new ? :
 *                                          write the MSR bitmap anew
 *                                      VM entry
 *
 * So when the ioctl returns, no vCPU is in the guest with an older bitmap.
 */
#ifndef _UMBRA_MSR_FILTER_H
#define _UMBRA_MSR_FILTER_H

#include <linux/rcupdate.h>
#include <umbra/vm.h>

struct um_msr_range {
	u32 flags; /* KVM_MSR_FILTER_READ, _WRITE: what it speaks of */
	u32 base, nmsrs;
	unsigned long allowed[KVM_MSR_FILTER_MAX_BITMAP_SIZE / sizeof(long)];
};

/* Const once it is in vm->msr_filter; freed after a grace period. */
struct um_msr_filter {
	struct rcu_head rcu;
	u64 seq; /* 1 for a VM's first, and so on */
	bool deny; /* what is in no range */
	u32 n;
	struct um_msr_range range[];
};

/*
 * um_msr_filter_allows() - may a guest do that (KVM_MSR_FILTER_READ or _WRITE)
 * to @msr? Of ranges that overlap the first decides. core/msr_filter.c
 */
bool um_msr_filter_allows(const struct um_msr_filter *f, u32 msr, u32 access);

static inline bool um_msr_allowed(const struct um_vm *vm, u32 msr, u32 access)
{
	const struct um_msr_filter *f;
	bool allowed;

	if (likely(!rcu_access_pointer(vm->msr_filter)))
		return true;
	rcu_read_lock();
	f = rcu_dereference(vm->msr_filter);
	allowed = um_msr_filter_allows(f, msr, access);
	rcu_read_unlock();
	return allowed;
}

#endif
