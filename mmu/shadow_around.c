// SPDX-License-Identifier: GPL-2.0
/*
 * What else a fault may map: where guest and host both have a huge page, all
 * that a leaf table below it maps is one piece, with the same rights. Memory
 * that the guest's kernel reaches by huge pages so costs a fault for 2M.
 */
#include "shadow.h"

/* Do guest and host agree on 2M, with nobody to notice the first write? */
static bool um_around_fits(const struct um_fault *f)
{
	return f->piece && f->host_level >= UM_LEVEL_2M &&
	       !um_slot_is_logged(f->slot) &&
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

/*
 * One that is mapped elsewhere already is left to its own fault: its set might
 * want a descriptor.
 */
static bool um_around_one(struct um_fault *f, um_sptep_t sptep, gfn_t gfn,
			  u64 leaf)
{
	struct um_rmap_head *head = um_rmap_head(f->slot, gfn, UM_LEVEL_4K);

	if (um_spte_read(sptep) != UM_SS_EMPTY || !um_rmap_is_empty(head))
		return true;
	if (um_rmap_is_wrprot(head))
		leaf = um_sspte_wrprotected(leaf);
	return um_shadow_put_leaf(f->ctx, sptep, gfn, head, leaf);
}

void um_shadow_around(struct um_fault *f, const struct um_shadow_page *sp,
		      u64 leaf)
{
	u64 first = leaf & ~(UM_SS_A | UM_SS_D);
	int i;

	if (!um_around_fits(f) || !um_around_alike(f, leaf))
		return;
	/* No A and D yet: the CPU says when. */
	first -= (f->gfn - sp->gfn) << UM_PAGE_SHIFT;
	for (i = 0; i < UM_TABLE_ENTRIES; i++)
		if (!um_around_one(f, um_shadow_sptep(sp, i), sp->gfn + i,
				   first + ((u64)i << UM_PAGE_SHIFT)))
			return;
}
