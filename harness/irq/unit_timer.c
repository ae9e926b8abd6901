// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer: SDM, "APIC Timer". Counts are nanoseconds times the
 * divider, unless user space gave the bus another clock.
 */
#include "world.h"

#define ONE_SHOT 0xec
#define PERIODIC (UM_LVTT_PERIODIC | 0xec)
#define DEADLINE (UM_LVTT_DEADLINE | 0xec)
#define BY_1 0xb

static void setup(u32 lvtt)
{
	world_new(1);
	world_apic(0)->has_deadline = true;
	apic_write(0, UM_LAPIC_TDCR, BY_1);
	apic_write(0, UM_LAPIC_LVTT, lvtt);
}

static void deadline_write(u64 ns)
{
	um_lapic_deadline_write(world_apic(0), (now + ns) * TSC_PER_NS);
}

static void one_shot(void)
{
	setup(ONE_SHOT);
	apic_write(0, UM_LAPIC_TMICT, 5 * MS);
	world_pass(2 * MS);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 3 * MS);
	EXPECT_EQ(apic_take(0), -1);
	world_pass(3 * MS - 1);
	EXPECT_EQ(apic_take(0), -1);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 1);
	world[0].kicks = 0;
	world_pass(1);
	EXPECT(world[0].kicks, "expired and nobody was told");
	EXPECT_EQ(apic_serve(0), 0xec);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMICT), 5 * MS);
	world_pass(50 * MS);
	EXPECT_EQ(apic_take(0), -1);
	EXPECT_EQ(world[0].timer, 0);
}

static void dividers(void)
{
	static const struct { u32 tdcr, by; } d[] = {
		{ 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 },
		{ 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(d) / sizeof(d[0]); i++) {
		setup(ONE_SHOT);
		apic_write(0, UM_LAPIC_TDCR, d[i].tdcr);
		apic_write(0, UM_LAPIC_TMICT, 1000);
		world_pass(1000 * d[i].by - 1);
		EXPECT_EQ(apic_take(0), -1);
		world_pass(1);
		EXPECT_EQ(apic_serve(0), 0xec);
	}
}

/* Of 25 MHz: each count takes 40 ns times the divider. */
static void bus_clock(void)
{
	setup(ONE_SHOT);
	irqs.bus_ns = 40;
	apic_write(0, UM_LAPIC_TDCR, 0x1); /* by 4 */
	apic_write(0, UM_LAPIC_TMICT, 1000);
	world_pass(160000 - 160);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 1);
	world_pass(159);
	EXPECT_EQ(apic_take(0), -1);
	world_pass(1);
	EXPECT_EQ(apic_serve(0), 0xec);
	apic_write(0, UM_LAPIC_LVTT, PERIODIC);
	apic_write(0, UM_LAPIC_TMICT, 10000);
	world_pass(1600000 - 1);
	EXPECT_EQ(apic_take(0), -1);
	world_pass(1);
	EXPECT_EQ(apic_serve(0), 0xec);
	world_pass(1600000);
	EXPECT_EQ(apic_serve(0), 0xec);
}

/* The longest that can be said does not come round. */
static void slowest_bus(void)
{
	setup(ONE_SHOT);
	irqs.bus_ns = ~0ull / 128 / ~0u;
	apic_write(0, UM_LAPIC_TDCR, 0xa); /* by 128 */
	apic_write(0, UM_LAPIC_TMICT, ~0u);
	world_pass(1ull << 59);
	EXPECT_EQ(apic_take(0), -1);
	EXPECT(apic_read(0, UM_LAPIC_TMCCT), "has come round");
	apic_write(0, UM_LAPIC_TMICT, 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 0);
}

static void divider_on_the_way(void)
{
	setup(ONE_SHOT);
	apic_write(0, UM_LAPIC_TMICT, 4 * MS);
	world_pass(1 * MS);
	apic_write(0, UM_LAPIC_TDCR, 0); /* by 2 */
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 3 * MS);
	world_pass(6 * MS - 1);
	EXPECT_EQ(apic_take(0), -1);
	world_pass(1);
	EXPECT_EQ(apic_take(0), 0xec);
}

static void periodic(void)
{
	int i;

	setup(PERIODIC);
	apic_write(0, UM_LAPIC_TMICT, 3 * MS);
	for (i = 0; i < 5; i++) {
		world_pass(1 * MS);
		EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 2 * MS);
		EXPECT_EQ(apic_take(0), -1);
		world_pass(2 * MS);
		EXPECT_EQ(apic_serve(0), 0xec);
	}
	/* Several while nobody looked are one interrupt. */
	world_pass(10 * MS);
	EXPECT_EQ(apic_serve(0), 0xec);
	EXPECT_EQ(apic_serve(0), -1);
	apic_write(0, UM_LAPIC_TMICT, 0);
	EXPECT_EQ(world[0].timer, 0);
	world_pass(10 * MS);
	EXPECT_EQ(apic_take(0), -1);
}

/* A guest that asks for each nanosecond gets 5000 a second. */
static void period_is_limited(void)
{
	u64 until;
	int n = 0;

	setup(PERIODIC);
	apic_write(0, UM_LAPIC_TMICT, 1);
	for (until = now + 100 * MS; now < until; world_pass(50 * US))
		n += apic_serve(0) == 0xec;
	EXPECT(n >= 499 && n <= 500, "%d in 100 ms", n);
	/* nor by a change of the divider on the way */
	apic_write(0, UM_LAPIC_TMICT, 2);
	apic_write(0, UM_LAPIC_TDCR, 0);
	apic_write(0, UM_LAPIC_TDCR, BY_1);
	EXPECT(!world[0].timer || world[0].timer >= now + 200 * US,
	       "due in %llu ns", world[0].timer - now);
}

/* Nobody looked for many periods: they are not made up for. */
static void late_look(void)
{
	u64 start;

	setup(PERIODIC);
	start = now;
	apic_write(0, UM_LAPIC_TMICT, 1 * MS);
	now += 100 * MS + 300 * US;
	EXPECT_EQ(apic_serve(0), 0xec);
	EXPECT_EQ(apic_serve(0), -1);
	EXPECT_EQ(world[0].timer, start + 101 * MS);
}

/* Late or not, the times stay where they are. */
static void no_drift(void)
{
	u64 start;
	int i;

	setup(PERIODIC);
	start = now;
	apic_write(0, UM_LAPIC_TMICT, 1 * MS);
	for (i = 1; i <= 50; i++) {
		now = start + i * MS + i * 19 % 400 * US;
		EXPECT_EQ(apic_serve(0), 0xec);
		EXPECT_EQ(world[0].timer, start + (i + 1) * MS);
	}
}

/* What has expired is the guest's, also when nobody looked before it went on. */
static void written_too_late(void)
{
	setup(ONE_SHOT);
	apic_write(0, UM_LAPIC_TMICT, 1 * MS);
	now += 1 * MS;
	apic_write(0, UM_LAPIC_TMICT, 2 * MS);
	EXPECT_EQ(apic_serve(0), 0xec);
	EXPECT_EQ(apic_serve(0), -1);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 2 * MS);
	now += 2 * MS;
	apic_write(0, UM_LAPIC_LVTT, UM_LVT_MASKED | ONE_SHOT);
	EXPECT_EQ(apic_serve(0), 0xec);
	setup(DEADLINE);
	deadline_write(1 * MS);
	now += 1 * MS;
	um_lapic_deadline_write(world_apic(0), 0);
	EXPECT_EQ(apic_serve(0), 0xec);
	EXPECT_EQ(apic_serve(0), -1);
}

static void masked(void)
{
	setup(ONE_SHOT | UM_LVT_MASKED);
	apic_write(0, UM_LAPIC_TMICT, 1 * MS);
	world_pass(500 * US);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 500 * US);
	world_pass(1 * MS);
	EXPECT_EQ(apic_take(0), -1);
	apic_write(0, UM_LAPIC_LVTT, ONE_SHOT);
	EXPECT_EQ(apic_take(0), -1); /* it is lost */
}

static void vector_by_the_last_word(void)
{
	setup(ONE_SHOT);
	apic_write(0, UM_LAPIC_TMICT, 1 * MS);
	apic_write(0, UM_LAPIC_LVTT, 0xed);
	world_pass(1 * MS);
	EXPECT_EQ(apic_serve(0), 0xed);
}

static void deadline(void)
{
	struct um_lapic *apic = world_apic(0);

	setup(DEADLINE);
	deadline_write(2 * MS);
	EXPECT_EQ(um_lapic_deadline_read(apic), (now + 2 * MS) * TSC_PER_NS);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 0);
	world_pass(2 * MS - 1);
	EXPECT_EQ(apic_take(0), -1);
	world_pass(2);
	EXPECT_EQ(apic_serve(0), 0xec);
	EXPECT_EQ(um_lapic_deadline_read(apic), 0);
	/* in the past: now */
	um_lapic_deadline_write(apic, 1);
	EXPECT_EQ(apic_serve(0), 0xec);
	/* 0 disarms */
	deadline_write(1 * MS);
	um_lapic_deadline_write(apic, 0);
	world_pass(2 * MS);
	EXPECT_EQ(apic_take(0), -1);
	/* the count means nothing here */
	apic_write(0, UM_LAPIC_TMICT, 1000);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMICT), 0);
	EXPECT_EQ(world[0].timer, 0);
	/* as far as can be */
	um_lapic_deadline_write(apic, ~0ull);
	world_pass(1000000 * MS);
	EXPECT_EQ(apic_serve(0), -1);
	EXPECT_EQ(um_lapic_deadline_read(apic), ~0ull);
}

static void tsc_moves(u64 ticks)
{
	world[0].tsc_offset += ticks;
	um_lapic_timer_tsc_set(world_apic(0));
}

/* A deadline is a time of the guest's clock, wherever that is set to. */
static void deadline_and_the_clock(void)
{
	setup(DEADLINE);
	deadline_write(4 * MS);
	tsc_moves(1 * MS * TSC_PER_NS);
	world_pass(3 * MS - 1);
	EXPECT_EQ(apic_serve(0), -1);
	world_pass(1);
	EXPECT_EQ(apic_serve(0), 0xec);
	deadline_write(4 * MS); /* the guest's clock is 1 ms ahead */
	tsc_moves(-2 * MS * TSC_PER_NS);
	world_pass(5 * MS - 1);
	EXPECT_EQ(apic_serve(0), -1);
	world_pass(1);
	EXPECT_EQ(apic_serve(0), 0xec);
	deadline_write(4 * MS);
	tsc_moves(10 * MS * TSC_PER_NS);
	EXPECT_EQ(apic_serve(0), 0xec);
	EXPECT_EQ(apic_serve(0), -1);
	/* one that had expired comes once, and the count does not care */
	deadline_write(10 * MS);
	now += 10 * MS;
	tsc_moves(-9 * MS * TSC_PER_NS);
	EXPECT_EQ(apic_serve(0), 0xec);
	EXPECT_EQ(world[0].timer, 0);
	setup(ONE_SHOT);
	apic_write(0, UM_LAPIC_TMICT, 4 * MS);
	tsc_moves(3 * MS * TSC_PER_NS);
	world_pass(4 * MS - 1);
	EXPECT_EQ(apic_serve(0), -1);
	world_pass(1);
	EXPECT_EQ(apic_serve(0), 0xec);
}

static void modes_do_not_mix(void)
{
	struct um_lapic *apic = world_apic(0);

	setup(ONE_SHOT);
	deadline_write(1 * MS);
	EXPECT_EQ(um_lapic_deadline_read(apic), 0);
	EXPECT_EQ(world[0].timer, 0);
	apic_write(0, UM_LAPIC_TMICT, 1 * MS);
	apic_write(0, UM_LAPIC_LVTT, DEADLINE);
	EXPECT_EQ(world[0].timer, 0);
	deadline_write(1 * MS);
	apic_write(0, UM_LAPIC_LVTT, PERIODIC);
	EXPECT_EQ(world[0].timer, 0);
	world_pass(10 * MS);
	EXPECT_EQ(apic_take(0), -1);
	/* The mode is there only where CPUID has it. */
	setup(ONE_SHOT);
	apic->has_deadline = false;
	apic_write(0, UM_LAPIC_LVTT, DEADLINE);
	EXPECT_EQ(apic_read(0, UM_LAPIC_LVTT), ONE_SHOT);
}

static void deadline_disabled_apic(void)
{
	setup(DEADLINE);
	deadline_write(1 * MS);
	um_lapic_set_base(world_apic(0), UM_APIC_BASE_DEFAULT);
	world_pass(2 * MS);
	EXPECT_EQ(apic_take(0), -1);
	deadline_write(1 * MS);
	EXPECT_EQ(world[0].timer, 0);
}

static void reset_stops_it(void)
{
	setup(PERIODIC);
	apic_write(0, UM_LAPIC_TMICT, 1 * MS);
	world_pass(1 * MS);
	um_lapic_reset(world_apic(0));
	EXPECT_EQ(world[0].timer, 0);
	apic_write(0, UM_LAPIC_SPIV, 0x1ff);
	EXPECT_EQ(apic_take(0), -1);
}

/* A restored one-shot that had expired does not come again. */
static void restore_expired(void)
{
	struct kvm_lapic_state state;

	setup(ONE_SHOT);
	apic_write(0, UM_LAPIC_TMICT, 1 * MS);
	world_pass(2 * MS);
	EXPECT_EQ(apic_serve(0), 0xec);
	um_lapic_save(world_apic(0), &state);
	um_lapic_load(world_apic(0), &state);
	world_pass(10 * MS);
	EXPECT_EQ(apic_take(0), -1);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMICT), 1 * MS);
}

int main(void)
{
	TEST(one_shot);
	TEST(dividers);
	TEST(bus_clock);
	TEST(slowest_bus);
	TEST(divider_on_the_way);
	TEST(periodic);
	TEST(period_is_limited);
	TEST(late_look);
	TEST(no_drift);
	TEST(written_too_late);
	TEST(masked);
	TEST(vector_by_the_last_word);
	TEST(deadline);
	TEST(deadline_and_the_clock);
	TEST(modes_do_not_mix);
	TEST(deadline_disabled_apic);
	TEST(reset_stops_it);
	TEST(restore_expired);
	return world_done();
}
