// SPDX-License-Identifier: GPL-2.0
/*
 * Populate against the host that moves or shares the page meanwhile: a leaf
 * that stands maps what the host maps, with no more rights.
 */
#include "race.h"

static void access_some(struct world *world, struct cpu *cpu)
{
	if (shim_random() % 2)
		race_write(world, cpu);
	else
		race_read(world, cpu);
}

static void drop_tags(struct world *world)
{
	world->cpu[0].tag = 0;
	world->cpu[1].tag = 0;
}

static const struct race races[] = {
	{ .name = "populate vs notifier, page moves",
	  .mode = UM_FAST_OFF,
	  .side = { access_some, access_some, race_migrate } },
	{ .name = "populate vs notifier, page is shared",
	  .mode = UM_FAST_OFF,
	  .side = { access_some, access_some, race_share } },
	{ .name = "populate vs notifier, vCPUs without an id",
	  .mode = UM_FAST_TAG,
	  .before = drop_tags,
	  .side = { access_some, access_some, race_migrate } },
};
RACE_MAIN(races)
