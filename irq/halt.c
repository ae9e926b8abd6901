// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a vCPU runs at all: HLT, INIT and SIPI, and waiting for what ends
 * them. SDM, "Multiple-Processor (MP) Initialization". The vCPU's own thread in
 * KVM_RUN, or who holds its mutex.
 *
 *	UNINITIALIZED ---INIT--> INIT_RECEIVED ---SIPI--> RUNNABLE --HLT--> HALTED
 *	                            ^                       |  ^              |
 *	                            +--------INIT-----------+  +--interrupt---+
 *
 * An INIT of the boot CPU makes it RUNNABLE at the reset vector.
 */
#include "glue.h"

#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <umbra/event.h>
#include <umbra/vmx.h>

static void accept_init(struct um_vcpu *vcpu)
{
	um_vmx_reset(vcpu);
	um_lapic_reset(vcpu->apic);
	vcpu->mp_state = vcpu->id == vcpu->vm->boot_id ?
				 KVM_MP_STATE_RUNNABLE :
				 KVM_MP_STATE_INIT_RECEIVED;
}

#define START_EVENTS (BIT(UM_EVENT_INIT) | BIT(UM_EVENT_SIPI))

static bool has_event(const struct um_vcpu *vcpu)
{
	return READ_ONCE(vcpu->apic->events) & START_EVENTS;
}

/*
 * INIT and SIPI at one moment. One after the other:
 *
 *	the vCPU, for a SIPI when it runs	another CPU
 *	takes INIT: none
 *						sends INIT, SIPI
 *	takes SIPI, drops it as it runs
 *	takes INIT, waits for a SIPI for ever
 */
static unsigned long take_events(struct um_lapic *apic)
{
	unsigned long events = READ_ONCE(apic->events);

	/* D5: the start before where. Pairs with D4 in accept_sipi(). */
	while (!try_cmpxchg(&apic->events, &events, events & ~START_EVENTS))
		;
	return events;
}

/* The vCPU is loaded. */
static void accept_events(struct um_vcpu *vcpu)
{
	struct um_lapic *apic = vcpu->apic;
	unsigned long events;

	if (likely(!has_event(vcpu)))
		return;
	events = take_events(apic);
	if (events & BIT(UM_EVENT_INIT))
		accept_init(vcpu);
	if (!(events & BIT(UM_EVENT_SIPI)) ||
	    vcpu->mp_state != KVM_MP_STATE_INIT_RECEIVED)
		return;
	um_vmx_start(vcpu, READ_ONCE(apic->sipi_vector));
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

/* AP_RESET_HOLD is user space's name for another reason. */
static bool is_halted(const struct um_vcpu *vcpu)
{
	return vcpu->mp_state == KVM_MP_STATE_HALTED ||
	       vcpu->mp_state == KVM_MP_STATE_AP_RESET_HOLD;
}

/* An interrupt ends HLT, and nothing but HLT. */
static bool may_wake(struct um_vcpu *vcpu)
{
	return is_halted(vcpu) &&
	       um_vmx_may_wake(vcpu, um_apic_next(vcpu) != UM_NO_IRQ);
}

/*
 * Sleeps until there is an event, an interrupt, a signal, or the VM ends. Who
 * has something for the vCPU makes it pending and then calls um_vcpu_attend(),
 * which wakes whom it finds waiting.
 */
static void wait(struct um_vcpu *vcpu)
{
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		/* D10: waiting before what is pending. Pairs with E1. */
		set_current_state(TASK_INTERRUPTIBLE);
		if (has_event(vcpu) || may_wake(vcpu) ||
		    signal_pending(current) || READ_ONCE(vcpu->vm->dead))
			break;
		if (is_halted(vcpu))
			um_halt_sleep(lapic_to_apic(vcpu->apic));
		else
			schedule();
	}
	finish_rcuwait(&vcpu->wait);
}

/* The end of an interrupt, of which user space wants to hear. */
static bool tell_eoi(struct um_vcpu *vcpu)
{
	struct um_lapic *apic = vcpu->apic;

	if (likely(apic->eoi_vector < 0))
		return false;
	vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	vcpu->run->eoi.vector = apic->eoi_vector;
	apic->eoi_vector = -1;
	return true;
}

int um_irq_work(struct um_vcpu *vcpu)
{
	/* D11: in one with what is read of it. Pairs with E1. */
	xchg(&vcpu->irq_work, false);
	accept_events(vcpu);
	if (tell_eoi(vcpu) || um_apic_tell_tpr(vcpu)) {
		/* The rest when it is back: it may have to wait as well. */
		WRITE_ONCE(vcpu->irq_work, true);
		return 0;
	}
	if (vcpu->apic_word)
		um_apic_word_write(vcpu);
	if (vcpu->mp_state == KVM_MP_STATE_RUNNABLE)
		return 1;
	wait(vcpu);
	if (may_wake(vcpu))
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	/* Look again: at signals, at events, whether it still waits. */
	WRITE_ONCE(vcpu->irq_work, true);
	return 1;
}

/* KVM_GET_MP_STATE: with what came while nobody ran it. */
u32 um_irq_mp_state(struct um_vcpu *vcpu)
{
	um_vmx_vcpu_load(vcpu);
	accept_events(vcpu);
	um_vmx_vcpu_put(vcpu);
	return vcpu->mp_state;
}

/* HLT was executed. */
void um_irq_halt(struct um_vcpu *vcpu)
{
	vcpu->mp_state = KVM_MP_STATE_HALTED;
	WRITE_ONCE(vcpu->irq_work, true);
}

/* As KVM: SIPI_RECEIVED is one that is on its way. */
int um_irq_set_mp_state(struct um_vcpu *vcpu, u32 state)
{
	switch (state) {
	case KVM_MP_STATE_RUNNABLE:
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
	case KVM_MP_STATE_AP_RESET_HOLD:
		vcpu->mp_state = state;
		break;
	case KVM_MP_STATE_SIPI_RECEIVED:
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		set_bit(UM_EVENT_SIPI, &vcpu->apic->events);
		break;
	default:
		return -EINVAL;
	}
	WRITE_ONCE(vcpu->irq_work, true);
	return 0;
}
