// SPDX-License-Identifier: GPL-2.0
/*
 * Logging of a slot begins and ends. slots_lock is held by the caller; faults
 * and notifiers go on.
 */
#include "shadow.h"

#include <umbra/host.h>
#include <umbra/log.h>
#include <umbra/trace.h>

#include <linux/bitops.h>

/* True when the leaf was changed. */
static bool um_log_start_leaf(struct um_mmu *mmu, um_sptep_t sptep, u64 old)
{
	while (um_spte_is_leaf(old)) {
		u64 clean = um_log_clean(mmu, old);

		if (old == clean)
			break;
		if (um_spte_try(sptep, &old, clean))
			return true;
	}
	return false;
}

/*
 * Make [*gfn, end) clean, splitting as long as *@spare lasts. Returns true when
 * a table is wanted to go on from *gfn.
 */
static bool um_log_start_some(struct um_mmu *mmu, gfn_t *gfn, gfn_t end,
			      u64 **spare, bool nomem)
{
	struct um_iter iter;
	bool wanted = false;
	u64 cleaned = 0;

	rcu_read_lock();
	um_for_each_spte(iter, mmu, *gfn, end) {
		while (iter.level > UM_LEVEL_4K && um_spte_is_leaf(iter.old) &&
		       *spare) {
			um_tdp_split(mmu, iter.sptep, iter.old, true, spare);
			iter.old = um_spte_read(iter.sptep);
		}
		wanted = iter.level > UM_LEVEL_4K &&
			 um_spte_is_leaf(iter.old) && !nomem;
		if (wanted)
			break;
		cleaned += um_log_start_leaf(mmu, iter.sptep, iter.old);
	}
	rcu_read_unlock();
	trace_umbra_wrprot(*gfn, cleaned);
	*gfn = iter.gfn;
	atomic64_add(cleaned, &mmu->stat.wrprot);
	return wanted;
}

/* The same, outside the tree. */
static void um_log_start_shadow(struct um_mmu *mmu, const struct um_slot *slot)
{
	u64 i, cleaned = 0;

	if (!um_rmap_head(slot, slot->base, UM_LEVEL_4K))
		return;
	for (i = 0; i < slot->npages; i += BITS_PER_LONG) {
		u64 n = min_t(u64, slot->npages - i, BITS_PER_LONG);
		unsigned long all = GENMASK_ULL(n - 1, 0);

		rcu_read_lock();
		cleaned += um_shadow_clean(mmu, slot, slot->base + i, &all, 1);
		rcu_read_unlock();
		um_host_relax();
	}
	trace_umbra_wrprot(slot->base, cleaned);
	atomic64_add(cleaned, &mmu->stat.wrprot);
}

void um_mmu_slot_log_start(struct um_mmu *mmu, struct um_slot *slot)
{
	const gfn_t end = slot->base + slot->npages;
	gfn_t gfn = slot->base;
	bool nomem = false;
	u64 *spare = NULL;

	um_tlb_take_begin(&mmu->tlb);
	if (mmu->shadow)
		um_log_start_shadow(mmu, slot);
	while (gfn < end) {
		gfn_t stop = min(gfn + UM_DIRTY_STEP, end);

		if (um_log_start_some(mmu, &gfn, stop, &spare, nomem) &&
		    !spare) {
			spare = um_quota_alloc(mmu);
			nomem = !spare;
		}
		um_host_relax();
	}
	um_tlb_take_end(&mmu->tlb, true);
	um_tlb_pay(mmu);
	if (spare)
		um_table_free(spare);
}

/*
 * The CPU would log writes that nobody wants to hear of, and leave the guest to
 * do so: in mode PML, what may be written counts as written.
 */
static void um_log_stop_some(struct um_mmu *mmu, gfn_t start, gfn_t end)
{
	struct um_iter iter;

	rcu_read_lock();
	um_for_each_spte(iter, mmu, start, end) {
		u64 old = iter.old;

		while (um_spte_is_leaf(old) && (old & UM_SPTE_W) &&
		       !(old & UM_SPTE_D))
			if (um_spte_try(iter.sptep, &old, old | UM_SPTE_D))
				break;
	}
	rcu_read_unlock();
}

void um_mmu_slot_log_stop(struct um_mmu *mmu, struct um_slot *slot)
{
	const gfn_t end = slot->base + slot->npages;
	gfn_t gfn;

	if (mmu->hugepages && mmu->caps.huge2m)
		um_recover(mmu, slot, UM_LEVEL_2M);
	if (mmu->hugepages && mmu->caps.huge1g)
		um_recover(mmu, slot, UM_LEVEL_1G);
	for (gfn = slot->base; mmu->log == UM_LOG_PML && gfn < end;
	     gfn += UM_DIRTY_STEP) {
		um_log_stop_some(mmu, gfn, min(gfn + UM_DIRTY_STEP, end));
		um_host_relax();
	}
}
