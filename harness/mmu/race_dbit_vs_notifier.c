// SPDX-License-Identifier: GPL-2.0
/*
 * Log mode DBIT: the notifier empties leaves whose D nobody has seen, while a
 * last harvest runs. All writes were made before, so the harvest tells of all.
 */
#include "race.h"

static void write_all(struct world *world)
{
	gfn_t gfn;

	for (gfn = RACE_GFN; gfn < RACE_GFN + RACE_PAGES; gfn++) {
		/* So that the write needs no fault, which would set the bit. */
		race_access(&world->cpu[3], gfn, UM_ACC_R);
		race_access(&world->cpu[3], gfn, UM_ACC_W);
	}
}

static void migrate_all(struct world *world, struct cpu *cpu)
{
	gfn_t gfn;

	for (gfn = RACE_GFN; gfn < RACE_GFN + RACE_PAGES; gfn++)
		host_migrate(world, gfn);
}

static void was_told(struct world *world)
{
	gfn_t gfn;

	for (gfn = RACE_GFN; gfn < RACE_GFN + RACE_PAGES; gfn++)
		if (race_copy[gfn] != host_read(world, gfn))
			world_bug("gfn %llx: not in the last harvest", gfn);
}

static const struct race races[] = {
	{ .name = "dbit vs notifier",
	  .mode = UM_FAST_TAG,
	  .log = UM_LOG_DBIT,
	  .logged = true,
	  .before = write_all,
	  .side = { race_harvest, migrate_all },
	  .after = was_told },
	{ .name = "dbit vs notifier, under writers",
	  .mode = UM_FAST_TAG,
	  .log = UM_LOG_DBIT,
	  .logged = true,
	  .side = { race_harvest, race_migrate, race_write, race_write } },
};
RACE_MAIN(races)
