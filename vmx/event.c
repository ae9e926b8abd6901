// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions: those that we raise in the guest, and those that end it.
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

/* Real mode delivers no error codes. */
bool um_event_has_error(const struct um_vmx *vmx, u8 vector)
{
	return (HAS_ERROR & BIT(vector)) && (vmx->cr0 & X86_CR0_PE);
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
	/* An NMI that fails on its way to its handler has been taken. */
	if (e->pending && e->type == INTR_TYPE_NMI_INTR)
		um_event_block_nmi(vmx, true);
	*e = (struct um_event){
		.pending = true,
		.vector = vector,
		.type = INTR_TYPE_HARD_EXCEPTION,
		.has_error = um_event_has_error(vmx, vector),
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

/* An entry with TF in a shadow must have the step pending. */
static void step_in_shadow(struct um_vmx *vmx)
{
	u32 shadow = vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO);

	if (shadow & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS) &&
	    vmx_read(vmx, GUEST_RFLAGS) & X86_EFLAGS_TF)
		vmx_write(vmx, GUEST_PENDING_DBG_EXCEPTIONS,
			  vmx_read(vmx, GUEST_PENDING_DBG_EXCEPTIONS) |
				  UM_DR6_BS);
}

/*
 * SDM, "Exit Qualification for Debug Exceptions". Of a debugger's guest user
 * space gets them all, as with KVM: those of the guest's own it injects.
 */
static int exit_debug(struct um_vmx *vmx, u32 type)
{
	unsigned long qual = vmx_read(vmx, EXIT_QUALIFICATION);

	if (um_debug_has(vmx, KVM_GUESTDBG_SINGLESTEP))
		return um_debug_exit(vmx, X86_TRAP_DB, qual);
	if (type != INTR_TYPE_PRIV_SW_EXCEPTION)
		step_in_shadow(vmx);
	if (um_debug_has(vmx, KVM_GUESTDBG_USE_HW_BP))
		return um_debug_exit(vmx, X86_TRAP_DB, qual);
	vmx->dr6 &= ~(unsigned long)UM_DR6_TRAPS;
	vmx->dr6 |= qual & (UM_DR6_TRAPS | UM_DR6_BD | UM_DR6_BS | UM_DR6_BT);
	/* Delivery ends general detect. */
	vmx->dr7 &= ~UM_DR7_GD;
	um_dr7_load(vmx);
	/* INT1 is a trap: the instruction is over. */
	if (type == INTR_TYPE_PRIV_SW_EXCEPTION)
		vmx_write(vmx, GUEST_RIP,
			  vmx_read(vmx, GUEST_RIP) +
				  vmx_read(vmx, VM_EXIT_INSTRUCTION_LEN));
	um_inject(vmx, X86_TRAP_DB);
	return UM_RESUME;
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
		return exit_debug(vmx, type);
	case X86_TRAP_UD:
		return um_exit_invalid_opcode(vmx);
	case X86_TRAP_BP:
		/* Only when a debugger wants them. */
		vmx->debug.bp_len = vmx_read(vmx, VM_EXIT_INSTRUCTION_LEN);
		return um_debug_exit(vmx, X86_TRAP_BP, 0);
	case X86_TRAP_AC:
		um_inject_error(vmx, X86_TRAP_AC,
				vmx_read(vmx, VM_EXIT_INTR_ERROR_CODE));
		return UM_RESUME;
	}
	return um_exit_internal(vmx, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
}
