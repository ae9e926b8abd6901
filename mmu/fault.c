// SPDX-License-Identifier: GPL-2.0
/*
 * The spine. A guest page fault goes one way, and um_fault_handle() is that
 * way: slot, fast; then what may sleep: slot, resolve, map. With shadow paging
 * only the guest's own walk tells which slot. Each stage says CONTINUE, or how it
 * ended.
 */
#include "shadow.h"

#include <umbra/fastpath.h>
#include <umbra/trace.h>

/* The slot, or why there is no memory for this access. */
static enum um_pf um_fault_slot(struct um_mmu *mmu, struct um_fault *f)
{
	if (f->gfn >= UM_GFN_END)
		return UM_PF_EMULATE;
	f->slot = um_host_slot(mmu, f->gfn);
	if (!f->slot)
		return UM_PF_EMULATE;
	if ((f->access & UM_ACC_W) && (f->slot->flags & KVM_MEM_READONLY))
		return UM_PF_EMULATE;
	return UM_PF_CONTINUE;
}

/* The largest leaf that slot, host, CPU and dirty log agree on. */
static u8 um_fault_goal(const struct um_mmu *mmu, const struct um_fault *f)
{
	int level = f->host_level;

	if (level == UM_LEVEL_4K || !mmu->hugepages ||
	    um_slot_is_logged(f->slot))
		return UM_LEVEL_4K;
	if (level >= UM_LEVEL_1G)
		level = mmu->caps.huge1g ? UM_LEVEL_1G : UM_LEVEL_2M;
	if (level == UM_LEVEL_2M && !mmu->caps.huge2m)
		level = UM_LEVEL_4K;
	while (level > UM_LEVEL_4K &&
	       (!um_slot_allows_level(f->slot, f->gfn, level) ||
		((f->pfn ^ f->gfn) & (um_level_pages(level) - 1))))
		level--;
	return level;
}

/*
 * Also while an invalidation runs, though that makes the page worthless: where
 * the host holds its locks meanwhile, this waits, and the guest would spin.
 */
static enum um_pf um_fault_pin(struct um_mmu *mmu, struct um_fault *f)
{
	enum um_pf ret;

	f->seq = um_inval_read(&mmu->inval, um_slot_hva(f->slot, f->gfn),
			       f->wide);
	smp_rmb(); /* M6: the word before the pin. Pairs with M3. */
	ret = um_host_pin(mmu, f);
	if (ret == UM_PF_CONTINUE)
		f->goal_level = um_fault_goal(mmu, f);
	return ret;
}

/* Pin the host page. On CONTINUE the page is held. */
enum um_pf um_fault_resolve(struct um_mmu *mmu, struct um_fault *f)
{
	enum um_pf ret = um_fault_pin(mmu, f);

	if (ret == UM_PF_CONTINUE && f->goal_level > UM_LEVEL_2M) {
		/* Only now known: more depends on it than its own 2M. */
		um_host_unpin(f, false);
		f->wide = true;
		ret = um_fault_pin(mmu, f);
	}
	if (ret == UM_PF_CONTINUE)
		f->path |= UM_PATH_RESOLVED;
	return ret;
}

/*
 * The page may become writable later without another pin, so the host hears
 * of it now.
 */
void um_fault_release(struct um_fault *f, enum um_pf ret)
{
	bool dirty = ret == UM_PF_FIXED && f->host_writable &&
		     !(f->slot->flags & KVM_MEM_READONLY);

	um_host_unpin(f, dirty);
}

/* What most faults do not meet. */
#define UM_PATH_RARE \
	(UM_PATH_CLAIM_TAKEN | UM_PATH_CLAIM_LOST | UM_PATH_NO_TAG | \
	 UM_PATH_STALE | UM_PATH_GIVEN_UP | UM_PATH_RIGHTS | UM_PATH_WRPROT)

static void um_fault_count(const struct um_fault *f, enum um_pf ret,
			   struct um_fault_stat *stat)
{
	stat->taken++;
	if (unlikely(f->path & UM_PATH_RARE)) {
		stat->claim_taken += !!(f->path & UM_PATH_CLAIM_TAKEN);
		stat->claim_lost += !!(f->path & UM_PATH_CLAIM_LOST);
		stat->no_tag += !!(f->path & UM_PATH_NO_TAG);
		stat->stale += !!(f->path & UM_PATH_STALE);
		stat->given_up += !!(f->path & UM_PATH_GIVEN_UP);
		stat->rights += !!(f->path & UM_PATH_RIGHTS);
		stat->wrprot += !!(f->path & UM_PATH_WRPROT);
		trace_umbra_claim(f->gfn, f->tag, f->path & UM_PATH_RARE);
	}

	if (ret == UM_PF_FIXED && (f->path & UM_PATH_RESOLVED))
		stat->fixed++;
	else if (ret == UM_PF_FIXED)
		stat->fast++;
	else if (ret == UM_PF_SPURIOUS)
		stat->spurious++;
	else if (ret == UM_PF_EMULATE)
		stat->emulate++;
	else if (ret == UM_PF_TABLE)
		stat->table_write++;
	else if (ret == UM_PF_GUEST)
		stat->guest++;
	else if (ret == UM_PF_RETRY)
		stat->retry++;
}

static enum um_pf um_fault_audit(struct um_mmu *mmu, const struct um_fault *f,
				 enum um_pf ret)
{
	if (unlikely(mmu->audit) && !um_audit_fault(mmu, f))
		return UM_PF_DEAD;
	return ret;
}

/*
 * RCU keeps the slot as well: the way that never sleeps takes no SRCU. Under
 * shadow paging the leaf tells whose slot it is.
 */
static enum um_pf um_fault_fast(struct um_mmu *mmu, struct um_fault *f)
{
	enum um_pf ret;

	rcu_read_lock();
	if (unlikely(f->ctx)) {
		ret = um_fast_indirect(mmu, f);
	} else {
		ret = um_fault_slot(mmu, f);
		if (ret == UM_PF_CONTINUE)
			ret = um_fast_fault(mmu, f);
	}
	ret = um_fault_audit(mmu, f, ret);
	rcu_read_unlock();
	return ret;
}

static enum um_pf um_fault_slow(struct um_mmu *mmu, struct um_fault *f)
{
	int idx = um_host_read_lock(mmu);
	enum um_pf ret;

	f->path |= UM_PATH_SLOW;
	ret = f->ctx ? um_shadow_walk(f) : UM_PF_CONTINUE;
	if (ret == UM_PF_CONTINUE)
		ret = um_fault_slot(mmu, f);
	if (ret == UM_PF_CONTINUE)
		ret = um_fault_resolve(mmu, f);
	if (ret == UM_PF_CONTINUE) {
		ret = f->ctx ? um_shadow_map(mmu, f) : um_tdp_map(mmu, f);
		um_fault_release(f, ret);
	}
	ret = um_fault_audit(mmu, f, ret);
	um_host_read_unlock(mmu, idx);
	return ret;
}

static enum um_pf um_fault_run(struct um_mmu *mmu, struct um_fault *f,
			       struct um_fault_stat *stat)
{
	enum um_pf ret = UM_PF_CONTINUE;

	/* With A/D flags, what the CPU found absent is absent. */
	if (f->allowed || !mmu->caps.ad)
		ret = um_fault_fast(mmu, f);
	if (ret == UM_PF_CONTINUE)
		ret = um_fault_slow(mmu, f);
	/* Here nothing is held that somebody else waits for. */
	if (unlikely(f->path & (UM_PATH_MERGE | UM_PATH_RECLAIM)))
		um_zap_throttle(mmu);
	um_fault_count(f, ret, stat);
	return ret;
}

static noinline enum um_pf um_fault_measure(struct um_mmu *mmu,
					    struct um_fault *f,
					    struct um_fault_stat *stat)
{
	u64 start = get_cycles();
	enum um_pf ret = um_fault_run(mmu, f, stat);
	bool slow = f->path & UM_PATH_SLOW;

	um_hist_add(&mmu->stall[slow], get_cycles() - start);
	return ret;
}

enum um_pf um_fault_handle(struct um_mmu *mmu, struct um_fault *f,
			   struct um_fault_stat *stat)
{
	if (unlikely(READ_ONCE(mmu->locks.measure)))
		return um_fault_measure(mmu, f, stat);
	return um_fault_run(mmu, f, stat);
}
