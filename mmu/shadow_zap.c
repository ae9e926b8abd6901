// SPDX-License-Identifier: GPL-2.0
/*
 * Taking shadow pages away, and leaves for the notifier.
 *
 * What a zapped page pointed to stays where it can be found, for the next
 * address that leads there. The page itself is retired: shadow_page.c.
 */
#include "shadow.h"

#include <umbra/trace.h>

/* Pages, and frames, for which the lock is held at a time. */
#define UM_SHADOW_BATCH 32
#define UM_UNMAP_BATCH 256
/* What one fault may need: a path of tables. */
#define UM_SHADOW_ROOM UM_CONTEXT_STOCK

/* The lock of the set is held, and the shadow's. */
static bool um_shadow_unlink_one(um_sptep_t sptep, void *data)
{
	um_spte_xchg(sptep, UM_SS_EMPTY);
	return false;
}

void um_shadow_zap(struct um_mmu *mmu, struct um_shadow_page *sp)
{
	int i;

	mmu->shadow->seq++;
	hlist_del_init(&sp->hash);
	list_del_init(&sp->link);
	um_rmap_zap(&mmu->rmap, &sp->parents, um_shadow_unlink_one, NULL);
	for (i = sp->first; i <= sp->last; i++)
		um_shadow_drop(mmu, um_shadow_sptep(sp, i));
	if (um_shadow_is_unsync(sp)) {
		list_del_init(&sp->unsync_link);
		atomic64_dec(&mmu->stat.shadow_unsync);
	}
	if (!sp->role.direct)
		um_shadow_unprotect(mmu, sp->gfn);
	sp->writes = 0;
	atomic64_dec(&mmu->stat.shadow_pages);
	trace_umbra_shadow_zap(sp->gfn, sp->role.level);
	atomic64_inc(&mmu->stat.shadow_zapped);
	if (sp->roots)
		atomic64_inc(&mmu->shadow_roots);
	else
		um_shadow_retire(mmu, sp);
}

bool um_shadow_zap_gfn(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_shadow_page *sp;
	bool any = false;

	while ((sp = um_shadow_next(mmu, gfn, NULL))) {
		um_shadow_zap(mmu, sp);
		any = true;
	}
	return any;
}

bool um_mmu_unshadow(struct um_mmu *mmu, gfn_t gfn)
{
	bool any;

	um_tlb_take_begin(&mmu->tlb);
	um_shadow_lock(mmu);
	any = um_shadow_zap_gfn(mmu, gfn);
	um_shadow_unlock(mmu);
	um_tlb_take_end(&mmu->tlb, any);
	if (any)
		atomic64_inc(&mmu->stat.shadow_unshadowed);
	return any;
}

/* Up to a batch of the oldest, if they are out of date. Lock held. */
static bool um_shadow_zap_old(struct um_mmu *mmu)
{
	struct um_shadow *shadow = mmu->shadow;
	int n;

	for (n = 0; n < UM_SHADOW_BATCH; n++) {
		struct um_shadow_page *sp;

		if (list_empty(&shadow->active))
			return false;
		sp = list_last_entry(&shadow->active, struct um_shadow_page,
				     link);
		/* None that is out of date ever moves to the front. */
		if (sp->gen == shadow->gen)
			return false;
		um_shadow_zap(mmu, sp);
	}
	return true;
}

/*
 * From here on no page there is now is looked up or followed. vCPUs in guest
 * mode go on in their roots until they are kicked by the payment.
 */
void um_shadow_zap_all(struct um_mmu *mmu)
{
	struct um_shadow *shadow = mmu->shadow;
	bool more;

	um_shadow_lock(mmu);
	shadow->gen++;
	atomic64_inc(&mmu->shadow_roots);
	um_shadow_unlock(mmu);
	do {
		um_tlb_take_begin(&mmu->tlb);
		um_shadow_lock(mmu);
		more = um_shadow_zap_old(mmu);
		um_shadow_unlock(mmu);
		um_tlb_take_end(&mmu->tlb, true);
		um_host_relax();
	} while (more);
	um_tlb_pay(mmu);
}

/* Who keeps pages that are roots does so for long: they go to the front. */
static bool um_shadow_zap_one(struct um_mmu *mmu)
{
	struct list_head *active = &mmu->shadow->active;
	struct um_shadow_page *sp;
	u64 n = atomic64_read(&mmu->stat.shadow_pages);

	while (n--) {
		sp = list_last_entry(active, struct um_shadow_page, link);
		if (!sp->roots || sp->gen != mmu->shadow->gen) {
			um_shadow_zap(mmu, sp);
			return true;
		}
		list_move(&sp->link, active);
	}
	return false;
}

/*
 * The quota counts the tables under EPT and all shadow pages, also those that
 * are retired: they are not given back, but used again.
 */
void um_shadow_make_room(struct um_mmu *mmu)
{
	u64 max = READ_ONCE(mmu->tables_max);
	u64 used = atomic64_read(&mmu->stat.tables) +
		   atomic64_read(&mmu->stat.shadow_pages);
	int n = 0;

	if (likely(used + UM_SHADOW_ROOM <= max))
		return;
	um_tlb_take_begin(&mmu->tlb);
	while (n < UM_SHADOW_BATCH && um_shadow_zap_one(mmu))
		n++;
	um_tlb_take_end(&mmu->tlb, n);
	atomic64_add(n, &mmu->stat.reclaimed);
}

struct um_shadow_unmap {
	struct um_mmu *mmu;
	const struct um_slot *slot;
	gfn_t gfn;
	u64 leaves;
};

/*
 * The set's lock is held. A set of a slot on its way out may have an entry that
 * was emptied since, and filled for another frame: not ours then.
 */
static bool um_shadow_unmap_one(um_sptep_t sptep, void *data)
{
	struct um_shadow_unmap *unmap = data;
	u64 old = um_spte_read(sptep);

	if (!um_sspte_is_leaf(old) ||
	    READ_ONCE(*um_sspte_twin(sptep)) != unmap->gfn)
		return false;
	old = um_spte_xchg(sptep, UM_SS_EMPTY);
	atomic64_dec(&unmap->mmu->stat.shadow_leaves);
	unmap->leaves++;
	/* S3: as when an entry is dropped. */
	if (um_shadow_is_pae(sptep) && (old & UM_SS_D) && unmap->slot->dirty)
		um_host_mark_dirty(unmap->mmu, unmap->slot, unmap->gfn);
	return false;
}

/* False: there is nothing in any set. */
static bool um_shadow_unmap_some(struct um_shadow_unmap *unmap, gfn_t end)
{
	struct um_mmu *mmu = unmap->mmu;
	struct um_rmap_head *head = um_rmap_head(unmap->slot, unmap->gfn,
						 UM_LEVEL_4K);
	bool any;

	um_shadow_lock(mmu);
	any = um_rmap_any(&mmu->rmap);
	for (; any && unmap->gfn < end; unmap->gfn++, head++)
		if (!um_rmap_is_empty(head))
			um_rmap_zap(&mmu->rmap, head, um_shadow_unmap_one,
				    unmap);
	um_shadow_unlock(mmu);
	return any;
}

bool um_shadow_unmap(struct um_mmu *mmu, const struct um_slot *slot,
		     gfn_t start, gfn_t end)
{
	struct um_shadow_unmap unmap = {
		.mmu = mmu,
		.slot = slot,
		.gfn = start,
	};

	while (unmap.gfn < end &&
	       um_shadow_unmap_some(&unmap, min(unmap.gfn + UM_UNMAP_BATCH,
						end)))
		;
	atomic64_add(unmap.leaves, &mmu->stat.zapped);
	return unmap.leaves;
}

void um_mmu_forget_tables(struct um_mmu *mmu)
{
	if (atomic64_read(&mmu->stat.shadow_pages))
		um_shadow_zap_all(mmu);
}

/* No fault finds the slot any more. */
void um_shadow_slot_zap(struct um_mmu *mmu, const struct um_slot *slot)
{
	const gfn_t end = slot->base + slot->npages;
	gfn_t gfn, stop;
	bool took;

	for (gfn = slot->base; gfn < end; gfn = stop) {
		stop = min(gfn + UM_DIRTY_STEP, end);
		um_tlb_take_begin(&mmu->tlb);
		took = um_shadow_unmap(mmu, slot, gfn, stop);
		um_tlb_take_end(&mmu->tlb, took);
		um_host_relax();
	}
	um_shadow_zap_all(mmu);
}
