// SPDX-License-Identifier: GPL-2.0
/* The fast path where it has to give way. */
#include "unit.h"

#include <linux/bitops.h>

/* A claim of each kind, met in @mode: nobody waits, and none is left. */
static void taken(enum um_fast_mode mode, u64 claim)
{
	struct world *world = world_new(mode, true, false);
	bool claims = mode == UM_FAST_TAG || mode == UM_FAST_PAIR;
	u32 path;
	int level;

	touch(world, GFN, UM_ACC_W);
	slot_log(world, true);
	put(world, GFN, spte_at(world, GFN, &level) | claim);
	path = touch(world, GFN, UM_ACC_W);
	CHECK(!!(path & UM_PATH_CLAIM_TAKEN) == claims);
	CHECK(!!(path & UM_PATH_GIVEN_UP) == claims);
	/* Bounded, then the slow path steals; mw steals at once. */
	CHECK(!!(path & UM_PATH_RESOLVED) == (mode != UM_FAST_MW));
	CHECK(!(spte_at(world, GFN, &level) & UM_SPTE_CLAIMS));
	CHECK(world->cpu[0].stat.given_up == claims);
	finish(world);
}

static void taken_claims(void)
{
	enum um_fast_mode mode;

	for (mode = UM_FAST_OFF; mode <= UM_FAST_PAIR; mode++) {
		taken(mode, TAG(9));
		taken(mode, UM_SPTE_PF);
	}
}

static void protect(struct world *world, gfn_t gfn)
{
	int level;

	put(world, gfn, um_spte_wrprotected(spte_at(world, gfn, &level)));
}

/* WP stands until it is taken back, whatever happens to the leaf. */
static void write_protected(enum um_fast_mode mode, bool ad)
{
	struct world *world = world_new(mode, ad, false);
	struct um_mmu *mmu = &world->mmu;
	u64 wp;
	int level;

	touch(world, GFN, UM_ACC_W);
	slot_log(world, true);
	protect(world, GFN);
	wp = spte_at(world, GFN, &level) & ~UM_SPTE_A;
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_EMULATE);
	world->cpu[0].tag = 0;
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_EMULATE);
	set_bit(GFN - RAM_BASE, world->dirty);
	um_dirty_harvest(mmu, world->slots[0]);
	um_mmu_age(mmu, world->slots[0], GFN, GFN + 1);
	um_tlb_owe(&mmu->tlb);
	touch(world, GFN, UM_ACC_R);
	CHECK((spte_at(world, GFN, &level) & ~UM_SPTE_A) == wp);
	slot_log(world, false);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_EMULATE);
	put(world, GFN, wp & ~UM_SPTE_WP);
	touch(world, GFN, UM_ACC_W);
	finish(world);
}

static void write_protected_modes(void)
{
	enum um_fast_mode mode;

	for (mode = UM_FAST_OFF; mode <= UM_FAST_PAIR; mode++) {
		write_protected(mode, true);
		write_protected(mode, false);
	}
}

int main(void)
{
	unit_start();
	UNIT(taken_claims);
	UNIT(write_protected_modes);
	return tap_done();
}
