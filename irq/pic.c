// SPDX-License-Identifier: GPL-2.0
/*
 * A pair of 8259s, the second one on input 2 of the first: requests,
 * priorities, acknowledgment. Intel, "8259A Programmable Interrupt
 * Controller". Its ports are in pic_port.c.
 */
#include "chips.h"
#include "port.h"

#include <linux/string.h>

#define CASCADE 2

/* The one of @inputs that comes first, or -1. */
int um_pic_first(const struct um_pic_half *p, u8 inputs)
{
	int i;

	for (i = 0; i < 8; i++) {
		int input = (p->first + i) & 7;

		if (inputs & 1u << input)
			return input;
	}
	return -1;
}

static int rank(const struct um_pic_half *p, int input)
{
	return input < 0 ? 8 : (input - p->first) & 7;
}

/* The input that asks for the CPU now, above all that it serves, or -1. */
int um_pic_request(const struct um_pic *pic, int half)
{
	const struct um_pic_half *p = &pic->half[half];
	int input = um_pic_first(p, p->irr & ~p->imr);
	u8 serving = p->isr;

	if (p->special_mask)
		serving &= ~p->imr;
	/* The slave sorts out for itself what may interrupt what. */
	if (!half && p->nested)
		serving &= ~(1u << CASCADE);
	return rank(p, input) < rank(p, um_pic_first(p, serving)) ? input : -1;
}

/* The pin that tells the CPU changed: who listens to it looks. */
void um_pic_update(struct um_irqs *irqs)
{
	struct um_pic *pic = &irqs->pic;
	bool output, was = pic->output;
	struct um_lapic *apic;
	int i;

	if (um_pic_request(pic, 1) >= 0)
		pic->half[0].irr |= 1u << CASCADE;
	else
		pic->half[0].irr &= ~(1u << CASCADE);
	output = um_pic_request(pic, 0) >= 0;
	WRITE_ONCE(pic->output, output);
	if (!output || was)
		return;
	um_for_each_apic(i, apic, irqs) {
		if (um_lapic_takes_extint(apic))
			um_port_kick(apic);
	}
}

/* Served: who waits for that is told by um_pic_unlock(). */
void um_pic_end(struct um_pic *pic, int half, int input)
{
	pic->half[half].isr &= ~(1u << input);
	pic->acked |= 1u << (half * 8 + input);
}

/* The CPU takes @input. A level stays requested while it is up. */
void um_pic_accept(struct um_pic *pic, int half, int input)
{
	struct um_pic_half *p = &pic->half[half];

	p->isr |= 1u << input;
	if (!(p->elcr & 1u << input))
		p->irr &= ~(1u << input);
	if (!p->auto_eoi)
		return;
	if (p->rotate_auto)
		p->first = (input + 1) & 7;
	um_pic_end(pic, half, input);
}

void um_pic_unlock(struct um_irqs *irqs, unsigned long flags)
	__releases(&irqs->pic.lock)
{
	struct um_pic *pic = &irqs->pic;
	u16 acked = pic->acked;
	int pin;

	pic->acked = 0;
	spin_unlock_irqrestore(&pic->lock, flags);
	for (pin = 0; acked; pin++, acked >>= 1) {
		if (acked & 1)
			um_irq_acked(irqs, UM_CHIP_PIC, pin);
	}
}

/* Lock held. As KVM_IRQ_LINE_STATUS tells it. */
static int change(struct um_pic_half *p, u8 bit, bool up)
{
	bool rises = up && !(p->last & bit), asked = p->irr & bit;

	if (up)
		p->last |= bit;
	else
		p->last &= ~bit;
	if (p->elcr & bit ? up : rises)
		p->irr |= bit;
	else if (p->elcr & bit)
		p->irr &= ~bit;
	if (p->imr & bit)
		return UM_IRQ_IGNORED;
	return up && (asked || !(p->irr & bit)) ? UM_IRQ_COALESCED : 1;
}

int um_pic_set(struct um_irqs *irqs, u32 pin, enum um_irq_source source,
	       bool up)
{
	struct um_pic *pic = &irqs->pic;
	unsigned long flags;
	int r;

	spin_lock_irqsave_nested(&pic->lock, flags, UM_LOCK_CHIP);
	if (up)
		pic->lines[pin] |= 1u << source;
	else
		pic->lines[pin] &= ~(1u << source);
	r = change(&pic->half[pin >> 3], 1u << (pin & 7), pic->lines[pin]);
	um_pic_update(irqs);
	spin_unlock_irqrestore(&pic->lock, flags);
	return r;
}

/* Lock held, the master asks. A slave that changed its mind says 7. */
static int acknowledge(struct um_pic *pic)
{
	int input = um_pic_request(pic, 0);

	um_pic_accept(pic, 0, input);
	if (input != CASCADE)
		return pic->half[0].base + input;
	input = um_pic_request(pic, 1);
	if (input < 0)
		return pic->half[1].base + 7;
	um_pic_accept(pic, 1, input);
	return pic->half[1].base + input;
}

/* INTA: the vector, or -1 when nobody asks any more. */
int um_pic_take(struct um_irqs *irqs)
{
	struct um_pic *pic = &irqs->pic;
	unsigned long flags;
	int vector = -1;

	spin_lock_irqsave_nested(&pic->lock, flags, UM_LOCK_CHIP);
	if (pic->output) {
		vector = acknowledge(pic);
		/* Another request is another edge of the output. */
		pic->output = false;
		um_pic_update(irqs);
	}
	um_pic_unlock(irqs, flags);
	return vector;
}

void um_pic_init(struct um_pic *pic)
{
	spin_lock_init(&pic->lock);
	/* Timer, keyboard, cascade, clock and coprocessor are edges. */
	pic->half[0].elcr_mask = 0xf8;
	pic->half[1].elcr_mask = 0xde;
}

void um_pic_save(struct um_irqs *irqs, int half, struct kvm_pic_state *state)
{
	struct um_pic *pic = &irqs->pic;
	const struct um_pic_half *p = &pic->half[half];
	unsigned long flags;

	spin_lock_irqsave_nested(&pic->lock, flags, UM_LOCK_CHIP);
	*state = (struct kvm_pic_state){
		.last_irr = p->last,
		.irr = p->irr,
		.imr = p->imr,
		.isr = p->isr,
		.priority_add = p->first,
		.irq_base = p->base,
		.read_reg_select = p->read_isr,
		.poll = p->poll,
		.special_mask = p->special_mask,
		.init_state = p->init,
		.auto_eoi = p->auto_eoi,
		.rotate_on_auto_eoi = p->rotate_auto,
		.special_fully_nested_mode = p->nested,
		.init4 = p->icw4,
		.elcr = p->elcr,
		.elcr_mask = p->elcr_mask,
	};
	spin_unlock_irqrestore(&pic->lock, flags);
}

void um_pic_load(struct um_irqs *irqs, int half,
		 const struct kvm_pic_state *state)
{
	struct um_pic *pic = &irqs->pic;
	struct um_pic_half *p = &pic->half[half];
	unsigned long flags;

	spin_lock_irqsave_nested(&pic->lock, flags, UM_LOCK_CHIP);
	*p = (struct um_pic_half){
		.last = state->last_irr,
		.irr = state->irr,
		.imr = state->imr,
		.isr = state->isr,
		.first = state->priority_add & 7,
		.base = state->irq_base & 0xf8,
		.read_isr = state->read_reg_select,
		.poll = state->poll,
		.special_mask = state->special_mask,
		.init = state->init_state & 3,
		.auto_eoi = state->auto_eoi,
		.rotate_auto = state->rotate_on_auto_eoi,
		.nested = state->special_fully_nested_mode,
		.icw4 = state->init4,
		.elcr = state->elcr & p->elcr_mask,
		.elcr_mask = p->elcr_mask,
	};
	pic->output = false;
	um_pic_update(irqs);
	spin_unlock_irqrestore(&pic->lock, flags);
}
