// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages come back when logging ends, without the guest's help: a table
 * gives way to a huge leaf where the host maps one page.
 *
 *   resolve  read the invalidation word, pin the host's page       (M6)
 *   X1       the table's entry becomes a claim
 *            has an invalidation begun or ended?
 *   X2       no: claim -> huge leaf.  yes: claim -> the table again
 *   sweep, owe, pay for and free the table, unless it stands where it stood
 *
 * It is a populate whose claim stands for a table: whoever zaps the claim
 * meanwhile makes X2 fail, and then the table must go too, for the zapper did
 * not see what it maps. Nobody is below a claim, but some may be in the table
 * still: what they install there is out of reach of new walks, and of old ones
 * when it is paid for. Until then the party counts as taking (T3), so a notifier
 * that finds nothing pays as well.
 *
 * Only one table at a time is between X1 and X2: mmu->untagged is held.
 */
#include "internal.h"

#include <umbra/host.h>
#include <umbra/trace.h>

/* A leaf that a huge one could have been split into; false: there is none. */
static bool um_recover_sample(um_sptep_t table, int level, gfn_t *gfn)
{
	const u64 pages = um_level_pages(level);
	int i;

	for (i = 0; i < UM_TABLE_ENTRIES; i++) {
		u64 spte = um_spte_read(table + i);
		gfn_t part = i * um_level_pages(level - 1);

		if (spte == UM_SPTE_EMPTY)
			continue;
		*gfn += part;
		return um_spte_is_leaf(spte) &&
		       !((um_spte_pfn(spte) - part) & (pages - 1));
	}
	return false;
}

/* Cheap enough to ask before a page is pinned. Moves @gfn to the sample. */
static bool um_recover_worth(struct um_mmu *mmu, gfn_t *gfn, int level)
{
	bool worth;
	u64 old;

	rcu_read_lock();
	worth = um_zap_find(mmu, *gfn, level, &old) &&
		um_recover_sample(um_spte_child(old), level, gfn);
	rcu_read_unlock();
	return worth;
}

/* True when the table is out of the tree. */
static bool um_recover_commit(struct um_mmu *mmu, struct um_fault *f,
			      um_sptep_t sptep, u64 table)
{
	u64 claim = UM_SPTE_CLAIM, old = table;
	u64 new = um_tdp_leaf(mmu, f);
	bool done;

	/* X1: the claim before the word is read. Pairs with M2. */
	if (!um_spte_try(sptep, &old, claim))
		return false;
	if (um_mmu_stale(mmu, f))
		new = table;
	/* X2: the leaf after the check. Pairs with whoever zaps the claim. */
	done = um_spte_try(sptep, &claim, new);
	if (done && new == table)
		return false;
	if (done) {
		um_stat_leaf(mmu, f->goal_level, 1);
		atomic64_inc(&mmu->stat.recovered);
		trace_umbra_recover(f->gfn, f->goal_level);
	}
	return true;
}

static void um_recover_install(struct um_mmu *mmu, struct um_fault *f)
{
	struct um_zap zap;
	um_sptep_t sptep;
	bool taken = false;
	u64 old;

	um_zap_begin(&zap, mmu);
	rcu_read_lock();
	sptep = um_zap_find(mmu, f->gfn, f->goal_level, &old);
	if (sptep) {
		um_lock(&mmu->untagged);
		taken = um_recover_commit(mmu, f, sptep, old);
		um_unlock(&mmu->untagged);
	}
	if (taken)
		um_zap_sweep(&zap, um_spte_child(old),
			     um_gfn_round_down(f->gfn, f->goal_level),
			     f->goal_level - 1);
	rcu_read_unlock();
	um_zap_end(&zap);
}

static void um_recover_at(struct um_mmu *mmu, struct um_slot *slot, gfn_t gfn,
			  int level)
{
	struct um_fault f = {
		.gfn = gfn,
		.access = UM_ACC_R,
		.slot = slot,
	};

	if (um_fault_resolve(mmu, &f) != UM_PF_CONTINUE)
		return;
	if (f.goal_level >= level) {
		f.goal_level = level;
		um_recover_install(mmu, &f);
	}
	um_fault_release(&f, UM_PF_FIXED);
}

void um_recover(struct um_mmu *mmu, struct um_slot *slot, int level)
{
	const u64 step = um_level_pages(level);
	const gfn_t end = slot->base + slot->npages;
	gfn_t base = um_gfn_round_down(slot->base + step - 1, level);

	for (; base + step <= end; base += step) {
		gfn_t gfn = base;

		if (!um_slot_allows_level(slot, base, level))
			break;
		if (um_recover_worth(mmu, &gfn, level))
			um_recover_at(mmu, slot, gfn, level);
		um_zap_throttle(mmu);
		um_host_relax();
	}
}
