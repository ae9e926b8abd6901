// SPDX-License-Identifier: GPL-2.0
/*
 * Logging ends: a table gives way to a huge leaf, while the host moves a page
 * of it, shares one, or joins them anew, and vCPUs write.
 */
#include "race.h"

static void prepare(struct world *world)
{
	host_collapse(world, RACE_GFN);
	slot_log(world, LOG_OFF);
	race_access(&world->cpu[3], RACE_GFN, UM_ACC_W);
	slot_log(world, LOG_ON);
	race_copy_all(world);
}

static void end_log(struct world *world, struct cpu *cpu)
{
	slot_log(world, LOG_OFF);
}

static void collapse(struct world *world, struct cpu *cpu)
{
	host_migrate(world, RACE_GFN);
	host_collapse(world, RACE_GFN);
}

static const struct race races[] = {
	{ .name = "recover vs notifier, a page moves",
	  .mode = UM_FAST_TAG,
	  .huge = true,
	  .rounds = 60,
	  .before = prepare,
	  .side = { end_log, race_migrate, race_write, race_read } },
	{ .name = "recover vs notifier, a page is shared",
	  .mode = UM_FAST_TAG,
	  .huge = true,
	  .rounds = 60,
	  .before = prepare,
	  .side = { end_log, race_share, race_write, race_write } },
	{ .name = "recover vs notifier, a new huge page",
	  .mode = UM_FAST_TAG,
	  .huge = true,
	  .rounds = 60,
	  .before = prepare,
	  .side = { end_log, collapse, race_write, race_read } },
};
RACE_MAIN(races)
