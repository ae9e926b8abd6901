// SPDX-License-Identifier: GPL-2.0
/*
 * A harvest takes W from an entry that the notifier is just emptying.
 */
#include "race.h"

static void write_all(struct world *world)
{
	gfn_t gfn;

	for (gfn = RACE_GFN; gfn < RACE_GFN + RACE_PAGES; gfn++)
		race_access(&world->cpu[3], gfn, UM_ACC_W);
}

static const struct race races[] = {
	{ .name = "harvest vs notifier",
	  .mode = UM_FAST_TAG,
	  .logged = true,
	  .before = write_all,
	  .side = { race_harvest, race_migrate, race_share } },
};
RACE_MAIN(races)
