// SPDX-License-Identifier: GPL-2.0
/*
 * The ports of the 8254: counters at 0x40 to 0x42, the control word at 0x43;
 * the gate and the output of counter 2 at the speaker's, 0x61. And its state
 * for user space, whose form is KVM's.
 */
#include "chips.h"
#include "port.h"

#include <linux/kvm.h>
#include <linux/string.h>

#define CONTROL 3
#define SPEAKER_PORT 0x61

/* How a counter is accessed: low byte, high byte, or one after the other. */
#define ACCESS_LATCH 0
#define ACCESS_LOW 1
#define ACCESS_HIGH 2
#define ACCESS_BOTH 3

static void latch_count(struct um_pit_channel *ch)
{
	if (ch->latch)
		return;
	ch->latched = um_pit_count(ch, um_port_now());
	ch->latch = ch->access;
}

static void latch_status(struct um_pit_channel *ch)
{
	if (ch->status_latched)
		return;
	ch->status = um_pit_out(ch, um_port_now()) << 7 |
		     ch->access << 4 | (ch->mode & 7) << 1 | ch->bcd;
	ch->status_latched = true;
}

static void read_back(struct um_pit *pit, u8 val)
{
	int i;

	for (i = 0; i < UM_PIT_CHANNELS; i++) {
		if (!(val & 2 << i))
			continue;
		if (!(val & 0x20))
			latch_count(&pit->ch[i]);
		if (!(val & 0x10))
			latch_status(&pit->ch[i]);
	}
}

/* Modes 6 and 7 are 2 and 3. */
static void write_control(struct um_pit *pit, u8 val)
{
	u8 n = val >> 6, access = val >> 4 & 3, mode = val >> 1 & 7;
	struct um_pit_channel *ch;

	if (n == UM_PIT_CHANNELS) {
		read_back(pit, val);
		return;
	}
	ch = &pit->ch[n];
	if (access == ACCESS_LATCH) {
		latch_count(ch);
		return;
	}
	ch->access = access;
	ch->mode = mode > 5 ? mode - 4 : mode;
	ch->bcd = val & 1;
	ch->second_read = false;
	ch->second_write = false;
	ch->latch = 0;
	ch->status_latched = false;
}

static void write_count(struct um_irqs *irqs, int n, u8 val)
{
	struct um_pit_channel *ch = &irqs->pit.ch[n];

	if (ch->access == ACCESS_HIGH) {
		um_pit_load_count(irqs, n, val << 8);
	} else if (ch->access != ACCESS_BOTH) {
		um_pit_load_count(irqs, n, val);
	} else if (!ch->second_write) {
		ch->low = val;
		ch->second_write = true;
	} else {
		ch->second_write = false;
		um_pit_load_count(irqs, n, ch->low | val << 8);
	}
}

static u8 read_latch(struct um_pit_channel *ch)
{
	if (ch->latch == ACCESS_BOTH) {
		ch->latch = ACCESS_HIGH;
		return ch->latched;
	}
	if (ch->latch == ACCESS_HIGH) {
		ch->latch = 0;
		return ch->latched >> 8;
	}
	ch->latch = 0;
	return ch->latched;
}

static u8 read_count(struct um_pit_channel *ch)
{
	u16 count;

	if (ch->status_latched) {
		ch->status_latched = false;
		return ch->status;
	}
	if (ch->latch)
		return read_latch(ch);
	count = um_pit_count(ch, um_port_now());
	if (ch->access == ACCESS_HIGH)
		return count >> 8;
	if (ch->access != ACCESS_BOTH)
		return count;
	ch->second_read = !ch->second_read;
	return ch->second_read ? count : count >> 8;
}

/* Bit 4 is the refresh of memory, which early kernels time by. */
static u8 read_speaker(const struct um_pit *pit)
{
	u64 now = um_port_now();

	return pit->ch[2].gate |
	       !!(pit->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON) << 1 |
	       (now >> 14 & 1) << 4 | um_pit_out(&pit->ch[2], now) << 5;
}

static void write_speaker(struct um_pit *pit, u8 val)
{
	um_pit_gate(&pit->ch[2], val & 1);
	pit->flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	if (val & 2)
		pit->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
}

u8 um_pit_read(struct um_irqs *irqs, u16 port)
{
	struct um_pit *pit = &irqs->pit;
	unsigned long flags;
	u8 val = 0;

	spin_lock_irqsave_nested(&pit->lock, flags, UM_LOCK_PIT);
	if (port == SPEAKER_PORT)
		val = read_speaker(pit);
	else if ((port & 3) != CONTROL)
		val = read_count(&pit->ch[port & 3]);
	spin_unlock_irqrestore(&pit->lock, flags);
	return val;
}

void um_pit_write(struct um_irqs *irqs, u16 port, u8 val)
{
	struct um_pit *pit = &irqs->pit;
	unsigned long flags;

	spin_lock_irqsave_nested(&pit->lock, flags, UM_LOCK_PIT);
	if (port == SPEAKER_PORT)
		write_speaker(pit, val);
	else if ((port & 3) == CONTROL)
		write_control(pit, val);
	else
		write_count(irqs, port & 3, val);
	spin_unlock_irqrestore(&pit->lock, flags);
}

/* KVM numbers where a transfer of both bytes stands: 3, then 4. */
static u8 to_state(const struct um_pit_channel *ch, bool second)
{
	return ch->access == ACCESS_BOTH ? ch->access + second : ch->access;
}

void um_pit_save(struct um_irqs *irqs, struct kvm_pit_state2 *state)
{
	struct um_pit *pit = &irqs->pit;
	unsigned long flags;
	int i;

	memset(state, 0, sizeof(*state));
	spin_lock_irqsave_nested(&pit->lock, flags, UM_LOCK_PIT);
	for (i = 0; i < UM_PIT_CHANNELS; i++) {
		const struct um_pit_channel *ch = &pit->ch[i];

		state->channels[i] = (struct kvm_pit_channel_state){
			.count = ch->count,
			.latched_count = ch->latched,
			.count_latched = ch->latch,
			.status_latched = ch->status_latched,
			.status = ch->status,
			.read_state = to_state(ch, ch->second_read),
			.write_state = to_state(ch, ch->second_write),
			.write_latch = ch->low,
			.rw_mode = ch->access,
			.mode = ch->mode,
			.bcd = ch->bcd,
			.gate = ch->gate,
			.count_load_time = ch->loaded,
		};
	}
	state->flags = pit->flags;
	spin_unlock_irqrestore(&pit->lock, flags);
}

static void load_channel(struct um_pit_channel *ch,
			 const struct kvm_pit_channel_state *s)
{
	*ch = (struct um_pit_channel){
		.count = s->count && s->count <= 0x10000 ? s->count : 0x10000,
		.loaded = um_port_now(),
		.latched = s->latched_count,
		.latch = s->count_latched & 3,
		.status_latched = s->status_latched,
		.status = s->status,
		.access = s->rw_mode & 3,
		.second_read = s->read_state == ACCESS_BOTH + 1,
		.second_write = s->write_state == ACCESS_BOTH + 1,
		.low = s->write_latch,
		.mode = s->mode > 5 ? 0xff : s->mode,
		.bcd = s->bcd,
		.gate = s->gate,
	};
}

/* Counts start anew, as with KVM: times of another host mean nothing here. */
void um_pit_load(struct um_irqs *irqs, const struct kvm_pit_state2 *state)
{
	struct um_pit *pit = &irqs->pit;
	unsigned long flags;
	int i;

	spin_lock_irqsave_nested(&pit->lock, flags, UM_LOCK_PIT);
	pit->flags = state->flags & (KVM_PIT_FLAGS_HPET_LEGACY |
				     KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	for (i = 0; i < UM_PIT_CHANNELS; i++)
		load_channel(&pit->ch[i], &state->channels[i]);
	um_pit_load_count(irqs, 0, pit->ch[0].count);
	spin_unlock_irqrestore(&pit->lock, flags);
}
