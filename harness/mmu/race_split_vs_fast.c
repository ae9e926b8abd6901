// SPDX-License-Identifier: GPL-2.0
/*
 * Logging begins, huge leaves fall apart, and vCPUs write on: what is written
 * after the log began is in it.
 */
#include "race.h"

static void huge_again(struct world *world)
{
	slot_log(world, false);
	race_access(&world->cpu[3], RACE_GFN, UM_ACC_W);
}

static void log_start(struct world *world, struct cpu *cpu)
{
	slot_log(world, true);
	race_copy_all(world);
}

#define RACE(m)                                                       \
	{                                                             \
		.name = "split vs fast, " #m, .mode = UM_FAST_##m,    \
		.huge = true, .before = huge_again,                   \
		.side = { race_write, race_write, log_start },        \
	}

static const struct race races[] = {
	RACE(TAG),
	RACE(PAIR),
	RACE(MW),
};
RACE_MAIN(races)
