// SPDX-License-Identifier: GPL-2.0
/*
 * The lockless fix: a leaf is there, but lacks a right that the MMU may give
 * back without asking anybody: W taken for the dirty log (MW stands), or
 * everything taken by aging where the CPU has no A/D flags.
 *
 * It stands apart because nothing depends on it. Remove it, and every fault
 * goes the slow way. No lock; the caller's rcu_read_lock() keeps the slot and
 * the tables. The states,
 * the races and the barriers are drawn in README.md.
 *
 * Before F1 all of these were tested on one snapshot of the entry:
 *
 *   - it is a leaf, and lacks a right of this very access
 *   - no other vCPU's tag stands in it                         (tag mode)
 *   - a right is given back only if it was saved (SX) or never needs asking
 *     (MW); with it, the leaf grants all that the access needs
 *   - a huge leaf of a logged slot is left alone: one dirty bit cannot tell
 *     of 512 pages
 *
 * After F1 nothing is undone but the claim itself.
 */
#include <umbra/fastpath.h>
#include <umbra/host.h>
#include <umbra/iter.h>
#include <umbra/slot.h>
#include <umbra/spte.h>

/* Lost races against A/D flags, aging or a harvest before going slow. */
#define UM_FAST_TRIES 4

/* What @old becomes when the access is granted; 0 when it is not ours. */
static u64 um_fast_grant(const struct um_mmu *mmu, const struct um_fault *f,
			 u64 old, int level)
{
	bool write = f->access & UM_ACC_W;
	u64 new = old & ~UM_SPTE_TAG;

	if (write && level > UM_LEVEL_4K && um_slot_is_logged(f->slot))
		return 0;
	if (um_spte_is_tracked(old))
		new = um_spte_untrack(new);
	if ((new & UM_SPTE_MW) && (write || !um_slot_is_logged(f->slot)))
		new |= UM_SPTE_W;
	if (!um_spte_allows(new, f->access))
		return 0;
	if (mmu->caps.ad)
		new |= UM_SPTE_A | (new & UM_SPTE_W ? UM_SPTE_D : 0);
	return new;
}

/*
 * Claim @old with the vCPU's own id, commit @new. True when committed. False:
 * somebody rewrote the entry before the claim or after it.
 */
static bool um_fast_commit_tag(struct um_fault *f, um_sptep_t sptep, u64 old,
			       u64 new)
{
	u64 claimed = um_spte_claimed(old, f->tag);
	u64 spte = claimed;

	if (!um_spte_try(sptep, &old, claimed)) /* F1 */
		return false;
	/*
	 * Between F1 and F2 belongs what must be checked while the claim
	 * stands. A direct page needs nothing: its gfn is its place in the
	 * tree, and slot flags are const under RCU.
	 */
	if (um_spte_try(sptep, &spte, new)) /* F2 */
		return true;
	f->path |= UM_PATH_CLAIM_LOST;
	um_spte_unclaim(sptep, claimed);
	return false;
}

static bool um_fast_commit(struct um_fault *f, enum um_fast_mode mode,
			   um_sptep_t sptep, u64 old, u64 new)
{
	if (mode == UM_FAST_TAG)
		return um_fast_commit_tag(f, sptep, old, new);
	return um_spte_try(sptep, &old, new); /* F2: MW is in the word */
}

/* One look at the leaf. RETRY: lost a race, look again. */
static enum um_pf um_fast_try(struct um_mmu *mmu, struct um_fault *f,
			      enum um_fast_mode mode)
{
	um_sptep_t sptep;
	u64 old, new;
	int level;

	sptep = um_walk(mmu, f->gfn, &level, &old);
	if (!um_spte_is_leaf(old))
		return UM_PF_CONTINUE;
	if (um_spte_allows(old, f->access))
		return UM_PF_SPURIOUS;
	new = um_fast_grant(mmu, f, old, level);
	if (!new)
		return UM_PF_CONTINUE;
	if (mode == UM_FAST_TAG && um_spte_tag(old)) {
		f->path |= UM_PATH_CLAIM_TAKEN;
		return UM_PF_RETRY;
	}
	if (!um_fast_commit(f, mode, sptep, old, new))
		return UM_PF_RETRY;

	if (um_spte_is_tracked(old))
		f->path |= UM_PATH_RESTORE;
	if ((new & UM_SPTE_W) && um_slot_is_logged(f->slot)) {
		/* F3: after F2, never before. Pairs with H1. */
		um_host_mark_dirty(mmu, f->slot, f->gfn);
		f->path |= UM_PATH_DIRTY;
	}
	return UM_PF_FIXED;
}

enum um_pf um_fast_fault(struct um_mmu *mmu, struct um_fault *f)
{
	enum um_fast_mode mode = READ_ONCE(mmu->fast);
	enum um_pf ret = UM_PF_RETRY;
	int tries;

	if (mode == UM_FAST_OFF)
		return UM_PF_CONTINUE;
	f->path |= UM_PATH_FAST;
	if (mode == UM_FAST_TAG && !f->tag) {
		f->path |= UM_PATH_NO_TAG;
		return UM_PF_CONTINUE;
	}

	for (tries = 0; ret == UM_PF_RETRY && tries < UM_FAST_TRIES; tries++)
		ret = um_fast_try(mmu, f, mode);
	return ret == UM_PF_RETRY ? UM_PF_CONTINUE : ret;
}
