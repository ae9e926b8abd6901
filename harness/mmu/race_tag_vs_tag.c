// SPDX-License-Identifier: GPL-2.0
/*
 * Many vCPUs claim one entry while the host moves the page: "my claim still
 * stands" must not be said of another one's.
 */
#include "race.h"

static void write_one(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 8; i++)
		race_access(cpu, RACE_GFN, UM_ACC_W);
}

static void migrate_one(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 6; i++)
		host_migrate(world, RACE_GFN);
}

static void drop_tags(struct world *world)
{
	int i;

	for (i = 0; i < CPUS; i++)
		world->cpu[i].tag = 0;
}

static const struct race races[] = {
	{ .name = "tag vs tag",
	  .mode = UM_FAST_TAG,
	  .side = { write_one, write_one, write_one, migrate_one } },
	{ .name = "tag vs tag, vCPUs that share id 0",
	  .mode = UM_FAST_TAG,
	  .before = drop_tags,
	  .side = { write_one, write_one, write_one, migrate_one } },
};
RACE_MAIN(races)
