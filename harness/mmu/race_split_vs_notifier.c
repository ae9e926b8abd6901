// SPDX-License-Identifier: GPL-2.0
/*
 * A huge leaf is split for the log while the host takes a page of it.
 */
#include "race.h"

static void huge_again(struct world *world)
{
	slot_log(world, false);
	host_migrate(world, RACE_GFN);
	host_collapse(world, RACE_GFN);
	race_access(&world->cpu[3], RACE_GFN, UM_ACC_W);
}

static void log_start(struct world *world, struct cpu *cpu)
{
	slot_log(world, true);
	race_copy_all(world);
}

static const struct race races[] = {
	{ .name = "split vs notifier",
	  .mode = UM_FAST_TAG,
	  .huge = true,
	  .before = huge_again,
	  .side = { race_write, race_migrate, log_start } },
};
RACE_MAIN(races)
