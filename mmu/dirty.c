// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: take marks, make the pages clean, pay. vCPUs and notifiers go
 * on meanwhile, and so do others who take marks of other pages.
 *
 *   H5  in log mode DBIT: take D of the leaves (dbit.c)
 *   H1  take marks from a bitmap word, atomically
 *   H2  make the leaf of each page that was marked clean (log.h)
 *   H3  owe
 *   H4  pay; only then the caller copies the pages
 *
 * Against the fault side, which sets W (or D) and then the bit (F2, F3): what
 * H2 does not see is marked after H1, and so belongs to the next round.
 *
 * W or D in some TLB implies that the bit was set. So a set bit owes, whether
 * or not the leaf still shows it: aging, a split, or an unmap may have taken
 * it, and not paid yet.
 */
#include "shadow.h"

#include <umbra/host.h>
#include <umbra/log.h>
#include <umbra/trace.h>

#include <linux/bitops.h>
#include <linux/string.h>

/*
 * Where the last page was found, so that its neighbour is found at once; a
 * table for the next huge leaf. table is valid under RCU only.
 */
struct um_dirty {
	struct um_mmu *mmu;
	const struct um_slot *slot;
	um_sptep_t table; /* of 4K leaves, or NULL */
	gfn_t base;	  /* of what the table maps */
	u64 *spare;
	bool nomem; /* do without */
	u64 cleaned;
};

static um_sptep_t um_dirty_walk(struct um_dirty *d, gfn_t gfn, u64 *spte)
{
	um_sptep_t sptep;
	int level;

	sptep = um_walk(d->mmu, gfn, &level, spte);
	d->table = NULL;
	if (level == UM_LEVEL_4K) {
		d->table = sptep - um_gfn_index(gfn, level);
		d->base = um_gfn_round_down(gfn, UM_LEVEL_2M);
	}
	return sptep;
}

static um_sptep_t um_dirty_find(struct um_dirty *d, gfn_t gfn, u64 *spte)
{
	um_sptep_t sptep;

	if (!d->table || gfn - d->base >= UM_TABLE_ENTRIES)
		return um_dirty_walk(d, gfn, spte);
	sptep = d->table + (gfn - d->base);
	*spte = um_spte_read(sptep);
	/* Taken from the tree since; another may stand there. */
	if (*spte == UM_SPTE_DEAD)
		return um_dirty_walk(d, gfn, spte);
	return sptep;
}

/* H2 of one page. False: a huge leaf is to be split, and there is no table. */
static bool um_dirty_clean(struct um_dirty *d, gfn_t gfn)
{
	u64 spte;
	um_sptep_t sptep = um_dirty_find(d, gfn, &spte);

	while (um_spte_is_leaf(spte)) {
		bool huge = um_spte_level(spte) > UM_LEVEL_4K;
		u64 clean = um_log_clean(d->mmu, spte);

		if (spte == clean)
			return true;
		if (huge && d->spare) {
			/* The other parts keep their rights and their bits. */
			um_tdp_split(d->mmu, sptep, spte, false, &d->spare);
			sptep = um_dirty_walk(d, gfn, &spte);
			continue;
		}
		if (huge && !d->nomem)
			return false;
		if (um_spte_try(sptep, &spte, clean)) {
			d->cleaned++;
			return true;
		}
	}
	return true;
}

/* Does the tree have a table, or a leaf, for a page of [gfn, gfn + 64)? */
static bool um_dirty_in_tree(struct um_dirty *d, gfn_t gfn)
{
	gfn_t last = gfn + BITS_PER_LONG - 1;
	int level;
	u64 spte;

	if (d->table && last - d->base < UM_TABLE_ENTRIES && gfn >= d->base)
		return true;
	um_walk(d->mmu, gfn, &level, &spte);
	return um_gfn_round_down(gfn, level) != um_gfn_round_down(last, level) ||
	       spte != UM_SPTE_EMPTY;
}

/*
 * The leaves outside the tree; pages, not leaves, are counted. Guests that have
 * paging on leave most of the tree empty. False: here it is.
 */
static noinline bool um_dirty_clean_shadow(struct um_dirty *d, gfn_t gfn,
					   unsigned long bits)
{
	if (!bits)
		return false;
	d->cleaned += um_shadow_clean(d->mmu, d->slot, gfn, bits);
	return um_dirty_in_tree(d, gfn);
}

/* RCU held; left for a moment when a table is wanted. */
static void um_dirty_clean_word(struct um_dirty *d, gfn_t gfn,
				unsigned long bits)
{
	if (unlikely(d->mmu->shadow) && !um_dirty_clean_shadow(d, gfn, bits))
		return;
	for (; bits; bits &= bits - 1) {
		while (!um_dirty_clean(d, gfn + __ffs(bits))) {
			rcu_read_unlock();
			d->table = NULL;
			d->spare = um_quota_alloc(d->mmu);
			d->nomem = !d->spare;
			rcu_read_lock();
		}
	}
}

static void um_dirty_done(struct um_dirty *d, gfn_t gfn)
{
	if (d->spare)
		um_table_free(d->spare);
	atomic64_add(d->cleaned, &d->mmu->stat.wrprot);
	trace_umbra_wrprot(gfn, d->cleaned);
}

void um_dirty_protect_mask(struct um_mmu *mmu, struct um_slot *slot,
			   gfn_t offset, unsigned long mask)
{
	struct um_dirty d = { .mmu = mmu, .slot = slot };

	rcu_read_lock();
	um_dirty_clean_word(&d, slot->base + offset, mask);
	rcu_read_unlock();
	um_dirty_done(&d, slot->base + offset);
}

bool um_dirty_clear(struct um_mmu *mmu, struct um_slot *slot, size_t first,
		    size_t n, const unsigned long *mask)
{
	struct um_dirty d = { .mmu = mmu, .slot = slot };
	const gfn_t start = slot->base + first * BITS_PER_LONG;
	bool any = false;
	size_t i;

	um_tlb_take_begin(&mmu->tlb);
	rcu_read_lock();
	for (i = 0; i < n; i++) {
		atomic_long_t *word = (atomic_long_t *)&slot->dirty[first + i];
		unsigned long bits = mask[i];

		if (bits)
			bits &= atomic_long_fetch_andnot(bits, word); /* H1 */
		any |= bits;
		um_dirty_clean_word(&d, start + i * BITS_PER_LONG, bits);
	}
	rcu_read_unlock();
	um_tlb_take_end(&mmu->tlb, any); /* H3 */
	um_dirty_done(&d, start);
	return any;
}

void um_dirty_sync(struct um_mmu *mmu, const struct um_slot *slot)
{
	um_host_log_sync(mmu);
	if (mmu->log == UM_LOG_DBIT)
		um_dbit_fold(mmu, slot);
}

/* Words [first, last) of the bitmap. Returns true when a page was dirty. */
static bool um_dirty_harvest_some(struct um_mmu *mmu, struct um_slot *slot,
				  size_t first, size_t last)
{
	const gfn_t start = slot->base + first * BITS_PER_LONG;
	const u64 npages = min_t(u64, slot->npages, last * BITS_PER_LONG);
	struct um_dirty d = { .mmu = mmu, .slot = slot };
	bool any = false;
	size_t i;

	memset(slot->dirty_out + first, 0, (last - first) * sizeof(long));
	rcu_read_lock();
	if (mmu->log == UM_LOG_DBIT) /* H5: D before the word; pairs with H6 */
		d.cleaned = um_dbit_take(mmu, slot, start, slot->base + npages);
	for (i = first; i < last; i++) {
		unsigned long bits = 0;

		if (READ_ONCE(slot->dirty[i]))
			bits = xchg(&slot->dirty[i], 0); /* H1 */
		um_dirty_clean_word(&d, slot->base + i * BITS_PER_LONG, bits);
		slot->dirty_out[i] |= bits;
		any |= slot->dirty_out[i];
	}
	rcu_read_unlock();
	um_dirty_done(&d, start);
	return any;
}

bool um_dirty_harvest(struct um_mmu *mmu, struct um_slot *slot)
{
	const size_t words = BITS_TO_LONGS(slot->npages);
	const size_t step = UM_DIRTY_STEP / BITS_PER_LONG;
	bool any = false;
	size_t i;

	um_host_log_sync(mmu);
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
