// SPDX-License-Identifier: GPL-2.0
/*
 * Entries that come to hold something, or to hold nothing, and who must hear
 * of it: the set of the frame, or the page that is pointed to.
 */
#include "shadow.h"

#include <umbra/trace.h>

#include <linux/minmax.h>

/* Nobody but who holds the lock fills an empty entry. */
static void um_shadow_fill(struct um_mmu *mmu, um_sptep_t sptep, u64 sspte)
{
	struct um_shadow_page *sp = um_shadow_owner(sptep);
	u16 index = sptep - um_shadow_sptep(sp, 0);
	u64 old = UM_SS_EMPTY;

	sp->first = min(sp->first, index);
	sp->last = max(sp->last, index);
	/*
	 * S1: the word beside the entry, its place in the set, or the table it
	 * points to, before the entry. Pairs with F1, H2 and every walk.
	 */
	if (!um_spte_try(sptep, &old, sspte))
		um_host_vm_dead(mmu);
}

bool um_shadow_put_leaf(struct um_context *ctx, um_sptep_t sptep, gfn_t gfn,
			struct um_rmap_head *head, u64 leaf)
{
	struct um_mmu *mmu = ctx->mmu;

	WRITE_ONCE(*um_sspte_twin(sptep), gfn);
	/*
	 * Into the set first: as soon as the entry is there the fast path may
	 * give it W, and a harvest must find it.
	 */
	if (um_rmap_add(&mmu->rmap, &ctx->pool, head, sptep))
		return false;
	um_shadow_fill(mmu, sptep, leaf);
	atomic64_inc(&mmu->stat.shadow_leaves);
	return true;
}

bool um_shadow_put_table(struct um_context *ctx, um_sptep_t sptep,
			 struct um_shadow_page *child)
{
	struct um_mmu *mmu = ctx->mmu;

	if (um_rmap_add(&mmu->rmap, &ctx->pool, &child->parents, sptep))
		return false;
	um_shadow_fill(mmu, sptep, um_sspte_make_table(__pa(child->table)));
	return true;
}

/*
 * A slot on its way out is not found any more; what is left of it in its sets
 * goes with it (um_shadow_unmap).
 */
static void um_shadow_drop_leaf(struct um_mmu *mmu, um_sptep_t sptep, u64 old)
{
	gfn_t gfn = READ_ONCE(*um_sspte_twin(sptep));
	struct um_slot *slot = um_host_slot(mmu, gfn);

	atomic64_dec(&mmu->stat.shadow_leaves);
	if (!slot)
		return;
	if (!um_rmap_remove(&mmu->rmap, um_rmap_head(slot, gfn, UM_LEVEL_4K),
			    sptep))
		um_host_vm_dead(mmu);
	/*
	 * S3: before another frame stands beside the entry. Pairs with F4: who
	 * gave W under the claim PF, which is no name, may read that one by
	 * now, and mark it. D tells, for W may have been taken since.
	 */
	if (slot->dirty && (old & UM_SS_D) && um_shadow_is_pae(sptep))
		um_host_mark_dirty(mmu, slot, gfn);
}

bool um_shadow_drop(struct um_mmu *mmu, um_sptep_t sptep)
{
	u64 old;

	if (um_spte_read(sptep) == UM_SS_EMPTY)
		return false;
	/* S2: empty before the word beside it or its set changes. */
	old = um_spte_xchg(sptep, UM_SS_EMPTY);
	if (um_sspte_is_leaf(old))
		um_shadow_drop_leaf(mmu, sptep, old);
	else if (!um_rmap_remove(&mmu->rmap, &um_shadow_child(old)->parents,
				 sptep))
		um_host_vm_dead(mmu);
	return true;
}
