/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way down a vCPU's shadow tables without a lock, as its CPU goes it.
 * rcu_read_lock() is held: a table may be taken out and used for something else
 * meanwhile, but stays a table.
 *
 * So what is found may be the entry of another address. Each level looks at
 * LF, so a leaf is never taken for a table, nor a table for a leaf: whoever
 * changes what he found, by compare-and-exchange, changes a leaf, and rightly
 * so if he asks nothing but that leaf and its twin what it may become.
 */
#ifndef _UMBRA_WALK_SHADOW_H
#define _UMBRA_WALK_SHADOW_H

#include <umbra/context.h>
#include <umbra/iter.h>
#include <umbra/sspte.h>

/* The table that @sspte, a table's entry, points to. */
static inline um_sptep_t um_sspte_child(u64 sspte)
{
	return (__force um_sptep_t)__va(sspte & UM_SS_PFN);
}

/*
 * The entry of the leaf table for @va, and in *@sspte what stands there. NULL:
 * there is no table for it.
 */
static inline um_sptep_t um_walk_shadow(const struct um_root *root, gva_t va,
					u64 *sspte)
{
	const gfn_t frame = va >> UM_PAGE_SHIFT;
	u64 *top = root->table[um_root_index(root, va)];
	um_sptep_t table = um_table_sptep(top);
	um_sptep_t sptep;
	int level;

	if (unlikely(!top))
		return NULL;
	for (level = root->levels; level > UM_LEVEL_4K; level--) {
		*sspte = um_spte_read(table + um_gfn_index(frame, level));
		if (unlikely(!um_sspte_is_table(*sspte)))
			return NULL;
		table = um_sspte_child(*sspte);
	}
	sptep = table + um_gfn_index(frame, UM_LEVEL_4K);
	*sspte = um_spte_read(sptep);
	return sptep;
}

/* Take back a claim that did not commit, if it is still there. */
static inline void um_sspte_unclaim(um_sptep_t sptep, u64 claimed)
{
	u64 sspte = um_spte_read(sptep);

	while (um_sspte_is_leaf(sspte) && (sspte & UM_SS_CLAIMS) &&
	       !((sspte ^ claimed) & UM_SS_CLAIMS)) {
		if (um_spte_try(sptep, &sspte, sspte & ~UM_SS_CLAIMS))
			return;
	}
}

#endif
