// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254 against the data sheet: counts, outputs, latches; the ticks of
 * counter 0 and how they are made up for.
 */
#include "world.h"

#include <string.h>

#define TICKS(n) ((n) * 1000000000ull / UM_PIT_HZ + 1)

static void out(u16 port, u8 val)
{
	um_pit_write(&irqs, port, val);
}

static u8 in(u16 port)
{
	return um_pit_read(&irqs, port);
}

/* IRQ 0 is vector 0x30 on CPU 0, through the IO-APIC. */
static void setup(void)
{
	world_new(1);
	um_pit_init(&irqs, true);
	irqs.has_pit = true;
	ioapic_redir(0, 0x30);
}

static void load(int ch, u8 mode, u16 count)
{
	out(0x43, ch << 6 | 0x30 | mode << 1);
	out(0x40 + ch, count);
	out(0x40 + ch, count >> 8);
}

static u16 count(int ch)
{
	u8 low = in(0x40 + ch);

	return low | in(0x40 + ch) << 8;
}

static u8 status(int ch)
{
	out(0x43, 0xe0 | 2 << ch);
	return in(0x40 + ch);
}

static void counts_down(void)
{
	setup();
	load(2, 0, 1000);
	EXPECT_EQ(count(2), 1000);
	world_pass(TICKS(400));
	EXPECT_EQ(count(2), 600);
	EXPECT_EQ(status(2), 0x30);
	world_pass(TICKS(600));
	EXPECT_EQ(status(2), 0xb0);
	world_pass(TICKS(10));
	EXPECT(count(2) > 0xff00, "mode 0 goes on below zero: %u", count(2));
}

static void rate_generator(void)
{
	setup();
	load(2, 2, 1000);
	world_pass(TICKS(1400));
	EXPECT_EQ(count(2), 600);
	EXPECT_EQ(status(2), 0xb4);
	world_pass(TICKS(599));
	EXPECT_EQ(status(2), 0x34); /* low for the last tick */
}

static void square_wave(void)
{
	setup();
	load(2, 3, 1000);
	EXPECT_EQ(status(2), 0xb6);
	world_pass(TICKS(100));
	EXPECT_EQ(count(2), 800);
	world_pass(TICKS(450));
	EXPECT_EQ(status(2), 0x36);
	EXPECT_EQ(count(2), 900);
	load(2, 3, 0); /* the largest */
	world_pass(TICKS(16384));
	EXPECT_EQ(count(2), 0x8000);
}

static void latches(void)
{
	setup();
	load(2, 2, 0x1234);
	out(0x43, 0x80);
	world_pass(TICKS(100));
	out(0x43, 0x80); /* the first one holds */
	EXPECT_EQ(count(2), 0x1234);
	EXPECT_EQ(count(2), 0x1234 - 100);
	/* read-back of status and count: status comes first */
	out(0x43, 0xc8);
	EXPECT_EQ(in(0x42), 0xb4);
	EXPECT_EQ(count(2), 0x1234 - 100);
	/* of three at once */
	load(1, 2, 0x100);
	out(0x43, 0xde);
	world_pass(TICKS(16));
	EXPECT_EQ(count(1), 0x100);
}

static void byte_accesses(void)
{
	setup();
	out(0x43, 0x94); /* counter 2, low byte */
	out(0x42, 0x80);
	EXPECT_EQ(in(0x42), 0x80);
	EXPECT_EQ(in(0x42), 0x80);
	out(0x43, 0xa4); /* high byte */
	out(0x42, 0x12);
	EXPECT_EQ(in(0x42), 0x12);
	world_pass(TICKS(1));
	EXPECT_EQ(in(0x42), 0x11);
	/* a control word begins anew */
	out(0x43, 0xb4);
	out(0x42, 0x34);
	out(0x43, 0xb4);
	out(0x42, 0x78);
	out(0x42, 0x56);
	EXPECT_EQ(count(2), 0x5678);
	out(0x43, 0xbc); /* mode 6 is 2 */
	EXPECT_EQ(status(2) & 0x3f, 0x34);
}

static void gate_and_speaker(void)
{
	u8 refresh;

	setup();
	EXPECT_EQ(in(0x61) & 3, 0);
	out(0x61, 3);
	EXPECT_EQ(in(0x61) & 3, 3);
	load(2, 0, 1000);
	EXPECT_EQ(in(0x61) & 0x20, 0);
	world_pass(TICKS(1000));
	EXPECT_EQ(in(0x61) & 0x20, 0x20);
	/* a rising gate starts modes 2 and 3 anew */
	load(2, 2, 1000);
	world_pass(TICKS(300));
	out(0x61, 0);
	out(0x61, 1);
	EXPECT_EQ(count(2), 1000);
	refresh = in(0x61) & 0x10;
	world_pass(1 << 14);
	EXPECT_EQ(in(0x61) & 0x10, refresh ^ 0x10);
}

static void one_tick(void)
{
	setup();
	load(0, 0, 1193);
	world_pass(TICKS(1190));
	EXPECT_EQ(apic_serve(0), -1);
	world_pass(TICKS(4));
	EXPECT_EQ(apic_serve(0), 0x30);
	world_pass(100 * MS);
	EXPECT_EQ(apic_serve(0), -1);
}

static void periodic_ticks(void)
{
	int n = 0, i;

	setup();
	load(0, 2, 11932); /* 100 Hz */
	for (i = 0; i < 1000; i++) {
		world_pass(1 * MS);
		n += apic_serve(0) == 0x30;
	}
	EXPECT(n >= 99 && n <= 100, "%d ticks in a second", n);
}

/* A guest that asks for a tick each microsecond. */
static void ticks_are_limited(void)
{
	int n = 0, i;

	setup();
	load(0, 2, 1);
	for (i = 0; i < 10000; i++) {
		world_pass(10 * US);
		n += apic_serve(0) == 0x30;
	}
	EXPECT(n <= 500, "%d ticks in 100 ms", n);
}

static void reinjection(void)
{
	int n;

	setup();
	load(0, 2, 1193); /* 1000 Hz */
	world_pass(10 * MS + 100 * US);
	for (n = 0; apic_serve(0) == 0x30; n++)
		;
	EXPECT_EQ(n, 10); /* none is lost */
	um_pit_set_reinject(&irqs, false);
	world_pass(10 * MS);
	for (n = 0; apic_serve(0) == 0x30; n++)
		;
	EXPECT_EQ(n, 1);
}

/* Masked for long: the ticks of that time do not come at once. */
static void unmasking(void)
{
	int n;

	setup();
	ioapic_redir(0, UM_REDIR_MASKED | 0x30);
	um_pic_write(&irqs, 0x21, 0xff);
	load(0, 2, 1193);
	world_pass(100 * MS);
	ioapic_redir(0, 0x30);
	world_pass(2 * MS + 500 * US);
	for (n = 0; apic_serve(0) == 0x30; n++)
		;
	EXPECT(n >= 2 && n <= 3, "%d ticks", n);
}

static void through_the_pic(void)
{
	setup();
	ioapic_redir(0, UM_REDIR_MASKED);
	um_pic_write(&irqs, 0x20, 0x11);
	um_pic_write(&irqs, 0x21, 0x20);
	um_pic_write(&irqs, 0x21, 0x04);
	um_pic_write(&irqs, 0x21, 0x01);
	load(0, 2, 1193);
	world_pass(3 * MS);
	EXPECT_EQ(um_pic_take(&irqs), 0x20);
	EXPECT_EQ(um_pic_take(&irqs), -1);
	um_pic_write(&irqs, 0x20, 0x20);
	EXPECT_EQ(um_pic_take(&irqs), 0x20);
}

static void nmi_watchdog(void)
{
	setup();
	apic_write(0, UM_LAPIC_LVT0, 0x400);
	load(0, 2, 11932);
	world_pass(50 * MS);
	EXPECT(world[0].nmis >= 4, "%u NMIs", world[0].nmis);
}

static void with_hpet(void)
{
	struct kvm_pit_state2 s;

	setup();
	load(0, 2, 1193);
	um_pit_save(&irqs, &s);
	s.flags = KVM_PIT_FLAGS_HPET_LEGACY;
	um_pit_load(&irqs, &s);
	EXPECT_EQ(pit_timer, 0);
	load(0, 2, 1193);
	EXPECT_EQ(pit_timer, 0);
	um_pit_save(&irqs, &s);
	EXPECT_EQ(s.flags, KVM_PIT_FLAGS_HPET_LEGACY);
	s.flags = 0;
	um_pit_load(&irqs, &s);
	world_pass(2 * MS);
	EXPECT_EQ(apic_serve(0), 0x30);
}

static void state_round_trip(void)
{
	struct kvm_pit_state2 a, b;
	int i;

	setup();
	load(0, 2, 1193);
	load(2, 3, 4711);
	out(0x43, 0x80);
	in(0x42); /* half of the latch */
	out(0x40, 0x12); /* half of a count */
	out(0x61, 3);
	um_pit_save(&irqs, &a);
	um_pit_load(&irqs, &a);
	um_pit_save(&irqs, &b);
	for (i = 0; i < 3; i++)
		b.channels[i].count_load_time = a.channels[i].count_load_time;
	EXPECT(!memcmp(&a, &b, sizeof(a)), "differs after a round trip");
	out(0x40, 0x34);
	um_pit_save(&irqs, &b);
	EXPECT_EQ(b.channels[0].count, 0x3412);
}

static void hostile_state(void)
{
	struct kvm_pit_state2 a;
	int i;

	setup();
	for (i = 0; i < 3; i++) {
		memset(&a, i ? 0xff : 0, sizeof(a));
		if (i == 2)
			a.channels[0].mode = 2;
		um_pit_load(&irqs, &a);
		count(0);
		count(2);
		in(0x61);
		EXPECT(!pit_timer || pit_timer >= now + 200 * US,
		       "a tick in %llu ns", pit_timer - now);
	}
	memset(&a, 0, sizeof(a));
	a.channels[0].mode = 2;
	a.channels[0].count = 1;
	um_pit_load(&irqs, &a);
	EXPECT(pit_timer >= now + 200 * US, "a tick in %llu ns",
	       pit_timer - now);
}

int main(void)
{
	TEST(counts_down);
	TEST(rate_generator);
	TEST(square_wave);
	TEST(latches);
	TEST(byte_accesses);
	TEST(gate_and_speaker);
	TEST(one_tick);
	TEST(periodic_ticks);
	TEST(ticks_are_limited);
	TEST(reinjection);
	TEST(unmasking);
	TEST(through_the_pic);
	TEST(nmi_watchdog);
	TEST(with_hpet);
	TEST(state_round_trip);
	TEST(hostile_state);
	return world_done();
}
