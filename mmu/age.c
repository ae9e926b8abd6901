// SPDX-License-Identifier: GPL-2.0
/*
 * Was a page used? With A/D flags the CPU says so; without, a leaf loses all
 * rights and the next access tells. The fast path gives them back.
 */
#include "shadow.h"

#include <umbra/trace.h>

static bool um_spte_is_young(const struct um_mmu *mmu, u64 spte)
{
	if (!um_spte_is_leaf(spte))
		return false;
	return mmu->caps.ad ? spte & UM_SPTE_A : !um_spte_is_tracked(spte);
}

/*
 * Clearing A takes no right away. A TLB that knows the page as used keeps it
 * from being seen used again until it is flushed; the LRU lives with that.
 */
static u64 um_spte_aged(const struct um_mmu *mmu, u64 spte)
{
	if (mmu->caps.ad)
		return spte & ~(UM_SPTE_A | UM_SPTE_CLAIMS);
	return um_spte_track(spte);
}

/* The same of the leaves outside the tree; @forget: and make them unused. */
static u64 um_age_shadow(struct um_mmu *mmu, const struct um_slot *slot,
			 gfn_t start, gfn_t end, bool forget)
{
	u64 young = 0;

	if (!um_rmap_head(slot, start, UM_LEVEL_4K))
		return 0;
	for (; start < end; start++)
		young += um_shadow_age(mmu, slot, start, forget);
	return young;
}

bool um_mmu_age(struct um_mmu *mmu, const struct um_slot *slot, gfn_t start,
		gfn_t end)
{
	struct um_iter iter;
	u64 young = 0;

	um_tlb_take_begin(&mmu->tlb);
	rcu_read_lock();
	um_for_each_spte(iter, mmu, start, end) {
		while (um_spte_is_young(mmu, iter.old)) {
			u64 aged = um_spte_aged(mmu, iter.old);

			if (um_spte_try(iter.sptep, &iter.old, aged)) {
				iter.old = aged;
				young++;
				break;
			}
		}
	}
	rcu_read_unlock();
	um_tlb_take_end(&mmu->tlb, young && !mmu->caps.ad);
	if (mmu->shadow)
		young += um_age_shadow(mmu, slot, start, end, true);
	atomic64_add(young, &mmu->stat.aged);
	trace_umbra_age(start, end - start, young);
	return young;
}

bool um_mmu_test_age(struct um_mmu *mmu, const struct um_slot *slot,
		     gfn_t start, gfn_t end)
{
	struct um_iter iter;
	bool young = false;

	rcu_read_lock();
	um_for_each_spte(iter, mmu, start, end) {
		young = um_spte_is_young(mmu, iter.old);
		if (young)
			break;
	}
	rcu_read_unlock();
	if (mmu->shadow && !young)
		young = um_age_shadow(mmu, slot, start, end, false);
	return young;
}
