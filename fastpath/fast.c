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
 *   - no claim stands in it, of this mode or another           (tag, pair)
 *   - a right is given back only if it was saved (SX) or never needs asking
 *     (MW without WP); with it, the leaf grants all that the access needs
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

/* What a claim adds to the word in @mode; 0: none is made. */
static u64 um_fast_claim(const struct um_fault *f, enum um_fast_mode mode)
{
	if (likely(mode == UM_FAST_TAG))
		return (u64)f->tag << UM_SPTE_TAG_SHIFT;
	return mode == UM_FAST_PAIR ? UM_SPTE_PF : 0;
}

/* A leaf with new rights, as the CPU would come to leave it. */
static u64 um_fast_used(const struct um_mmu *mmu, u64 spte)
{
	if (!mmu->caps.ad)
		return spte;
	return spte | UM_SPTE_A | (spte & UM_SPTE_W ? UM_SPTE_D : 0);
}

static noinline void um_fast_lost(struct um_fault *f, um_sptep_t sptep,
				  u64 claimed)
{
	f->path |= UM_PATH_CLAIM_LOST;
	um_spte_unclaim(sptep, claimed);
}

/*
 * Make the claim, if the mode has one, and commit @new. True when committed.
 * False: somebody rewrote the entry before the claim or after it.
 */
static __always_inline bool
um_fast_commit(struct um_fault *f, um_sptep_t sptep, u64 old, u64 new,
	       u64 claim)
{
	u64 claimed = old | claim;
	u64 spte = claimed;

	if (claim && !um_spte_try(sptep, &old, claimed)) /* F1 */
		return false;
	/*
	 * Between F1 and F2 belongs what must be checked while the claim
	 * stands. A direct page needs nothing: its gfn is its place in the
	 * tree, and slot flags are const under RCU.
	 */
	if (likely(um_spte_try(sptep, &spte, new))) /* F2 */
		return true;
	if (claim)
		um_fast_lost(f, sptep, claimed);
	return false;
}

static void um_fast_mark(struct um_mmu *mmu, struct um_fault *f)
{
	if (!um_slot_is_logged(f->slot))
		return;
	/* F3: after F2, never before. Pairs with H1. */
	um_host_mark_dirty(mmu, f->slot, f->gfn);
	f->path |= UM_PATH_DIRTY;
}

/*
 * What nearly every fault here meets, in one comparison: a leaf of 4K that
 * lacks W alone, which nobody holds back and nobody has claimed.
 */
#define UM_FAST_COMMON_MASK                                           \
	(UM_SPTE_PRESENT | UM_SPTE_LEVEL | UM_SPTE_RWX | UM_SPTE_MW | \
	 UM_SPTE_WP | UM_SPTE_CLAIMS)
#define UM_FAST_COMMON                                               \
	(UM_SPTE_PRESENT | 1ULL << UM_SPTE_LEVEL_SHIFT | UM_SPTE_R | \
	 UM_SPTE_X | UM_SPTE_MW)

/* False: not that, or a race was lost. */
static bool um_fast_common(struct um_mmu *mmu, struct um_fault *f, u64 claim)
{
	um_sptep_t sptep;
	int level;
	u64 old;

	sptep = um_walk(mmu, f->gfn, &level, &old);
	if (unlikely((old & UM_FAST_COMMON_MASK) != UM_FAST_COMMON ||
		     !(f->access & UM_ACC_W)))
		return false;
	return um_fast_commit(f, sptep, old,
			      um_fast_used(mmu, old | UM_SPTE_W), claim);
}

/* What @old, a leaf, becomes when the access is granted; 0: it is not ours. */
static u64 um_fast_grant(const struct um_mmu *mmu, const struct um_fault *f,
			 u64 old, int level)
{
	bool logged = um_slot_is_logged(f->slot);
	bool write = f->access & UM_ACC_W;
	u64 new = old & ~UM_SPTE_CLAIMS;

	if (write && level > UM_LEVEL_4K && logged)
		return 0;
	if (um_spte_is_tracked(old))
		new = um_spte_untrack(new);
	if ((write || !logged) && um_spte_may_write(new))
		new |= UM_SPTE_W;
	if (!um_spte_allows(new, f->access))
		return 0;
	return um_fast_used(mmu, new);
}

/* One look at the leaf. RETRY: lost a race, look again. */
static enum um_pf um_fast_try(struct um_mmu *mmu, struct um_fault *f, u64 claim)
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
	if (claim && (old & UM_SPTE_CLAIMS)) {
		f->path |= UM_PATH_CLAIM_TAKEN;
		return UM_PF_RETRY;
	}
	if (!um_fast_commit(f, sptep, old, new, claim))
		return UM_PF_RETRY;

	if (um_spte_is_tracked(old))
		f->path |= UM_PATH_RESTORE;
	if (new & UM_SPTE_W)
		um_fast_mark(mmu, f);
	return UM_PF_FIXED;
}

static noinline enum um_pf um_fast_any(struct um_mmu *mmu, struct um_fault *f,
				       u64 claim)
{
	enum um_pf ret;
	int tries;

	for (tries = 0; tries < UM_FAST_TRIES; tries++) {
		ret = um_fast_try(mmu, f, claim);
		if (ret != UM_PF_RETRY)
			return ret;
	}
	f->path |= UM_PATH_GIVEN_UP;
	return UM_PF_CONTINUE;
}

enum um_pf um_fast_fault(struct um_mmu *mmu, struct um_fault *f)
{
	enum um_fast_mode mode = READ_ONCE(mmu->fast);
	u64 claim = um_fast_claim(f, mode);

	if (unlikely(mode == UM_FAST_OFF))
		return UM_PF_CONTINUE;
	f->path |= UM_PATH_FAST;
	if (mode == UM_FAST_TAG && unlikely(!claim)) {
		f->path |= UM_PATH_NO_TAG;
		return UM_PF_CONTINUE;
	}
	if (unlikely(!um_fast_common(mmu, f, claim)))
		return um_fast_any(mmu, f, claim);
	um_fast_mark(mmu, f);
	return UM_PF_FIXED;
}
