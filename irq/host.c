// SPDX-License-Identifier: GPL-2.0
/*
 * The world that the chips stand in (port.h): the kernel's clock and timers,
 * and the vCPUs.
 */
#include "glue.h"

#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include <umbra/event.h>
#include <umbra/vmx.h>

/* Far enough, and no sum of times overflows. */
#define TICKS_MAX BIT_ULL(60)

u64 um_port_now(void)
{
	return ktime_get_ns();
}

/* The product must not overflow: years are as good as ever. */
static u64 ticks_to_ns(u64 ticks)
{
	if (ticks / tsc_khz >= BIT_ULL(40))
		return BIT_ULL(60);
	return mul_u64_u32_div(ticks, NSEC_PER_MSEC, tsc_khz);
}

/* Of a wait: no more than 60 bits. */
static u64 ns_to_ticks(u64 ns)
{
	return mul_u64_u32_div(ns, tsc_khz, NSEC_PER_MSEC);
}

/* Looked for at the point of injection, and by a vCPU in HLT. */
void um_port_kick(struct um_lapic *lapic)
{
	struct um_vcpu *vcpu = lapic_to_vcpu(lapic);

	/* Nobody else has this vCPU loaded, and it neither runs nor waits. */
	if (in_task() && this_cpu_read(um_running) == vcpu) {
		um_port_look(lapic);
		return;
	}
	/* A guest that asks by its word must see there what is pending. */
	if (unlikely(READ_ONCE(vcpu->apic_word)))
		um_vcpu_work(vcpu);
	else
		um_vcpu_attend(vcpu);
}

void um_port_look(struct um_lapic *lapic)
{
	struct um_vcpu *vcpu = lapic_to_vcpu(lapic);

	WRITE_ONCE(vcpu->attention, true);
	if (unlikely(vcpu->apic_word))
		WRITE_ONCE(vcpu->irq_work, true);
}

/* Looked for by um_irq_work(), before. */
void um_port_work(struct um_lapic *lapic)
{
	um_vcpu_work(lapic_to_vcpu(lapic));
}

void um_port_nmi(struct um_lapic *lapic)
{
	um_vcpu_nmi(lapic_to_vcpu(lapic));
}

/*
 * The local APIC's timer, where the CPU looks for its time while the guest runs
 * (@exact), is a time to compare with and nothing else; a host's timer only
 * wakes a vCPU from HLT, which then looks at the clock itself. One that is left
 * when HLT ended otherwise finds nobody.
 *
 * Where the CPU cannot, the host's timer runs from start to end and tells the
 * vCPU by an event, wherever that is.
 */
static enum hrtimer_restart on_apic_timer(struct hrtimer *timer)
{
	struct um_apic *apic = container_of(timer, struct um_apic, timer);

	if (apic->exact) {
		rcuwait_wake_up(&apic->vcpu->wait);
	} else {
		set_bit(UM_EVENT_TIMER, &apic->lapic.events);
		um_port_kick(&apic->lapic);
	}
	return HRTIMER_NORESTART;
}

static void start_at(struct um_apic *apic, u64 at)
{
	hrtimer_start(&apic->timer, ns_to_ktime(at), HRTIMER_MODE_ABS_HARD);
}

/* Rounded up: not before its time. */
static u64 after_ticks(u64 ticks)
{
	return ktime_get_ns() + 1 + ticks_to_ns(ticks);
}

static void start_event(struct um_apic *apic, u64 at)
{
	apic->armed = true;
	clear_bit(UM_EVENT_TIMER, &apic->lapic.events);
	start_at(apic, at);
}

/* The two clocks at one moment. */
static u64 due_at(u64 at)
{
	unsigned long flags;
	u64 now, due;

	local_irq_save(flags);
	now = ktime_get_ns();
	due = rdtsc();
	local_irq_restore(flags);
	return at > now ? due + 1 + ns_to_ticks(at - now) : due;
}

void um_port_timer_start(struct um_lapic *lapic, u64 at)
{
	struct um_apic *apic = lapic_to_apic(lapic);

	if (apic->exact)
		apic->vcpu->timer_due = due_at(at);
	else
		start_event(apic, at);
}

bool um_port_timer_until(struct um_lapic *lapic, u64 tsc)
{
	struct um_apic *apic = lapic_to_apic(lapic);
	u64 host = rdtsc();
	u64 now = host + um_vmx_get_tsc_offset(apic->vcpu);
	u64 left = min(tsc - now, TICKS_MAX);

	if (tsc <= now) {
		um_port_timer_stop(lapic);
		return false;
	}
	if (apic->exact)
		apic->vcpu->timer_due = host + left;
	else
		start_event(apic, after_ticks(left));
	return true;
}

void um_port_timer_stop(struct um_lapic *lapic)
{
	struct um_apic *apic = lapic_to_apic(lapic);

	if (apic->exact) {
		apic->vcpu->timer_due = 0;
		return;
	}
	hrtimer_cancel(&apic->timer);
	clear_bit(UM_EVENT_TIMER, &lapic->events);
	apic->armed = false;
}

/*
 * An event may be late, of a time that was over when another was set:
 *
 *	the vCPU			on_apic_timer() of the old time
 *	clears the event
 *	starts the timer anew
 *					sets the event
 *	looks at the clock: it is not time
 */
static bool has_event(struct um_apic *apic)
{
	unsigned long *events = &apic->lapic.events;

	return test_bit(UM_EVENT_TIMER, events) &&
	       test_and_clear_bit(UM_EVENT_TIMER, events) && apic->armed &&
	       ktime_get() >= hrtimer_get_expires(&apic->timer);
}

bool um_port_timer_due(struct um_lapic *lapic)
{
	struct um_apic *apic = lapic_to_apic(lapic);
	u64 due = apic->vcpu->timer_due;

	if (apic->exact ? !due || (s64)(rdtsc() - due) < 0 : !has_event(apic))
		return false;
	apic->vcpu->timer_due = 0;
	apic->armed = false;
	return true;
}

void um_host_apic_alarm(struct um_apic *apic, u64 tsc)
{
	s64 left = tsc - rdtsc();

	start_at(apic, after_ticks(max(left, 0ll)));
}

void um_host_apic_init(struct um_apic *apic)
{
	hrtimer_init(&apic->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	apic->timer.function = on_apic_timer;
	apic->exact = um_vmx_has_timer();
}

void um_host_apic_exit(struct um_apic *apic)
{
	hrtimer_cancel(&apic->timer);
}

/* It starts itself anew, with the PIT's lock held, as others do. */
static enum hrtimer_restart on_pit_timer(struct hrtimer *timer)
{
	struct um_irqchip *chip =
		container_of(timer, struct um_irqchip, pit_timer);

	um_pit_expired(&chip->irqs);
	return HRTIMER_NORESTART;
}

void um_port_pit_timer(struct um_irqs *irqs, u64 at)
{
	struct hrtimer *timer = &irqs_to_chip(irqs)->pit_timer;

	if (at)
		hrtimer_start(timer, ns_to_ktime(at), HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_try_to_cancel(timer);
}

void um_host_pit_init(struct um_irqchip *chip)
{
	hrtimer_init(&chip->pit_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	chip->pit_timer.function = on_pit_timer;
}
