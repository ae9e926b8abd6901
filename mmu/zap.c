// SPDX-License-Identifier: GPL-2.0
/*
 * Taking away: leaves for the notifier, leaves and whole tables with a slot.
 *
 * No lock. A leaf is emptied by cmpxchg. A table is taken in this order:
 *
 *   Z1  its entry becomes FROZEN: nobody descends or installs there any more
 *   Z2  each of its entries becomes DEAD: a claim in it is broken, a commit
 *       that was on its way fails, now and for ever
 *   Z3  its entry becomes EMPTY: others may go on
 *   Z4  owe, pay                             (paging-structure caches)
 *   Z5  freed after a grace period           (walkers that were inside)
 *
 * When the entry of Z1 lies in a table that is itself being taken, Z2 of the
 * outer one overwrites FROZEN by DEAD and Z3 of the inner one does nothing.
 */
#include "shadow.h"

#include <umbra/trace.h>

void um_zap_begin(struct um_zap *zap, struct um_mmu *mmu)
{
	*zap = (struct um_zap){ .mmu = mmu };
	um_tlb_take_begin(&mmu->tlb);
}

/* Everything but the end of the taking. */
static void um_zap_account(struct um_zap *zap)
{
	struct um_mmu_stat *stat = &zap->mmu->stat;
	int level;

	if (zap->took)
		trace_umbra_zap(zap->leaves, zap->n);
	for (level = UM_LEVEL_4K; level <= UM_LEVEL_1G; level++) {
		u64 n = zap->leaves[level - 1];

		if (!n)
			continue;
		um_stat_leaf(zap->mmu, level, -(s64)n);
		atomic64_add(n, &stat->zapped);
		zap->leaves[level - 1] = 0;
	}
}

/* Z4 and Z5; the debt is owed already. */
static void um_zap_pay(struct um_zap *zap)
{
	struct um_mmu_stat *stat = &zap->mmu->stat;

	um_tlb_pay(zap->mmu);
	um_stat_tables(zap->mmu, -(s64)zap->n);
	atomic64_add(zap->n, &stat->waiting);
	while (zap->n)
		um_table_free_rcu(zap->tables[--zap->n], &stat->waiting);
}

/*
 * Grace periods take as long as they like, and a guest that makes the MMU take
 * table after table would fill memory with what waits for them. So waiting_max
 * is all that may wait, and what each thread that is just taking tables took
 * since it last came here.
 */
void um_zap_throttle(struct um_mmu *mmu)
{
	if (atomic64_read(&mmu->stat.waiting) <= mmu->waiting_max)
		return;
	atomic64_inc(&mmu->stat.waits);
	um_table_free_barrier();
}

bool um_zap_end(struct um_zap *zap)
{
	struct um_tlb *tlb = &zap->mmu->tlb;

	um_zap_account(zap);
	um_tlb_take_end(tlb, zap->took);
	if (zap->n)
		um_zap_pay(zap);
	if (zap->took)
		return true;
	/* Found nothing; but did somebody else just take it? */
	if (um_tlb_settled(tlb))
		return false;
	um_tlb_owe(tlb);
	return true;
}

void um_zap_end_pay(struct um_zap *zap)
{
	um_zap_account(zap);
	um_tlb_take_end(&zap->mmu->tlb, true);
	um_zap_pay(zap);
}

u64 um_zap_entry(struct um_zap *zap, um_sptep_t sptep, u64 old, gfn_t gfn)
{
	while (um_spte_is_leaf(old) || um_spte_is_claim(old)) {
		if (!um_dbit_save(zap->mmu, sptep, gfn, &old) ||
		    !um_spte_try(sptep, &old, UM_SPTE_EMPTY))
			continue;
		/* A claim may stand for a leaf that its owner took. */
		zap->took = true;
		if (um_spte_is_leaf(old))
			zap->leaves[um_spte_level(old) - 1]++;
		return UM_SPTE_EMPTY;
	}
	return old;
}

/* Z2, from the top down, so that a child is dead before its entries are. */
void um_zap_sweep(struct um_zap *zap, um_sptep_t table, gfn_t gfn, int level)
{
	int i;

	for (i = 0; i < UM_TABLE_ENTRIES; i++) {
		gfn_t child = gfn + i * um_level_pages(level);
		u64 old = um_spte_read(table + i);

		while (!um_dbit_save(zap->mmu, table + i, child, &old) ||
		       !um_spte_try(table + i, &old, UM_SPTE_DEAD))
			;
		if (um_spte_is_leaf(old))
			zap->leaves[um_spte_level(old) - 1]++;
		else if (um_spte_is_table(old))
			um_zap_sweep(zap, um_spte_child(old), child, level - 1);
	}
	zap->took = true;
	if (zap->n == UM_ZAP_TABLES) {
		um_tlb_owe(&zap->mmu->tlb);
		um_zap_pay(zap);
	}
	zap->tables[zap->n++] = um_sptep_table(table);
}

um_sptep_t um_zap_find(struct um_mmu *mmu, gfn_t gfn, int level, u64 *old)
{
	struct um_iter iter;

	um_for_each_spte(iter, mmu, gfn, gfn + 1) {
		*old = iter.old;
		if (iter.level == level && um_spte_is_table(iter.old))
			return iter.sptep;
	}
	return NULL;
}

bool um_zap_table(struct um_zap *zap, um_sptep_t sptep, u64 old, gfn_t gfn,
		  int level)
{
	u64 frozen = UM_SPTE_FROZEN;

	if (!um_spte_try(sptep, &old, UM_SPTE_FROZEN)) /* Z1 */
		return false;
	um_zap_sweep(zap, um_spte_child(old), um_gfn_round_down(gfn, level),
		     level - 1);
	um_spte_try(sptep, &frozen, UM_SPTE_EMPTY); /* Z3 */
	return true;
}

bool um_mmu_unmap(struct um_mmu *mmu, const struct um_slot *slot, gfn_t start,
		  gfn_t end)
{
	struct um_iter iter;
	struct um_zap zap;

	um_zap_begin(&zap, mmu);
	rcu_read_lock();
	um_for_each_spte(iter, mmu, start, end) {
		iter.old = um_zap_entry(&zap, iter.sptep, iter.old, iter.gfn);
	}
	rcu_read_unlock();
	if (mmu->shadow)
		zap.took |= um_shadow_unmap(mmu, slot, start, end);
	return um_zap_end(&zap);
}

/* Can the whole of what the entry maps go? */
static bool um_zap_whole(const struct um_iter *iter, const struct um_slot *slot,
			 int level)
{
	return um_spte_is_table(iter->old) && iter->level <= level &&
	       um_slot_fits(slot, iter->gfn, iter->level);
}

/* Leaves of [start, end), and tables below entries of @level at most. */
static void um_slot_zap_some(struct um_mmu *mmu, const struct um_slot *slot,
			     gfn_t start, gfn_t end, int level)
{
	struct um_iter iter;
	struct um_zap zap;

	um_zap_begin(&zap, mmu);
	rcu_read_lock();
	um_for_each_spte(iter, mmu, start, end) {
		if (um_zap_whole(&iter, slot, level)) {
			um_zap_table(&zap, iter.sptep, iter.old, iter.gfn,
				     iter.level);
			iter.old = um_spte_read(iter.sptep);
		}
		iter.old = um_zap_entry(&zap, iter.sptep, iter.old, iter.gfn);
	}
	rcu_read_unlock();
	um_zap_end(&zap);
	um_host_relax();
	um_zap_throttle(mmu);
}

static bool um_table_is_empty(um_sptep_t table)
{
	int i;

	for (i = 0; i < UM_TABLE_ENTRIES; i++)
		if (um_spte_read(table + i) != UM_SPTE_EMPTY)
			return false;
	return true;
}

/*
 * From below, take the tables above @gfn that map nothing any more. Should
 * somebody fill one meanwhile, it goes all the same, and he faults again.
 */
static void um_zap_prune(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_zap zap;
	um_sptep_t sptep;
	int level;
	u64 old;

	um_zap_begin(&zap, mmu);
	rcu_read_lock();
	for (level = UM_LEVEL_2M; level <= UM_LEVEL_ROOT; level++) {
		sptep = um_zap_find(mmu, gfn, level, &old);
		if (sptep && um_table_is_empty(um_spte_child(old)))
			um_zap_table(&zap, sptep, old, gfn, level);
	}
	rcu_read_unlock();
	um_zap_end(&zap);
}

/* In steps that one payment is enough for. */
static void um_slot_zap_level(struct um_mmu *mmu, const struct um_slot *slot,
			      int level)
{
	const u64 step = UM_ZAP_TABLES * um_level_pages(level);
	const gfn_t end = slot->base + slot->npages;
	gfn_t gfn, stop;

	for (gfn = slot->base; gfn < end; gfn = stop) {
		stop = min(gfn - gfn % step + step, end);
		um_slot_zap_some(mmu, slot, gfn, stop, level);
	}
}

void um_mmu_slot_zap(struct um_mmu *mmu, const struct um_slot *slot)
{
	int level;

	if (mmu->shadow)
		um_shadow_slot_zap(mmu, slot);
	/* From below, so that no sweep has more than one table to kill. */
	for (level = UM_LEVEL_2M; level <= UM_LEVEL_ROOT; level++)
		um_slot_zap_level(mmu, slot, level);
	um_zap_prune(mmu, slot->base);
	um_zap_prune(mmu, slot->base + slot->npages - 1);
	/* Also for what somebody else is just taking from the slot. */
	um_tlb_owe(&mmu->tlb);
	um_tlb_pay(mmu);
	um_zap_throttle(mmu);
}
