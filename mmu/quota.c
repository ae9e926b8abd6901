// SPDX-License-Identifier: GPL-2.0
/*
 * How many tables a VM may have. A fault that needs one more first takes some
 * away, from where the hand of a clock stands that goes round the tree. What
 * they mapped, the guest faults for again.
 *
 * The hand takes tables without tables below them: of 4K leaves, or of huge
 * leaves, or empty; so the tables above become such in their turn, and every
 * table but the root and those on the faulting guest's own way can go.
 *
 * No lock. The hand is a hint: two who read it at once find the same table,
 * and Z1 lets one of them have it. Each fault has one table in hand at most, so
 * there may be as many tables above the quota as there are vCPUs faulting.
 */
#include "shadow.h"

#include <umbra/trace.h>

/* So many go at once, for one payment. */
#define UM_QUOTA_BATCH 16

static_assert(UM_QUOTA_BATCH <= UM_ZAP_TABLES);

/* No gfn, for who has no way to spare. */
#define UM_QUOTA_NO_GFN UM_GFN_END

static bool um_quota_is_bottom(um_sptep_t table, int level)
{
	int i;

	if (level == UM_LEVEL_4K)
		return true;
	for (i = 0; i < UM_TABLE_ENTRIES; i++)
		if (um_spte_is_table(um_spte_read(table + i)))
			return false;
	return true;
}

/*
 * From @hand on, the entry of the next table that can go, and does not lead to
 * @keep. False: the end of the tree. RCU held. Looks at one path of the tree
 * and the rest of each table on it, for below every table that is no bottom
 * there is one.
 */
static bool um_quota_find(struct um_mmu *mmu, struct um_iter *iter, gfn_t hand,
			  gfn_t keep)
{
	um_for_each_spte(*iter, mmu, hand, UM_GFN_END) {
		if (!um_spte_is_table(iter->old) ||
		    !um_quota_is_bottom(um_spte_child(iter->old),
					iter->level - 1))
			continue;
		if (um_iter_base(iter) != um_gfn_round_down(keep, iter->level))
			return true;
		iter->old = UM_SPTE_EMPTY; /* nothing to go down for */
	}
	return false;
}

/* Take up to @n tables; once round the tree at most. Sleeps not, but pays. */
static unsigned int um_quota_take(struct um_mmu *mmu, gfn_t keep,
				  unsigned int n)
{
	unsigned int taken = 0, ends = 0;
	struct um_zap zap;

	um_zap_begin(&zap, mmu);
	rcu_read_lock();
	while (taken < n && ends < 2) {
		struct um_iter iter;

		if (!um_quota_find(mmu, &iter, atomic64_read(&mmu->hand),
				   keep)) {
			atomic64_set(&mmu->hand, 0);
			ends++;
			continue;
		}
		atomic64_set(&mmu->hand, um_iter_base(&iter) +
						 um_level_pages(iter.level));
		if (um_zap_table(&zap, iter.sptep, iter.old, iter.gfn,
				 iter.level))
			taken++;
	}
	rcu_read_unlock();
	um_zap_end_pay(&zap);
	atomic64_add(taken, &mmu->stat.reclaimed);
	trace_umbra_reclaim(taken, atomic64_read(&mmu->stat.tables));
	return taken;
}

static bool um_quota_full(const struct um_mmu *mmu)
{
	return atomic64_read(&mmu->stat.tables) >=
	       READ_ONCE(mmu->tables_max);
}

bool um_quota_make_room(struct um_mmu *mmu, struct um_fault *f)
{
	if (!um_quota_full(mmu))
		return true;
	if (f->path & UM_PATH_RECLAIM)
		return false;
	f->path |= UM_PATH_RECLAIM;
	um_quota_take(mmu, f->gfn, UM_QUOTA_BATCH);
	return true;
}

u64 *um_quota_alloc(const struct um_mmu *mmu)
{
	return um_quota_full(mmu) ? NULL : um_table_alloc();
}

void um_mmu_set_quota(struct um_mmu *mmu, u64 tables)
{
	unsigned int taken = 1;

	WRITE_ONCE(mmu->tables_max, tables);
	while (taken && atomic64_read(&mmu->stat.tables) > tables) {
		taken = um_quota_take(mmu, UM_QUOTA_NO_GFN, UM_QUOTA_BATCH);
		um_zap_throttle(mmu);
		um_host_relax();
	}
	if (mmu->shadow)
		um_shadow_trim(mmu);
}
