// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions into the guest, and events that an exit interrupted.
 */
#include <linux/string.h>
#include <asm/mce.h>
#include <asm/ptrace.h>
#include "shadow.h"

#define HAS_ERROR                                                      \
	(BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) |      \
	 BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) |      \
	 BIT(X86_TRAP_AC))
#define CONTRIBUTORY                                                   \
	(BIT(X86_TRAP_DE) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) |      \
	 BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP))

/* SDM, "Interrupt 8 - Double Fault Exception": does @second make one? */
static bool doubles(u8 first, u8 second)
{
	if (first == X86_TRAP_PF)
		return second == X86_TRAP_PF || (CONTRIBUTORY & BIT(second));
	return (CONTRIBUTORY & BIT(first)) && (CONTRIBUTORY & BIT(second));
}

static void queue(struct um_vmx *vmx, u8 vector, u32 error)
{
	struct um_event *e = &vmx->event;

	if (e->pending && e->type == INTR_TYPE_HARD_EXCEPTION) {
		if (e->vector == X86_TRAP_DF) {
			vmx->shutdown = true;
			return;
		}
		if (doubles(e->vector, vector)) {
			vector = X86_TRAP_DF;
			error = 0;
		}
	}
	*e = (struct um_event){
		.pending = true,
		.vector = vector,
		.type = INTR_TYPE_HARD_EXCEPTION,
		/* Real mode delivers no error codes. */
		.has_error = (HAS_ERROR & BIT(vector)) &&
			     (vmx->cr0 & X86_CR0_PE),
		.error = error,
	};
}

void um_inject(struct um_vmx *vmx, u8 vector)
{
	queue(vmx, vector, 0);
}

void um_inject_error(struct um_vmx *vmx, u8 vector, u32 error)
{
	queue(vmx, vector, error);
}

/* Interrupts off, before an entry: hand the pending event to the CPU. */
void um_event_deliver(struct um_vmx *vmx)
{
	struct um_event *e = &vmx->event;
	u32 info;

	info = e->vector | e->type | INTR_INFO_VALID_MASK;
	if (e->has_error) {
		info |= INTR_INFO_DELIVER_CODE_MASK;
		vmx_write(vmx, VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
	}
	if (e->type == INTR_TYPE_HARD_EXCEPTION && e->vector != X86_TRAP_DB) {
		/* A fault is delivered with RF set in the saved flags. */
		vmx_write(vmx, GUEST_RFLAGS,
			  vmx_read(vmx, GUEST_RFLAGS) | X86_EFLAGS_RF);
	}
	if (e->insn_len)
		vmx_write(vmx, VM_ENTRY_INSTRUCTION_LEN, e->insn_len);
	vmx_write(vmx, VM_ENTRY_INTR_INFO_FIELD, info);
	e->pending = false;
}

static bool soft_type(u32 type)
{
	return type == INTR_TYPE_SOFT_INTR ||
	       type == INTR_TYPE_SOFT_EXCEPTION ||
	       type == INTR_TYPE_PRIV_SW_EXCEPTION;
}

/* An event whose delivery an exit cut short goes in again. */
void um_event_requeue(struct um_vmx *vmx, u32 info)
{
	struct um_event *e = &vmx->event;

	*e = (struct um_event){
		.pending = true,
		.vector = info & VECTORING_INFO_VECTOR_MASK,
		.type = info & VECTORING_INFO_TYPE_MASK,
		.has_error = info & VECTORING_INFO_DELIVER_CODE_MASK,
	};
	if (e->has_error)
		e->error = vmx_read(vmx, IDT_VECTORING_ERROR_CODE);
	if (soft_type(e->type))
		e->insn_len = vmx_read(vmx, VM_EXIT_INSTRUCTION_LEN);
}

/* Exit qualification: IRET unblocked NMIs before it faulted. */
#define QUAL_NMI_UNBLOCK BIT(12)

/* The IRET runs again: NMIs must be blocked until it has. */
void um_event_nmi_unblocked(struct um_vmx *vmx, unsigned long qual)
{
	if (unlikely(qual & QUAL_NMI_UNBLOCK) && !vmx->idt_vectoring)
		vmx_write(vmx, GUEST_INTERRUPTIBILITY_INFO,
			  vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO) |
				  GUEST_INTR_STATE_NMI);
}

/* A machine check in the guest, or during entry; on the CPU that it hit. */
void um_event_machine_check(void)
{
	struct pt_regs regs;

	/* As if it came from user mode: it did not hit us. */
	memset(&regs, 0, sizeof(regs));
	regs.cs = 3;
	regs.flags = X86_EFLAGS_IF;
	do_machine_check(&regs);
}

/* SDM, "Exit Qualification for Debug Exceptions" */
static void exit_debug(struct um_vmx *vmx, u32 type)
{
	unsigned long qual = vmx_read(vmx, EXIT_QUALIFICATION);
	u32 shadow = vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO);

	vmx->dr6 &= ~(unsigned long)UM_DR6_TRAPS;
	vmx->dr6 |= qual & (UM_DR6_TRAPS | UM_DR6_BD | UM_DR6_BS | UM_DR6_BT);
	/* Delivery ends general detect. */
	vmx->dr7 &= ~UM_DR7_GD;
	vmx_write(vmx, GUEST_DR7, vmx->dr7);
	if (type == INTR_TYPE_PRIV_SW_EXCEPTION) {
		/* INT1 is a trap: the instruction is over. */
		vmx_write(vmx, GUEST_RIP,
			  vmx_read(vmx, GUEST_RIP) +
				  vmx_read(vmx, VM_EXIT_INSTRUCTION_LEN));
	} else if ((shadow &
		    (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)) &&
		   (vmx_read(vmx, GUEST_RFLAGS) & X86_EFLAGS_TF)) {
		/* An entry with TF in a shadow must have the step pending. */
		vmx_write(vmx, GUEST_PENDING_DBG_EXCEPTIONS,
			  vmx_read(vmx, GUEST_PENDING_DBG_EXCEPTIONS) |
				  UM_DR6_BS);
	}
	um_inject(vmx, X86_TRAP_DB);
}

/*
 * Exception or NMI. NMI and machine check were handled before interrupts came
 * on.
 */
int um_exit_exception(struct um_vmx *vmx)
{
	u32 info = vmx->world.intr_info;
	u32 type = info & INTR_INFO_INTR_TYPE_MASK;
	u8 vector = info & INTR_INFO_VECTOR_MASK;

	if (type == INTR_TYPE_NMI_INTR) {
		vmx->vcpu.stat.nmi_exits++;
		return UM_RESUME;
	}
	switch (vector) {
	case X86_TRAP_PF:
		return um_exit_page_fault(vmx, info);
	case X86_TRAP_MC:
		return UM_RESUME;
	case X86_TRAP_DB:
		exit_debug(vmx, type);
		return UM_RESUME;
	case X86_TRAP_AC:
		um_inject_error(vmx, X86_TRAP_AC,
				vmx_read(vmx, VM_EXIT_INTR_ERROR_CODE));
		return UM_RESUME;
	}
	return um_exit_internal(vmx, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
}
