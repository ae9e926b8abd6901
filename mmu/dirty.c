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
	gfn_t hole;	  /* so many pages from here on are not in the tree */
	u64 hole_pages;
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

/*
 * Does the tree have a table, or a leaf, for a page of [gfn, gfn + 64)? All
 * marks of the words at hand have been taken (H1), so a hole may be remembered
 * for them: who fills it, marks after that.
 */
static bool um_dirty_in_tree(struct um_dirty *d, gfn_t gfn)
{
	gfn_t last = gfn + BITS_PER_LONG - 1;
	int level;
	u64 spte;

	if (gfn >= d->hole && last - d->hole < d->hole_pages)
		return false;
	if (d->table && last - d->base < UM_TABLE_ENTRIES && gfn >= d->base)
		return true;
	um_walk(d->mmu, gfn, &level, &spte);
	if (spte != UM_SPTE_EMPTY)
		return true;
	d->hole = um_gfn_round_down(gfn, level);
	d->hole_pages = um_level_pages(level);
	return last - d->hole >= d->hole_pages;
}

/* RCU held; left for a moment when a table is wanted. */
static void um_dirty_clean_word(struct um_dirty *d, gfn_t gfn,
				unsigned long bits)
{
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

/*
 * The same with shadow paging. First the leaves outside the tree; guests that
 * have paging on leave most of the tree empty. Pages, not leaves, are counted.
 */
static noinline void um_dirty_clean_shadow(struct um_dirty *d, gfn_t gfn,
					   const unsigned long *bits, size_t n)
{
	size_t i;

	d->cleaned += um_shadow_clean(d->mmu, d->slot, gfn, bits, n);
	d->hole_pages = 0;
	for (i = 0; i < n; i++, gfn += BITS_PER_LONG)
		if (bits[i] && um_dirty_in_tree(d, gfn))
			um_dirty_clean_word(d, gfn, bits[i]);
}

/* The marks of all @n words were taken before. */
static void um_dirty_clean_words(struct um_dirty *d, gfn_t gfn,
				 const unsigned long *bits, size_t n)
{
	size_t i;

	if (unlikely(d->mmu->shadow)) {
		um_dirty_clean_shadow(d, gfn, bits, n);
		return;
	}
	for (i = 0; i < n; i++, gfn += BITS_PER_LONG)
		um_dirty_clean_word(d, gfn, bits[i]);
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
	um_dirty_clean_words(&d, slot->base + offset, &mask, 1);
	rcu_read_unlock();
	um_dirty_done(&d, slot->base + offset);
}

bool um_dirty_clear(struct um_mmu *mmu, struct um_slot *slot, size_t first,
		    size_t n, unsigned long *mask)
{
	struct um_dirty d = { .mmu = mmu, .slot = slot };
	const gfn_t start = slot->base + first * BITS_PER_LONG;
	bool any = false;
	size_t i;

	um_tlb_take_begin(&mmu->tlb);
	rcu_read_lock();
	for (i = 0; i < n; i++) {
		atomic_long_t *word = (atomic_long_t *)&slot->dirty[first + i];

		if (mask[i]) /* H1 */
			mask[i] &= atomic_long_fetch_andnot(mask[i], word);
		any |= mask[i];
	}
	um_dirty_clean_words(&d, start, mask, n);
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

/* So many words are taken before the first of them is made clean. */
#define UM_TAKE_WORDS 64

/* Returns true when a page of them was dirty, or had D. */
static bool um_dirty_take(struct um_slot *slot, size_t first, size_t n,
			  unsigned long *bits)
{
	unsigned long *out = slot->dirty_out + first;
	bool any = false;
	size_t i;

	for (i = 0; i < n; i++) {
		bits[i] = 0;
		if (READ_ONCE(slot->dirty[first + i]))
			bits[i] = xchg(&slot->dirty[first + i], 0); /* H1 */
		out[i] |= bits[i];
		any |= out[i];
	}
	return any;
}

/* Words [first, last) of the bitmap. Returns true when a page was dirty. */
static bool um_dirty_harvest_some(struct um_mmu *mmu, struct um_slot *slot,
				  size_t first, size_t last)
{
	const gfn_t start = slot->base + first * BITS_PER_LONG;
	const u64 npages = min_t(u64, slot->npages, last * BITS_PER_LONG);
	struct um_dirty d = { .mmu = mmu, .slot = slot };
	unsigned long bits[UM_TAKE_WORDS];
	bool any = false;
	size_t i, n;

	memset(slot->dirty_out + first, 0, (last - first) * sizeof(long));
	rcu_read_lock();
	if (mmu->log == UM_LOG_DBIT) /* H5: D before the word; pairs with H6 */
		d.cleaned = um_dbit_take(mmu, slot, start, slot->base + npages);
	for (i = first; i < last; i += n) {
		n = min_t(size_t, last - i, UM_TAKE_WORDS);
		any |= um_dirty_take(slot, i, n, bits);
		um_dirty_clean_words(&d, slot->base + i * BITS_PER_LONG, bits,
				     n);
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
