// SPDX-License-Identifier: GPL-2.0
/*
 * The filter of MSRs: copied in, put in place, asked. A vCPU's MSR bitmap, which
 * follows from it, is made in vmx/.
 */
#include "internal.h"

#include <linux/compat.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <umbra/compat.h>
#include <umbra/host.h>
#include <umbra/msr_filter.h>

#define ACCESSES (KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

/* Those of an x2APIC are not filtered: api.rst. */
static bool is_x2apic(u32 msr)
{
	return msr >= 0x800 && msr <= 0x8ff;
}

bool um_msr_filter_allows(const struct um_msr_filter *f, u32 msr, u32 access)
{
	u32 i;

	if (is_x2apic(msr))
		return true;
	for (i = 0; i < f->n; i++) {
		const struct um_msr_range *r = &f->range[i];

		/* As with KVM, one that goes beyond the last MSR has none. */
		if ((r->flags & access) && msr >= r->base &&
		    msr < r->base + r->nmsrs)
			return test_bit(array_index_nospec(msr - r->base,
							   r->nmsrs),
					r->allowed);
	}
	return !f->deny;
}

static int copy_range(struct um_msr_range *r,
		      const struct kvm_msr_filter_range *user)
{
	size_t size = BITS_TO_LONGS((u64)user->nmsrs) * sizeof(long);

	if (user->flags & ~(u32)ACCESSES || !user->flags ||
	    size > sizeof(r->allowed))
		return -EINVAL;
	r->flags = user->flags;
	r->base = user->base;
	r->nmsrs = user->nmsrs;
	return copy_from_user(r->allowed, (const void __user *)user->bitmap,
			      size) ? -EFAULT : 0;
}

/* Ranges of no MSRs are no ranges, whatever else they say. */
static struct um_msr_filter *copy_filter(const struct kvm_msr_filter *user)
{
	struct um_msr_filter *f;
	int i, r, n = 0;

	if (user->flags & ~(u32)KVM_MSR_FILTER_DEFAULT_DENY)
		return ERR_PTR(-EINVAL);
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++)
		n += !!user->ranges[i].nmsrs;
	if (!n && user->flags)
		return ERR_PTR(-EINVAL);
	f = kvzalloc(struct_size(f, range, n), GFP_KERNEL_ACCOUNT);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->deny = user->flags;
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		if (!user->ranges[i].nmsrs)
			continue;
		r = copy_range(&f->range[f->n++], &user->ranges[i]);
		if (r) {
			kvfree(f);
			return ERR_PTR(r);
		}
	}
	return f;
}

/*
 * Whoever makes a vCPU holds vm->lock: it has the new filter from the start, or
 * is found here.
 */
static int set_filter(struct um_vm *vm, const struct kvm_msr_filter *user)
{
	struct um_msr_filter *f = copy_filter(user), *old;
	struct um_vcpu *vcpu;
	int i;

	if (IS_ERR(f))
		return PTR_ERR(f);
	mutex_lock(&vm->lock);
	old = rcu_dereference_protected(vm->msr_filter,
					lockdep_is_held(&vm->lock));
	f->seq = old ? old->seq + 1 : 1;
	rcu_assign_pointer(vm->msr_filter, f);
	um_for_each_vcpu(i, vcpu, vm)
		WRITE_ONCE(vcpu->attention, true);
	um_host_kick_guests(&vm->mmu);
	mutex_unlock(&vm->lock);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

int um_msr_filter_set(struct um_vm *vm, const void __user *user)
{
	struct kvm_msr_filter filter;

	if (copy_from_user(&filter, user, sizeof(filter)))
		return -EFAULT;
	return set_filter(vm, &filter);
}

/* Nobody is left who could look. */
void um_msr_filter_free(struct um_vm *vm)
{
	kvfree(rcu_dereference_protected(vm->msr_filter, true));
}

#ifdef CONFIG_COMPAT
int um_msr_filter_compat_set(struct um_vm *vm, const void __user *user)
{
	struct compat_msr_filter c;
	struct kvm_msr_filter filter = {};
	int i;

	if (copy_from_user(&c, user, sizeof(c)))
		return -EFAULT;
	filter.flags = c.flags;
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		filter.ranges[i] = (struct kvm_msr_filter_range){
			.flags = c.ranges[i].flags,
			.nmsrs = c.ranges[i].nmsrs,
			.base = c.ranges[i].base,
			.bitmap = (__force __u8 *)
				compat_ptr(c.ranges[i].bitmap),
		};
	}
	return set_filter(vm, &filter);
}
#endif
