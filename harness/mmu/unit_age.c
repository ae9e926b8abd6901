// SPDX-License-Identifier: GPL-2.0
/* Was a page used? With A/D flags and without. */
#include "unit.h"

static void aging(bool ad)
{
	struct world *world = world_new(UM_FAST_TAG, ad, false);
	const struct um_slot *slot = world->slots[0];
	struct um_mmu *mmu = &world->mmu;
	u32 path;

	touch(world, GFN, UM_ACC_X);
	CHECK(um_mmu_test_age(mmu, slot, GFN, GFN + 1));
	CHECK(um_mmu_age(mmu, slot, GFN, GFN + 1));
	CHECK(!um_mmu_test_age(mmu, slot, GFN, GFN + 1));
	CHECK(!um_mmu_age(mmu, slot, GFN, GFN + 1));
	um_tlb_pay(mmu);
	path = touch(world, GFN, UM_ACC_X);
	CHECK(!!(path & UM_PATH_RESTORE) == !ad);
	CHECK(!(path & UM_PATH_RESOLVED));
	if (!ad)
		CHECK(um_mmu_test_age(mmu, slot, GFN, GFN + 1));
	finish(world);
}

static void aging_ad(void)
{
	aging(true);
}

static void aging_noad(void)
{
	aging(false);
}

int main(void)
{
	unit_start();
	UNIT(aging_ad);
	UNIT(aging_noad);
	return tap_done();
}
