// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259s against the data sheet.
 */
#include "world.h"

#include <string.h>

static void out(u16 port, u8 val)
{
	um_pic_write(&irqs, port, val);
}

static u8 in(u16 port)
{
	return um_pic_read(&irqs, port);
}

static void line(u32 pin, bool up)
{
	um_pic_set(&irqs, pin, UM_IRQ_USER, up);
}

static void pulse(u32 pin)
{
	line(pin, true);
	line(pin, false);
}

/* As every PC does: vectors 0x20 and 0x28, or with another ICW4. */
static void setup(u8 icw4)
{
	world_new(1);
	out(0x20, 0x11);
	out(0x21, 0x20);
	out(0x21, 0x04);
	out(0x21, icw4);
	out(0xa0, 0x11);
	out(0xa1, 0x28);
	out(0xa1, 0x02);
	out(0xa1, icw4);
	/* The boot CPU listens. */
	apic_write(0, UM_LAPIC_LVT0, 0x700);
	world[0].kicks = 0;
}

static int take(void)
{
	return um_pic_take(&irqs);
}

static u8 isr(u16 port)
{
	out(port, 0x0b);
	return in(port);
}

static u8 irr(u16 port)
{
	out(port, 0x0a);
	return in(port);
}

static void initialization(void)
{
	setup(1);
	EXPECT_EQ(in(0x21), 0);
	out(0x21, 0xfe);
	EXPECT_EQ(in(0x21), 0xfe);
	out(0x20, 0x11); /* clears the mask, expects three words */
	EXPECT_EQ(in(0x21), 0);
	out(0x21, 0x47); /* low bits are not the vector's */
	out(0x21, 0x04);
	out(0x21, 0x01);
	out(0x21, 0xfe);
	EXPECT_EQ(in(0x21), 0xfe);
	pulse(0);
	EXPECT_EQ(take(), 0x40);
	/* without ICW4 it is two words */
	out(0x20, 0x10);
	out(0x21, 0x48);
	out(0x21, 0x04);
	out(0x21, 0xfd);
	EXPECT_EQ(in(0x21), 0xfd);
}

static void fully_nested(void)
{
	setup(1);
	pulse(4);
	EXPECT(irqs.pic.output, "no output");
	EXPECT(world[0].kicks, "nobody was kicked");
	EXPECT_EQ(irr(0x20), 0x10);
	EXPECT_EQ(take(), 0x24);
	EXPECT_EQ(irr(0x20), 0);
	EXPECT_EQ(isr(0x20), 0x10);
	pulse(6); /* lower: waits */
	EXPECT(!irqs.pic.output, "a lower one interrupts");
	EXPECT_EQ(take(), -1);
	pulse(1);
	EXPECT_EQ(take(), 0x21);
	out(0x20, 0x20); /* ends 1 */
	EXPECT_EQ(isr(0x20), 0x10);
	EXPECT_EQ(take(), -1);
	out(0x20, 0x20);
	EXPECT_EQ(take(), 0x26);
	out(0x20, 0x66); /* specific */
	EXPECT_EQ(isr(0x20), 0);
}

static void cascade(void)
{
	setup(1);
	pulse(12);
	EXPECT_EQ(irr(0xa0), 0x10);
	EXPECT_EQ(irr(0x20), 0x04);
	EXPECT_EQ(take(), 0x2c);
	EXPECT_EQ(isr(0xa0), 0x10);
	EXPECT_EQ(isr(0x20), 0x04);
	pulse(8); /* higher on the slave, but the master serves it */
	EXPECT_EQ(take(), -1);
	pulse(3);
	EXPECT_EQ(take(), -1);
	out(0xa0, 0x20);
	EXPECT_EQ(take(), -1);
	out(0x20, 0x20);
	EXPECT_EQ(take(), 0x28);
	EXPECT_EQ(take(), -1);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	EXPECT_EQ(take(), 0x23);
}

static void special_fully_nested(void)
{
	setup(0x11);
	pulse(12);
	EXPECT_EQ(take(), 0x2c);
	pulse(8); /* higher on the slave interrupts the slave */
	EXPECT_EQ(take(), 0x28);
	EXPECT_EQ(isr(0xa0), 0x11);
}

static void masks(void)
{
	setup(1);
	out(0x21, 0x10);
	EXPECT_EQ(um_pic_set(&irqs, 4, UM_IRQ_USER, true), UM_IRQ_IGNORED);
	line(4, false);
	EXPECT_EQ(take(), -1);
	EXPECT_EQ(irr(0x20), 0x10);
	out(0x21, 0);
	EXPECT_EQ(take(), 0x24); /* the edge was kept */
	out(0x20, 0x20);
	out(0x21, 0x04); /* the whole slave */
	pulse(10);
	EXPECT_EQ(take(), -1);
	out(0x21, 0);
	EXPECT_EQ(take(), 0x2a);
}

static void edges_and_levels(void)
{
	setup(1);
	EXPECT_EQ(um_pic_set(&irqs, 5, UM_IRQ_USER, true), 1);
	EXPECT_EQ(um_pic_set(&irqs, 5, UM_IRQ_USER, true), UM_IRQ_COALESCED);
	EXPECT_EQ(take(), 0x25);
	out(0x20, 0x20);
	EXPECT_EQ(take(), -1); /* an edge is one */
	line(5, false);
	out(0x4d0, 0xff);
	EXPECT_EQ(in(0x4d0), 0xf8);
	out(0x4d1, 0xff);
	EXPECT_EQ(in(0x4d1), 0xde);
	line(5, true);
	EXPECT_EQ(take(), 0x25);
	out(0x20, 0x20);
	EXPECT_EQ(take(), 0x25); /* still up */
	line(5, false);
	out(0x20, 0x20);
	EXPECT_EQ(take(), -1);
	line(5, true); /* comes and goes unseen */
	line(5, false);
	EXPECT_EQ(take(), -1);
}

/* The slave's input went away between the two INTAs. */
static void withdrawn(void)
{
	setup(1);
	out(0x4d1, 0x02);
	line(9, true);
	EXPECT(irqs.pic.output, "no output");
	line(9, false);
	EXPECT_EQ(take(), -1);
	EXPECT_EQ(irr(0x20), 0);
}

static void rotation(void)
{
	setup(1);
	pulse(3);
	EXPECT_EQ(take(), 0x23);
	out(0x20, 0xa0); /* ends it, 3 is the lowest from now on */
	pulse(3);
	pulse(4);
	EXPECT_EQ(take(), 0x24);
	out(0x20, 0x20);
	EXPECT_EQ(take(), 0x23);
	out(0x20, 0x20);
	out(0x20, 0xc0 | 7); /* as at first: 7 is the lowest */
	pulse(0);
	pulse(4);
	EXPECT_EQ(take(), 0x20);
	out(0x20, 0xe0 | 0); /* ends 0, and 0 is the lowest */
	pulse(0);
	EXPECT_EQ(take(), 0x24);
}

static void auto_eoi(void)
{
	setup(3);
	pulse(4);
	EXPECT_EQ(take(), 0x24);
	EXPECT_EQ(isr(0x20), 0);
	EXPECT_EQ(acked[4], 1);
	pulse(4);
	EXPECT_EQ(take(), 0x24);
	out(0x20, 0x80); /* rotate */
	pulse(4);
	EXPECT_EQ(take(), 0x24);
	pulse(4);
	pulse(5);
	EXPECT_EQ(take(), 0x25);
	EXPECT_EQ(take(), 0x24);
}

static void special_mask(void)
{
	setup(1);
	pulse(2 + 1);
	EXPECT_EQ(take(), 0x23);
	out(0x21, 0x08); /* masked while it is served: */
	pulse(6);
	EXPECT_EQ(take(), -1);
	out(0x20, 0x68); /* now lower ones pass */
	EXPECT_EQ(take(), 0x26);
	out(0x20, 0x20); /* which does not mean 3 */
	EXPECT_EQ(isr(0x20), 0x08);
	out(0x20, 0x48);
	pulse(6);
	EXPECT_EQ(take(), -1);
}

static void polling(void)
{
	setup(1);
	pulse(5);
	out(0x20, 0x0c);
	EXPECT_EQ(in(0x20), 0x85);
	EXPECT_EQ(isr(0x20), 0x20);
	EXPECT(!irqs.pic.output, "taken, and yet it asks");
	out(0x20, 0x0c);
	EXPECT_EQ(in(0x20) & 0x80, 0);
	out(0x20, 0x20);
	pulse(11);
	out(0xa0, 0x0c);
	EXPECT_EQ(in(0xa0), 0x83);
	EXPECT_EQ(irr(0x20), 0);
	EXPECT_EQ(take(), -1);
}

static void ends_are_told(void)
{
	setup(1);
	pulse(12);
	take();
	EXPECT_EQ(acked[12], 0);
	out(0xa0, 0x20);
	EXPECT_EQ(acked[12], 1);
	out(0xa0, 0x20); /* nothing in service */
	EXPECT_EQ(acked[12], 1);
}

static void who_listens(void)
{
	setup(1);
	apic_write(0, UM_LAPIC_LVT0, 0x10700);
	world[0].kicks = 0;
	pulse(4);
	EXPECT_EQ(world[0].kicks, 0);
	EXPECT(!um_lapic_takes_extint(world_apic(0)), "masked");
	apic_write(0, UM_LAPIC_LVT0, 0x700);
	EXPECT(world[0].kicks, "unmasked, and it was not told");
	EXPECT(um_lapic_takes_extint(world_apic(0)), "unmasked");
}

static void state_round_trip(void)
{
	struct kvm_pic_state a, b;
	int half;

	setup(1);
	out(0x4d0, 0x20);
	line(5, true);
	pulse(12);
	take();
	out(0x21, 0x42);
	out(0x20, 0xc3);
	for (half = 0; half < 2; half++) {
		um_pic_save(&irqs, half, &a);
		um_pic_load(&irqs, half, &a);
		um_pic_save(&irqs, half, &b);
		EXPECT(!memcmp(&a, &b, sizeof(a)), "half %d differs", half);
	}
	EXPECT(irqs.pic.output, "nobody asks any more");
	memset(&a, 0xff, sizeof(a));
	um_pic_load(&irqs, 0, &a);
	um_pic_load(&irqs, 1, &a);
	EXPECT_EQ(in(0x4d0), 0xf8);
	out(0x20, 0x11);
	EXPECT_EQ(in(0x21), 0);
}

int main(void)
{
	TEST(initialization);
	TEST(fully_nested);
	TEST(cascade);
	TEST(special_fully_nested);
	TEST(masks);
	TEST(edges_and_levels);
	TEST(withdrawn);
	TEST(rotation);
	TEST(auto_eoi);
	TEST(special_mask);
	TEST(polling);
	TEST(ends_are_told);
	TEST(who_listens);
	TEST(state_round_trip);
	return world_done();
}
