// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SYNC_REGS: a vCPU's registers in kvm_run, before and after a run,
 * without a call for each (api.rst, "struct kvm_sync_regs").
 *
 * Another thread may write there at any time, so what comes in is copied before
 * it is looked at.
 */
#include "internal.h"

#include <umbra/vmx.h>

static noinline_for_stack int take_regs(struct um_vcpu *vcpu)
{
	struct kvm_regs regs = vcpu->run->s.regs.regs;

	return um_vmx_set_regs(vcpu, &regs);
}

static noinline_for_stack int take_sregs(struct um_vcpu *vcpu)
{
	struct kvm_sregs sregs = vcpu->run->s.regs.sregs;

	return um_vmx_set_sregs(vcpu, &sregs);
}

static noinline_for_stack int take_events(struct um_vcpu *vcpu)
{
	struct kvm_vcpu_events events = vcpu->run->s.regs.events;

	return um_vmx_set_events(vcpu, &events);
}

/* In KVM's order; what is refused, and what comes after it, stays to be done. */
static const struct {
	u64 set;
	int (*take)(struct um_vcpu *vcpu);
} sets[] = {
	{ KVM_SYNC_X86_REGS, take_regs },
	{ KVM_SYNC_X86_SREGS, take_sregs },
	{ KVM_SYNC_X86_EVENTS, take_events },
};

int um_sync_regs_take(struct um_vcpu *vcpu, u64 dirty)
{
	int i, r;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		if (!(dirty & sets[i].set))
			continue;
		r = sets[i].take(vcpu);
		if (r)
			return r;
		vcpu->run->kvm_dirty_regs &= ~sets[i].set;
	}
	return 0;
}

void um_sync_regs_give(struct um_vcpu *vcpu, u64 valid)
{
	struct kvm_sync_regs *s = &vcpu->run->s.regs;

	if (valid & KVM_SYNC_X86_REGS)
		um_vmx_get_regs(vcpu, &s->regs);
	if (valid & KVM_SYNC_X86_SREGS)
		um_vmx_get_sregs(vcpu, &s->sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		um_vmx_get_events(vcpu, &s->events);
}
