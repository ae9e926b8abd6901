// SPDX-License-Identifier: GPL-2.0
/* Taking away a slot, and what somebody else took. */
#include "unit.h"

/*
 * An entry found empty may have been emptied by another party that has not
 * owed yet: while there is one, who relies on the entry owes as well.
 */
static void unmap_while_taken(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	struct um_mmu *mmu = &world->mmu;

	touch(world, GFN, UM_ACC_W);
	CHECK(um_mmu_unmap(mmu, world->slots[0], GFN, GFN + 1));
	um_tlb_pay(mmu);
	CHECK(!um_mmu_unmap(mmu, world->slots[0], GFN, GFN + 1));
	um_tlb_take_begin(&mmu->tlb);
	CHECK(um_mmu_unmap(mmu, world->slots[0], GFN, GFN + 1));
	um_tlb_take_end(&mmu->tlb, true);
	um_tlb_pay(mmu);
	CHECK(!um_mmu_unmap(mmu, world->slots[0], GFN, GFN + 1));
	CHECK(world_free(world));
}

static void zap_slot(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	gfn_t gfn;

	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++)
		touch(world, gfn, UM_ACC_W);
	CHECK(world->mmu.stat.pages[0].counter == RAM_PAGES);
	/* Linked: level 3, level 2, and one of level 1 for each 2M. */
	CHECK(world->mmu.stat.tables.counter == 4);
	um_mmu_slot_zap(&world->mmu, world->slots[0]);
	CHECK(world->mmu.stat.pages[0].counter == 0);
	CHECK(world->mmu.stat.tables.counter == 0);
	um_table_free_barrier();
	CHECK(tables_in_use == 1);
	CHECK(world->mmu.tlb.owed.counter == world->mmu.tlb.paid.counter);
	finish(world);
}

int main(void)
{
	unit_start();
	UNIT(unmap_while_taken);
	UNIT(zap_slot);
	return tap_done();
}
