// SPDX-License-Identifier: GPL-2.0
/*
 * Log mode DBIT: the CPU sets D in a leaf and tells nobody, so a harvest looks
 * at every 4K leaf of the slot. What is absent is skipped, 2M or more at once.
 *
 * D is the mark. So whoever empties a leaf with D moves the mark to the bitmap
 * first, and a harvest looks at the leaves first:
 *
 *   notifier                           harvest
 *   set the bit                H6      D of all leaves               H5
 *   leaf with D -> empty               bits = xchg(word, 0)          H1
 *
 * If H5 finds the leaf empty, then H1 finds the bit.
 */
#include "internal.h"

#include <umbra/host.h>
#include <umbra/log.h>

#include <linux/bitops.h>

static bool um_dbit_is_marked(u64 spte)
{
	return um_spte_level(spte) == UM_LEVEL_4K && (spte & UM_SPTE_D);
}

bool um_dbit_save_leaf(struct um_mmu *mmu, um_sptep_t sptep, gfn_t gfn,
		       u64 *old)
{
	const struct um_slot *slot;
	int idx;

	if (!um_dbit_is_marked(*old))
		return true;
	/*
	 * A harvest may take bit and D, and a write set D again: the word would
	 * be the same. Without W, D does not come back.
	 */
	if (*old & UM_SPTE_W) {
		if (um_spte_try(sptep, old, *old & ~UM_SPTE_W))
			*old &= ~UM_SPTE_W;
		return false;
	}
	/* H6: D is read, then the bit looked at or set, then D goes. */
	smp_mb();
	idx = um_host_read_lock(mmu);
	slot = um_host_slot(mmu, gfn);
	if (slot && um_slot_is_logged(slot))
		um_host_mark_dirty(mmu, slot, gfn);
	um_host_read_unlock(mmu, idx);
	return true;
}

/* Take D from the leaf. False: it has none. */
static bool um_dbit_take_one(struct um_mmu *mmu, um_sptep_t sptep, u64 old)
{
	while (um_dbit_is_marked(old))
		if (um_spte_try(sptep, &old, um_log_clean(mmu, old)))
			return true;
	return false;
}

u64 um_dbit_take(struct um_mmu *mmu, const struct um_slot *slot, gfn_t start,
		 gfn_t end)
{
	struct um_iter iter;
	u64 taken = 0;

	um_for_each_spte(iter, mmu, start, end) {
		if (!um_dbit_take_one(mmu, iter.sptep, iter.old))
			continue;
		__set_bit(iter.gfn - slot->base, slot->dirty_out);
		taken++;
	}
	return taken;
}

void um_dbit_fold(struct um_mmu *mmu, const struct um_slot *slot)
{
	const gfn_t end = slot->base + slot->npages;
	gfn_t gfn = slot->base;
	struct um_iter iter;

	while (gfn < end) {
		gfn_t stop = min(gfn + UM_DIRTY_STEP, end);

		rcu_read_lock();
		um_for_each_spte(iter, mmu, gfn, stop) {
			if (um_dbit_is_marked(iter.old))
				um_host_mark_dirty(mmu, slot, iter.gfn);
		}
		rcu_read_unlock();
		um_host_relax();
		gfn = stop;
	}
}
