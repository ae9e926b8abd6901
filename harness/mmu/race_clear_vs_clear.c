// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads clear different pages of one bitmap word, under writers.
 */
#include "race.h"

static void clear_even(struct world *world, struct cpu *cpu)
{
	race_clear(world, 0x5);
	race_clear(world, 0x5);
}

static void clear_odd(struct world *world, struct cpu *cpu)
{
	race_clear(world, 0xa);
	race_clear(world, 0xa);
}

static const struct race races[] = {
	{ .name = "clear vs clear",
	  .mode = UM_FAST_TAG,
	  .logged = true,
	  .side = { clear_even, clear_odd, race_write, race_write } },
	{ .name = "clear vs clear, D flags",
	  .mode = UM_FAST_TAG,
	  .log = UM_LOG_DBIT,
	  .logged = true,
	  .side = { clear_even, clear_odd, race_write, race_write } },
};
RACE_MAIN(races)
