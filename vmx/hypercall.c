// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls: the few that there are, told the way KVM tells them.
 */
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/string.h>
#include "emul.h"
#include "vcpu.h"

#define INSN_LEN 3
static const u8 vmcall[INSN_LEN] = { 0x0f, 0x01, 0xc1 };
static const u8 vmmcall[INSN_LEN] = { 0x0f, 0x01, 0xd9 };

/* KVM's answer to @nr. */
static long hypercall(struct um_vmx *vmx, u64 nr, u64 arg)
{
	switch (nr) {
	case KVM_HC_VAPIC_POLL_IRQ:
		/* A mere exit, for who keeps the task priority in memory. */
		return 0;
	case KVM_HC_SCHED_YIELD:
		if (!um_cpuid_pv_allows(&vmx->vcpu, KVM_FEATURE_PV_SCHED_YIELD))
			break;
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

/*
 * KVM's quirk: AMD's VMMCALL is made a VMCALL where it stands, as a write of the
 * guest's own. Not across pages, which no guest does.
 */
static enum um_emul_rc fix_vmmcall(struct um_soft *e, u64 rip)
{
	struct um_emul_ctx *ctx = &e->ctx;
	u8 insn[INSN_LEN];

	if (offset_in_page(rip) > PAGE_SIZE - INSN_LEN ||
	    ctx->ops->fetch(ctx, rip, insn, INSN_LEN) != UM_EMUL_OK ||
	    memcmp(insn, vmmcall, INSN_LEN))
		return UM_EMUL_UNHANDLED;
	return ctx->ops->write(ctx, rip, vmcall, INSN_LEN);
}

int um_exit_invalid_opcode(struct um_vmx *vmx)
{
	enum um_emul_rc rc = UM_EMUL_UNHANDLED;
	struct um_soft e;

	if (um_vm_has_quirk(vmx->vcpu.vm, KVM_X86_QUIRK_FIX_HYPERCALL_INSN)) {
		um_soft_begin(vmx, &e);
		rc = fix_vmmcall(&e, um_linear_rip(vmx));
	}
	switch (rc) {
	case UM_EMUL_OK:
		return um_soft_end(vmx, &e, UM_EMUL_AGAIN);
	case UM_EMUL_FAULT:
		return um_soft_end(vmx, &e, UM_EMUL_EXCEPTION);
	case UM_EMUL_RETRY:
		return UM_RESUME;
	case UM_EMUL_IO:
	case UM_EMUL_UNHANDLED:
		break;
	}
	um_inject(vmx, X86_TRAP_UD);
	return UM_RESUME;
}
