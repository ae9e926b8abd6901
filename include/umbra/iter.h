/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tree of tables: how an entry is read, written, and reached. All code
 * that touches an entry goes through here, and all of it runs under
 * rcu_read_lock(): a table may be taken from the tree at any time, but is not
 * freed before its readers left.
 *
 * Nothing here ever stores plainly. Hardware sets A and D, other CPUs claim,
 * protect and zap; a store would eat what they did.
 */
#ifndef _UMBRA_ITER_H
#define _UMBRA_ITER_H

#include <umbra/mmu.h>
#include <umbra/spte.h>

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

/* Guest frames that a tree of four levels can reach. */
#define UM_GFN_END (1ULL << (UM_LEVEL_ROOT * UM_TABLE_BITS))

static inline u64 um_spte_read(um_sptep_t sptep)
{
	return READ_ONCE(*(__force u64 *)sptep);
}

/*
 * Compare and exchange: full barrier when it succeeds. When it fails, nothing
 * changed and *@old is what stands there.
 */
static inline bool um_spte_try(um_sptep_t sptep, u64 *old, u64 new)
{
	return try_cmpxchg64((__force u64 *)sptep, old, new);
}

static inline u64 um_spte_xchg(um_sptep_t sptep, u64 new)
{
	return xchg((__force u64 *)sptep, new);
}

static inline um_sptep_t um_table_sptep(u64 *table)
{
	return (__force um_sptep_t)table;
}

static inline u64 *um_sptep_table(um_sptep_t table)
{
	return (__force u64 *)table;
}

/* The table that @spte, a table entry, points to. */
static inline um_sptep_t um_spte_child(u64 spte)
{
	return (__force um_sptep_t)__va(spte & UM_SPTE_PFN);
}

static inline unsigned int um_gfn_index(gfn_t gfn, int level)
{
	return gfn >> ((level - 1) * UM_TABLE_BITS) & (UM_TABLE_ENTRIES - 1);
}

/*
 * Walk to the entry that ends the translation of @gfn: a leaf, or one of those
 * that are not present. Fills *@level and *@spte.
 */
static inline um_sptep_t um_walk(struct um_mmu *mmu, gfn_t gfn, int *level,
				 u64 *spte)
{
	um_sptep_t table = um_table_sptep(mmu->root);
	um_sptep_t sptep;
	int l;

	/* Constant shifts: this is half of what a fast fix executes. */
#pragma GCC unroll 3
	for (l = UM_LEVEL_ROOT; l > UM_LEVEL_4K; l--) {
		sptep = table + um_gfn_index(gfn, l);
		*spte = um_spte_read(sptep);
		if (!um_spte_is_table(*spte))
			goto out;
		table = um_spte_child(*spte);
	}
	sptep = table + um_gfn_index(gfn, l);
	*spte = um_spte_read(sptep);
out:
	*level = l;
	return sptep;
}

/*
 * Remove the claim that stands as @claimed, if it still stands. The hardware
 * may have set A or D in a claimed leaf meanwhile; a tag of one's own is there
 * only if nobody else rewrote the entry. PF may be another's by now, who then
 * loses the claim, which claimants must bear.
 */
static inline void um_spte_unclaim(um_sptep_t sptep, u64 claimed)
{
	u64 spte = um_spte_read(sptep);

	while (spte == claimed ||
	       (um_spte_is_present(spte) && (spte & UM_SPTE_CLAIMS) &&
		!((spte ^ claimed) & UM_SPTE_CLAIMS))) {
		if (um_spte_try(sptep, &spte, um_spte_unclaimed(spte)))
			return;
	}
}

/*
 * All entries of [start, end), parents before children. @old is a snapshot;
 * a body that changes the entry writes what now stands there into @old, for
 * um_iter_next() descends only where @old is a table.
 */
struct um_iter {
	um_sptep_t table[UM_LEVEL_ROOT + 1]; /* by level */
	gfn_t gfn; /* within the entry, not below start */
	gfn_t end;
	int level;
	um_sptep_t sptep;
	u64 old;
};

static inline void um_iter_load(struct um_iter *iter)
{
	iter->sptep = iter->table[iter->level] +
		      um_gfn_index(iter->gfn, iter->level);
	iter->old = um_spte_read(iter->sptep);
}

static inline void um_iter_start(struct um_iter *iter, struct um_mmu *mmu,
				 gfn_t start, gfn_t end)
{
	iter->gfn = start;
	iter->end = min_t(gfn_t, end, UM_GFN_END);
	iter->level = UM_LEVEL_ROOT;
	iter->table[UM_LEVEL_ROOT] = um_table_sptep(mmu->root);
	if (iter->gfn < iter->end)
		um_iter_load(iter);
}

static inline bool um_iter_valid(const struct um_iter *iter)
{
	return iter->gfn < iter->end;
}

/* First frame of the entry. */
static inline gfn_t um_iter_base(const struct um_iter *iter)
{
	return um_gfn_round_down(iter->gfn, iter->level);
}

static inline void um_iter_next(struct um_iter *iter)
{
	if (um_spte_is_table(iter->old)) {
		iter->table[iter->level - 1] = um_spte_child(iter->old);
		iter->level--;
		um_iter_load(iter);
		return;
	}
	iter->gfn = um_iter_base(iter) + um_level_pages(iter->level);
	while (iter->level < UM_LEVEL_ROOT &&
	       !um_gfn_index(iter->gfn, iter->level))
		iter->level++;
	if (um_iter_valid(iter))
		um_iter_load(iter);
}

#define um_for_each_spte(iter, mmu, start, end)                   \
	for (um_iter_start(&(iter), mmu, start, end);             \
	     um_iter_valid(&(iter)); um_iter_next(&(iter)))

#endif
