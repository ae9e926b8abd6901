// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer. It counts nanoseconds: the guest's bus has 1 GHz.
 *
 * The vCPU's thread programs it, with the callback stopped but for one shot
 * after another (arm_once()); the callback only notes that the time has come.
 * The interrupt is made by the vCPU's thread before it enters the guest
 * (um_lapic_timer_sync()), so a masked or moved timer interrupt is what the
 * guest last said.
 */
#include "chips.h"
#include "port.h"

#include <linux/math64.h>
#include <linux/minmax.h>

/* A guest must not keep its host busy with callbacks: as KVM's limit. */
#define PERIOD_MIN 200000ull
/* Far enough, and no sum of times overflows. */
#define WAIT_MAX BIT_ULL(60)

static unsigned int divide_shift(u32 tdcr)
{
	/* SDM: bits 0, 1 and 3; all set is by 1. */
	return ((tdcr & 3) + (tdcr >> 1 & 4) + 1) & 7;
}

static unsigned int shift_of(const struct um_lapic *apic)
{
	return divide_shift(um_lapic_reg(apic, UM_LAPIC_TDCR));
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
	clear_bit(UM_EVENT_TIMER, &apic->events);
}

/*
 * A one-shot timer is armed anew without being stopped, which would cost as
 * much again. Its callback may be late:
 *
 *	the vCPU			the callback of the old time
 *					at = timer_at: it has come
 *	timer_at = another
 *					timer_at is not at: it was not meant
 *
 * If it was quicker, the old time did come before the guest wrote.
 */
static void arm_once(struct um_lapic *apic, u64 at)
{
	if (test_bit(UM_EVENT_TIMER, &apic->events))
		clear_bit(UM_EVENT_TIMER, &apic->events);
	WRITE_ONCE(apic->timer_at, at);
	um_port_timer_start(apic, at);
}

/* Stopped; the first time after @first counts. */
static void start(struct um_lapic *apic, u32 first)
{
	u64 wait = (u64)first << shift_of(apic);
	u64 period = (u64)um_lapic_reg(apic, UM_LAPIC_TMICT) << shift_of(apic);

	if (!first)
		return;
	if (mode_of(apic) == UM_LVTT_PERIODIC)
		apic->timer_period = max(period, PERIOD_MIN);
	if (apic->timer_period)
		wait = max(wait, PERIOD_MIN);
	apic->timer_at = um_port_now() + wait;
	um_port_timer_start(apic, apic->timer_at);
}

void um_lapic_timer_write(struct um_lapic *apic, u32 count)
{
	u32 mode = mode_of(apic);

	if (mode == UM_LVTT_DEADLINE)
		return;
	if (mode == UM_LVTT_PERIODIC || apic->timer_period || !count) {
		um_lapic_timer_stop(apic);
		um_lapic_set_reg(apic, UM_LAPIC_TMICT, count);
		start(apic, count);
		return;
	}
	um_lapic_set_reg(apic, UM_LAPIC_TMICT, count);
	arm_once(apic, um_port_now() + ((u64)count << shift_of(apic)));
}

u32 um_lapic_timer_count(const struct um_lapic *apic)
{
	u64 at = READ_ONCE(apic->timer_at), now = um_port_now();

	if (mode_of(apic) == UM_LVTT_DEADLINE || at <= now)
		return 0;
	/* A period that was made longer must not count from above. */
	return min_t(u64, (at - now) >> shift_of(apic),
		     um_lapic_reg(apic, UM_LAPIC_TMICT));
}

/* The rest of the count goes on at the new pace. */
void um_lapic_timer_divide(struct um_lapic *apic, u32 divide)
{
	u32 rest = um_lapic_timer_count(apic);

	if (rest)
		um_lapic_timer_stop(apic);
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

	if (old == new)
		return;
	um_lapic_timer_stop(apic);
	if (old == UM_LVTT_DEADLINE || new == UM_LVTT_DEADLINE)
		um_lapic_set_reg(apic, UM_LAPIC_TMICT, 0);
}

/* IA32_TSC_DEADLINE. SDM: writes in another mode are ignored. */
void um_lapic_deadline_write(struct um_lapic *apic, u64 deadline)
{
	u64 now;

	if (!um_lapic_on(apic) || mode_of(apic) != UM_LVTT_DEADLINE)
		return;
	now = um_port_tsc(apic);
	if (deadline > now) {
		apic->deadline = deadline;
		/* Rounded up: not before its time. */
		arm_once(apic, um_port_now() + 1 +
			 min(um_port_tsc_to_ns(deadline - now), WAIT_MAX));
		return;
	}
	um_lapic_timer_stop(apic);
	if (!deadline)
		return;
	apic->deadline = deadline;
	set_bit(UM_EVENT_TIMER, &apic->events);
	um_port_look(apic);
}

u64 um_lapic_deadline_read(const struct um_lapic *apic)
{
	return apic->deadline;
}

/* In a callback; the vCPU's thread waits for it, or arms one shot anew. */
u64 um_lapic_timer_expired(struct um_lapic *apic)
{
	u64 at = READ_ONCE(apic->timer_at), period = apic->timer_period;
	u64 now = um_port_now();

	if (period) {
		/* Periods that nobody could serve do not come all at once. */
		if (at + period <= now)
			at += div64_u64(now - at, period) * period;
		at += period;
		WRITE_ONCE(apic->timer_at, at);
	} else {
		if (at > now || !try_cmpxchg64(&apic->timer_at, &at, 0))
			return 0;
		at = 0;
	}
	set_bit(UM_EVENT_TIMER, &apic->events);
	um_port_kick(apic);
	return at;
}

void um_lapic_timer_sync(struct um_lapic *apic)
{
	if (!test_bit(UM_EVENT_TIMER, &apic->events) ||
	    !test_and_clear_bit(UM_EVENT_TIMER, &apic->events))
		return;
	if (mode_of(apic) == UM_LVTT_DEADLINE && !READ_ONCE(apic->timer_at))
		apic->deadline = 0;
	um_lapic_local(apic, UM_LAPIC_LVTT);
}
