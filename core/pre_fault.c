// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_PRE_FAULT_MEMORY: map guest memory before the guest touches it, as a read
 * of it would (api.rst 4.143).
 */
#include "internal.h"

#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <umbra/compat.h>
#include <umbra/fault.h>
#include <umbra/mmu.h>

static int pf_errno(enum um_pf pf)
{
	switch (pf) {
	case UM_PF_FIXED:
	case UM_PF_SPURIOUS:
		return 0;
	case UM_PF_CONTINUE:
	case UM_PF_RETRY:
		return -EAGAIN;
	case UM_PF_EMULATE:
		return -ENOENT;
	case UM_PF_BAD_HVA:
		return -EFAULT;
	case UM_PF_HWPOISON:
		return -EHWPOISON;
	case UM_PF_NOMEM:
		return -ENOMEM;
	case UM_PF_INTR:
		return -EINTR;
	default:
		return -EIO;
	}
}

/* The bytes that are mapped now, from @gpa to the end of its leaf; or -errno. */
static s64 map_one(struct um_vcpu *vcpu, u64 gpa)
{
	struct um_fault f = {
		.gfn = gpa_to_gfn(gpa),
		.access = UM_ACC_R,
		.tag = vcpu->tag,
	};
	u64 leaf = PAGE_SIZE;
	enum um_pf pf;
	int r;

	pf = um_fault_handle(&vcpu->vm->mmu, &f, &vcpu->stat.pf);
	r = pf_errno(pf);
	if (r)
		return r;
	if (pf == UM_PF_FIXED && f.goal_level)
		leaf <<= 9 * (f.goal_level - 1);
	return leaf - (gpa & (leaf - 1));
}

/* Returns 0 when at least one page was mapped; @range is what is left. */
static int map_range(struct um_vcpu *vcpu, struct kvm_pre_fault_memory *range)
{
	u64 size = range->size;
	s64 r;

	do {
		if (signal_pending(current)) {
			r = -EINTR;
			break;
		}
		r = map_one(vcpu, range->gpa);
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			break;
		r = min_t(u64, r, range->size);
		range->gpa += r;
		range->size -= r;
		cond_resched();
	} while (range->size);
	return range->size == size ? r : 0;
}

int um_pre_fault(struct um_vcpu *vcpu,
		 struct kvm_pre_fault_memory __user *user)
{
	struct kvm_pre_fault_memory range;
	int r;

	if (copy_from_user(&range, user, sizeof(range)))
		return -EFAULT;
	if (range.flags || !PAGE_ALIGNED(range.gpa) ||
	    !PAGE_ALIGNED(range.size) || range.gpa + range.size <= range.gpa)
		return -EINVAL;
	/* Its tables are by the guest's addresses. */
	if (vcpu->vm->mmu.shadow)
		return -EOPNOTSUPP;
	r = map_range(vcpu, &range);
	return copy_to_user(user, &range, sizeof(range)) ? -EFAULT : r;
}
