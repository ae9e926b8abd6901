// SPDX-License-Identifier: GPL-2.0
/* What the dump makes of a tree, and the audit of one that moves. */
#include "unit.h"

#include <umbra/dump.h>

/* Runs of @what; the first into @first. Fails when there is no end. */
static int runs(struct world *world, enum um_dump_what what,
		struct um_run *first)
{
	struct um_run run;
	gfn_t from = 0;
	int n = 0, calls;

	for (calls = 0; calls < 4096; calls++) {
		if (!um_dump_next(&world->mmu, from, what, &run))
			return n;
		CHECK(run.gfn + run.pages > from);
		from = run.gfn + run.pages;
		if (run.pages && !n++)
			*first = run;
	}
	return -1;
}

static void dump_runs(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	struct um_run run;
	int level, i;

	CHECK(runs(world, UM_DUMP_ALL, &run) == 0);
	for (i = 0; i < 5; i++)
		touch(world, GFN + i, i == 2 ? UM_ACC_W : UM_ACC_R);
	touch(world, GFN + 9, UM_ACC_R);
	/* Neighbours that differ in D and in address are one run. */
	CHECK(runs(world, UM_DUMP_ALL, &run) == 2);
	CHECK(run.gfn == GFN && run.pages == 5 && run.entries == 5);
	CHECK(run.level == UM_LEVEL_4K && run.accessed == 5);
	CHECK(run.pieces >= 1 && run.pieces <= 5);
	CHECK(runs(world, UM_DUMP_CLAIMS, &run) == 0);
	/* Other rights, and what is no leaf, are runs of their own. */
	put(world, GFN + 1, um_spte_wrprotected(spte_at(world, GFN + 1,
							&level)));
	put(world, GFN + 6, um_spte_claimed(0, 7));
	CHECK(runs(world, UM_DUMP_ALL, &run) == 5);
	CHECK(run.gfn == GFN && run.pages == 1);
	CHECK(runs(world, UM_DUMP_CLAIMS, &run) == 1);
	CHECK(run.gfn == GFN + 6 && um_spte_tag(run.spte) == 7);
	put(world, GFN + 6, 0);
	finish(world);
}

static void dump_huge(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, true);
	struct um_run run;

	touch(world, GFN, UM_ACC_W);
	CHECK(runs(world, UM_DUMP_ALL, &run) == 1);
	CHECK(run.level == UM_LEVEL_2M && run.pages == 512);
	CHECK(run.entries == 1 && run.pieces == 1 && run.dirty == 1);
	/* From the middle of a leaf on: the leaf. */
	CHECK(um_dump_next(&world->mmu, GFN + 100, UM_DUMP_ALL, &run));
	CHECK(run.gfn == um_gfn_round_down(GFN, UM_LEVEL_2M));
	finish(world);
}

/* Miscounted, but somebody is at it: nothing can be said, nobody dies. */
static void audit_of_what_moves(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	struct um_mmu *mmu = &world->mmu;

	touch(world, GFN, UM_ACC_W);
	CHECK(um_mmu_audit_try_quiet(mmu) == UM_AUDIT_GOOD);
	atomic64_inc(&mmu->stat.pages[0]);
	um_tlb_take_begin(&mmu->tlb);
	CHECK(um_mmu_audit_try_quiet(mmu) == UM_AUDIT_MOVED);
	um_tlb_take_end(&mmu->tlb, false);
	host_inval_begin(world, GFN, GFN + 1);
	CHECK(um_mmu_audit_try_quiet(mmu) == UM_AUDIT_MOVED);
	host_inval_end(world, GFN, GFN + 1);
	CHECK(!world->dead);
	atomic64_add(-1, &mmu->stat.pages[0]);
	finish(world);
}

int main(void)
{
	unit_start();
	UNIT(dump_runs);
	UNIT(dump_huge);
	UNIT(audit_of_what_moves);
	return tap_done();
}
