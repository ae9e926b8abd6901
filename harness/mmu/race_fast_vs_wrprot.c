// SPDX-License-Identifier: GPL-2.0
/*
 * A leaf is write-protected because its page became a page table, as the
 * shadow engine will do it; vCPUs that fault meanwhile want W back. While the
 * page is trusted nobody may write it, whatever the mode, and whatever a
 * harvest does to the leaf.
 */
#include "race.h"

/* From here on nobody writes the page: all W is gone, from TLBs too. */
static bool protect(struct world *world, gfn_t gfn)
{
	struct um_mmu *mmu = &world->mmu;
	um_sptep_t sptep;
	bool done = false;
	int level;
	u64 old;

	um_tlb_take_begin(&mmu->tlb);
	rcu_read_lock();
	sptep = um_walk(mmu, gfn, &level, &old);
	/* Even if W is clear: somebody may have claimed the leaf. */
	while (um_spte_is_leaf(old) && !done)
		done = um_spte_try(sptep, &old, um_spte_wrprotected(old));
	rcu_read_unlock();
	um_tlb_take_end(&mmu->tlb, true);
	um_tlb_pay(mmu);
	return done;
}

static void unprotect(struct world *world, gfn_t gfn)
{
	um_sptep_t sptep;
	int level;
	u64 old;

	rcu_read_lock();
	sptep = um_walk(&world->mmu, gfn, &level, &old);
	while (um_spte_is_leaf(old) &&
	       !um_spte_try(sptep, &old, old & ~UM_SPTE_WP))
		;
	rcu_read_unlock();
}

static void protector(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 6; i++) {
		gfn_t gfn = race_gfn();

		if (!protect(world, gfn))
			continue;
		race_trust(world, gfn);
		unprotect(world, gfn);
	}
}

static void switcher(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 8; i++) {
		WRITE_ONCE(world->mmu.fast,
			   shim_random() % (UM_FAST_PAIR + 1));
		shim_yield_hard();
	}
}

/* Every page has its leaf: the protector makes none. */
static void touch_all(struct world *world)
{
	gfn_t gfn;

	for (gfn = RACE_GFN; gfn < RACE_GFN + RACE_PAGES; gfn++)
		race_access(&world->cpu[0], gfn, UM_ACC_R);
}

#define RACE(m, other)                                                    \
	{                                                                 \
		.name = "fast vs wrprot, " #m " and " #other,             \
		.mode = UM_FAST_##m, .logged = true, .before = touch_all, \
		.side = { race_write, race_write, protector, other },     \
	}

static const struct race races[] = {
	RACE(OFF, race_harvest), RACE(TAG, race_harvest),
	RACE(PAIR, race_harvest), RACE(MW, race_harvest),
	RACE(TAG, switcher),
};
RACE_MAIN(races)
