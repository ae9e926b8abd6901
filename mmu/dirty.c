// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: begin it, harvest it, end it. slots_lock is held by the
 * caller, so that a slot has one harvester; vCPUs and notifiers go on.
 *
 *   H1  exchange the bitmap word with 0
 *   H2  take W and tag of each page whose bit was set
 *   H3  owe
 *   H4  pay; only then the caller copies the pages
 *
 * Against the fault side, which sets W and then the bit (F2, F3): whatever
 * H2 does not see is marked after H1, and so belongs to the next round.
 *
 * W in some TLB implies that the bit was set. So a set bit owes, whether or
 * not W still stands in the entry: aging, a split, or an unmap may have taken
 * it, and not paid yet.
 */
#include "internal.h"

#include <umbra/host.h>
#include <umbra/trace.h>

#include <linux/bitops.h>

/* Take W and tag. True when there was one. */
static bool um_spte_protect(um_sptep_t sptep, u64 old)
{
	const u64 take = UM_SPTE_W | UM_SPTE_TAG;

	while (um_spte_is_leaf(old) && (old & take))
		if (um_spte_try(sptep, &old, old & ~take))
			return true;
	return false;
}

/* A 4K table that was reached, kept from one gfn to the next under RCU. */
struct um_dirty_cursor {
	struct um_mmu *mmu;
	um_sptep_t table;
	gfn_t base; /* of what the table maps */
	u64 wrprot;
};

static um_sptep_t um_dirty_walk(struct um_dirty_cursor *cur, gfn_t gfn,
				u64 *spte)
{
	um_sptep_t sptep;
	int level;

	sptep = um_walk(cur->mmu, gfn, &level, spte);
	cur->table = NULL;
	if (level == UM_LEVEL_4K) {
		cur->table = sptep - um_gfn_index(gfn, level);
		cur->base = um_gfn_round_down(gfn, UM_LEVEL_2M);
	}
	return sptep;
}

static void um_dirty_protect(struct um_dirty_cursor *cur, gfn_t gfn)
{
	um_sptep_t sptep;
	u64 spte;

	if (cur->table && gfn - cur->base < UM_TABLE_ENTRIES) {
		sptep = cur->table + (gfn - cur->base);
		spte = um_spte_read(sptep);
		/* Taken from the tree since; another may stand there. */
		if (spte == UM_SPTE_DEAD)
			sptep = um_dirty_walk(cur, gfn, &spte);
	} else {
		sptep = um_dirty_walk(cur, gfn, &spte);
	}
	cur->wrprot += um_spte_protect(sptep, spte);
}

/* Words [first, last) of the bitmap. Returns true when a bit was set. */
static bool um_dirty_harvest_some(struct um_mmu *mmu, struct um_slot *slot,
				  size_t first, size_t last)
{
	struct um_dirty_cursor cur = { .mmu = mmu };
	bool any = false;
	size_t i;

	rcu_read_lock();
	for (i = first; i < last; i++) {
		gfn_t gfn = slot->base + i * BITS_PER_LONG;
		unsigned long bits = 0;

		if (READ_ONCE(slot->dirty[i]))
			bits = xchg(&slot->dirty[i], 0); /* H1 */
		slot->dirty_out[i] = bits;
		any |= bits;
		for (; bits; bits &= bits - 1)
			um_dirty_protect(&cur, gfn + __ffs(bits)); /* H2 */
	}
	rcu_read_unlock();
	atomic64_add(cur.wrprot, &mmu->stat.wrprot);
	trace_umbra_wrprot(slot->base + first * BITS_PER_LONG, cur.wrprot);
	return any;
}

/* So many pages before others may run. */
#define UM_DIRTY_STEP BIT(18)

bool um_dirty_harvest(struct um_mmu *mmu, struct um_slot *slot)
{
	const size_t words = BITS_TO_LONGS(slot->npages);
	const size_t step = UM_DIRTY_STEP / BITS_PER_LONG;
	bool any = false;
	size_t i;

	um_tlb_take_begin(&mmu->tlb);
	for (i = 0; i < words; i += step) {
		any |= um_dirty_harvest_some(mmu, slot, i,
					     min(i + step, words));
		um_host_relax();
	}
	um_tlb_take_end(&mmu->tlb, any); /* H3 */
	if (any)
		um_tlb_pay(mmu); /* H4 */
	return any;
}

/*
 * Protect [*gfn, end), splitting as long as *@spare lasts. Returns true when
 * a table is wanted to go on from *gfn.
 */
static bool um_log_start_some(struct um_mmu *mmu, gfn_t *gfn, gfn_t end,
			      u64 **spare, bool nomem)
{
	struct um_iter iter;
	bool wanted = false;
	u64 wrprot = 0;

	rcu_read_lock();
	um_for_each_spte(iter, mmu, *gfn, end) {
		while (iter.level > UM_LEVEL_4K && um_spte_is_leaf(iter.old) &&
		       *spare) {
			um_tdp_split(mmu, iter.sptep, iter.old, UM_SPTE_W,
				     spare);
			iter.old = um_spte_read(iter.sptep);
		}
		wanted = iter.level > UM_LEVEL_4K &&
			 um_spte_is_leaf(iter.old) && !nomem;
		if (wanted)
			break;
		wrprot += um_spte_protect(iter.sptep, iter.old);
	}
	rcu_read_unlock();
	trace_umbra_wrprot(*gfn, wrprot);
	*gfn = iter.gfn;
	atomic64_add(wrprot, &mmu->stat.wrprot);
	return wanted;
}

int um_mmu_slot_log_start(struct um_mmu *mmu, struct um_slot *slot)
{
	const gfn_t end = slot->base + slot->npages;
	gfn_t gfn = slot->base;
	bool nomem = false;
	u64 *spare = NULL;

	um_tlb_take_begin(&mmu->tlb);
	while (gfn < end) {
		gfn_t stop = min(gfn + UM_DIRTY_STEP, end);

		if (um_log_start_some(mmu, &gfn, stop, &spare, nomem) &&
		    !spare) {
			spare = um_table_alloc();
			nomem = !spare;
		}
		um_host_relax();
	}
	um_tlb_take_end(&mmu->tlb, true);
	um_tlb_pay(mmu);
	if (spare)
		um_table_free(spare);
	return 0;
}

/* Would the host let one leaf map what this table maps page by page? */
static bool um_log_stop_worth(struct um_mmu *mmu, struct um_slot *slot,
			      gfn_t base)
{
	struct um_fault probe = {
		.gpa = gfn_to_gpa(base),
		.gfn = base,
		.access = UM_ACC_R,
		.slot = slot,
	};

	if (um_host_pin(mmu, &probe) != UM_PF_CONTINUE)
		return false;
	um_host_unpin(&probe, false, false);
	return probe.host_level >= UM_LEVEL_2M;
}

/* The entry of level 2 above @gfn, if it is a table; RCU held. */
static um_sptep_t um_log_stop_table(struct um_mmu *mmu, gfn_t gfn, u64 *old)
{
	struct um_iter iter;

	um_for_each_spte(iter, mmu, gfn, gfn + 1) {
		*old = iter.old;
		if (iter.level == UM_LEVEL_2M && um_spte_is_table(iter.old))
			return iter.sptep;
	}
	return NULL;
}

static bool um_log_stop_has_table(struct um_mmu *mmu, gfn_t gfn)
{
	bool has;
	u64 old;

	rcu_read_lock();
	has = um_log_stop_table(mmu, gfn, &old);
	rcu_read_unlock();
	return has;
}

/* Take the table; the next fault there finds room for a huge leaf. */
static void um_log_stop_take(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_zap zap;
	um_sptep_t sptep;
	u64 old;

	um_zap_begin(&zap, mmu);
	rcu_read_lock();
	sptep = um_log_stop_table(mmu, gfn, &old);
	if (sptep)
		um_zap_table(&zap, sptep, old);
	rcu_read_unlock();
	um_zap_end(&zap);
}

void um_mmu_slot_log_stop(struct um_mmu *mmu, struct um_slot *slot)
{
	const u64 step = um_level_pages(UM_LEVEL_2M);
	const gfn_t end = slot->base + slot->npages;
	gfn_t gfn = um_gfn_round_down(slot->base + step - 1, UM_LEVEL_2M);

	if (!mmu->hugepages || !mmu->caps.huge2m)
		return;
	for (; gfn + step <= end; gfn += step) {
		if (um_slot_allows_level(slot, gfn, UM_LEVEL_2M) &&
		    um_log_stop_has_table(mmu, gfn) &&
		    um_log_stop_worth(mmu, slot, gfn))
			um_log_stop_take(mmu, gfn);
		um_host_relax();
	}
}
