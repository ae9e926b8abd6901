// SPDX-License-Identifier: GPL-2.0
/*
 * The world that the chips stand in (port.h): the kernel's clock and timers,
 * and the vCPUs.
 */
#include "glue.h"

#include <linux/ktime.h>
#include <linux/math64.h>
#include <asm/tsc.h>
#include <umbra/event.h>
#include <umbra/vmx.h>

u64 um_port_now(void)
{
	return ktime_get_ns();
}

/* Looked for at the point of injection, and by a vCPU in HLT. */
void um_port_kick(struct um_lapic *lapic)
{
	struct um_vcpu *vcpu = lapic_to_vcpu(lapic);

	/* A guest that asks by its word must see there what is pending. */
	if (unlikely(READ_ONCE(vcpu->apic_word)))
		WRITE_ONCE(vcpu->irq_work, true);
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
	struct um_vcpu *vcpu = lapic_to_vcpu(lapic);

	WRITE_ONCE(vcpu->irq_work, true);
	um_vcpu_attend(vcpu);
}

void um_port_nmi(struct um_lapic *lapic)
{
	um_vcpu_nmi(lapic_to_vcpu(lapic));
}

static enum hrtimer_restart on_apic_timer(struct hrtimer *timer)
{
	struct um_apic *apic = container_of(timer, struct um_apic, timer);
	u64 next = um_lapic_timer_expired(&apic->lapic);

	if (!next)
		return HRTIMER_NORESTART;
	hrtimer_set_expires(timer, ns_to_ktime(next));
	return HRTIMER_RESTART;
}

void um_port_timer_start(struct um_lapic *lapic, u64 at)
{
	struct um_apic *apic = lapic_to_apic(lapic);

	hrtimer_start(&apic->timer, ns_to_ktime(at), HRTIMER_MODE_ABS_HARD);
}

void um_port_timer_stop(struct um_lapic *lapic)
{
	hrtimer_cancel(&lapic_to_apic(lapic)->timer);
}

void um_host_apic_init(struct um_apic *apic)
{
	hrtimer_init(&apic->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	apic->timer.function = on_apic_timer;
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

u64 um_port_tsc(struct um_lapic *lapic)
{
	return um_vmx_guest_tsc(lapic_to_vcpu(lapic));
}

/* The product must not overflow: years are as good as ever. */
u64 um_port_tsc_to_ns(u64 ticks)
{
	if (ticks / tsc_khz >= BIT_ULL(40))
		return BIT_ULL(60);
	return mul_u64_u32_div(ticks, NSEC_PER_MSEC, tsc_khz);
}
