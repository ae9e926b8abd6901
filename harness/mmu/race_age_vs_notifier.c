// SPDX-License-Identifier: GPL-2.0
/*
 * Aging writes an entry that the host's unmapping is just emptying: the frame
 * must not come back.
 */
#include "race.h"

static void age(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++)
		um_mmu_age(&world->mmu, world->slots[0], RACE_GFN,
			   RACE_GFN + RACE_PAGES);
}

static const struct race races[] = {
	{ .name = "age vs notifier",
	  .mode = UM_FAST_TAG,
	  .side = { race_write, age, race_migrate } },
	{ .name = "age vs notifier, no A/D flags",
	  .mode = UM_FAST_TAG,
	  .noad = true,
	  .side = { race_write, age, race_migrate } },
};
RACE_MAIN(races)
