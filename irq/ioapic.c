// SPDX-License-Identifier: GPL-2.0
/*
 * The IO-APIC: 24 pins, each with an entry that says what becomes of it. Intel,
 * "82093AA I/O Advanced Programmable Interrupt Controller". The polarity of a
 * pin is not looked at: "up" is "asserted", whatever the entry says.
 */
#include "chips.h"
#include "port.h"

#include <linux/nospec.h>
#include <linux/string.h>

/* Registers of the page, and those behind the window. */
#define SELECT 0x00
#define WINDOW 0x10
#define REG_ID 0
#define REG_VERSION 1
#define REG_ARBITRATION 2
#define REG_REDIR 0x10
#define VERSION (0x11 | (UM_IOAPIC_PINS - 1) << 16)

/* What a write may change. */
#define LOW_BITS 0x1afffull
#define HIGH_BITS 0xff00000000000000ull

static void lock(struct um_ioapic *io, unsigned long *flags)
	__acquires(&io->lock)
{
	spin_lock_irqsave_nested(&io->lock, *flags, UM_LOCK_CHIP);
}

static void unlock(struct um_ioapic *io, unsigned long flags)
	__releases(&io->lock)
{
	spin_unlock_irqrestore(&io->lock, flags);
}

/* Lock held. Send what @pin stands for, if it may be sent now. */
static int service(struct um_irqs *irqs, u32 pin)
{
	struct um_ioapic *io = &irqs->ioapic;
	u64 e = io->redir[pin];
	struct um_irq_msg msg = {
		.vector = e & UM_REDIR_VECTOR,
		.mode = UM_REDIR_MODE(e),
		.dest = UM_REDIR_DEST(e),
		.logical = e & UM_REDIR_LOGICAL,
		.level = e & UM_REDIR_LEVEL,
		.assert = true,
	};
	int n;

	if (e & UM_REDIR_MASKED)
		return UM_IRQ_IGNORED;
	if (e & UM_REDIR_REMOTE)
		return UM_IRQ_COALESCED;
	n = um_irq_deliver(irqs, NULL, &msg);
	if (msg.level && n > 0)
		io->redir[pin] |= UM_REDIR_REMOTE;
	if (!msg.level)
		io->sent |= 1u << pin;
	return n;
}

/* Lock held. */
static int change(struct um_irqs *irqs, u32 pin, bool up)
{
	struct um_ioapic *io = &irqs->ioapic;
	u32 bit = 1u << pin;

	if (!up) {
		io->irr &= ~bit;
		io->sent &= ~bit;
		return 1;
	}
	if (!(io->redir[pin] & UM_REDIR_LEVEL) && (io->irr & bit))
		return UM_IRQ_COALESCED;
	io->irr |= bit;
	return service(irqs, pin);
}

int um_ioapic_set(struct um_irqs *irqs, u32 pin, enum um_irq_source source,
		  bool up)
{
	struct um_ioapic *io = &irqs->ioapic;
	unsigned long flags;
	int r;

	lock(io, &flags);
	if (up)
		io->lines[pin] |= 1u << source;
	else
		io->lines[pin] &= ~(1u << source);
	r = change(irqs, pin, io->lines[pin]);
	unlock(io, flags);
	return r;
}

/* Lock held. Masked entries count: they may be in service. */
static void note_vectors(struct um_ioapic *io)
{
	unsigned long vectors[UM_VECTOR_LONGS] = {};
	int i;

	for (i = 0; i < UM_IOAPIC_PINS; i++)
		__set_bit(io->redir[i] & UM_REDIR_VECTOR, vectors);
	for (i = 0; i < UM_VECTOR_LONGS; i++)
		WRITE_ONCE(io->vectors[i], vectors[i]);
}

/*
 * Lock held. A line that is still up comes again, unless it was only an edge.
 * An edge that is masked when it comes is lost.
 */
static void write_redir(struct um_irqs *irqs, u32 pin, bool high, u32 val)
{
	struct um_ioapic *io = &irqs->ioapic;
	u64 e = io->redir[pin];

	if (high)
		e = (e & ~HIGH_BITS) | ((u64)val << 32 & HIGH_BITS);
	else
		e = (e & ~LOW_BITS) | (val & LOW_BITS);
	if (!(e & UM_REDIR_LEVEL))
		e &= ~UM_REDIR_REMOTE;
	io->redir[pin] = e;
	note_vectors(io);
	if ((e & UM_REDIR_LEVEL) && (io->irr & 1u << pin))
		service(irqs, pin);
}

/* Whose entry the window shows half of, or -1. The guest chose the index. */
static int window_pin(const struct um_ioapic *io)
{
	u32 pin = (io->select - REG_REDIR) / 2;

	if (io->select < REG_REDIR || pin >= UM_IOAPIC_PINS)
		return -1;
	return array_index_nospec(pin, UM_IOAPIC_PINS);
}

/* Lock held. The pin that this unmasked, or -1. */
static int write_window(struct um_irqs *irqs, u32 val)
{
	struct um_ioapic *io = &irqs->ioapic;
	int pin = window_pin(io);
	bool masked;

	if (io->select == REG_ID)
		io->id = val >> 24 & 0xf;
	if (pin < 0)
		return -1;
	masked = io->redir[pin] & UM_REDIR_MASKED;
	write_redir(irqs, pin, io->select & 1, val);
	return masked && !(io->redir[pin] & UM_REDIR_MASKED) ? pin : -1;
}

static u32 read_window(const struct um_ioapic *io)
{
	int pin = window_pin(io);

	switch (io->select) {
	case REG_ID:
	case REG_ARBITRATION:
		return io->id << 24;
	case REG_VERSION:
		return VERSION;
	}
	if (pin < 0)
		return 0;
	return io->redir[pin] >> (io->select & 1) * 32;
}

u32 um_ioapic_read(struct um_irqs *irqs, u32 offset)
{
	struct um_ioapic *io = &irqs->ioapic;
	unsigned long flags;
	u32 val = 0;

	lock(io, &flags);
	if (offset == SELECT)
		val = io->select;
	else if (offset == WINDOW)
		val = read_window(io);
	unlock(io, flags);
	return val;
}

void um_ioapic_write(struct um_irqs *irqs, u32 offset, u32 val)
{
	struct um_ioapic *io = &irqs->ioapic;
	unsigned long flags;
	int unmasked = -1;

	lock(io, &flags);
	if (offset == SELECT)
		io->select = val & 0xff;
	else if (offset == WINDOW)
		unmasked = write_window(irqs, val);
	unlock(io, flags);
	if (unmasked >= 0)
		um_irq_unmasked(irqs, UM_CHIP_IOAPIC, unmasked);
}

/* Lock held. */
static u32 pins_of(const struct um_ioapic *io, u8 vector)
{
	u32 pins = 0;
	int i;

	for (i = 0; i < UM_IOAPIC_PINS; i++) {
		if ((io->redir[i] & UM_REDIR_VECTOR) == vector)
			pins |= 1u << i;
	}
	return pins;
}

/*
 * A CPU has done with @vector. Devices hear of it before the pin is free
 * again, so that one that lowers its line then is not served twice. They are
 * told without the lock: what they do may raise lines.
 */
void um_ioapic_eoi(struct um_irqs *irqs, u8 vector)
{
	struct um_ioapic *io = &irqs->ioapic;
	unsigned long flags;
	u32 pins, i;

	if (!test_bit(vector, io->vectors))
		return;
	lock(io, &flags);
	pins = pins_of(io, vector);
	unlock(io, flags);
	for (i = 0; i < UM_IOAPIC_PINS; i++) {
		if (pins & 1u << i)
			um_irq_acked(irqs, UM_CHIP_IOAPIC, i);
	}
	lock(io, &flags);
	pins &= pins_of(io, vector);
	for (i = 0; i < UM_IOAPIC_PINS; i++) {
		if (!(pins & 1u << i) || !(io->redir[i] & UM_REDIR_REMOTE))
			continue;
		io->redir[i] &= ~UM_REDIR_REMOTE;
		if (io->irr & 1u << i)
			service(irqs, i);
	}
	unlock(io, flags);
}

void um_ioapic_init(struct um_ioapic *io)
{
	int i;

	spin_lock_init(&io->lock);
	for (i = 0; i < UM_IOAPIC_PINS; i++)
		io->redir[i] = UM_REDIR_MASKED;
	note_vectors(io);
}

void um_ioapic_save(struct um_irqs *irqs, struct kvm_ioapic_state *state)
{
	struct um_ioapic *io = &irqs->ioapic;
	unsigned long flags;
	int i;

	memset(state, 0, sizeof(*state));
	lock(io, &flags);
	state->base_address = UM_IOAPIC_BASE;
	state->ioregsel = io->select;
	state->id = io->id;
	state->irr = io->irr & ~io->sent;
	for (i = 0; i < UM_IOAPIC_PINS; i++)
		state->redirtbl[i].bits = io->redir[i];
	unlock(io, flags);
}

/* Pins that were up are so again, by user space's word. */
void um_ioapic_load(struct um_irqs *irqs, const struct kvm_ioapic_state *state)
{
	struct um_ioapic *io = &irqs->ioapic;
	unsigned long flags;
	u32 i;

	lock(io, &flags);
	io->select = state->ioregsel & 0xff;
	io->id = state->id & 0xf;
	io->irr = 0;
	io->sent = 0;
	for (i = 0; i < UM_IOAPIC_PINS; i++)
		io->redir[i] = state->redirtbl[i].bits &
			       (LOW_BITS | HIGH_BITS | UM_REDIR_REMOTE);
	note_vectors(io);
	for (i = 0; i < UM_IOAPIC_PINS; i++) {
		if (state->irr & 1u << i)
			change(irqs, i, true);
	}
	unlock(io, flags);
}
