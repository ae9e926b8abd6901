// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow leaves are put, given W by the fast path, and taken away, while the log
 * is harvested and cleared, pages are aged, moved and shared. No write may be
 * missing from the log, and no frame is used that the host took.
 */
#include "race.h"

static void clearer(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++)
		race_clear(world, ~0UL);
}

static void dropper(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 3; i++)
		um_mmu_unshadow(&world->mmu, race_tables.root);
}

static void twice(struct world *world, struct cpu *cpu)
{
	race_harvest(world, cpu);
	race_harvest(world, cpu);
}

#define RACE(m, f, a, b, c)                                            \
	{                                                              \
		.name = "shadow vs log, " #m ", " #f ": " #b ", " #c,  \
		.mode = UM_FAST_##m, .format = GUEST_##f,              \
		.shadow = true, .logged = true,                        \
		.side = { race_vstore, a, b, c },                      \
	}
#define RACES(m, f)                                            \
	RACE(m, f, race_vload, twice, race_migrate),           \
	RACE(m, f, race_vstore, twice, race_age),              \
	RACE(m, f, race_vload, clearer, race_share),           \
	RACE(m, f, race_vload, twice, dropper)

static const struct race races[] = {
	RACES(TAG, 64), RACES(PAIR, PAE), RACES(OFF, 32),
	RACES(TAG, 32),
};
RACE_MAIN(races)
