// SPDX-License-Identifier: GPL-2.0
/* How many tables there are, and which go. */
#include "unit.h"

#define TABLES_NOW(world) ((world)->mmu.stat.tables.counter)

static void never_above(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	int level, i;
	u32 path;

	um_mmu_set_quota(&world->mmu, 4);
	touch(world, GFN, UM_ACC_W);
	CHECK(!(touch(world, GFN + 512, UM_ACC_W) & UM_PATH_RECLAIM));
	CHECK(TABLES_NOW(world) == 4);
	/* The third region's wants a table; the other two go, its way stays. */
	path = touch(world, ROM_BASE, UM_ACC_R);
	CHECK(path & UM_PATH_RECLAIM);
	CHECK(TABLES_NOW(world) == 3);
	CHECK(world->mmu.stat.reclaimed.counter == 2);
	CHECK(spte_at(world, GFN, &level) == UM_SPTE_EMPTY && level == 2);
	CHECK(um_spte_is_leaf(spte_at(world, ROM_BASE, &level)));
	for (i = 0; i < 30; i++) {
		touch(world, GFN + i % 2 * 512, UM_ACC_W);
		CHECK(TABLES_NOW(world) <= 4);
		touch(world, ROM_BASE + i % ROM_PAGES, UM_ACC_R);
		CHECK(TABLES_NOW(world) <= 4);
	}
	CHECK(host_read(world, GFN) == 16);
	CHECK(world->mmu.tlb.owed.counter == world->mmu.tlb.paid.counter);
	finish(world);
}

/* The guest's next fault is for a page that it needs with another one. */
static void own_way_stays(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);

	um_mmu_set_quota(&world->mmu, 1);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_RETRY);
	um_mmu_set_quota(&world->mmu, 3);
	touch(world, GFN, UM_ACC_W);
	touch(world, ROM_BASE, UM_ACC_R);
	touch(world, GFN, UM_ACC_W);
	finish(world);
}

/* Lowered: at once, from the leaves' tables to the highest. */
static void lowered(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, true);
	int level;

	touch(world, GFN, UM_ACC_W); /* a leaf of 2M */
	touch(world, ROM_BASE, UM_ACC_R);
	CHECK(TABLES_NOW(world) == 3);
	um_mmu_set_quota(&world->mmu, 2);
	CHECK(TABLES_NOW(world) <= 2);
	um_mmu_set_quota(&world->mmu, 0);
	CHECK(TABLES_NOW(world) == 0);
	CHECK(world->mmu.stat.pages[1].counter == 0);
	CHECK(spte_at(world, GFN, &level) == UM_SPTE_EMPTY && level == 4);
	CHECK(world->mmu.stat.bytes_meta.counter == UM_PAGE_SIZE);
	um_mmu_set_quota(&world->mmu, 4);
	finish(world);
}

/* Splitting ahead of a fault takes nothing; the fault then splits. */
static void no_table_to_split_with(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, true);
	u64 spte;
	int level;

	touch(world, GFN, UM_ACC_W);
	um_mmu_set_quota(&world->mmu, 2);
	slot_log(world, true);
	spte = spte_at(world, GFN, &level);
	CHECK(level == 2 && !(spte & UM_SPTE_W));
	um_mmu_set_quota(&world->mmu, 3);
	CHECK(touch(world, GFN, UM_ACC_W) & UM_PATH_SPLIT);
	spte_at(world, GFN, &level);
	CHECK(level == 1);
	finish(world);
}

int main(void)
{
	unit_start();
	UNIT(never_above);
	UNIT(own_way_stays);
	UNIT(lowered);
	UNIT(no_table_to_split_with);
	return tap_done();
}
