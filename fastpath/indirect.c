// SPDX-License-Identifier: GPL-2.0
/*
 * The lockless fix of a shadow leaf: the guest wrote, and the leaf lacks W, but
 * slot, host and guest allow it (MW), and nothing but the dirty log wants to
 * hear of it.
 *
 * Which frame the leaf maps is not its place in a tree, as under EPT. It is
 * told by the twin word, and tables are taken out and used again at any time.
 * So the twin is read while the claim stands: F2 succeeds with a tag only if
 * nobody wrote the entry since F1, and the twin changes only while the entry is
 * empty. A claim by PF, all that there is room for in the PAE format, does
 * not say whose it is: the entry may have been emptied and filled meanwhile.
 * Then the leaf still says for itself that W may be given (MW, no WP), and only
 * the gfn may be wrong: the twin is read again. README.md draws it.
 *
 * No lock; the caller's rcu_read_lock() keeps tables and slots.
 */
#include <umbra/fastpath.h>
#include <umbra/host.h>
#include <umbra/mmu.h>
#include <umbra/slot.h>
#include <umbra/walk_shadow.h>

/* Lost races before going slow. */
#define UM_INDIRECT_TRIES 4

/* What the common case must be, of all that the error code may say. */
#define UM_INDIRECT_MASK \
	(UM_PFEC_PRESENT | UM_PFEC_WRITE | UM_PFEC_RSVD | UM_PFEC_FETCH)
#define UM_INDIRECT_PFEC (UM_PFEC_PRESENT | UM_PFEC_WRITE)

/*
 * What a claim adds to the word; 0: none can be made. Where a tag has room, a
 * claim without a name is not made, so who takes a leaf away need not mark it.
 */
static u64 um_indirect_claim(const struct um_fault *f, enum um_fast_mode mode,
			     const struct um_root *root)
{
	if (root->levels == UM_LEVEL_2M)
		return UM_SS_PF;
	return mode == UM_FAST_TAG ? (u64)f->tag << UM_SS_TAG_SHIFT : 0;
}

/* May this very access write through the leaf, once it has W? */
static bool um_indirect_allows(const struct um_fault *f, u64 old)
{
	const struct um_guest_paging *paging = &f->ctx->paging;

	if (f->pfec & UM_PFEC_USER)
		return old & UM_SS_U;
	/* SMAP: the supervisor's own business is no user's page. */
	return !(old & UM_SS_U) || !(paging->cr4 & UM_CR4_SMAP) ||
	       (paging->rflags & UM_RFLAGS_AC);
}

/* What the leaf alone says. CONTINUE: why not, in the path. */
static enum um_pf um_indirect_judge(struct um_fault *f, u64 old)
{
	if (unlikely(!um_indirect_allows(f, old))) {
		f->path |= UM_PATH_RIGHTS;
		return UM_PF_CONTINUE;
	}
	if (unlikely(old & UM_SS_W))
		return UM_PF_SPURIOUS;
	if (unlikely(!um_sspte_may_write(old))) {
		f->path |= old & UM_SS_WP ? UM_PATH_WRPROT : UM_PATH_RIGHTS;
		return UM_PF_CONTINUE;
	}
	if (unlikely(old & UM_SS_CLAIMS)) {
		f->path |= UM_PATH_CLAIM_TAKEN;
		return UM_PF_RETRY;
	}
	return UM_PF_FIXED;
}

/* Between F1 and F2. Fills f->gfn and f->slot. */
static bool um_indirect_check(struct um_mmu *mmu, struct um_fault *f,
			      um_sptep_t sptep, u64 claim)
{
	const struct um_rmap_head *head;

	f->gfn = READ_ONCE(*um_sspte_twin(sptep));
	f->slot = um_host_slot(mmu, f->gfn);
	head = f->slot ? um_rmap_head(f->slot, f->gfn, UM_LEVEL_4K) : NULL;
	if (unlikely(!head))
		return false;
	if (unlikely(um_rmap_is_wrprot(head))) {
		f->path |= UM_PATH_WRPROT;
		return false;
	}
	/* S3 needs a log that any thread may mark: rings are the vCPUs'. */
	if (claim == UM_SS_PF && unlikely(!f->slot->dirty)) {
		f->path |= UM_PATH_NO_TAG;
		return false;
	}
	return true;
}

static void um_indirect_mark(struct um_mmu *mmu, struct um_fault *f,
			     const struct um_slot *slot, gfn_t gfn)
{
	if (!slot || !um_slot_is_logged(slot))
		return;
	/* F3: after F2, never before. Pairs with H1. */
	um_host_mark_dirty(mmu, slot, gfn);
	f->path |= UM_PATH_DIRTY;
}

/*
 * F4: the twin again, after F2. The leaf that got W may be of another gfn than
 * the one that was marked. If it is not there any more, who emptied the entry
 * has marked its gfn, before the twin changed.
 */
static noinline void um_indirect_again(struct um_mmu *mmu, struct um_fault *f,
				       um_sptep_t sptep)
{
	gfn_t gfn = READ_ONCE(*um_sspte_twin(sptep));

	if (gfn != f->gfn)
		um_indirect_mark(mmu, f, um_host_slot(mmu, gfn), gfn);
}

static noinline enum um_pf um_indirect_undo(struct um_fault *f,
					    um_sptep_t sptep, u64 claimed,
					    enum um_pf ret)
{
	um_sspte_unclaim(sptep, claimed);
	f->slot = NULL;
	return ret;
}

/* One look at the leaf. RETRY: lost a race, look again. */
static __always_inline enum um_pf um_indirect_try(struct um_mmu *mmu,
						  struct um_fault *f,
						  const struct um_root *root,
						  u64 claim)
{
	um_sptep_t sptep;
	enum um_pf ret;
	u64 old, spte;

	sptep = um_walk_shadow(root, f->va, &old);
	if (unlikely(!sptep || !um_sspte_is_leaf(old)))
		return UM_PF_CONTINUE;
	ret = um_indirect_judge(f, old);
	if (unlikely(ret != UM_PF_FIXED))
		return ret;
	if (unlikely(!um_spte_try(sptep, &old, old | claim))) { /* F1 */
		f->path |= UM_PATH_CLAIM_LOST;
		return UM_PF_RETRY;
	}
	spte = old | claim;
	if (unlikely(!um_indirect_check(mmu, f, sptep, claim)))
		return um_indirect_undo(f, sptep, spte, UM_PF_CONTINUE);
	/* F2: W before the mark. Pairs with H2. */
	if (unlikely(!um_spte_try(sptep, &spte,
				  old | UM_SS_W | UM_SS_D | UM_SS_A))) {
		f->path |= UM_PATH_CLAIM_LOST;
		return um_indirect_undo(f, sptep, old | claim, UM_PF_RETRY);
	}
	um_indirect_mark(mmu, f, f->slot, f->gfn);
	if (claim == UM_SS_PF)
		um_indirect_again(mmu, f, sptep);
	return UM_PF_FIXED;
}

enum um_pf um_fast_indirect(struct um_mmu *mmu, struct um_fault *f)
{
	const struct um_root *root = um_context_root(f->ctx);
	enum um_fast_mode mode = READ_ONCE(mmu->fast);
	int tries = UM_INDIRECT_TRIES;
	enum um_pf ret;
	u64 claim;

	/* Without a claim, nobody could tell of the gfn. */
	if (unlikely(mode != UM_FAST_TAG && mode != UM_FAST_PAIR) ||
	    (f->pfec & UM_INDIRECT_MASK) != UM_INDIRECT_PFEC)
		return UM_PF_CONTINUE;
	f->path |= UM_PATH_FAST;
	claim = um_indirect_claim(f, mode, root);
	if (unlikely(!claim)) {
		f->path |= UM_PATH_NO_TAG;
		return UM_PF_CONTINUE;
	}
	do
		ret = um_indirect_try(mmu, f, root, claim);
	while (unlikely(ret == UM_PF_RETRY && --tries));
	if (likely(ret != UM_PF_RETRY))
		return ret;
	f->path |= UM_PATH_GIVEN_UP;
	return UM_PF_CONTINUE;
}
