// SPDX-License-Identifier: GPL-2.0
/* Which faults an invalidation disturbs. */
#include "unit.h"

#define REGION (1UL << UM_INVAL_SHIFT)

/* Which buckets [start, end) raises; none is left raised after its end. */
static u64 inval_mask(hva_t start, hva_t end)
{
	struct um_inval inval = {};
	u64 mask = 0;
	int i;

	um_inval_begin(&inval, start, end);
	for (i = 0; i < UM_INVAL_BUCKETS; i++)
		if (inval.bucket[i].counter == 1)
			mask |= BIT_ULL(i);
		else
			CHECK(!inval.bucket[i].counter);
	um_inval_end(&inval, start, end);
	for (i = 0; i < UM_INVAL_BUCKETS; i++)
		CHECK(inval.bucket[i].counter ==
		      (mask & BIT_ULL(i) ? UM_INVAL_ENDED : 0));
	return mask;
}

static void inval_buckets(void)
{
	struct um_inval inval = {};
	hva_t hva = 5 * REGION;
	u64 seq, wide;

	CHECK(inval_mask(hva, hva + 1) == BIT_ULL(5));
	CHECK(inval_mask(hva, hva + REGION) == BIT_ULL(5));
	CHECK(inval_mask(hva + REGION - 1, hva + REGION + 1) ==
	      (BIT_ULL(5) | BIT_ULL(6)));
	CHECK(inval_mask(63 * REGION, 66 * REGION) ==
	      (BIT_ULL(63) | BIT_ULL(0) | BIT_ULL(1)));
	CHECK(inval_mask(hva, hva + 63 * REGION) == ~BIT_ULL(4));
	CHECK(inval_mask(hva, hva + 64 * REGION) == ~0ULL);
	CHECK(inval_mask(hva - 1, hva + 64 * REGION + 1) == ~0ULL);
	CHECK(inval_mask(0, ~0UL) == ~0ULL);

	/* Before, during, and across; with the one before still running. */
	seq = um_inval_read(&inval, hva, false);
	wide = um_inval_read(&inval, 0, true);
	um_inval_begin(&inval, hva, hva + 1);
	CHECK(um_inval_moved(&inval, hva, false, seq));
	CHECK(um_inval_moved(&inval, 0, true, wide));
	CHECK(!um_inval_moved(&inval, hva + REGION, false, 0));
	seq = um_inval_read(&inval, hva, false);
	wide = um_inval_read(&inval, 0, true);
	CHECK(um_inval_moved(&inval, hva, false, seq));
	CHECK(um_inval_moved(&inval, 0, true, wide));
	um_inval_begin(&inval, hva - REGION, hva + 1);
	um_inval_end(&inval, hva, hva + 1);
	CHECK(um_inval_moved(&inval, hva, false, seq));
	um_inval_end(&inval, hva - REGION, hva + 1);
	CHECK(um_inval_moved(&inval, hva, false, seq));
	CHECK(um_inval_moved(&inval, 0, true, wide));
	seq = um_inval_read(&inval, hva, false);
	wide = um_inval_read(&inval, 0, true);
	CHECK(!um_inval_moved(&inval, hva, false, seq));
	CHECK(!um_inval_moved(&inval, 0, true, wide));
}

/* An invalidation disturbs its own 2M, and nobody else's. */
static void inval_elsewhere(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);

	host_inval_begin(world, GFN + 512, GFN + 513);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_FIXED);
	CHECK(fault(world, GFN + 510, UM_ACC_W, NULL) == UM_PF_RETRY);
	CHECK(fault(world, GFN + 513, UM_ACC_W, NULL) == UM_PF_RETRY);
	host_inval_end(world, GFN + 512, GFN + 513);
	CHECK(fault(world, GFN + 513, UM_ACC_W, NULL) == UM_PF_FIXED);
	CHECK(world->cpu[0].stat.stale == 2);
	finish(world);
}

/* A leaf of 1G is everybody's neighbour. */
static void inval_wide(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, true);
	struct um_slot *slot = world->slots[0];
	const struct um_slot small = *slot;
	const hva_t far = 77 * REGION;
	int level;

	slot->base = 0;
	slot->npages = um_level_pages(UM_LEVEL_1G);
	slot->hva = BIT(30);
	world->giant = true;
	um_inval_begin(&world->mmu.inval, far, far + 1);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_RETRY);
	CHECK(spte_at(world, GFN, &level) == 0);
	um_inval_end(&world->mmu.inval, far, far + 1);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_FIXED);
	CHECK(um_spte_is_leaf(spte_at(world, GFN, &level)));
	CHECK(level == UM_LEVEL_1G);
	um_mmu_slot_zap(&world->mmu, slot);
	*slot = small;
	finish(world);
}

int main(void)
{
	unit_start();
	UNIT(inval_buckets);
	UNIT(inval_elsewhere);
	UNIT(inval_wide);
	return tap_done();
}
