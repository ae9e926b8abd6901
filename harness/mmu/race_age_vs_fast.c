// SPDX-License-Identifier: GPL-2.0
/*
 * Without A/D flags aging takes all rights, and the fast path gives them back.
 * An access after the aging was paid for must make the page young again.
 */
#include "race.h"

#define GFN RACE_GFN

static bool aged, used_since;

static void touch(struct world *world)
{
	race_access(&world->cpu[0], GFN, UM_ACC_R);
	aged = false;
	used_since = false;
}

static void age(struct world *world, struct cpu *cpu)
{
	um_mmu_age(&world->mmu, world->slots[0], GFN, GFN + 1);
	um_tlb_pay(&world->mmu);
	__atomic_store_n(&aged, true, __ATOMIC_SEQ_CST);
}

static void use(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 8; i++) {
		bool since = __atomic_load_n(&aged, __ATOMIC_SEQ_CST);

		if (race_access(cpu, GFN, UM_ACC_R) && since)
			__atomic_store_n(&used_since, true, __ATOMIC_SEQ_CST);
	}
}

static void young(struct world *world)
{
	if (used_since && !um_mmu_test_age(&world->mmu, world->slots[0], GFN,
					   GFN + 1))
		world_bug("a page was used and does not say so");
}

#define RACE(m)                                                   \
	{                                                         \
		.name = "age vs fast, " #m, .mode = UM_FAST_##m,  \
		.noad = true, .before = touch, .after = young,    \
		.side = { use, use, age },                        \
	}

static const struct race races[] = {
	RACE(TAG),
	RACE(PAIR),
	RACE(MW),
};
RACE_MAIN(races)
