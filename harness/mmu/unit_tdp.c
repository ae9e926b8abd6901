// SPDX-License-Identifier: GPL-2.0
/* Populate, and what meets it: claims, splits, merges. */
#include "unit.h"

#include <linux/bitops.h>

static void populate(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	int level;
	u64 spte;

	CHECK(touch(world, GFN, UM_ACC_R) & UM_PATH_RESOLVED);
	spte = spte_at(world, GFN, &level);
	CHECK(level == 1 && (spte & UM_SPTE_RWX) == UM_SPTE_RWX);
	CHECK((spte & UM_SPTE_MT) == UM_SPTE_MT_WB);
	/* Ahead of the first write, D as W: nobody waits for it. */
	CHECK((spte & UM_SPTE_D) && (spte & UM_SPTE_A));
	touch(world, GFN + 1, UM_ACC_W);
	CHECK(spte_at(world, GFN + 1, &level) & UM_SPTE_D);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_SPURIOUS);
	CHECK(fault(world, 5, UM_ACC_R, NULL) == UM_PF_EMULATE);
	CHECK(fault(world, UM_GFN_END, UM_ACC_R, NULL) == UM_PF_EMULATE);
	CHECK(world->mmu.stat.tables.counter == 3);
	world->pin_fails = true;
	CHECK(fault(world, GFN + 9, UM_ACC_R, NULL) == UM_PF_BAD_HVA);
	finish(world);
}

static void read_only_slot(void)
{
	struct world *world = world_new(UM_FAST_MW, true, false);
	int level;
	u64 spte;

	CHECK(fault(world, ROM_BASE, UM_ACC_W, NULL) == UM_PF_EMULATE);
	CHECK(fault(world, ROM_BASE, UM_ACC_X, NULL) == UM_PF_FIXED);
	spte = spte_at(world, ROM_BASE, &level);
	CHECK(!(spte & (UM_SPTE_W | UM_SPTE_MW)) && (spte & UM_SPTE_R));
	CHECK(fault(world, ROM_BASE, UM_ACC_W, NULL) == UM_PF_EMULATE);
	finish(world);
}

static void claims(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	u32 path;
	int level;

	touch(world, GFN, UM_ACC_W);
	/* Another vCPU's claim on an empty entry: refault. */
	put(world, GFN + 1, um_spte_claimed(0, 9));
	CHECK(fault(world, GFN + 1, UM_ACC_R, &path) == UM_PF_RETRY);
	CHECK(path & UM_PATH_CLAIM_TAKEN);
	/* A zap breaks it. */
	CHECK(um_mmu_unmap(&world->mmu, world->slots[0], GFN + 1, GFN + 2));
	CHECK(spte_at(world, GFN + 1, &level) == 0);
	/* An invalidation under way: nothing is installed or left. */
	host_inval_begin(world, GFN, GFN + 1);
	CHECK(fault(world, GFN + 1, UM_ACC_R, &path) == UM_PF_RETRY);
	CHECK(path & UM_PATH_STALE);
	host_inval_end(world, GFN, GFN + 1);
	CHECK(world->cpu[0].stat.stale == 1);
	CHECK(spte_at(world, GFN + 1, &level) == 0);
	/* A vCPU without a tag populates, and upgrades. */
	world->cpu[0].tag = 0;
	CHECK(fault(world, GFN + 1, UM_ACC_R, &path) == UM_PF_FIXED);
	CHECK(path & UM_PATH_NO_TAG);
	slot_log(world, true);
	CHECK(fault(world, GFN + 1, UM_ACC_W, &path) == UM_PF_FIXED);
	CHECK(test_bit(GFN + 1 - RAM_BASE, world->dirty));
	put(world, GFN, UM_SPTE_FROZEN);
	CHECK(fault(world, GFN, UM_ACC_R, &path) == UM_PF_RETRY);
	CHECK(path & UM_PATH_FROZEN);
	put(world, GFN, 0);
	atomic64_add(-1, &world->mmu.stat.pages[0]);
	finish(world);
}

/*
 * vCPU 0 claims and passes its check; the host moves the page; another vCPU
 * claims the entry; vCPU 0 commits.
 */
static struct world *stalled;
static u8 other_tag;

static void while_stalled(void)
{
	host_migrate(stalled, GFN);
	put(stalled, GFN, um_spte_claimed(0, other_tag));
}

/* True when the leaf that results maps what the host maps. */
static bool stalled_commit(u8 tag)
{
	u32 path = 0;
	bool good;

	stalled = world_new(UM_FAST_TAG, true, false);
	other_tag = tag;
	touch(stalled, GFN + 1, UM_ACC_R);
	/* Skip the claim (M1); stop before the commit (M5). */
	shim_stall_skip = 1;
	shim_stall = while_stalled;
	fault(stalled, GFN, UM_ACC_R, &path);
	good = world_check_leaves(stalled);
	um_mmu_unmap(&stalled->mmu, stalled->slots[0], GFN, GFN + 1);
	CHECK(world_free(stalled));
	return good;
}

static void unique_tag(void)
{
	int said = shim_warnings();

	CHECK(stalled_commit(2));
	/* The control: with one id for both, the stale page is mapped. */
	CHECK(!stalled_commit(1));
	CHECK(shim_warnings() == said + 1);
	shim_forgive(shim_warnings() - said);
}

static void split_and_merge(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, true);
	u64 spte;
	u32 path;
	int level;

	CHECK(touch(world, GFN, UM_ACC_W) & UM_PATH_HUGE);
	spte = spte_at(world, GFN + 100, &level);
	CHECK(level == 2 && (spte & UM_SPTE_W));
	slot_log(world, true);
	spte = spte_at(world, GFN + 100, &level);
	CHECK(level == 1 && !(spte & UM_SPTE_W) && (spte & UM_SPTE_MW));
	CHECK(um_spte_pfn(spte) == world->hpte[GFN + 100].pfn);
	CHECK(world->mmu.stat.pages[0].counter == 512);
	CHECK(touch(world, GFN, UM_ACC_W) & UM_PATH_DIRTY);
	CHECK(um_mmu_audit_quiet(&world->mmu));
	/* Logging off: the huge leaf comes back, and nobody faults. */
	slot_log(world, false);
	spte = spte_at(world, GFN, &level);
	CHECK(level == 2 && (spte & UM_SPTE_W));
	CHECK(world->mmu.stat.recovered.counter == 1);
	CHECK(!touch(world, GFN, UM_ACC_W));
	/* The host splits, 4K leaves come, the host collapses: merge. */
	host_migrate(world, GFN);
	touch(world, GFN, UM_ACC_R);
	touch(world, GFN + 1, UM_ACC_R);
	spte_at(world, GFN, &level);
	CHECK(level == 1);
	host_collapse(world, GFN);
	path = touch(world, GFN + 1, UM_ACC_R);
	CHECK((path & UM_PATH_MERGE) && (path & UM_PATH_HUGE));
	CHECK(world->mmu.stat.merges.counter == 1);
	finish(world);
}

int main(void)
{
	unit_start();
	UNIT(populate);
	UNIT(read_only_slot);
	UNIT(claims);
	UNIT(unique_tag);
	UNIT(split_and_merge);
	return tap_done();
}
