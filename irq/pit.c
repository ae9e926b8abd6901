// SPDX-License-Identifier: GPL-2.0
/*
 * An 8254: three counters, worked out from the time at which they were loaded,
 * and the ticks of the first. Intel, "8254 Programmable Interval Timer". Its
 * ports are in pit_port.c.
 *
 * Ticks that the guest did not take in time are kept and come later, one for
 * each that it ends (reinjection), so that a guest that counts them keeps time.
 */
#include "chips.h"
#include "port.h"

#include <linux/kvm.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#define NS_PER_SEC 1000000000u
/* A guest must not keep its host busy with callbacks: as KVM's limit. */
#define PERIOD_MIN 200000ull
/* More than a minute of ticks helps no clock. */
#define PENDING_MAX 65536u

static u64 ticks_since(const struct um_pit_channel *ch, u64 now)
{
	return mul_u64_u32_div(now - ch->loaded, UM_PIT_HZ, NS_PER_SEC);
}

u16 um_pit_count(const struct um_pit_channel *ch, u64 now)
{
	u64 ticks = ticks_since(ch, now);
	u32 gone;

	switch (ch->mode) {
	case 2:
		div_u64_rem(ticks, ch->count, &gone);
		break;
	case 3: /* counts by two, twice a period */
		div_u64_rem(2 * ticks, ch->count, &gone);
		break;
	default: /* goes on below zero */
		gone = ticks;
	}
	return ch->count - gone;
}

bool um_pit_out(const struct um_pit_channel *ch, u64 now)
{
	u64 ticks = ticks_since(ch, now);
	u32 part;

	div_u64_rem(ticks, ch->count, &part);
	switch (ch->mode) {
	case 0:
	case 1:
		return ticks >= ch->count;
	case 2:
		return part != ch->count - 1;
	case 3:
		return part < (ch->count + 1) / 2;
	default: /* 4 and 5: one low pulse at the end */
		return ticks != ch->count;
	}
}

/* In modes 1, 2, 3 and 5 a rising gate starts the count anew. */
void um_pit_gate(struct um_pit_channel *ch, bool gate)
{
	bool restarts = ch->mode && ch->mode != 4;

	if (gate && !ch->gate && restarts)
		ch->loaded = um_port_now();
	ch->gate = gate;
}

/* Lock held. */
static void start(struct um_irqs *irqs)
{
	struct um_pit *pit = &irqs->pit;
	const struct um_pit_channel *ch = &pit->ch[0];
	u64 length = mul_u64_u32_div(ch->count, NS_PER_SEC, UM_PIT_HZ);

	pit->pending = 0;
	pit->acked = true;
	pit->at = 0;
	pit->period = 0;
	if (ch->mode == 2 || ch->mode == 3) {
		length = max(length, PERIOD_MIN);
		pit->period = length;
	}
	/* With an HPET in its place the counter counts and says nothing. */
	if (ch->mode <= 4 && !(pit->flags & KVM_PIT_FLAGS_HPET_LEGACY))
		pit->at = ch->loaded + length;
	um_port_pit_timer(irqs, pit->at);
}

/* Lock held. @count as written: 0 is the largest. */
void um_pit_load_count(struct um_irqs *irqs, int n, u32 count)
{
	struct um_pit_channel *ch = &irqs->pit.ch[n];

	ch->count = count ?: 0x10000;
	ch->loaded = um_port_now();
	if (!n)
		start(irqs);
}

/* Lock held. Nobody listens: do not wait to be told that it was taken. */
static void pulse(struct um_irqs *irqs)
{
	struct um_pit *pit = &irqs->pit;
	int r = um_irq_set(irqs, 0, UM_IRQ_PIT, true);

	um_irq_set(irqs, 0, UM_IRQ_PIT, false);
	pit->acked = r < 0;
	if (r < 0)
		pit->pending = 0;
}

/* An NMI watchdog: each APIC that has its LINT0 so is on our line as well. */
static void tick_lint0(struct um_irqs *irqs)
{
	struct um_lapic *apic;
	int i;

	um_for_each_apic(i, apic, irqs) {
		if (UM_LVT_MODE(um_lapic_reg(apic, UM_LAPIC_LVT0)) ==
		    UM_IRQ_NMI)
			um_lapic_local(apic, UM_LAPIC_LVT0);
	}
}

/* Lock held. */
static void tick(struct um_irqs *irqs)
{
	struct um_pit *pit = &irqs->pit;

	if (pit->pending < PENDING_MAX)
		pit->pending++;
	if (pit->acked || !pit->reinject)
		pulse(irqs);
	tick_lint0(irqs);
}

/* The timer's callback. It may have been set anew while it waited to run. */
void um_pit_expired(struct um_irqs *irqs)
{
	struct um_pit *pit = &irqs->pit;
	u64 now = um_port_now();
	unsigned long flags;

	spin_lock_irqsave_nested(&pit->lock, flags, UM_LOCK_PIT);
	if (pit->at && pit->at <= now) {
		pit->at = pit->period ? pit->at + pit->period : 0;
		/* A host that was away does not come back with a storm. */
		if (pit->at && pit->at + NS_PER_SEC < now)
			pit->at = now;
		um_port_pit_timer(irqs, pit->at);
		tick(irqs);
	}
	spin_unlock_irqrestore(&pit->lock, flags);
}

/* The guest ended a tick. */
void um_pit_acked(struct um_irqs *irqs)
{
	struct um_pit *pit = &irqs->pit;
	unsigned long flags;

	spin_lock_irqsave_nested(&pit->lock, flags, UM_LOCK_PIT);
	pit->acked = true;
	if (pit->pending)
		pit->pending--;
	if (pit->pending && pit->reinject)
		pulse(irqs);
	spin_unlock_irqrestore(&pit->lock, flags);
}

/* Unmasked, after who knows how long: old ticks are of no use. */
void um_pit_forget_ticks(struct um_irqs *irqs)
{
	struct um_pit *pit = &irqs->pit;
	unsigned long flags;

	spin_lock_irqsave_nested(&pit->lock, flags, UM_LOCK_PIT);
	pit->pending = 0;
	pit->acked = true;
	spin_unlock_irqrestore(&pit->lock, flags);
}

void um_pit_set_reinject(struct um_irqs *irqs, bool reinject)
{
	struct um_pit *pit = &irqs->pit;
	unsigned long flags;

	spin_lock_irqsave_nested(&pit->lock, flags, UM_LOCK_PIT);
	pit->reinject = reinject;
	pit->pending = 0;
	pit->acked = true;
	spin_unlock_irqrestore(&pit->lock, flags);
}

void um_pit_init(struct um_irqs *irqs, bool speaker)
{
	struct um_pit *pit = &irqs->pit;
	int i;

	spin_lock_init(&pit->lock);
	pit->speaker = speaker;
	pit->reinject = true;
	pit->acked = true;
	for (i = 0; i < UM_PIT_CHANNELS; i++) {
		struct um_pit_channel *ch = &pit->ch[i];

		ch->mode = 0xff; /* none, until the guest says one */
		ch->gate = i != 2;
		ch->count = 0x10000;
		ch->loaded = um_port_now();
	}
}
