// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log and aging, as far as shadow leaves go: without um_shadow.lock,
 * by the sets of rmap/. A walk shows what was in the set when it began; what
 * was added since has been, or will be, marked after that: see um_rmap_add().
 */
#include "shadow.h"

#include <linux/bitops.h>

/* H2: W and claims are taken after the mark, before the debt. */
static bool um_shadow_clean_one(um_sptep_t sptep)
{
	u64 old = um_spte_read(sptep);

	while (um_sspte_is_leaf(old) && old != um_sspte_clean(old))
		if (um_spte_try(sptep, &old, um_sspte_clean(old)))
			return true;
	return false;
}

static bool um_shadow_clean_leaf(um_sptep_t sptep, void *data)
{
	bool *took = data;

	*took |= um_shadow_clean_one(sptep);
	return false;
}

/* Nearly every page is mapped once. */
static bool um_shadow_clean_set(struct um_mmu *mmu, struct um_rmap_head *head)
{
	bool took = false;
	um_sptep_t sptep;

	if (likely(um_rmap_only(&mmu->rmap, head, &sptep)))
		return sptep && um_shadow_clean_one(sptep);
	um_rmap_walk(&mmu->rmap, head, um_shadow_clean_leaf, &took);
	return took;
}

unsigned int um_shadow_clean(struct um_mmu *mmu, const struct um_slot *slot,
			     gfn_t gfn, const unsigned long *bits, size_t n)
{
	struct um_rmap_head *head = um_rmap_head(slot, gfn, UM_LEVEL_4K);
	unsigned int pages = 0;

	for (; head && n; n--, bits++, head += BITS_PER_LONG) {
		unsigned long left = *bits;

		for (; left; left &= left - 1)
			pages += um_shadow_clean_set(mmu, head + __ffs(left));
	}
	return pages;
}

static bool um_shadow_is_young(um_sptep_t sptep, void *data)
{
	u64 sspte = um_spte_read(sptep);

	return um_sspte_is_leaf(sspte) && (sspte & UM_SS_A);
}

/* Takes no right, so nothing is owed; a claim goes, for the word changes. */
static bool um_shadow_age_leaf(um_sptep_t sptep, void *data)
{
	bool *young = data;
	u64 old = um_spte_read(sptep);

	while (um_sspte_is_leaf(old) && (old & UM_SS_A)) {
		u64 aged = old & ~(UM_SS_A | UM_SS_CLAIMS);

		if (um_spte_try(sptep, &old, aged)) {
			*young = true;
			break;
		}
	}
	return false;
}

bool um_shadow_age(struct um_mmu *mmu, const struct um_slot *slot, gfn_t gfn,
		   bool forget)
{
	struct um_rmap_head *head = um_rmap_head(slot, gfn, UM_LEVEL_4K);
	bool young = false;

	if (!head)
		return false;
	if (!forget)
		return um_rmap_walk(&mmu->rmap, head, um_shadow_is_young, NULL);
	um_rmap_walk(&mmu->rmap, head, um_shadow_age_leaf, &young);
	return young;
}
