// SPDX-License-Identifier: GPL-2.0
/*
 * What a debugger asks of a vCPU: where an address leads, debug registers, and
 * to stop (KVM_SET_GUEST_DEBUG; SDM, "Debug Exceptions").
 *
 * A step is RFLAGS.TF, which the guest does not own while it is stepped: user
 * space does not see it, but what the guest pushes does. It is set at the
 * start of a run, where the last stop was; not elsewhere, for there an
 * exception's handler runs, whose IRET brings TF back. The CPU then raises #DB
 * behind the instruction; behind one that was completed in software we do.
 *
 * The debugger's breakpoints take the place of the guest's: the CPU has but four.
 */
#include <linux/sched/signal.h>
#include <linux/string.h>
#include "vcpu.h"

#define SHADOW (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)
#define INJECT (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)

/* KVM tells no more than the address: as if the page were the kernel's. */
void um_vmx_translate(struct um_vcpu *vcpu, struct kvm_translation *tr)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	struct um_guest_paging paging;
	struct um_guest_walk walk;
	enum um_walk_result r;

	um_vcpu_load(vmx);
	um_paging_read(vmx, &paging);
	do {
		r = um_guest_walk(&paging, tr->linear_address, UM_WALK_PEEK,
				  &walk);
	} while (r == UM_WALK_RETRY && !fatal_signal_pending(current));
	um_vcpu_put(vmx);
	tr->valid = r == UM_WALK_OK;
	tr->physical_address = tr->valid ? walk.gpa : ~0ull;
	tr->writeable = 1;
	tr->usermode = 0;
}

void um_vmx_get_debugregs(struct um_vcpu *vcpu, struct kvm_debugregs *regs)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	memset(regs, 0, sizeof(*regs));
	memcpy(regs->db, vmx->dr, sizeof(regs->db));
	regs->dr6 = vmx->dr6;
	regs->dr7 = vmx->dr7;
}

int um_vmx_set_debugregs(struct um_vcpu *vcpu,
			 const struct kvm_debugregs *regs)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	if (regs->flags || regs->dr6 >> 32 || regs->dr7 >> 32)
		return -EINVAL;
	memcpy(vmx->dr, regs->db, sizeof(vmx->dr));
	um_vcpu_load(vmx);
	um_dr_write(vmx, 6, regs->dr6);
	um_dr_write(vmx, 7, regs->dr7);
	um_vcpu_put(vmx);
	return 0;
}

/*
 * #MC belongs to the host; #DB and #AC exit because a guest can make their
 * delivery raise them again for ever, which no interrupt could end. #UD may be a
 * hypercall in AMD's words.
 */
void um_exceptions_load(struct um_vmx *vmx)
{
	u32 bitmap = BIT(X86_TRAP_MC) | BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) |
		     BIT(X86_TRAP_UD);

	if (vmx->ctx)
		bitmap |= BIT(X86_TRAP_PF);
	if (um_debug_has(vmx, KVM_GUESTDBG_USE_SW_BP))
		bitmap |= BIT(X86_TRAP_BP);
	vmx_write(vmx, EXCEPTION_BITMAP, bitmap);
}

void um_dr7_load(struct um_vmx *vmx)
{
	vmx->hw_dr7 = um_debug_has(vmx, KVM_GUESTDBG_USE_HW_BP) ?
			      vmx->debug.dr7 :
			      vmx->dr7;
	vmx_write(vmx, GUEST_DR7, vmx->hw_dr7);
}

/* The breakpoints that hw_dr7 is about. */
const unsigned long *um_debug_drs(const struct um_vmx *vmx)
{
	return um_debug_has(vmx, KVM_GUESTDBG_USE_HW_BP) ? vmx->debug.dr :
							   vmx->dr;
}

u64 um_linear_rip(struct um_vmx *vmx)
{
	u64 rip = vmx_read(vmx, GUEST_RIP);

	return um_in_64bit(vmx) ? rip : (u32)(rip + vmx_read(vmx, GUEST_CS_BASE));
}

/* RFLAGS as user space sees it. */
u64 um_debug_rflags(struct um_vmx *vmx)
{
	u64 rflags = vmx_read(vmx, GUEST_RFLAGS);

	if (um_debug_has(vmx, KVM_GUESTDBG_SINGLESTEP))
		rflags &= ~(u64)X86_EFLAGS_TF;
	return rflags;
}

/* The trap of a step that is over, or no longer asked for. */
static void drop_pending_step(struct um_vmx *vmx)
{
	u64 pending = vmx_read(vmx, GUEST_PENDING_DBG_EXCEPTIONS);

	if (pending & UM_DR6_BS)
		vmx_write(vmx, GUEST_PENDING_DBG_EXCEPTIONS,
			  pending & ~(u64)UM_DR6_BS);
}

/*
 * A run begins. With TF set in the shadow of STI or MOV SS an entry wants the
 * trap pending. If it is not, making it so would stop the guest where it is:
 * end the shadow instead.
 */
void um_debug_arm(struct um_vmx *vmx)
{
	u32 state = vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO);

	if (um_linear_rip(vmx) != vmx->debug.step_rip)
		return;
	if (state & SHADOW &&
	    !(vmx_read(vmx, GUEST_PENDING_DBG_EXCEPTIONS) & UM_DR6_BS))
		vmx_write(vmx, GUEST_INTERRUPTIBILITY_INFO, state & ~SHADOW);
	vmx_write(vmx, GUEST_RFLAGS,
		  vmx_read(vmx, GUEST_RFLAGS) | X86_EFLAGS_TF);
}

/* An instruction was completed in software with TF set. */
void um_debug_insn_done(struct um_vmx *vmx)
{
	if (um_debug_has(vmx, KVM_GUESTDBG_SINGLESTEP)) {
		drop_pending_step(vmx);
		vmx->stepped = true;
		return;
	}
	vmx->dr6 |= UM_DR6_BS;
	um_inject(vmx, X86_TRAP_DB);
}

int um_debug_exit(struct um_vmx *vmx, u8 vector, u32 dr6)
{
	struct kvm_run *run = vmx->vcpu.run;

	vmx->debug.step_rip = um_linear_rip(vmx);
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch = (struct kvm_debug_exit_arch){
		.exception = vector,
		.pc = vmx->debug.step_rip,
		.dr6 = dr6 | UM_DR6_FIXED,
		.dr7 = vmx->hw_dr7,
	};
	return UM_USER;
}

/* What that instruction asked of user space is done, too. */
int um_debug_stepped(struct um_vmx *vmx)
{
	vmx->stepped = false;
	return um_debug_exit(vmx, X86_TRAP_DB, UM_DR6_BS);
}

static void inject(struct um_vmx *vmx, u32 control)
{
	if (control & KVM_GUESTDBG_INJECT_DB) {
		um_inject(vmx, X86_TRAP_DB);
	} else if (control & KVM_GUESTDBG_INJECT_BP) {
		um_inject(vmx, X86_TRAP_BP);
		vmx->event.type = INTR_TYPE_SOFT_EXCEPTION;
		vmx->event.insn_len = vmx->debug.bp_len;
	}
}

static void set_control(struct um_vmx *vmx, u32 control)
{
	if (um_debug_has(vmx, KVM_GUESTDBG_SINGLESTEP) &&
	    !(control & KVM_GUESTDBG_SINGLESTEP)) {
		vmx_write(vmx, GUEST_RFLAGS, um_debug_rflags(vmx));
		drop_pending_step(vmx);
		vmx->stepped = false;
	}
	vmx->debug.control = control;
	vmx->debug.step_rip = um_linear_rip(vmx);
	um_dr7_load(vmx);
	um_exceptions_load(vmx);
	/* Interrupts may be kept out, or no longer. */
	WRITE_ONCE(vmx->vcpu.attention, true);
}

static bool guest_debug_valid(const struct kvm_guest_debug *dbg)
{
	return !(dbg->control & ~UM_GUESTDBG_KNOWN) &&
	       !(dbg->control & KVM_GUESTDBG_USE_HW_BP &&
		 dbg->arch.debugreg[7] >> 32);
}

int um_vmx_set_guest_debug(struct um_vcpu *vcpu,
			   const struct kvm_guest_debug *dbg)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	u32 control = dbg->control;
	int i;

	if (!guest_debug_valid(dbg))
		return -EINVAL;
	if (control & INJECT && vmx->event.pending)
		return -EBUSY;
	um_vcpu_load(vmx);
	inject(vmx, control);
	for (i = 0; i < ARRAY_SIZE(vmx->debug.dr); i++)
		vmx->debug.dr[i] = dbg->arch.debugreg[i];
	vmx->debug.dr7 = (dbg->arch.debugreg[7] & UM_DR7_KNOWN) |
			 UM_DR7_FIXED;
	set_control(vmx, control & KVM_GUESTDBG_ENABLE ? control & ~INJECT : 0);
	um_vcpu_put(vmx);
	return 0;
}
