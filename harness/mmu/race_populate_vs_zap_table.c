// SPDX-License-Identifier: GPL-2.0
/*
 * Tables are taken away while faults populate them: a late commit must fail,
 * and no leaf may be lost count of.
 */
#include "race.h"

static void zap(struct world *world, struct cpu *cpu)
{
	um_mmu_slot_zap(&world->mmu, world->slots[0]);
}

/* Walks every entry of the tables. */
static void look(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++)
		um_mmu_test_age(&world->mmu, world->slots[0], RAM_BASE + 16,
				RAM_BASE + RAM_PAGES);
}

static const struct race races[] = {
	{ .name = "populate vs zap of tables",
	  .mode = UM_FAST_TAG,
	  .rounds = 100,
	  .side = { race_write, race_read, zap } },
	{ .name = "populate vs zap of tables, a walk beside",
	  .mode = UM_FAST_TAG,
	  .noad = true,
	  .rounds = 100,
	  .side = { race_write, look, zap } },
};
RACE_MAIN(races)
