// SPDX-License-Identifier: GPL-2.0
/*
 * Populate: put a leaf for f->pfn where f->gfn belongs. No lock but RCU.
 *
 *   M1  claim    cmpxchg old -> old with the vCPU's tag; full barrier
 *       check    has an invalidation begun or ended since before the pin?
 *   M5  commit   cmpxchg claim -> leaf; fails if anybody touched the entry
 *
 * Anybody may overwrite a claim. So a commit that succeeds proves that the
 * entry was nobody else's from M1 on, and the check in between proves that the
 * pinned page was still what the host maps there: a later invalidation finds
 * the claim or the leaf and removes it. The page is held until after M5.
 *
 * A tag is an id of one vCPU, so that nobody can put back the value that a
 * stalled claimant expects. A vCPU without a tag shares the claim of id 0 with
 * its like and holds mmu->untagged from M1 to M5, which makes it one claimant.
 * Only an empty entry can be claimed by id 0: a leaf is emptied first.
 *
 * In a VM with the shadow engine, the check asks too whether the frame is a
 * guest page table in use. Who protects one sets its flag, then takes W and
 * claims from its leaf here (R1), so either the check sees the flag or M5
 * fails. By the same way WP leaves a leaf whose frame is protected no more.
 */
#include "internal.h"

#include <umbra/context.h>
#include <umbra/host.h>
#include <umbra/log.h>
#include <umbra/trace.h>

#include <linux/string.h>

/* Lost races before the guest is asked to try again. */
#define UM_TDP_TRIES 32

u64 um_tdp_leaf(const struct um_mmu *mmu, const struct um_fault *f)
{
	um_pfn_t pfn = f->pfn & ~(um_level_pages(f->goal_level) - 1);
	u64 spte = um_spte_make_leaf(pfn, f->goal_level, f->device);
	bool logged = um_slot_is_logged(f->slot);
	bool write = f->access & UM_ACC_W;

	spte |= UM_SPTE_R | UM_SPTE_X;
	if (f->host_writable)
		spte |= UM_SPTE_HW;
	if (f->host_writable && !(f->slot->flags & KVM_MEM_READONLY)) {
		spte |= UM_SPTE_MW;
		/* Ahead of the first write, unless that must be noticed. */
		if (write || !logged || um_log_lets_w(mmu))
			spte |= UM_SPTE_W;
	}
	/* Set here what the CPU would come to set; D only to be noticed. */
	if (mmu->caps.ad)
		spte |= UM_SPTE_A;
	if (mmu->caps.ad && (spte & UM_SPTE_W) && (write || !logged))
		spte |= UM_SPTE_D;
	return spte;
}

/* Is the frame a guest page table in use? */
static bool um_tdp_is_table(const struct um_fault *f)
{
	const struct um_rmap_head *head = um_rmap_head(f->slot, f->gfn,
						       UM_LEVEL_4K);

	return head && um_rmap_is_wrprot(head);
}

/* Between M1 and M5: FIXED, with *@leaf as it may be. */
static enum um_pf um_tdp_check(struct um_mmu *mmu, struct um_fault *f,
			       u64 *leaf)
{
	if (unlikely(um_mmu_stale(mmu, f))) {
		f->path |= UM_PATH_STALE | UM_PATH_GIVEN_UP;
		return UM_PF_RETRY;
	}
	if (likely(!mmu->shadow) || !um_tdp_is_table(f))
		return UM_PF_FIXED;
	f->path |= UM_PATH_WRPROT;
	if (f->access & UM_ACC_W)
		return UM_PF_TABLE;
	*leaf = um_spte_wrprotected(*leaf);
	return UM_PF_FIXED;
}

static enum um_pf um_tdp_commit_claimed(struct um_mmu *mmu, struct um_fault *f,
					um_sptep_t sptep, u64 old, u64 *leaf)
{
	u64 claimed = um_spte_claimed(old, f->tag);
	u64 spte = claimed;
	enum um_pf ret;

	/* M1: the claim before the word and the flag. Pairs with M2, R1. */
	if (unlikely(!um_spte_try(sptep, &old, claimed))) {
		f->path |= UM_PATH_CLAIM_TAKEN;
		return UM_PF_CONTINUE;
	}
	ret = um_tdp_check(mmu, f, leaf);
	if (unlikely(ret != UM_PF_FIXED)) {
		um_spte_unclaim(sptep, claimed);
		return ret;
	}
	if (unlikely(!um_spte_try(sptep, &spte, *leaf))) { /* M5 */
		um_spte_unclaim(sptep, claimed);
		f->path |= UM_PATH_CLAIM_LOST;
		return UM_PF_CONTINUE;
	}
	return UM_PF_FIXED;
}

static noinline enum um_pf
um_tdp_commit_untagged(struct um_mmu *mmu, struct um_fault *f,
		       um_sptep_t sptep, u64 old, u64 *leaf)
{
	enum um_pf ret;

	f->path |= UM_PATH_NO_TAG;
	um_lock(&mmu->untagged);
	ret = um_tdp_commit_claimed(mmu, f, sptep, old, leaf);
	um_unlock(&mmu->untagged);
	return ret;
}

/* @old: empty, or a leaf of the same frame without W. */
static enum um_pf um_tdp_commit(struct um_mmu *mmu, struct um_fault *f,
				um_sptep_t sptep, u64 old)
{
	u64 leaf = um_tdp_leaf(mmu, f) | (old & (UM_SPTE_A | UM_SPTE_D));
	enum um_pf ret;

	if (likely(f->tag))
		ret = um_tdp_commit_claimed(mmu, f, sptep, old, &leaf);
	else
		ret = um_tdp_commit_untagged(mmu, f, sptep, old, &leaf);
	if (ret != UM_PF_FIXED)
		return ret;

	if (old == UM_SPTE_EMPTY)
		um_stat_leaf(mmu, f->goal_level, 1);
	if (f->goal_level > UM_LEVEL_4K)
		f->path |= UM_PATH_HUGE;
	if (um_slot_is_logged(f->slot) && (leaf & um_log_bit(mmu))) {
		/* After M5, never before. Pairs with H1. */
		um_host_mark_dirty(mmu, f->slot, f->gfn);
		f->path |= UM_PATH_DIRTY;
	}
	return ret;
}

/*
 * Somebody keeps this leaf write-protected: aging's rights come back, W does
 * not, and WP stays. The write is for whoever set WP to see.
 */
static enum um_pf um_tdp_protected(struct um_mmu *mmu, struct um_fault *f,
				   um_sptep_t sptep, u64 old)
{
	u64 spte = um_spte_untrack(um_spte_unclaimed(old));

	if (f->access & UM_ACC_W)
		return mmu->shadow ? UM_PF_TABLE : UM_PF_EMULATE;
	return um_spte_try(sptep, &old, spte) ? UM_PF_FIXED : UM_PF_CONTINUE;
}

/*
 * A leaf of the goal level that does not allow the access. The same frame
 * gets more rights in place; another one only after the old leaf was zapped
 * and the debt paid.
 */
static enum um_pf um_tdp_replace(struct um_mmu *mmu, struct um_fault *f,
				 um_sptep_t sptep, u64 old)
{
	struct um_zap zap;
	um_pfn_t pfn = f->pfn & ~(um_level_pages(f->goal_level) - 1);

	/* Where the frame was a table, and is none now, WP goes. */
	if ((old & UM_SPTE_WP) && (!mmu->shadow || um_tdp_is_table(f)))
		return um_tdp_protected(mmu, f, sptep, old);
	if (f->tag && um_spte_pfn(old) == pfn && !(old & UM_SPTE_W))
		return um_tdp_commit(mmu, f, sptep, old);

	um_zap_begin(&zap, mmu);
	um_zap_entry(&zap, sptep, old, f->gfn);
	um_zap_end_pay(&zap);
	return UM_PF_CONTINUE;
}

/* A table stands where a huge leaf fits: take it away, as zap.c does. */
static enum um_pf um_tdp_merge(struct um_mmu *mmu, struct um_fault *f,
			       um_sptep_t sptep, u64 old)
{
	struct um_zap zap;

	if (um_mmu_stale(mmu, f)) {
		f->path |= UM_PATH_STALE;
		return UM_PF_RETRY;
	}
	um_zap_begin(&zap, mmu);
	if (um_zap_table(&zap, sptep, old, f->gfn, f->goal_level)) {
		atomic64_inc(&mmu->stat.merges);
		trace_umbra_merge(f->gfn, f->goal_level);
		f->path |= UM_PATH_MERGE;
	}
	um_zap_end_pay(&zap);
	return UM_PF_CONTINUE;
}

/* The entry of the goal level. CONTINUE: it changed, look again. */
static enum um_pf um_tdp_fix(struct um_mmu *mmu, struct um_fault *f,
			     um_sptep_t sptep, u64 old)
{
	if (old == UM_SPTE_EMPTY)
		return um_tdp_commit(mmu, f, sptep, old);
	if (um_spte_is_leaf(old))
		return um_tdp_replace(mmu, f, sptep, old);
	if (um_spte_is_table(old))
		return um_tdp_merge(mmu, f, sptep, old);
	f->path |= um_spte_is_claim(old) ? UM_PATH_CLAIM_TAKEN : UM_PATH_FROZEN;
	return UM_PF_RETRY;
}

/* The @index'th part of @huge; clean for the dirty log, or with its rights. */
static u64 um_tdp_part(const struct um_mmu *mmu, u64 huge, int index,
		       bool clean)
{
	u64 part = um_spte_make_split(huge, index);

	return clean ? um_log_clean(mmu, part) : part;
}

bool um_tdp_split(struct um_mmu *mmu, um_sptep_t sptep, u64 old, bool clean,
		  u64 **spare)
{
	const int level = um_spte_level(old);
	u64 *child = *spare;
	int i;

	for (i = 0; i < UM_TABLE_ENTRIES; i++)
		child[i] = um_tdp_part(mmu, old, i, clean);
	/* P1: the leaves before the pointer. Pairs with the walk. */
	if (!um_spte_try(sptep, &old, um_spte_make_table(__pa(child)))) {
		memset(child, 0, UM_PAGE_SIZE);
		return false;
	}
	*spare = NULL;
	um_stat_leaf(mmu, level, -1);
	um_stat_leaf(mmu, level - 1, UM_TABLE_ENTRIES);
	um_stat_tables(mmu, 1);
	atomic64_inc(&mmu->stat.splits);
	trace_umbra_split(um_spte_pfn(old), level);
	return true;
}

static void um_tdp_link(struct um_mmu *mmu, struct um_fault *f,
			um_sptep_t sptep, u64 **spare)
{
	u64 old = UM_SPTE_EMPTY;

	/* P1: zeroes before the pointer. Pairs with the walk. */
	if (!um_spte_try(sptep, &old, um_spte_make_table(__pa(*spare))))
		return;
	*spare = NULL;
	um_stat_tables(mmu, 1);
	f->path |= UM_PATH_TABLE;
}

/* An entry above the goal level that is no table: make it one. */
static enum um_pf um_tdp_descend(struct um_mmu *mmu, struct um_fault *f,
				 um_sptep_t sptep, u64 old, u64 **spare)
{
	/* A shut leaf: its pages are written one by one, and noticed. */
	bool clean = um_slot_is_logged(f->slot);

	if (old != UM_SPTE_EMPTY && !um_spte_is_leaf(old)) {
		f->path |= um_spte_is_claim(old) ? UM_PATH_CLAIM_TAKEN :
						   UM_PATH_FROZEN;
		return UM_PF_RETRY;
	}
	if (!*spare)
		return UM_PF_NOMEM;
	if (old == UM_SPTE_EMPTY) {
		um_tdp_link(mmu, f, sptep, spare);
		return UM_PF_CONTINUE;
	}
	um_tlb_take_begin(&mmu->tlb);
	if (um_tdp_split(mmu, sptep, old, clean, spare))
		f->path |= UM_PATH_SPLIT;
	um_tlb_take_end(&mmu->tlb, true);
	return UM_PF_CONTINUE;
}

/* The entry of level @goal above @gfn, or what ends the way to it. */
static um_sptep_t um_tdp_reach(struct um_mmu *mmu, gfn_t gfn, int goal,
			       int *level, u64 *spte)
{
	um_sptep_t table = um_table_sptep(mmu->root);
	um_sptep_t sptep;

	if (likely(goal == UM_LEVEL_4K))
		return um_walk(mmu, gfn, level, spte);
	for (*level = UM_LEVEL_ROOT;; --*level) {
		sptep = table + um_gfn_index(gfn, *level);
		*spte = um_spte_read(sptep);
		if (*level == goal || !um_spte_is_table(*spte))
			return sptep;
		table = um_spte_child(*spte);
	}
}

/* NOMEM: a table is needed and *@spare is NULL. */
static enum um_pf um_tdp_walk(struct um_mmu *mmu, struct um_fault *f,
			      u64 **spare)
{
	int level, tries;
	um_sptep_t sptep;
	enum um_pf ret;
	u64 spte;

	for (tries = 0; tries < UM_TDP_TRIES; tries++) {
		sptep = um_tdp_reach(mmu, f->gfn, f->goal_level, &level, &spte);
		if (um_spte_is_leaf(spte) && um_spte_allows(spte, f->access))
			return UM_PF_SPURIOUS;
		if (level == f->goal_level)
			ret = um_tdp_fix(mmu, f, sptep, spte);
		else
			ret = um_tdp_descend(mmu, f, sptep, spte, spare);
		if (ret != UM_PF_CONTINUE)
			return ret;
	}
	return UM_PF_RETRY;
}

enum um_pf um_tdp_map(struct um_mmu *mmu, struct um_fault *f)
{
	u64 *spare = NULL;
	enum um_pf ret;

	for (;;) {
		rcu_read_lock();
		ret = um_tdp_walk(mmu, f, &spare);
		rcu_read_unlock();
		if (unlikely(ret == UM_PF_TABLE)) {
			um_mmu_unshadow(mmu, f->gfn);
			ret = UM_PF_RETRY;
		}
		if (ret != UM_PF_NOMEM)
			break;
		if (!um_quota_make_room(mmu, f))
			return UM_PF_RETRY;
		spare = um_table_alloc();
		if (!spare)
			break;
	}
	if (spare)
		um_table_free(spare);
	return ret;
}
