// SPDX-License-Identifier: GPL-2.0
/*
 * Logging of a slot begins and ends. slots_lock is held by the caller; faults
 * and notifiers go on.
 */
#include "internal.h"

#include <umbra/host.h>
#include <umbra/log.h>
#include <umbra/trace.h>

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

void um_mmu_slot_log_start(struct um_mmu *mmu, struct um_slot *slot)
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

/* Would the host let one leaf map what this table maps page by page? */
static bool um_log_stop_worth(struct um_mmu *mmu, struct um_slot *slot,
			      gfn_t base)
{
	struct um_fault probe = {
		.gfn = base,
		.access = UM_ACC_R,
		.slot = slot,
	};

	if (um_host_pin(mmu, &probe) != UM_PF_CONTINUE)
		return false;
	um_host_unpin(&probe, false);
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
		um_zap_table(&zap, sptep, old, gfn, UM_LEVEL_2M);
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
		um_zap_throttle(mmu);
		um_host_relax();
	}
}
