// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls: the few that there are, told the way KVM tells them.
 */
#include <linux/kvm_para.h>
#include "vcpu.h"

/* KVM's answer to @nr. */
static long hypercall(struct um_vmx *vmx, u64 nr, u64 arg)
{
	switch (nr) {
	case KVM_HC_VAPIC_POLL_IRQ:
		/* A mere exit, for who keeps the task priority in memory. */
		return 0;
	case KVM_HC_SCHED_YIELD:
		um_yield_to_id(vmx, arg);
		return 0;
	}
	return -KVM_ENOSYS;
}

int um_exit_vmcall(struct um_vmx *vmx)
{
	u32 cpl = VMX_AR_DPL(vmx_read(vmx, GUEST_SS_AR_BYTES));
	u64 mask = um_in_64bit(vmx) ? ~0ull : U32_MAX;
	u64 *gpr = vmx->world.gpr;
	long r = -KVM_EPERM;

	if (!cpl)
		r = hypercall(vmx, gpr[UM_RAX] & mask, gpr[UM_RBX] & mask);
	gpr[UM_RAX] = r & mask;
	um_skip_insn(vmx);
	return UM_RESUME;
}
