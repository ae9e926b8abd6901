// SPDX-License-Identifier: GPL-2.0
/*
 * Aging has taken W from an entry and not owed yet. The harvest finds nothing
 * to take there; but a TLB still grants W, and the page is copied.
 */
#include "race.h"

static void stay(struct world *world, struct cpu *cpu)
{
	int i;

	race_write(world, cpu);
	cpu_enter(cpu);
	for (i = 0; i < 400 && !READ_ONCE(cpu->kicked); i++)
		cpu_access(cpu, race_gfn(), UM_ACC_W);
	cpu_leave(cpu);
}

static const struct race races[] = {
	{ .name = "harvest vs age, no A/D flags",
	  .mode = UM_FAST_TAG,
	  .noad = true,
	  .logged = true,
	  .side = { stay, stay, race_age, race_harvest } },
	{ .name = "harvest vs age",
	  .mode = UM_FAST_TAG,
	  .logged = true,
	  .side = { stay, stay, race_age, race_harvest } },
};
RACE_MAIN(races)
