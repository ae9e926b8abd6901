// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer. It counts nanoseconds, for the guest's bus has 1 GHz,
 * unless user space said otherwise.
 *
 * All of it is the vCPU's thread's. The world (port.h) only sees to it that
 * um_lapic_timer_sync() is called when the time has come: on the way into the
 * guest, or while the vCPU halts. What expires while the vCPU does neither is
 * found by its next KVM_RUN, or by user space that asks for the state. So a
 * masked or moved timer interrupt is what the guest last said.
 */
#include "chips.h"
#include "port.h"

#include <linux/math64.h>
#include <linux/minmax.h>

/* A guest must not keep its host busy with interrupts: as KVM's limit. */
#define PERIOD_MIN 200000ull
/* Far enough, and no sum of times overflows. */
#define WAIT_MAX BIT_ULL(60)

static unsigned int divide_shift(u32 tdcr)
{
	/* SDM: bits 0, 1 and 3; all set is by 1. */
	return ((tdcr & 3) + (tdcr >> 1 & 4) + 1) & 7;
}

/* Nanoseconds of one count: times any count less than 2^64, see bus_ns. */
static u64 pace_of(const struct um_lapic *apic)
{
	u64 bus_ns = max(apic->irqs->bus_ns, 1u);

	return bus_ns << divide_shift(um_lapic_reg(apic, UM_LAPIC_TDCR));
}

static u32 mode_of(const struct um_lapic *apic)
{
	return um_lapic_reg(apic, UM_LAPIC_LVTT) & UM_LVTT_MODE;
}

/* What has expired and was not seen is gone, too. */
void um_lapic_timer_stop(struct um_lapic *apic)
{
	um_port_timer_stop(apic);
	apic->timer_at = 0;
	apic->timer_period = 0;
	apic->deadline = 0;
}

/* The first time after @first counts. */
static void start(struct um_lapic *apic, u32 first)
{
	u64 pace = pace_of(apic);
	u64 wait = min(first * pace, WAIT_MAX);
	u64 period = min(um_lapic_reg(apic, UM_LAPIC_TMICT) * pace, WAIT_MAX);

	if (!first)
		return;
	apic->timer_period = 0;
	if (mode_of(apic) == UM_LVTT_PERIODIC) {
		apic->timer_period = max(period, PERIOD_MIN);
		wait = max(wait, PERIOD_MIN);
	}
	apic->timer_at = um_port_now() + wait;
	um_port_timer_start(apic, apic->timer_at);
}

void um_lapic_timer_write(struct um_lapic *apic, u32 count)
{
	if (mode_of(apic) == UM_LVTT_DEADLINE)
		return;
	um_lapic_timer_sync(apic);
	um_lapic_set_reg(apic, UM_LAPIC_TMICT, count);
	if (count)
		start(apic, count);
	else
		um_lapic_timer_stop(apic);
}

u32 um_lapic_timer_count(const struct um_lapic *apic)
{
	u64 at = apic->timer_at, now;

	if (!at)
		return 0;
	now = um_port_now();
	if (at <= now)
		return 0;
	/* A period that was made longer must not count from above. */
	return min_t(u64, div64_u64(at - now, pace_of(apic)),
		     um_lapic_reg(apic, UM_LAPIC_TMICT));
}

/* The rest of the count goes on at the new pace. */
void um_lapic_timer_divide(struct um_lapic *apic, u32 divide)
{
	u32 rest;

	um_lapic_timer_sync(apic);
	rest = um_lapic_timer_count(apic);
	um_lapic_set_reg(apic, UM_LAPIC_TDCR, divide);
	start(apic, rest);
}

/* From user space's copy: registers are there already, the timer stopped. */
void um_lapic_timer_restore(struct um_lapic *apic, u32 current_count)
{
	u32 initial = um_lapic_reg(apic, UM_LAPIC_TMICT);

	if (mode_of(apic) == UM_LVTT_DEADLINE)
		return;
	if (!current_count && mode_of(apic) == UM_LVTT_PERIODIC)
		current_count = initial;
	start(apic, min(current_count, initial));
}

/* Before LVTT is written. Nothing runs on from one mode to another. */
void um_lapic_timer_mode(struct um_lapic *apic, u32 lvtt)
{
	u32 old = mode_of(apic), new = lvtt & UM_LVTT_MODE;

	um_lapic_timer_sync(apic);
	if (old == new)
		return;
	um_lapic_timer_stop(apic);
	if (old == UM_LVTT_DEADLINE || new == UM_LVTT_DEADLINE)
		um_lapic_set_reg(apic, UM_LAPIC_TMICT, 0);
}

static void expire_once(struct um_lapic *apic)
{
	apic->timer_at = 0;
	apic->deadline = 0;
	um_lapic_local(apic, UM_LAPIC_LVTT);
}

/* IA32_TSC_DEADLINE. SDM: writes in another mode are ignored. */
void um_lapic_deadline_write(struct um_lapic *apic, u64 deadline)
{
	if (!um_lapic_on(apic) || mode_of(apic) != UM_LVTT_DEADLINE)
		return;
	um_lapic_timer_sync(apic);
	apic->deadline = deadline;
	if (!deadline)
		um_port_timer_stop(apic);
	else if (!um_port_timer_until(apic, deadline))
		expire_once(apic);
}

u64 um_lapic_deadline_read(const struct um_lapic *apic)
{
	return apic->deadline;
}

/* The guest's TSC was set. */
void um_lapic_timer_tsc_set(struct um_lapic *apic)
{
	um_lapic_timer_sync(apic);
	if (apic->deadline)
		um_lapic_deadline_write(apic, apic->deadline);
}

/* The vCPU has come to a CPU whose TSC may be another. */
void um_lapic_timer_moved(struct um_lapic *apic)
{
	if (apic->timer_at)
		um_port_timer_start(apic, apic->timer_at);
}

/* From one time to the next there is no drift, however late this is. */
static void next_period(struct um_lapic *apic)
{
	u64 at = apic->timer_at, period = apic->timer_period;
	u64 now = um_port_now();

	/* Periods that nobody could serve do not come all at once. */
	if (at + period <= now)
		at += div64_u64(now - at, period) * period;
	apic->timer_at = at + period;
	um_port_timer_start(apic, apic->timer_at);
	um_lapic_local(apic, UM_LAPIC_LVTT);
}

void um_lapic_timer_sync(struct um_lapic *apic)
{
	if (!um_port_timer_due(apic))
		return;
	if (apic->timer_period)
		next_period(apic);
	else
		expire_once(apic);
}
