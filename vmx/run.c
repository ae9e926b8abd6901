// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_RUN: enter, handle the exit, enter again, until user space is needed.
 *
 * The loop runs preemptible but for the stretch from the last look at the
 * thread's pending work to the exit, which has interrupts off.
 */
#include <linux/hw_breakpoint.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/mmu_context.h>
#include <asm/nospec-branch.h>
#include <asm/tlbflush.h>
#include <umbra/compat.h>
#include <umbra/event.h>
#include <umbra/irq.h>
#include <umbra/trace.h>
#include "shadow.h"

u64 um_host_xcr0;

#define WORK_SIGNAL (_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL)
#define WORK (WORK_SIGNAL | _TIF_NEED_RESCHED | _TIF_NOTIFY_RESUME)

/* Interrupts on. Returns UM_RESUME when the guest may be entered. */
static int do_work(struct um_vmx *vmx)
{
	unsigned long flags = read_thread_flags();

	if (READ_ONCE(vmx->vcpu.vm->dead))
		return -EIO;
	if (flags & WORK_SIGNAL) {
		vmx->vcpu.run->exit_reason = KVM_EXIT_INTR;
		vmx->vcpu.stat.signal_exits++;
		return -EINTR;
	}
	if (flags & _TIF_NEED_RESCHED)
		schedule();
	if (flags & _TIF_NOTIFY_RESUME) {
		/*
		 * Restartable sequences, task work: the kernel does these on
		 * its way to user mode, and exports them only together with
		 * KVM's own struct of a vCPU. Go there and straight back: the
		 * flag makes the exit loop run, which finds no signal and
		 * restarts the ioctl.
		 */
		set_thread_flag(TIF_NOTIFY_SIGNAL);
		return -ERESTARTNOINTR;
	}
	return READ_ONCE(vmx->vcpu.irq_work) ? um_irq_work(&vmx->vcpu) :
					       UM_RESUME;
}

static void load_debug(struct um_vmx *vmx)
{
	const unsigned long *dr = um_debug_drs(vmx);

	set_debugreg(0, 7);
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
	set_debugreg(vmx->dr6, 6);
}

static void store_debug(struct um_vmx *vmx)
{
	get_debugreg(vmx->dr6, 6);
	set_debugreg(DR6_RESERVED, 6);
}

/* A kernel text patch or a new PCID may have changed these since last time. */
static void refresh_host(struct um_vmx *vmx)
{
	unsigned long cr3 = __read_cr3();
	unsigned long cr4 = cr4_read_shadow();

	if (unlikely(cr3 != vmx->host.cr3)) {
		vmx_write(vmx, HOST_CR3, cr3);
		vmx->host.cr3 = cr3;
	}
	if (unlikely(cr4 != vmx->host.cr4)) {
		vmx_write(vmx, HOST_CR4, cr4);
		vmx->host.cr4 = cr4;
	}
}

/* Interrupts off. */
static void run_guest(struct um_vmx *vmx)
{
	bool xcr0 = unlikely(vmx->cr4 & X86_CR4_OSXSAVE) &&
		    vmx->xcr0 != um_host_xcr0;
	bool debug = unlikely(vmx->hw_dr7 & UM_DR7_ACTIVE);
	unsigned long debugctl = vmx->host.debugctl;

	if (unlikely(vmx->event.pending || READ_ONCE(vmx->vcpu.attention)))
		um_event_look(vmx);
	if (unlikely(!vmx->guest_loaded || !vmx->uret_loaded))
		um_switch_to_guest(vmx);
	refresh_host(vmx);
	if (static_branch_unlikely(&um_perf_counts))
		um_perf_switch(&vmx->perf);
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
	if (xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vmx->xcr0);
	if (debug)
		load_debug(vmx);
	if (static_branch_unlikely(&um_l1d_needed))
		um_l1d_flush(vmx);

	trace_umbra_entry(&vmx->vcpu);
	um_world_switch(&vmx->world);

#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	/* The VMM's user code must not run on branches the guest trained. */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
	if (debugctl)
		update_debugctlmsr(debugctl);
	if (debug)
		store_debug(vmx);
	/* An exit turns DR7 off, whosever breakpoints stand there. */
	if (unlikely(hw_breakpoint_active()))
		hw_breakpoint_restore();
	if (xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, um_host_xcr0);
}

/* Interrupts off: is the exit a machine check, which is this CPU's to handle? */
static bool is_machine_check(const struct um_world *world)
{
	if (world->exit_reason == EXIT_REASON_EXCEPTION_NMI)
		return (world->intr_info & (INTR_INFO_VECTOR_MASK |
					    INTR_INFO_INTR_TYPE_MASK)) ==
		       (X86_TRAP_MC | INTR_TYPE_HARD_EXCEPTION);
	return (u16)world->exit_reason == EXIT_REASON_MCE_DURING_VMENTRY;
}

/* Did the exit cut short the delivery of an event? */
static void check_delivery(struct um_vmx *vmx)
{
	vmx->idt_vectoring = 0;
	if (unlikely(vmx->world.exit_reason &
		     VMX_EXIT_REASONS_FAILED_VMENTRY)) {
		um_event_not_entered(vmx);
		return;
	}
	vmx->idt_vectoring = vmx_read(vmx, IDT_VECTORING_INFO_FIELD);
	if (likely(!(vmx->idt_vectoring & VECTORING_INFO_VALID_MASK)))
		vmx->idt_vectoring = 0;
	else
		um_event_requeue(vmx, vmx->idt_vectoring);
}

/* As um_engine_prepare(), until it says more than "again". */
static noinline int prepare(struct um_vmx *vmx)
{
	int r;

	do {
		r = um_engine_prepare(vmx);
		if (r)
			return r;
		r = do_work(vmx);
	} while (r > 0);
	return r;
}

/* Interrupts off, in_guest set. */
static bool has_work(struct um_vmx *vmx)
{
	/* First, for a timer that expired may want irq_work. */
	if (um_timer_must_load(vmx))
		um_timer_load(vmx);
	return unlikely(read_thread_flags() & WORK) ||
	       unlikely(READ_ONCE(vmx->vcpu.irq_work)) ||
	       unlikely(READ_ONCE(vmx->vcpu.vm->dead));
}

static int enter(struct um_vmx *vmx)
{
	struct um_vcpu *vcpu = &vmx->vcpu;
	u64 owed;
	int r;

	if (unlikely(vcpu->ring.full) && um_dirty_ring_full(vcpu))
		return UM_USER;
	if (unlikely(vmx->ctx) && !um_engine_is_ready(vmx)) {
		r = prepare(vmx);
		if (r <= 0)
			return r;
	}
	local_irq_disable();
	um_vcpu_begin_entry(vcpu);
	while (has_work(vmx)) {
		WRITE_ONCE(vcpu->in_guest, UM_OUTSIDE);
		local_irq_enable();
		r = do_work(vmx);
		/* An INIT came: the guest has no paging any more. */
		if (r > 0 && unlikely(vmx->paging_changed))
			r = prepare(vmx);
		if (r <= 0)
			return r;
		local_irq_disable();
		um_vcpu_begin_entry(vcpu);
	}
	owed = um_tlb_owed(&vcpu->vm->mmu.tlb);
	if (unlikely(owed != vmx->tlb_seen || vmx->flush_all ||
		     vmx->flush_guest))
		um_tlb_flush(vmx, owed);
	if (unlikely(READ_ONCE(vcpu->vm->pml) != vmx->pml_on))
		um_pml_switch(vmx);
	run_guest(vmx);
	if (vmx->pml_on && likely(!(vmx->world.exit_reason &
				    VMX_EXIT_REASONS_FAILED_VMENTRY)))
		um_pml_drain(vmx);
	/* L1: what the CPU logged is marked before. Pairs with C3. */
	smp_store_release(&vcpu->in_guest, UM_OUTSIDE);
	if (unlikely(is_machine_check(&vmx->world)))
		um_event_machine_check();
	vcpu->stat.exits++;
	check_delivery(vmx);
	/*
	 * The interrupt that ended the guest is still pending: take it while
	 * the tick still counts for the guest.
	 */
	if (vmx->world.exit_reason == EXIT_REASON_EXTERNAL_INTERRUPT) {
		local_irq_enable();
		/* Not in the shadow of STI: that would delay it again. */
		vcpu->stat.irq_exits++;
		local_irq_disable();
	}
	um_world_time_end();
	local_irq_enable();
	return UM_RESUME;
}

/* User space has an interrupt, and the guest would take it. */
static int window_open(struct um_vmx *vmx)
{
	vmx->vcpu.stat.request_irq_exits++;
	vmx->vcpu.run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
	return UM_USER;
}

static int loop(struct um_vmx *vmx)
{
	int r;

	vmx->vcpu.run->exit_reason = KVM_EXIT_UNKNOWN;
	do {
		if (unlikely(vmx->window_asked) && um_event_user_ready(vmx))
			return window_open(vmx);
		r = enter(vmx);
		if (r <= 0)
			break;
		if (unlikely(vmx->vcpu.apic_word))
			um_apic_word_read(&vmx->vcpu);
		r = um_exit_handle(vmx);
	} while (r > 0);
	return r;
}

/*
 * A window may be asked for, or no longer; until the next look the CPU knows of
 * the last one.
 */
static void ask_window(struct um_vmx *vmx)
{
	bool asked = READ_ONCE(vmx->vcpu.run->request_interrupt_window);

	if (asked != vmx->window_asked)
		WRITE_ONCE(vmx->vcpu.attention, true);
	vmx->window_asked = asked;
}

static void tell_user(struct um_vmx *vmx)
{
	struct kvm_run *run = vmx->vcpu.run;

	run->if_flag = !!(vmx_read(vmx, GUEST_RFLAGS) & X86_EFLAGS_IF);
	run->cr8 = um_cr8_get(vmx);
	run->apic_base = um_apic_base_get(vmx);
	run->ready_for_interrupt_injection = um_event_user_ready(vmx);
}

static int finish_last(struct um_vmx *vmx)
{
	int (*complete)(struct um_vmx *vmx) = vmx->complete;

	if (!complete)
		return UM_RESUME;
	vmx->complete = NULL;
	return complete(vmx);
}

/*
 * um_vmx_run() - KVM_RUN (api.rst 4.10). Finishes what the last exit asked of
 * user space, even when it then returns at once because of immediate_exit; the
 * reason of that exit then stays where it is.
 */
int um_vmx_run(struct um_vcpu *vcpu)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	struct kvm_run *run = vcpu->run;
	int r;

	/* Without an irqchip in the kernel the TPR is user space's to set. */
	if (!vcpu->apic) {
		if (run->cr8 > 15)
			return -EINVAL;
		vmx->cr8 = run->cr8;
	}
	WRITE_ONCE(vmx->runner, current);
	um_vcpu_load(vmx);
	fpu_swap_kvm_fpstate(&vmx->fpu, true);
	ask_window(vmx);
	if (um_debug_has(vmx, KVM_GUESTDBG_SINGLESTEP))
		um_debug_arm(vmx);
	r = finish_last(vmx);
	if (r > 0 && unlikely(vmx->stepped))
		r = um_debug_stepped(vmx);
	if (r > 0)
		r = um_immediate_exit(run) ? -EINTR : loop(vmx);
	fpu_swap_kvm_fpstate(&vmx->fpu, false);
	tell_user(vmx);
	um_vcpu_put(vmx);
	WRITE_ONCE(vmx->runner, NULL);
	return r;
}
