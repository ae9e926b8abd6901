// SPDX-License-Identifier: GPL-2.0
/*
 * The point of injection: which event enters the guest, and when (SDM, "VM-Entry
 * Interruption-Information", "Information for VM Exits That Occur During Event
 * Delivery", "Virtual NMIs").
 *
 * At most one event goes in with an entry. First comes vmx->event: a delivery
 * that an exit cut short, or an exception of the instruction before; then an
 * NMI, then an interrupt. For what has to wait the CPU is told to exit when the
 * guest could take it, which is a look again.
 */
#include <umbra/event.h>
#include "vcpu.h"

#define STI_OR_MOV_SS (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)
#define WINDOWS (CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING)

void um_vcpu_nmi(struct um_vcpu *vcpu)
{
	atomic_add_unless(&to_vmx(vcpu)->nmis, 1, UM_NMIS_MAX);
	um_vcpu_attend(vcpu);
}

void um_event_block_nmi(struct um_vmx *vmx, bool block)
{
	u32 old = vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO);
	u32 new = block ? old | GUEST_INTR_STATE_NMI :
			  old & ~GUEST_INTR_STATE_NMI;

	if (new != old)
		vmx_write(vmx, GUEST_INTERRUPTIBILITY_INFO, new);
}

/* Would the guest take an interrupt at its next instruction? */
static bool takes_irq(struct um_vmx *vmx)
{
	return (vmx_read(vmx, GUEST_RFLAGS) & X86_EFLAGS_IF) &&
	       !(vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO) & STI_OR_MOV_SS);
}

/* May user space inject now, with nothing else in the way? */
bool um_event_user_ready(struct um_vmx *vmx)
{
	return !vmx->event.pending && um_irq_user_may(&vmx->vcpu) &&
	       takes_irq(vmx);
}

bool um_vmx_may_wake(struct um_vcpu *vcpu, bool irq)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	if (irq && takes_irq(vmx))
		return true;
	return atomic_read(&vmx->nmis) &&
	       !(vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO) &
		 GUEST_INTR_STATE_NMI);
}

/* A CPU that entered in HLT would take few events; RIP is behind it already. */
static void to_cpu(struct um_vmx *vmx, u32 vector, u32 type)
{
	if (unlikely(!(vmx->cpu & CPU_BASED_HLT_EXITING)))
		vmx_write(vmx, GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmx_write(vmx, VM_ENTRY_INTR_INFO_FIELD,
		  vector | type | INTR_INFO_VALID_MASK);
}

static void inject_event(struct um_vmx *vmx)
{
	struct um_event *e = &vmx->event;
	u32 type = e->type;

	if (e->has_error) {
		type |= INTR_INFO_DELIVER_CODE_MASK;
		vmx_write(vmx, VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
	}
	if (e->type == INTR_TYPE_HARD_EXCEPTION && !e->begun &&
	    e->vector != X86_TRAP_DB) {
		/* A fault is delivered with RF set in the saved flags. */
		vmx_write(vmx, GUEST_RFLAGS,
			  vmx_read(vmx, GUEST_RFLAGS) | X86_EFLAGS_RF);
	}
	if (e->insn_len)
		vmx_write(vmx, VM_ENTRY_INSTRUCTION_LEN, e->insn_len);
	to_cpu(vmx, e->vector, type);
	e->pending = false;
}

/* The shadow of STI may delay an NMI, too: some CPUs refuse the entry. */
static bool inject_nmi(struct um_vmx *vmx)
{
	u32 state = vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO);

	if (state & GUEST_INTR_STATE_NMI) {
		/* One is being handled: there is room for one behind it. */
		if (atomic_read(&vmx->nmis) > 1)
			atomic_set(&vmx->nmis, 1);
		return false;
	}
	if (state & STI_OR_MOV_SS)
		return false;
	atomic_dec(&vmx->nmis);
	to_cpu(vmx, X86_TRAP_NMI, INTR_TYPE_NMI_INTR);
	vmx->vcpu.stat.nmi_injections++;
	return true;
}

/* @next: what um_irq_next() said */
static bool inject_irq(struct um_vmx *vmx, int next)
{
	int vector;

	if (next == UM_NO_IRQ || !takes_irq(vmx))
		return false;
	vector = um_irq_take(&vmx->vcpu, next);
	if (vector == UM_NO_IRQ)
		return false;
	to_cpu(vmx, vector, INTR_TYPE_EXT_INTR);
	vmx->vcpu.stat.irq_injections++;
	return true;
}

/*
 * Exits for what is left; @irq: an interrupt is. The NMI window takes no notice
 * of STI's shadow, that of interrupts does: in such a shadow, wait for its end
 * first.
 */
static void set_windows(struct um_vmx *vmx, bool irq)
{
	bool blocked = um_debug_has(vmx, KVM_GUESTDBG_BLOCKIRQ);
	u32 cpu = vmx->cpu & ~WINDOWS;

	if (!blocked && atomic_read(&vmx->nmis))
		cpu |= vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO) &
				       GUEST_INTR_STATE_STI ?
			       CPU_BASED_INTR_WINDOW_EXITING :
			       CPU_BASED_NMI_WINDOW_EXITING;
	if ((!blocked && irq) ||
	    (vmx->window_asked && um_irq_user_may(&vmx->vcpu)))
		cpu |= CPU_BASED_INTR_WINDOW_EXITING;
	if (cpu != vmx->cpu)
		vmx_write(vmx, CPU_BASED_VM_EXEC_CONTROL, cpu);
	vmx->cpu = cpu;
}

/*
 * With a TPR shadow the guest writes CR8 without an exit, but for one that lets
 * in what waits. An entry refuses a threshold above the priority: whoever
 * lowers that for the guest asks for a look.
 */
static void set_threshold(struct um_vmx *vmx)
{
	u8 threshold = um_apic_awaits_cr8(&vmx->vcpu);

	if (threshold != vmx->tpr_threshold)
		vmx_write(vmx, TPR_THRESHOLD, threshold);
	vmx->tpr_threshold = threshold;
}

/*
 * Somebody said that there is something to see. A debugger may keep out what is
 * not the guest's own doing. @taken: an event goes in with this entry already.
 * Returns whether one does by now.
 */
static noinline bool look(struct um_vmx *vmx, bool taken)
{
	int next;

	/* E2: in one with what is read of the events. Pairs with E1, T1. */
	xchg(&vmx->vcpu.attention, false);
	um_msr_bitmap_look(vmx);
	taken |= um_debug_has(vmx, KVM_GUESTDBG_BLOCKIRQ);
	if (!taken && atomic_read(&vmx->nmis))
		taken = inject_nmi(vmx);
	next = um_irq_next(&vmx->vcpu);
	if (!taken && inject_irq(vmx, next)) {
		taken = true;
		next = um_irq_next(&vmx->vcpu);
	}
	set_windows(vmx, next != UM_NO_IRQ);
	if (vmx->cpu & CPU_BASED_TPR_SHADOW)
		set_threshold(vmx);
	return taken;
}

/* Interrupts off, in_guest set: nothing but a failure keeps the guest out. */
void um_event_look(struct um_vmx *vmx)
{
	struct um_vcpu *vcpu = &vmx->vcpu;
	bool taken = vmx->event.pending;

	if (taken)
		inject_event(vmx);
	if (READ_ONCE(vcpu->attention))
		taken = look(vmx, taken);
	if (READ_ONCE(vcpu->in_guest) != UM_LOOKING)
		return;
	/* E3: who sent no IPI as we were looking is seen here. Pairs with E1. */
	smp_store_mb(vcpu->in_guest, UM_IN_GUEST);
	if (READ_ONCE(vcpu->attention))
		look(vmx, taken);
}

/* The guest can take what it could not: look again before it runs on. */
int um_exit_irq_window(struct um_vmx *vmx)
{
	vmx->vcpu.stat.irq_window_exits++;
	WRITE_ONCE(vmx->vcpu.attention, true);
	return UM_RESUME;
}

int um_exit_nmi_window(struct um_vmx *vmx)
{
	vmx->vcpu.stat.nmi_window_exits++;
	WRITE_ONCE(vmx->vcpu.attention, true);
	return UM_RESUME;
}

/* CR8 fell below the threshold. */
int um_exit_tpr(struct um_vmx *vmx)
{
	vmx->vcpu.stat.cr_exits++;
	WRITE_ONCE(vmx->vcpu.attention, true);
	return UM_RESUME;
}

static bool is_soft(u32 type)
{
	return type == INTR_TYPE_SOFT_INTR ||
	       type == INTR_TYPE_SOFT_EXCEPTION ||
	       type == INTR_TYPE_PRIV_SW_EXCEPTION;
}

/* What @info describes goes in again; @len: fields of its error and length. */
static void requeue(struct um_vmx *vmx, u32 info, unsigned long error,
		    unsigned long len)
{
	struct um_event *e = &vmx->event;

	*e = (struct um_event){
		.pending = true,
		.begun = true,
		.vector = info & VECTORING_INFO_VECTOR_MASK,
		.type = info & VECTORING_INFO_TYPE_MASK,
		.has_error = info & VECTORING_INFO_DELIVER_CODE_MASK,
	};
	if (e->has_error)
		e->error = vmx_read(vmx, error);
	if (is_soft(e->type))
		e->insn_len = vmx_read(vmx, len);
	/* Its delivery blocked others, and so it would block itself. */
	if (e->type == INTR_TYPE_NMI_INTR)
		um_event_block_nmi(vmx, false);
}

/* An event whose delivery the exit cut short. */
void um_event_requeue(struct um_vmx *vmx, u32 info)
{
	requeue(vmx, info, IDT_VECTORING_ERROR_CODE, VM_EXIT_INSTRUCTION_LEN);
}

/* The entry failed: the event that was to go in with it did not. */
void um_event_not_entered(struct um_vmx *vmx)
{
	u32 info = vmx_read(vmx, VM_ENTRY_INTR_INFO_FIELD);

	if (!(info & INTR_INFO_VALID_MASK))
		return;
	requeue(vmx, info, VM_ENTRY_EXCEPTION_ERROR_CODE,
		VM_ENTRY_INSTRUCTION_LEN);
	vmx_write(vmx, VM_ENTRY_INTR_INFO_FIELD, 0);
}

/* Exit qualification: IRET unblocked NMIs before it faulted. */
#define QUAL_NMI_UNBLOCK BIT(12)

/* The IRET runs again: NMIs must be blocked until it has. */
void um_event_nmi_unblocked(struct um_vmx *vmx, unsigned long qual)
{
	if (unlikely(qual & QUAL_NMI_UNBLOCK) && !vmx->idt_vectoring)
		um_event_block_nmi(vmx, true);
}
