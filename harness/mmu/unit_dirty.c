// SPDX-License-Identifier: GPL-2.0
/* The dirty log, in each mode of the fast path. */
#include "unit.h"

#include <linux/bitops.h>
#include <linux/kvm.h>

static void dirty_log(enum um_fast_mode mode)
{
	struct world *world = world_new(mode, true, false);
	const u32 fast = mode == UM_FAST_OFF ? 0 : UM_PATH_FAST;
	u64 spte;
	u32 path;
	int level;

	touch(world, GFN, UM_ACC_W);
	touch(world, GFN + 1, UM_ACC_R);
	slot_log(world, true);
	CHECK(!(spte_at(world, GFN, &level) & UM_SPTE_W));
	CHECK(!(spte_at(world, GFN + 1, &level) & UM_SPTE_W));
	CHECK(!um_dirty_harvest(&world->mmu, world->slots[0]));

	path = touch(world, GFN, UM_ACC_W);
	CHECK((path & UM_PATH_FAST) == fast && (path & UM_PATH_DIRTY));
	CHECK(!(path & UM_PATH_RESOLVED) == !!fast);
	touch(world, GFN + 2, UM_ACC_R); /* no W ahead in a logged slot */
	CHECK(!(spte_at(world, GFN + 2, &level) & UM_SPTE_W));
	CHECK(um_dirty_harvest(&world->mmu, world->slots[0]));
	CHECK(world->dirty_out[0] == BIT(GFN - RAM_BASE));
	CHECK(world->mmu.tlb.owed.counter == world->mmu.tlb.paid.counter);

	/* A stale tag is taken by the harvest though W is clear. */
	set_bit(GFN - RAM_BASE, world->dirty);
	spte = spte_at(world, GFN, &level);
	put(world, GFN, spte | (mode == UM_FAST_PAIR ? UM_SPTE_PF : TAG(7)));
	um_dirty_harvest(&world->mmu, world->slots[0]);
	CHECK(spte_at(world, GFN, &level) == spte);

	slot_log(world, false);
	touch(world, GFN, UM_ACC_W);
	finish(world);
}

static void dirty_tag(void)
{
	dirty_log(UM_FAST_TAG);
}

static void dirty_mw(void)
{
	dirty_log(UM_FAST_MW);
}

static void dirty_pair(void)
{
	dirty_log(UM_FAST_PAIR);
}

static void dirty_off(void)
{
	dirty_log(UM_FAST_OFF);
}

/* A huge leaf that could not be split at log start: W comes back by splits. */
static void huge_in_logged_slot(void)
{
	struct world *world = world_new(UM_FAST_MW, true, true);
	u64 huge;
	u32 path;
	int level;

	touch(world, GFN, UM_ACC_W);
	huge = spte_at(world, GFN, &level) & ~UM_SPTE_W;
	world->slots[0]->dirty = world->dirty;
	world->slots[0]->flags = KVM_MEM_LOG_DIRTY_PAGES;
	put(world, GFN, huge);
	um_tlb_owe(&world->mmu.tlb);
	path = touch(world, GFN, UM_ACC_W);
	CHECK((path & UM_PATH_SPLIT) && (path & UM_PATH_DIRTY));
	spte_at(world, GFN, &level);
	CHECK(level == 1);
	CHECK(!(spte_at(world, GFN + 1, &level) & UM_SPTE_W));
	world->slots[0]->dirty = NULL;
	world->slots[0]->flags = 0;
	finish(world);
}

int main(void)
{
	unit_start();
	UNIT(dirty_tag);
	UNIT(dirty_mw);
	UNIT(dirty_pair);
	UNIT(dirty_off);
	UNIT(huge_in_logged_slot);
	return tap_done();
}
