// SPDX-License-Identifier: GPL-2.0
/*
 * A local APIC against the SDM, "Advanced Programmable Interrupt Controller":
 * priorities, end of interrupt, registers, both modes, its state.
 */
#include "world.h"

#include <string.h>

static void send(int i, u8 vector, bool level)
{
	struct um_irq_msg msg = { .vector = vector, .level = level,
				  .assert = true };

	um_lapic_accept(world_apic(i), &msg);
}

static void reset_values(void)
{
	world_new(1);
	um_lapic_init(world_apic(0), &irqs, 0, true);
	EXPECT_EQ(apic_read(0, UM_LAPIC_VERSION), 0x00050014);
	EXPECT_EQ(apic_read(0, UM_LAPIC_SPIV), 0xff);
	EXPECT_EQ(apic_read(0, UM_LAPIC_DFR), 0xffffffff);
	EXPECT_EQ(apic_read(0, UM_LAPIC_LDR), 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TPR), 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_LVTT), 0x10000);
	EXPECT_EQ(apic_read(0, UM_LAPIC_LVT1), 0x10000);
	EXPECT_EQ(apic_read(0, UM_LAPIC_LVT0), 0x700);
	um_lapic_init(world_apic(1), &irqs, 1, false);
	EXPECT_EQ(apic_read(1, UM_LAPIC_LVT0), 0x10000);
	EXPECT_EQ(apic_read(1, UM_LAPIC_ID), 0x01000000);
}

static void priorities(void)
{
	world_new(1);
	send(0, 0x31, false);
	send(0, 0x42, false);
	EXPECT_EQ(apic_take(0), 0x42);
	EXPECT_EQ(apic_read(0, UM_LAPIC_PPR), 0x40);
	EXPECT_EQ(apic_take(0), -1);
	send(0, 0x4f, false); /* of the same class: waits */
	EXPECT_EQ(apic_take(0), -1);
	send(0, 0x50, false);
	EXPECT_EQ(apic_take(0), 0x50);
	um_lapic_eoi(world_apic(0));
	EXPECT_EQ(apic_read(0, UM_LAPIC_PPR), 0x40);
	um_lapic_eoi(world_apic(0));
	EXPECT_EQ(apic_serve(0), 0x4f);
	EXPECT_EQ(apic_serve(0), 0x31);
	EXPECT_EQ(apic_read(0, UM_LAPIC_PPR), 0);
}

static void task_priority(void)
{
	world_new(1);
	apic_write(0, UM_LAPIC_TPR, 0x4b);
	send(0, 0x4f, false);
	EXPECT_EQ(apic_take(0), -1);
	EXPECT_EQ(apic_read(0, UM_LAPIC_PPR), 0x4b);
	world[0].kicks = 0;
	apic_write(0, UM_LAPIC_TPR, 0x3f);
	EXPECT(world[0].kicks, "a lower priority lets it in unnoticed");
	EXPECT_EQ(apic_take(0), 0x4f);
	EXPECT_EQ(apic_read(0, UM_LAPIC_PPR), 0x40);
	apic_write(0, UM_LAPIC_TPR, 0x48);
	EXPECT_EQ(apic_read(0, UM_LAPIC_PPR), 0x48);
}

static void merges_while_pending(void)
{
	world_new(1);
	send(0, 0x60, false);
	send(0, 0x60, false);
	EXPECT_EQ(apic_take(0), 0x60);
	send(0, 0x60, false); /* one in service, one pending */
	EXPECT_EQ(apic_read(0, UM_LAPIC_ISR + 0x30), 1);
	EXPECT_EQ(apic_read(0, UM_LAPIC_IRR + 0x30), 1);
	um_lapic_eoi(world_apic(0));
	EXPECT_EQ(apic_serve(0), 0x60);
	EXPECT_EQ(apic_serve(0), -1);
}

static void trigger_mode(void)
{
	world_new(1);
	send(0, 0x61, true);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMR + 0x30), 2);
	send(0, 0x61, false);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMR + 0x30), 0);
}

static void illegal_vectors(void)
{
	world_new(1);
	apic_write(0, UM_LAPIC_LVT_ERROR, 0xfe);
	send(0, 15, false);
	EXPECT_EQ(apic_read(0, UM_LAPIC_ESR), 0);
	apic_write(0, UM_LAPIC_ESR, 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_ESR), 1 << UM_ESR_RECV_VECTOR);
	apic_write(0, UM_LAPIC_ESR, 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_ESR), 0);
	EXPECT_EQ(apic_serve(0), 0xfe);
	/* The error's own vector is one: it ends there. */
	apic_write(0, UM_LAPIC_LVT_ERROR, 3);
	send(0, 15, false);
	EXPECT_EQ(apic_serve(0), -1);
	apic_write(0, UM_LAPIC_ICR, 5 | 1 << 18);
	apic_write(0, UM_LAPIC_ESR, 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_ESR), 1 << UM_ESR_RECV_VECTOR |
		  1 << UM_ESR_SEND_VECTOR);
}

static void illegal_registers(void)
{
	world_new(1);
	apic_read(0, 0x000);
	apic_write(0, UM_LAPIC_ESR, 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_ESR), 1 << UM_ESR_REGISTER);
	apic_write(0, 0x3d0, 1);
	apic_write(0, UM_LAPIC_ESR, 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_ESR), 1 << UM_ESR_REGISTER);
	/* Read-only is not illegal. */
	apic_write(0, UM_LAPIC_VERSION, 1);
	apic_write(0, UM_LAPIC_ESR, 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_ESR), 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_VERSION), 0x00050014);
}

static void software_disable(void)
{
	world_new(1);
	apic_write(0, UM_LAPIC_LVT1, 0x55);
	send(0, 0x70, false);
	apic_write(0, UM_LAPIC_SPIV, 0xff);
	EXPECT_EQ(apic_read(0, UM_LAPIC_LVT1), 0x10055);
	apic_write(0, UM_LAPIC_LVT1, 0x56);
	EXPECT_EQ(apic_read(0, UM_LAPIC_LVT1), 0x10056);
	send(0, 0x71, false);
	EXPECT(!apic_irr(0, 0x71), "taken while disabled");
	EXPECT_EQ(apic_serve(0), 0x70); /* what was there is held */
}

static void hardware_disable(void)
{
	u64 val = 0;

	world_new(1);
	send(0, 0x70, false);
	um_lapic_set_base(world_apic(0), UM_APIC_BASE_DEFAULT);
	EXPECT_EQ(apic_take(0), -1);
	EXPECT_EQ(apic_read(0, UM_LAPIC_VERSION), 0xffffffff);
	EXPECT(um_lapic_takes_extint(world_apic(0)), "no wire to the PIC");
	EXPECT(!um_lapic_x2_read(world_apic(0), 0x802, &val),
	       "an MSR of an APIC that is off");
}

static void writable_bits(void)
{
	static const struct {
		u32 offset, val;
	} all_ones[] = {
		{ UM_LAPIC_TPR, 0xff },
		{ UM_LAPIC_LDR, 0xff000000 },
		{ UM_LAPIC_SPIV, 0x3ff },
		{ UM_LAPIC_ICR2, 0xff000000 },
		{ UM_LAPIC_LVT_ERROR, 0x100ff },
		{ UM_LAPIC_LVT_PERF, 0x107ff },
		{ UM_LAPIC_LVT_THERMAL, 0x107ff },
		{ UM_LAPIC_LVT0, 0x1a7ff },
		{ UM_LAPIC_LVT1, 0x1a7ff },
		{ UM_LAPIC_LVTT, 0x300ff },
		{ UM_LAPIC_TDCR, 0xb },
	};
	unsigned int i;

	world_new(1);
	for (i = 0; i < sizeof(all_ones) / sizeof(all_ones[0]); i++) {
		apic_write(0, all_ones[i].offset, ~0u);
		EXPECT(apic_read(0, all_ones[i].offset) == all_ones[i].val,
		       "register 0x%x is 0x%x", all_ones[i].offset,
		       apic_read(0, all_ones[i].offset));
	}
	apic_write(0, UM_LAPIC_DFR, 0);
	EXPECT_EQ(apic_read(0, UM_LAPIC_DFR), 0x0fffffff);
}

static void odd_accesses(void)
{
	u8 bytes[8];
	u16 half = 0xffff;

	world_new(1);
	um_lapic_page_read(world_apic(0), UM_LAPIC_VERSION, 1, bytes);
	EXPECT_EQ(bytes[0], 0x14);
	um_lapic_page_read(world_apic(0), UM_LAPIC_VERSION + 2, 1, bytes);
	EXPECT_EQ(bytes[0], 0x05);
	memset(bytes, 0x77, sizeof(bytes));
	um_lapic_page_read(world_apic(0), UM_LAPIC_VERSION, 8, bytes);
	EXPECT_EQ(bytes[0] | bytes[7], 0);
	um_lapic_page_write(world_apic(0), UM_LAPIC_TPR, 2, &half);
	EXPECT_EQ(apic_read(0, UM_LAPIC_TPR), 0);
}

static void to_x2(int i)
{
	struct um_lapic *apic = world_apic(i);

	apic->has_x2 = true;
	um_lapic_set_base(apic, apic->base | UM_APIC_BASE_X2);
}

static bool x2(u32 msr, u64 val)
{
	return um_lapic_x2_write(world_apic(0), msr, val);
}

static void x2_registers(void)
{
	u64 val;

	world_new(20);
	to_x2(0);
	to_x2(18);
	EXPECT(um_lapic_x2_read(world_apic(18), 0x802, &val) && val == 18,
	       "id is %llu", val);
	EXPECT(um_lapic_x2_read(world_apic(18), 0x80d, &val) &&
	       val == 0x10004, "logical id is 0x%llx", val);
	EXPECT(!um_lapic_x2_read(world_apic(0), 0x80e, &val), "has a DFR");
	EXPECT(!um_lapic_x2_read(world_apic(0), 0x831, &val), "has an ICR2");
	EXPECT(!x2(0x80d, 1), "logical id written");
	EXPECT(!x2(0x802, 1), "id written");
	EXPECT(x2(0x80b, 0) && !x2(0x80b, 1), "EOI is of 0 only");
	EXPECT(x2(0x828, 0) && !x2(0x828, 1), "ESR is of 0 only");
	EXPECT(x2(0x808, 0xff) && !x2(0x808, 0x100), "TPR has 8 bits");
	EXPECT(!x2(0x80f, 1ull << 32 | 0x1ff), "upper half of SPIV");
	EXPECT(x2(0x808, 0), "TPR");
	EXPECT(x2(0x83f, 0x41) && apic_take(0) == 0x41, "self IPI");
	EXPECT(x2(0x830, 18ull << 32 | 0x42) && apic_take(18) == 0x42, "ICR");
	EXPECT(um_lapic_x2_read(world_apic(0), 0x830, &val) &&
	       val == (18ull << 32 | 0x42), "ICR is 0x%llx", val);
	EXPECT_EQ(apic_read(0, UM_LAPIC_VERSION), 0xffffffff);
}

static void base_transitions(void)
{
	const u64 off = UM_APIC_BASE_DEFAULT, on = off | UM_APIC_BASE_ON;
	const u64 both = on | UM_APIC_BASE_X2;
	struct um_lapic *apic = world_apic(0);

	world_new(1);
	EXPECT(!um_lapic_base_valid(apic, both, true), "without CPUID");
	apic->has_x2 = true;
	EXPECT(um_lapic_base_valid(apic, both, true), "xAPIC to x2APIC");
	EXPECT(!um_lapic_base_valid(apic, off | UM_APIC_BASE_X2, false),
	       "x2APIC that is off");
	um_lapic_set_base(apic, both);
	EXPECT(!um_lapic_base_valid(apic, on, true), "x2APIC to xAPIC");
	EXPECT(um_lapic_base_valid(apic, on, false), "by user space");
	EXPECT(um_lapic_base_valid(apic, off, true), "x2APIC to off");
	um_lapic_set_base(apic, off);
	EXPECT(!um_lapic_base_valid(apic, both, true), "off to x2APIC");
	EXPECT(um_lapic_base_valid(apic, on, true), "off to xAPIC");
}

static void state_round_trip(void)
{
	struct kvm_lapic_state a, b;

	world_new(2);
	apic_write(0, UM_LAPIC_TPR, 0x20);
	apic_write(0, UM_LAPIC_LDR, 0x01000000);
	apic_write(0, UM_LAPIC_LVT1, 0x400);
	apic_write(0, UM_LAPIC_TDCR, 0xb);
	apic_write(0, UM_LAPIC_LVTT, 0x200ec);
	apic_write(0, UM_LAPIC_TMICT, 50000000);
	send(0, 0x91, true);
	apic_take(0);
	send(0, 0xd3, false);
	world_pass(20 * MS);
	um_lapic_save(world_apic(0), &a);
	um_lapic_init(world_apic(0), &irqs, 0, true);
	um_lapic_load(world_apic(0), &a);
	um_lapic_save(world_apic(0), &b);
	EXPECT(!memcmp(&a, &b, sizeof(a)), "differs after a round trip");
	EXPECT_EQ(apic_read(0, UM_LAPIC_TMCCT), 30000000);
	EXPECT_EQ(apic_take(0), 0xd3);
	world_pass(30 * MS);
	EXPECT_EQ(apic_take(0), 0xec);
	/* As it was born: disabled, LINT0 wired. */
	um_lapic_init(world_apic(0), &irqs, 0, true);
	um_lapic_save(world_apic(0), &a);
	um_lapic_load(world_apic(0), &a);
	EXPECT_EQ(apic_read(0, UM_LAPIC_LVT0), 0x700);
}

static void hostile_state(void)
{
	struct kvm_lapic_state a;
	int i;

	world_new(1);
	memset(&a, 0xff, sizeof(a));
	um_lapic_load(world_apic(0), &a);
	EXPECT_EQ(apic_read(0, UM_LAPIC_SPIV), 0x3ff);
	EXPECT_EQ(apic_read(0, UM_LAPIC_VERSION), 0x00050014);
	EXPECT_EQ(apic_take(0), -1);
	for (i = 255; i >= 0; i--)
		um_lapic_eoi(world_apic(0));
	EXPECT_EQ(apic_read(0, UM_LAPIC_ISR), 0);
	apic_write(0, UM_LAPIC_TPR, 0);
	for (i = 255; i >= 16; i--)
		EXPECT_EQ(apic_serve(0), i);
	EXPECT_EQ(apic_serve(0), -1); /* none below 16 */
}

static void init_keeps_the_mode(void)
{
	u64 val;

	world_new(20);
	to_x2(19);
	send(19, 0x40, false);
	um_lapic_reset(world_apic(19));
	EXPECT_EQ(apic_take(19), -1);
	EXPECT(um_lapic_x2_read(world_apic(19), 0x802, &val) && val == 19,
	       "INIT took x2APIC away");
}

int main(void)
{
	TEST(reset_values);
	TEST(priorities);
	TEST(task_priority);
	TEST(merges_while_pending);
	TEST(trigger_mode);
	TEST(illegal_vectors);
	TEST(illegal_registers);
	TEST(software_disable);
	TEST(hardware_disable);
	TEST(writable_bits);
	TEST(odd_accesses);
	TEST(x2_registers);
	TEST(base_transitions);
	TEST(state_round_trip);
	TEST(hostile_state);
	TEST(init_keeps_the_mode);
	return world_done();
}
