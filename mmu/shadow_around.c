// SPDX-License-Identifier: GPL-2.0
/*
 * What else a fault may map: where guest and host both have a huge page, all
 * that a leaf table below it maps is one piece, with the same rights. Memory
 * that the guest's kernel reaches by huge pages so costs a fault for 2M.
 */
#include "shadow.h"

/*
 * Do guest and host agree on 2M, with nobody to notice the first write? Once
 * only, for the first that @sp maps: what an older page lacks, it lacked then.
 */
static bool um_around_fits(const struct um_fault *f,
			   const struct um_shadow_page *sp)
{
	return f->piece && sp->first == sp->last &&
	       f->host_level >= UM_LEVEL_2M && !um_slot_is_logged(f->slot) &&
	       um_slot_allows_level(f->slot, f->gfn, UM_LEVEL_2M) &&
	       !((f->pfn ^ f->gfn) & (UM_TABLE_ENTRIES - 1));
}

/*
 * Are the rights that the fault got its neighbours'? Not if it has W by
 * CR0.WP only, or without D in the guest's entry.
 */
static bool um_around_alike(const struct um_fault *f, u64 leaf)
{
	const struct um_guest_walk *walk = &f->ctx->walk;

	return !(leaf & UM_SS_MW) ||
	       ((walk->rights & UM_WALK_MAY_WRITE) &&
		(walk->gpte[walk->level - 1] & UM_GPTE_D));
}

/* @leaf, of the first. */
static void um_around_fill(struct um_fault *f, const struct um_shadow_page *sp,
			   u64 leaf)
{
	struct um_rmap_head *head = um_rmap_head(f->slot, sp->gfn, UM_LEVEL_4K);
	um_sptep_t sptep = um_shadow_sptep(sp, 0);
	gfn_t gfn = sp->gfn;
	gfn_t end = gfn + UM_TABLE_ENTRIES;

	for (; gfn < end; gfn++, sptep++, head++, leaf += UM_PAGE_SIZE) {
		u64 one = leaf;

		/*
		 * One that is mapped elsewhere already is left to its own
		 * fault: its set might want a descriptor.
		 */
		if (um_spte_read(sptep) != UM_SS_EMPTY ||
		    !um_rmap_is_empty(head))
			continue;
		if (um_rmap_is_wrprot(head))
			one = um_sspte_wrprotected(one);
		if (!um_shadow_put_leaf(f->ctx, sptep, gfn, head, one))
			return;
	}
}

void um_shadow_around(struct um_fault *f, const struct um_shadow_page *sp,
		      u64 leaf)
{
	if (!um_around_fits(f, sp) || !um_around_alike(f, leaf))
		return;
	/* No A and D yet: the CPU says when. */
	leaf &= ~(UM_SS_A | UM_SS_D);
	um_around_fill(f, sp, leaf - ((f->gfn - sp->gfn) << UM_PAGE_SHIFT));
}
