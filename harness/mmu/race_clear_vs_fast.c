// SPDX-License-Identifier: GPL-2.0
/*
 * A page is cleared while vCPUs make it writable again, and write by what their
 * TLBs remember; in each log mode, and while a huge page that was all dirty is
 * split for it.
 */
#include "race.h"

static void clear_all(struct world *world, struct cpu *cpu)
{
	race_clear(world, 0xf);
	race_clear(world, 0xf);
}

/* In the guest for several writes, so that its TLB matters. */
static void stay(struct world *world, struct cpu *cpu)
{
	bool fault;
	int i, k;

	for (i = 0; i < 4; i++) {
		fault = false;
		cpu_enter(cpu);
		for (k = 0; k < 8 && !fault && !READ_ONCE(cpu->kicked); k++)
			fault = !cpu_access(cpu, race_gfn(), UM_ACC_W);
		cpu_leave(cpu);
		if (fault)
			cpu_fault(cpu, NULL);
	}
}

static void all_set(struct world *world)
{
	host_collapse(world, RACE_GFN);
	slot_log(world, LOG_OFF);
	race_access(&world->cpu[3], RACE_GFN, UM_ACC_W);
	slot_log(world, LOG_ALL_SET);
	race_copy_all(world);
}

static const struct race races[] = {
	{ .name = "clear vs fast, tag",
	  .mode = UM_FAST_TAG,
	  .logged = true,
	  .side = { clear_all, stay, stay } },
	{ .name = "clear vs fast, mw",
	  .mode = UM_FAST_MW,
	  .logged = true,
	  .side = { clear_all, stay, stay } },
	{ .name = "clear vs fast, PML",
	  .mode = UM_FAST_TAG,
	  .log = UM_LOG_PML,
	  .logged = true,
	  .side = { clear_all, stay, stay } },
	{ .name = "clear vs fast, D flags",
	  .mode = UM_FAST_TAG,
	  .log = UM_LOG_DBIT,
	  .logged = true,
	  .side = { clear_all, stay, stay } },
	{ .name = "clear vs fast, all set at the start",
	  .mode = UM_FAST_TAG,
	  .huge = true,
	  .rounds = 60,
	  .before = all_set,
	  .side = { clear_all, stay, stay } },
};
RACE_MAIN(races)
