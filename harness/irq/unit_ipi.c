// SPDX-License-Identifier: GPL-2.0
/*
 * Who gets an interrupt: every destination mode and shorthand, INIT and SIPI,
 * NMI, lowest priority. SDM, "Issuing Interprocessor Interrupts".
 */
#include "world.h"

#define LOGICAL BIT(11)
#define ASSERT BIT(14)
#define LEVEL BIT(15)
#define SELF (1 << 18)
#define ALL (2 << 18)
#define OTHERS (3 << 18)
#define NMI (UM_IRQ_NMI << 8)
#define INIT (UM_IRQ_INIT << 8)
#define SIPI (UM_IRQ_SIPI << 8)
#define LOWEST (UM_IRQ_LOWEST << 8)

static void ipi(int from, u32 dest, u32 low)
{
	apic_write(from, UM_LAPIC_ICR2, dest << 24);
	apic_write(from, UM_LAPIC_ICR, low);
}

/* Which APICs have @vector, as bits; they serve it. */
static u32 got(u8 vector)
{
	u32 who = 0;
	int i;

	for (i = 0; i < irqs.napics; i++) {
		if (apic_irr(i, vector)) {
			who |= 1u << i;
			EXPECT_EQ(apic_serve(i), vector);
		}
	}
	return who;
}

static void physical(void)
{
	world_new(4);
	ipi(0, 2, 0x80);
	EXPECT_EQ(got(0x80), 4);
	ipi(0, 0xff, 0x81);
	EXPECT_EQ(got(0x81), 0xf);
	ipi(0, 9, 0x82); /* nobody */
	EXPECT_EQ(got(0x82), 0);
	apic_write(3, UM_LAPIC_ID, 0x09000000);
	ipi(0, 9, 0x83);
	EXPECT_EQ(got(0x83), 8);
}

static void shorthands(void)
{
	world_new(4);
	ipi(1, 0, SELF | 0x80);
	EXPECT_EQ(got(0x80), 2);
	ipi(1, 0, ALL | 0x81);
	EXPECT_EQ(got(0x81), 0xf);
	ipi(1, 1, OTHERS | 0x82);
	EXPECT_EQ(got(0x82), 0xd);
}

static void logical_flat(void)
{
	int i;

	world_new(4);
	for (i = 0; i < 4; i++)
		apic_write(i, UM_LAPIC_LDR, 1u << (24 + i));
	ipi(0, 0x0a, LOGICAL | 0x80);
	EXPECT_EQ(got(0x80), 0xa);
	ipi(0, 0xff, LOGICAL | 0x81);
	EXPECT_EQ(got(0x81), 0xf);
	ipi(0, 0, LOGICAL | 0x82);
	EXPECT_EQ(got(0x82), 0);
	ipi(0, 0xf0, LOGICAL | 0x83);
	EXPECT_EQ(got(0x83), 0);
}

static void logical_cluster(void)
{
	int i;

	world_new(6);
	for (i = 0; i < 6; i++) {
		apic_write(i, UM_LAPIC_DFR, 0);
		apic_write(i, UM_LAPIC_LDR,
			   (u32)(i / 3) << 28 | 1u << (24 + i % 3));
	}
	ipi(0, 0x05, LOGICAL | 0x80);
	EXPECT_EQ(got(0x80), 0x5);
	ipi(0, 0x12, LOGICAL | 0x81);
	EXPECT_EQ(got(0x81), 0x10);
	ipi(0, 0x2f, LOGICAL | 0x82);
	EXPECT_EQ(got(0x82), 0);
	ipi(0, 0xff, LOGICAL | 0x83);
	EXPECT_EQ(got(0x83), 0x3f);
}

static void x2_destinations(void)
{
	struct um_lapic *apic;
	int i;

	world_new(20);
	for (i = 0; i < 20; i++) {
		world_apic(i)->has_x2 = true;
		um_lapic_set_base(world_apic(i), world_apic(i)->base |
				  UM_APIC_BASE_X2);
	}
	apic = world_apic(3);
	um_lapic_x2_write(apic, 0x830, 17ull << 32 | 0x80);
	EXPECT_EQ(got(0x80), 1 << 17);
	um_lapic_x2_write(apic, 0x830, 0xffffffffull << 32 | 0x81);
	EXPECT_EQ(got(0x81), 0xfffff);
	um_lapic_x2_write(apic, 0x830, 0xffull << 32 | 0x82);
	EXPECT_EQ(got(0x82), 0); /* 255 is an id like others */
	um_lapic_x2_write(apic, 0x830, 0x0001000aull << 32 | LOGICAL | 0x83);
	EXPECT_EQ(got(0x83), 0xa << 16);
	um_lapic_x2_write(apic, 0x830, 0x00000003ull << 32 | LOGICAL | 0x84);
	EXPECT_EQ(got(0x84), 3);
	um_irq_msi(&irqs, 0xfeeff000, 0x85); /* 8 bits of ones: all */
	EXPECT_EQ(got(0x85), 0xfffff);
}

/* IDs that are another's place, or nobody's. */
static void x2_ids(void)
{
	static const u32 id[] = { 1, 0, 3, 9 };
	struct um_lapic *apic;
	int i;

	world_new(4);
	for (i = 0; i < 4; i++) {
		apic = world_apic(i);
		um_lapic_init(apic, &irqs, id[i], !i);
		apic->has_x2 = true;
		um_lapic_set_base(apic, apic->base | UM_APIC_BASE_X2);
		um_lapic_write(apic, UM_LAPIC_SPIV, 0x1ff);
	}
	for (i = 0; i < 4; i++) {
		um_lapic_x2_write(world_apic(0), 0x830,
				  (u64)id[i] << 32 | (0x80 + i));
		EXPECT_EQ(got(0x80 + i), 1 << i);
	}
	um_lapic_x2_write(world_apic(0), 0x830, 2ull << 32 | 0x90);
	EXPECT_EQ(got(0x90), 0);
}

/* KVM_CAP_X2APIC_API: 32 bits of destination, and 255 may be one. */
static void x2_messages(void)
{
	world_new(3);
	world_apic(1)->has_x2 = true;
	um_lapic_set_base(world_apic(1), world_apic(1)->base | UM_APIC_BASE_X2);
	EXPECT_EQ(um_irq_msi(&irqs, 0x100fee01000, 0x80), 1);
	irqs.wide_ids = true;
	EXPECT(!um_msi_valid(&irqs, 0x1fee01000), "a reserved bit");
	EXPECT(um_msi_valid(&irqs, 0xffffff00fee01000), "no reserved bit");
	EXPECT_EQ(um_irq_msi(&irqs, 0x10000fee01000, 0x81), UM_IRQ_IGNORED);
	EXPECT_EQ(um_irq_msi(&irqs, 0xfee01000, 0x82), 1);
	EXPECT_EQ(um_irq_msi(&irqs, 0xfeeff000, 0x83), 3);
	EXPECT_EQ(um_irq_msi(&irqs, 0xffffff00feeff000, 0x84), 1);
	irqs.exact_ids = true;
	EXPECT_EQ(um_irq_msi(&irqs, 0xfeeff000, 0x85), 2);
	EXPECT_EQ(got(0x85), 5);
	irqs.wide_ids = false;
	irqs.exact_ids = false;
}

static void nmi_init_sipi(void)
{
	world_new(3);
	ipi(0, 1, NMI | ASSERT);
	EXPECT_EQ(world[1].nmis, 1);
	ipi(0, 0, OTHERS | NMI | ASSERT);
	EXPECT_EQ(world[0].nmis, 0);
	EXPECT_EQ(world[1].nmis, 2);
	EXPECT_EQ(world[2].nmis, 1);
	/* An APIC that software disabled takes these all the same. */
	apic_write(2, UM_LAPIC_SPIV, 0xff);
	ipi(0, 2, SIPI | ASSERT | 0x10);
	EXPECT_EQ(world[2].apic.events, BIT(UM_EVENT_SIPI));
	ipi(0, 2, INIT | ASSERT | LEVEL);
	EXPECT_EQ(world[2].apic.events, BIT(UM_EVENT_INIT));
	ipi(0, 2, INIT | LEVEL); /* de-assert does nothing */
	ipi(0, 2, SIPI | ASSERT | 0x9f);
	EXPECT_EQ(world[2].apic.events,
		  BIT(UM_EVENT_INIT) | BIT(UM_EVENT_SIPI));
	EXPECT_EQ(world[2].apic.sipi_vector, 0x9f);
	world[2].apic.events = 0;
	ipi(0, 2, INIT | LEVEL);
	EXPECT_EQ(world[2].apic.events, 0);
	ipi(0, 2, INIT | ASSERT); /* as an edge */
	EXPECT_EQ(world[2].apic.events, BIT(UM_EVENT_INIT));
	/* One that is off hears nothing. */
	um_lapic_set_base(world_apic(1), UM_APIC_BASE_DEFAULT);
	ipi(0, 1, INIT | ASSERT);
	EXPECT_EQ(world[1].apic.events, 0);
}

static void lowest_takes_turns(void)
{
	unsigned int i, n[4] = {};

	world_new(4);
	for (i = 0; i < 4; i++)
		apic_write(i, UM_LAPIC_LDR, 1u << (24 + i));
	apic_write(3, UM_LAPIC_SPIV, 0xff); /* disabled: no candidate */
	for (i = 0; i < 30; i++) {
		u32 who;

		ipi(0, 0x0f, LOGICAL | LOWEST | 0x80);
		who = got(0x80);
		EXPECT(who && !(who & (who - 1)), "0x%x got it", who);
		n[__builtin_ctz(who)]++;
	}
	EXPECT_EQ(n[0], 10);
	EXPECT_EQ(n[1], 10);
	EXPECT_EQ(n[2], 10);
}

static void fixed_is_an_edge(void)
{
	world_new(2);
	ipi(0, 1, ASSERT | LEVEL | 0x80);
	EXPECT_EQ(apic_read(1, UM_LAPIC_TMR + 0x40), 0);
	EXPECT_EQ(got(0x80), 2);
	ipi(0, 1, LEVEL | 0x80); /* SDM: the level bit is for INIT */
	EXPECT_EQ(got(0x80), 2);
	EXPECT_EQ(apic_read(0, UM_LAPIC_ICR) & BIT(12), 0);
}

static void kicks_who_gets_it(void)
{
	world_new(3);
	ipi(0, 1, 0x80);
	EXPECT_EQ(world[1].kicks, 1);
	EXPECT_EQ(world[2].kicks, 0);
	EXPECT_EQ(world[1].works, 0);
	ipi(0, 2, INIT | ASSERT);
	EXPECT_EQ(world[2].works, 1);
	ipi(0, 2, SIPI | ASSERT | 0x10);
	EXPECT_EQ(world[2].works, 2);
}

/* Numbers that KVM_SIGNAL_MSI returns. */
static void msi(void)
{
	world_new(3);
	EXPECT_EQ(um_irq_msi(&irqs, 0xfee01000, 0x80), 1);
	EXPECT_EQ(got(0x80), 2);
	EXPECT_EQ(um_irq_msi(&irqs, 0xfeeff000, 0x81), 3);
	EXPECT_EQ(got(0x81), 7);
	EXPECT_EQ(um_irq_msi(&irqs, 0xfee07000, 0x82), UM_IRQ_IGNORED);
	apic_write(1, UM_LAPIC_SPIV, 0xff);
	EXPECT_EQ(um_irq_msi(&irqs, 0xfee01000, 0x80), 0);
	/* Level: the EOI will be told. */
	EXPECT_EQ(um_irq_msi(&irqs, 0xfee00000, 0xc084), 1);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMR + 0x40), 1 << 4);
	/* Hint: one of them */
	EXPECT_EQ(um_irq_msi(&irqs, 0xfeeff008, 0x85), 1);
	um_irq_msi(&irqs, 0xfee02000, 0x400);
	EXPECT_EQ(world[2].nmis, 1);
}

int main(void)
{
	TEST(physical);
	TEST(shorthands);
	TEST(logical_flat);
	TEST(logical_cluster);
	TEST(x2_destinations);
	TEST(x2_ids);
	TEST(x2_messages);
	TEST(nmi_init_sipi);
	TEST(lowest_takes_turns);
	TEST(fixed_is_an_edge);
	TEST(kicks_who_gets_it);
	TEST(msi);
	return world_done();
}
