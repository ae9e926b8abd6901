// SPDX-License-Identifier: GPL-2.0
/*
 * A write that finds no leaf installs one with W and marks the page, while a
 * harvest goes over it.
 */
#include "race.h"

static void unmap(struct world *world)
{
	if (um_mmu_unmap(&world->mmu, world->slots[0], RACE_GFN,
			 RACE_GFN + RACE_PAGES))
		um_tlb_pay(&world->mmu);
}

static const struct race races[] = {
	{ .name = "populate vs harvest",
	  .mode = UM_FAST_OFF,
	  .logged = true,
	  .before = unmap,
	  .side = { race_write, race_write, race_harvest } },
};
RACE_MAIN(races)
