// SPDX-License-Identifier: GPL-2.0
/*
 * EPT violations: from exit qualification to struct um_fault and back, and
 * the one comparison that says whether this CPU owes a flush.
 */
#include <linux/errno.h>
#include "shadow.h"
#include <umbra/trace.h>

/*
 * Interrupts off, in_guest set (T2 in tlb.h). A VMCS that came from another
 * CPU may meet what this CPU cached for the vCPU long ago.
 */
void um_tlb_flush(struct um_vmx *vmx, u64 owed)
{
	if (vmx->shadow) {
		um_engine_flush(vmx, owed);
		return;
	}
	if (owed != vmx->tlb_seen || vmx->flush_all) {
		um_invept(vmx->eptp);
		WRITE_ONCE(vmx->tlb_seen, owed);
		vmx->flush_all = false;
		vmx->vcpu.stat.tlb_flush++;
	}
	if (vmx->flush_guest) {
		um_invvpid(vmx->vpid);
		vmx->flush_guest = false;
	}
}

u64 um_vmx_tlb_seen(const struct um_vcpu *vcpu)
{
	return READ_ONCE(container_of(vcpu, struct um_vmx, vcpu)->tlb_seen);
}

/* A handler's word for how @f ended. */
int um_fault_outcome(struct um_vmx *vmx, const struct um_fault *f,
		     enum um_pf pf)
{
	switch (pf) {
	case UM_PF_CONTINUE:
	case UM_PF_RETRY:
	case UM_PF_FIXED:
	case UM_PF_SPURIOUS:
		return UM_RESUME;
	case UM_PF_EMULATE:
		/* The IDT, or a stack, lies where no memory is. */
		if (vmx->idt_vectoring)
			return um_exit_internal(vmx,
						KVM_INTERNAL_ERROR_DELIVERY_EV);
		return um_emulate_mmio(vmx);
	case UM_PF_BAD_HVA:
		return -EFAULT;
	case UM_PF_HWPOISON:
		return -EHWPOISON;
	case UM_PF_NOMEM:
		return -ENOMEM;
	case UM_PF_TABLE:
		return um_engine_table_write(vmx, f->gfn);
	case UM_PF_GUEST:
		vmx->world.cr2 = f->va;
		um_inject_error(vmx, X86_TRAP_PF, vmx->ctx->walk.error_code);
		return UM_RESUME;
	case UM_PF_INTR:
		vmx->vcpu.run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	case UM_PF_DEAD:
		break;
	}
	return -EIO;
}

/* SDM, "Exit Qualification for EPT Violations" */
#define QUAL_READ BIT(0)
#define QUAL_WRITE BIT(1)
#define QUAL_LINEAR (BIT(7) | BIT(8)) /* of the operand, not of a table */

/* A write, and nothing else, of an instruction's operand? */
static bool is_store(unsigned long qual)
{
	return (qual & (QUAL_READ | QUAL_WRITE | QUAL_LINEAR)) ==
	       (QUAL_WRITE | QUAL_LINEAR);
}

int um_exit_ept_violation(struct um_vmx *vmx)
{
	unsigned long qual = vmx_read(vmx, EXIT_QUALIFICATION);
	gpa_t gpa = vmx_read(vmx, GUEST_PHYSICAL_ADDRESS);
	struct um_vcpu *vcpu = &vmx->vcpu;
	struct um_fault f = {
		.gfn = gpa_to_gfn(gpa),
		.access = qual & UM_ACC_ALL,
		.allowed = (qual >> 3) & UM_ACC_ALL,
		.tag = vcpu->tag,
	};
	enum um_pf pf;

	um_event_nmi_unblocked(vmx, qual);
	pf = um_fault_handle(&vcpu->vm->mmu, &f, &vcpu->stat.pf);
	trace_umbra_fault(vcpu->id, gpa, f.access, pf, f.path);
	if (pf == UM_PF_EMULATE && is_store(qual) && um_apic_store(vmx, gpa))
		return UM_RESUME;
	return um_fault_outcome(vmx, &f, pf);
}

/* No entry umbra makes is a misconfiguration: the tables are broken. */
int um_exit_ept_misconfig(struct um_vmx *vmx)
{
	WARN_ONCE(1, "EPT misconfiguration at gpa %llx\n",
		  vmx_read(vmx, GUEST_PHYSICAL_ADDRESS));
	um_vm_kill(vmx->vcpu.vm);
	return -EIO;
}
