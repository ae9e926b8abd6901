// SPDX-License-Identifier: GPL-2.0
/*
 * The host collapsed the pages: the next fault takes the table away for a huge
 * leaf, while others are on their way into it.
 */
#include "race.h"

#include <unistd.h>

static void collapse(struct world *world)
{
	host_migrate(world, RACE_GFN);
	race_access(&world->cpu[3], RACE_GFN, UM_ACC_R);
	host_collapse(world, RACE_GFN);
}

/* Knows the table by its caches, and comes back to it after a while. */
static void stay(struct world *world, struct cpu *cpu)
{
	int i, k;

	for (k = 0; k < 4; k++) {
		int naps = shim_random() % 40;

		cpu_enter(cpu);
		cpu_access(cpu, RACE_GFN + 8, UM_ACC_R);
		for (i = 0; i < naps && !READ_ONCE(cpu->kicked); i++)
			usleep(50);
		if (!READ_ONCE(cpu->kicked))
			cpu_access(cpu, RACE_GFN + 16, UM_ACC_R);
		cpu_leave(cpu);
	}
}

static void populate_all(struct world *world)
{
	int i;

	host_migrate(world, RACE_GFN);
	for (i = 0; i < 256; i += 8)
		race_access(&world->cpu[0], RACE_GFN + i, UM_ACC_R);
	host_collapse(world, RACE_GFN + 256);
}

static const struct race races[] = {
	{ .name = "merge vs fault",
	  .mode = UM_FAST_TAG,
	  .huge = true,
	  .rounds = 150,
	  .before = collapse,
	  .side = { race_write, race_read, race_write } },
	{ .name = "merge vs fault, notifier beside",
	  .mode = UM_FAST_TAG,
	  .huge = true,
	  .rounds = 150,
	  .before = collapse,
	  .side = { race_write, race_read, race_migrate } },
	{ .name = "merge vs a CPU in the table",
	  .mode = UM_FAST_TAG,
	  .rounds = 100,
	  .huge = true,
	  .before = populate_all,
	  .side = { stay, race_write, race_read } },
};
RACE_MAIN(races)
