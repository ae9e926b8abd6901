// SPDX-License-Identifier: GPL-2.0
/*
 * Exits that there are with shadow paging only: page faults, INVLPG, INVPCID,
 * and the guest's writes to its own page tables.
 */
#include <linux/jhash.h>
#include <asm/page.h>
#include <umbra/trace.h>
#include "emul.h"
#include "shadow.h"

/*
 * So often the same write to a page table may come, its frame given back each
 * time, before it is taken for one that needs that very table shadowed. Once is
 * not enough: another vCPU may have shadowed the frame anew.
 */
#define STUCK_TIMES 16
/* Exits between two of them: faults on the way. */
#define STUCK_EXITS 8

/* Is it the same write again, with no instruction done since? */
static bool is_stuck(struct um_vmx *vmx, const struct um_soft *e, gfn_t gfn)
{
	u32 state = jhash2((const u32 *)&e->regs, sizeof(e->regs) / 4, gfn);
	struct um_stuck *s = &vmx->stuck;
	u64 exits = vmx->vcpu.stat.exits;

	if (state != s->state || exits - s->exits > STUCK_EXITS)
		s->times = 0;
	s->state = state;
	s->exits = exits;
	return s->times++ >= STUCK_TIMES;
}

/*
 * An instruction that the emulator does not know, or a stack that is a page
 * table: the frame is given back to the guest, and the CPU does it. It may be
 * shadowed again at once when it is needed for this very access.
 */
int um_engine_table_write(struct um_vmx *vmx, gfn_t gfn)
{
	struct um_mmu *mmu = &vmx->vcpu.vm->mmu;
	enum um_emul_result res = UM_EMUL_UNKNOWN;
	struct um_soft e;

	um_soft_begin(vmx, &e);
	if (!vmx->idt_vectoring)
		res = um_emulate(&e.ctx);
	if (res == UM_EMUL_UNKNOWN && !is_stuck(vmx, &e, gfn)) {
		um_mmu_unshadow(mmu, gfn);
		return UM_RESUME;
	}
	return um_soft_end(vmx, &e, res);
}

/* UM_ACC_* of the CPU's error code. */
static u8 access_of(u32 pfec)
{
	if (pfec & UM_PFEC_FETCH)
		return UM_ACC_X;
	return pfec & UM_PFEC_WRITE ? UM_ACC_W : UM_ACC_R;
}

/*
 * RFLAGS.AC lets the supervisor reach user pages in spite of SMAP, but not where
 * the CPU does so by itself (its tables, the stack of a new level). The error
 * code does not tell the two apart. Those that the CPU made for user code do not
 * get the AC of that code; others do.
 */
static unsigned long ac_of(struct um_vmx *vmx)
{
	if (VMX_AR_DPL(vmx_read(vmx, GUEST_SS_AR_BYTES)) == 3)
		return 0;
	return vmx_read(vmx, GUEST_RFLAGS);
}

int um_exit_page_fault(struct um_vmx *vmx, u32 info)
{
	u32 pfec = vmx_read(vmx, VM_EXIT_INTR_ERROR_CODE);
	struct um_context *ctx = vmx->ctx;
	struct um_vcpu *vcpu = &vmx->vcpu;
	struct um_fault f = {
		.access = access_of(pfec),
		.allowed = pfec & UM_PFEC_PRESENT ? UM_ACC_R : 0,
		.tag = vcpu->tag,
		.ctx = ctx,
		.va = vmx_read(vmx, EXIT_QUALIFICATION),
		.pfec = pfec,
	};
	enum um_pf pf;

	if (!vmx->shadow)
		return um_exit_internal(vmx,
					KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
	if (vmx->cr4 & X86_CR4_SMAP)
		ctx->paging.rflags = ac_of(vmx);
	pf = um_fault_handle(&vcpu->vm->mmu, &f, &vcpu->stat.pf);
	trace_umbra_fault(vcpu->id, gfn_to_gpa(f.gfn), f.access, pf, f.path);
	/* An IRET that faults has unblocked NMIs; one that runs again has not. */
	if (pf != UM_PF_GUEST)
		um_event_nmi_unblocked(vmx, info);
	if (pf == UM_PF_EMULATE && (pfec & UM_PFEC_WRITE) &&
	    um_apic_store(vmx, ctx->walk.gpa))
		return UM_RESUME;
	return um_fault_outcome(vmx, &f, pf);
}

/* The CPU has checked CPL. An address without paging has nothing to flush. */
int um_exit_invlpg(struct um_vmx *vmx)
{
	vmx->vcpu.stat.invlpg_exits++;
	if (vmx->shadow)
		um_context_invlpg(vmx->ctx, vmx_read(vmx, EXIT_QUALIFICATION));
	um_skip_insn(vmx);
	return UM_RESUME;
}

/* SDM, "INVPCID": types */
enum {
	INVPCID_ADDRESS,
	INVPCID_CONTEXT,
	INVPCID_ALL_GLOBAL,
	INVPCID_ALL,
};

struct invpcid_desc {
	u64 pcid;
	u64 address;
};

/* SDM, "VM-Exit Instruction-Information Field as Used for INVPCID" */
static enum um_emul_rc read_desc(struct um_vmx *vmx, struct um_soft *e,
				 u32 info, struct invpcid_desc *desc)
{
	u64 ea = vmx_read(vmx, EXIT_QUALIFICATION); /* the displacement */

	if (!(info & BIT(27)))
		ea += e->regs.gpr[(info >> 23) & 0xf];
	if (!(info & BIT(22)))
		ea += e->regs.gpr[(info >> 18) & 0xf] << (info & 3);
	switch ((info >> 7) & 7) {
	case 0:
		ea = (u16)ea;
		break;
	case 1:
		ea = (u32)ea;
		break;
	}
	return um_emul_load(&e->ctx, (info >> 15) & 7, ea, desc, sizeof(*desc));
}

static bool is_canonical(struct um_vmx *vmx, u64 address)
{
	int bits = vmx->cr4 & X86_CR4_LA57 ? 57 : 48;

	return __is_canonical_address(address, bits);
}

/* False: #GP. */
static bool invpcid(struct um_vmx *vmx, u64 type,
		    const struct invpcid_desc *desc)
{
	bool pcid_fits = !desc->pcid || vmx->cr4 & X86_CR4_PCIDE;

	if (type > INVPCID_ALL || desc->pcid >> 12)
		return false;
	if (type <= INVPCID_CONTEXT && !pcid_fits)
		return false;
	if (type == INVPCID_ADDRESS && !is_canonical(vmx, desc->address))
		return false;
	if (!vmx->shadow)
		return true;
	if (type == INVPCID_ADDRESS)
		um_context_invlpg(vmx->ctx, desc->address);
	else
		um_context_flush(vmx->ctx);
	return true;
}

int um_exit_invpcid(struct um_vmx *vmx)
{
	u32 info = vmx_read(vmx, VMX_INSTRUCTION_INFO);
	struct invpcid_desc desc;
	struct um_soft e;
	u64 type;

	vmx->vcpu.stat.invlpg_exits++;
	um_soft_begin(vmx, &e);
	switch (read_desc(vmx, &e, info, &desc)) {
	case UM_EMUL_OK:
		break;
	case UM_EMUL_FAULT:
		return um_soft_end(vmx, &e, UM_EMUL_EXCEPTION);
	case UM_EMUL_RETRY:
		return UM_RESUME;
	case UM_EMUL_IO:
	case UM_EMUL_UNHANDLED:
		return um_exit_unknown_insn(vmx, NULL, 0);
	}
	type = e.regs.gpr[(info >> 28) & 0xf];
	if (!um_in_64bit(vmx))
		type = (u32)type;
	if (invpcid(vmx, type, &desc))
		um_skip_insn(vmx);
	else
		um_inject_error(vmx, X86_TRAP_GP, 0);
	return UM_RESUME;
}
