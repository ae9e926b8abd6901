// SPDX-License-Identifier: GPL-2.0
/*
 * The ports of the pair of 8259s: initialization and operation command words,
 * and the two registers that say which inputs are levels (ELCR).
 */
#include "chips.h"
#include "port.h"

#define ICW1 0x10
#define OCW3 0x08

/* The edges that were latched are forgotten, levels are not. */
static void begin_init(struct um_pic_half *p, u8 icw1)
{
	*p = (struct um_pic_half){
		.irr = p->irr & p->elcr,
		.last = p->last,
		.base = p->base,
		.elcr = p->elcr,
		.elcr_mask = p->elcr_mask,
		.init = 1,
		.icw4 = icw1 & 1,
	};
}

static void go_on_init(struct um_pic_half *p, u8 val)
{
	switch (p->init) {
	case 1:
		p->base = val & 0xf8;
		p->init = 2;
		break;
	case 2: /* who is where in the cascade is wired */
		p->init = p->icw4 ? 3 : 0;
		break;
	case 3:
		p->nested = val & 0x10;
		p->auto_eoi = val & 0x02;
		p->init = 0;
		break;
	}
}

static void operation_ocw3(struct um_pic_half *p, u8 val)
{
	p->poll = val & 4;
	if (val & 2)
		p->read_isr = val & 1;
	if (val & 0x40)
		p->special_mask = val & 0x20;
}

/* Inputs masked in special mask mode are not what an EOI means. */
static int in_service(const struct um_pic_half *p)
{
	return um_pic_first(p, p->special_mask ? p->isr & ~p->imr : p->isr);
}

/* Rotate, specific, end of interrupt: the upper three bits. */
static void operation_ocw2(struct um_pic *pic, int half, u8 val)
{
	struct um_pic_half *p = &pic->half[half];
	bool rotate = val & 0x80, end = val & 0x20;
	int input = val & 0x40 ? val & 7 : in_service(p);

	if (!(val & 0x60)) {
		p->rotate_auto = rotate;
		return;
	}
	if (input < 0)
		return;
	if (end)
		um_pic_end(pic, half, input);
	if (rotate)
		p->first = (input + 1) & 7;
}

static void write_command(struct um_pic *pic, int half, u8 val)
{
	if (val & ICW1)
		begin_init(&pic->half[half], val);
	else if (val & OCW3)
		operation_ocw3(&pic->half[half], val);
	else
		operation_ocw2(pic, half, val);
}

/* Inputs of the pair that this unmasks. */
static u16 write_data(struct um_pic *pic, int half, u8 val)
{
	struct um_pic_half *p = &pic->half[half];
	u8 old = p->imr;

	if (p->init) {
		go_on_init(p, val);
		return 0;
	}
	p->imr = val;
	return (u16)(old & ~val) << half * 8;
}

static void write_elcr(struct um_pic_half *p, u8 val)
{
	p->elcr = val & p->elcr_mask;
}

void um_pic_write(struct um_irqs *irqs, u16 port, u8 val)
{
	struct um_pic *pic = &irqs->pic;
	unsigned long flags;
	u16 unmasked = 0;
	int pin;

	spin_lock_irqsave_nested(&pic->lock, flags, UM_LOCK_CHIP);
	switch (port) {
	case 0x20:
	case 0xa0:
		write_command(pic, port >> 7, val);
		break;
	case 0x21:
	case 0xa1:
		unmasked = write_data(pic, port >> 7, val);
		break;
	case 0x4d0:
	case 0x4d1:
		write_elcr(&pic->half[port & 1], val);
		break;
	}
	um_pic_update(irqs);
	um_pic_unlock(irqs, flags);
	for (pin = 0; unmasked; pin++, unmasked >>= 1) {
		if (unmasked & 1)
			um_irq_unmasked(irqs, UM_CHIP_PIC, pin);
	}
}

/* A read after a poll command is an acknowledgment. */
static u8 read_poll(struct um_pic *pic, int half)
{
	int input = um_pic_request(pic, half);

	pic->half[half].poll = false;
	if (input < 0)
		return 7;
	um_pic_accept(pic, half, input);
	return 0x80 | input;
}

static u8 read_half(struct um_pic *pic, int half, bool data)
{
	const struct um_pic_half *p = &pic->half[half];

	if (p->poll)
		return read_poll(pic, half);
	if (data)
		return p->imr;
	return p->read_isr ? p->isr : p->irr;
}

u8 um_pic_read(struct um_irqs *irqs, u16 port)
{
	struct um_pic *pic = &irqs->pic;
	unsigned long flags;
	u8 val;

	spin_lock_irqsave_nested(&pic->lock, flags, UM_LOCK_CHIP);
	if (port >= 0x4d0)
		val = pic->half[port & 1].elcr;
	else
		val = read_half(pic, port >> 7, port & 1);
	um_pic_update(irqs);
	um_pic_unlock(irqs, flags);
	return val;
}
