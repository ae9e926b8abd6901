// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody writes a guest page table unnoticed: while a page in sync shadows it,
 * its frame is protected.
 *
 *   fast path, populate under EPT         protector, lock held
 *   cmpxchg: claim            F1, M1      flag of the frame            R1
 *                                         smp_mb
 *   flag of the frame set?                each entry, EPT leaf: take W and
 *     give up                               claims, leave WP
 *   cmpxchg: W, or a leaf     F2, M5      pay, then read the table
 *
 * Either the flag is seen, or the claim is, and then the commit fails. Entries
 * that come later are put under the lock, and have WP from birth.
 */
#include "shadow.h"

static bool um_protect_one(um_sptep_t sptep, void *data)
{
	u64 old = um_spte_read(sptep);
	bool *took = data;

	/* Also without W: a claim may stand there, and WP must. */
	while (um_sspte_is_leaf(old) && !(old & UM_SS_WP)) {
		if (!um_spte_try(sptep, &old, um_sspte_wrprotected(old)))
			continue;
		*took |= !!(old & UM_SS_W);
		break;
	}
	return false;
}

static bool um_unprotect_one(um_sptep_t sptep, void *data)
{
	u64 old = um_spte_read(sptep);

	while (um_sspte_is_leaf(old) && (old & UM_SS_WP))
		if (um_spte_try(sptep, &old, old & ~UM_SS_WP))
			break;
	return false;
}

/* @spte, a leaf under EPT, as whoever protects its frame or does no more. */
static u64 um_protect_leaf(u64 spte, bool protect)
{
	if (protect)
		return um_spte_wrprotected(spte);
	return spte & UM_SPTE_WP ? spte & ~(UM_SPTE_WP | UM_SPTE_CLAIMS) : spte;
}

/*
 * What a vCPU without paging can reach. A claim is broken either way: it may
 * have seen the flag as it was before, and its leaf would have W, or WP, for
 * ever. True: W was taken.
 */
static bool um_protect_ept(struct um_mmu *mmu, gfn_t gfn, bool protect)
{
	int level;
	u64 old;
	um_sptep_t sptep = um_walk(mmu, gfn, &level, &old);

	for (;;) {
		u64 new = UM_SPTE_EMPTY;

		if (um_spte_is_leaf(old))
			new = um_protect_leaf(old, protect);
		else if (!um_spte_is_claim(old))
			return false;
		if (old == new)
			return false;
		if (um_spte_try(sptep, &old, new))
			return old & UM_SPTE_W;
	}
}

/* NULL: no slot, so nobody writes there. */
static struct um_rmap_head *um_protect_head(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_slot *slot = um_host_slot(mmu, gfn);

	return slot ? um_rmap_head(slot, gfn, UM_LEVEL_4K) : NULL;
}

bool um_shadow_protect(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_rmap_head *head = um_protect_head(mmu, gfn);
	bool took = false;

	if (!head || um_rmap_is_wrprot(head))
		return false;
	um_tlb_take_begin(&mmu->tlb);
	um_rmap_wrprot_set(&mmu->rmap, head);
	um_rmap_walk(&mmu->rmap, head, um_protect_one, &took);
	took |= um_protect_ept(mmu, gfn, true);
	um_tlb_take_end(&mmu->tlb, took);
	/* W may have been taken before, for the log, and not been paid for. */
	if (took || um_tlb_settled(&mmu->tlb))
		return took;
	um_tlb_owe(&mmu->tlb);
	return true;
}

void um_shadow_unprotect(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_rmap_head *head = um_protect_head(mmu, gfn);
	struct um_shadow_page *sp;

	um_for_each_shadow(sp, mmu, gfn)
		if (!um_shadow_is_unsync(sp))
			return;
	if (!head || !um_rmap_is_wrprot(head))
		return;
	um_rmap_wrprot_clear(&mmu->rmap, head);
	um_rmap_walk(&mmu->rmap, head, um_unprotect_one, NULL);
	um_protect_ept(mmu, gfn, false);
}
