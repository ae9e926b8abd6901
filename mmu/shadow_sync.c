// SPDX-License-Identifier: GPL-2.0
/*
 * Out of sync: the frame of a guest's leaf table may be written, and what
 * shadows it is behind what it says, until the guest flushes. As a TLB is.
 *
 *   unsync    mark the pages; then let the frame be written
 *   flush     any page marked?
 *   sync      protect, pay; read the table, mend the entries
 *
 * A guest that changes an entry and flushes, over and over (to patch its text,
 * say), would have that fault, and that sync, each time. Where few entries are
 * in use the page becomes loose: a flush mends them, and the frame stays the
 * guest's to write.
 *
 * A guest that wrote an entry and flushes it looks, without a lock, whether any
 * page is out of sync; it could not have written before the mark was made.
 */
#include "shadow.h"

#include <umbra/trace.h>

#include <linux/string.h>

/* So many parents of one page are looked at; more count as a yes. */
#define UM_PARENTS_MAX 8
/* Loose: brought in step so often, with so few entries that matter. */
#define UM_LOOSE_SYNCS 4
#define UM_LOOSE_ENTRIES 2
/* Flushes that found nothing changed: the guest is done with it. */
#define UM_LOOSE_IDLE 64

bool um_shadow_unsync(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_shadow_page *sp;

	um_for_each_shadow(sp, mmu, gfn)
		if (sp->role.level > UM_LEVEL_4K)
			return false;
	mmu->shadow->seq++;
	atomic64_inc(&mmu->shadow->unsyncs);
	um_for_each_shadow(sp, mmu, gfn) {
		if (um_shadow_is_unsync(sp))
			continue;
		list_add(&sp->unsync_link, &mmu->shadow->unsync);
		/* U1: a full barrier, the mark before W. Pairs with U2. */
		atomic64_add_return(1, &mmu->stat.shadow_unsync);
		trace_umbra_shadow_unsync(gfn, sp->role.level);
	}
	um_shadow_unprotect(mmu, gfn);
	return true;
}

/* @old, a leaf of the same frame, with no more than @rights and D allow. */
static u64 um_shadow_mended(u64 old, u8 rights, bool dirty)
{
	u64 new = old & ~(UM_SS_U | UM_SS_NX | UM_SS_CLAIMS);

	if (rights & UM_WALK_MAY_USER)
		new |= UM_SS_U;
	if (!(rights & UM_WALK_MAY_EXEC))
		new |= UM_SS_NX;
	if (!dirty || !(rights & UM_WALK_MAY_WRITE))
		new &= ~(UM_SS_W | UM_SS_MW);
	return new;
}

/* True: a TLB may grant what the entry does not any more. */
static bool um_shadow_mend(struct um_context *ctx, struct um_shadow_page *sp,
			   unsigned int index, u64 gpte)
{
	um_sptep_t sptep = um_shadow_sptep(sp, index);
	u64 old = um_spte_read(sptep), new;
	gfn_t gfn;
	u8 rights;

	if (old == UM_SS_EMPTY)
		return false;
	gfn = READ_ONCE(*um_sspte_twin(sptep));
	if (!um_role_accepts(sp->role, ctx->paging.maxphyaddr, gpte) ||
	    !(gpte & UM_GPTE_A) || gpa_to_gfn(gpte & UM_GPTE_ADDR) != gfn)
		return um_shadow_drop(ctx->mmu, sptep);
	rights = sp->role.rights & um_gpte_rights(sp->role.format, gpte);
	do {
		new = um_shadow_mended(old, rights, gpte & UM_GPTE_D);
		if (!((new ^ old) & ~UM_SS_CLAIMS))
			return false;
	} while (!um_spte_try(sptep, &old, new));
	return true;
}

static u64 um_shadow_gpte(const struct um_shadow *shadow, union um_role role,
			  unsigned int index)
{
	if (role.format == UM_FMT_32)
		return ((const u32 *)shadow->gptes)[index];
	return ((const u64 *)shadow->gptes)[index];
}

/* An entry of the guest's table that may be written meanwhile; 0: none there. */
static u64 um_shadow_gpte_now(struct um_mmu *mmu,
			      const struct um_shadow_page *sp,
			      unsigned int index)
{
	unsigned int size = um_role_gpte_size(sp->role);
	u64 gpte = 0;

	um_host_read(mmu, gfn_to_gpa(sp->gfn) + um_role_offset(sp->role) +
			  index * size, &gpte, size);
	return gpte;
}

static void um_shadow_count_sync(struct um_mmu *mmu,
				 const struct um_shadow_page *sp)
{
	atomic64_inc(&mmu->stat.shadow_synced);
	trace_umbra_shadow_sync(sp->gfn, sp->role.level);
}

static bool um_shadow_is_loose(const struct um_shadow_page *sp)
{
	return sp->syncs == UM_LOOSE_SYNCS &&
	       sp->last - sp->first < UM_LOOSE_ENTRIES;
}

/*
 * What the guest writes from here on it flushes again. True: a TLB may grant
 * what an entry does not any more.
 */
static bool um_shadow_mend_loose(struct um_context *ctx,
				 struct um_shadow_page *sp)
{
	bool took = false;
	int i;

	for (i = sp->first; i <= sp->last; i++)
		took |= um_shadow_mend(ctx, sp, i,
				       um_shadow_gpte_now(ctx->mmu, sp, i));
	sp->idle = took ? 0 : sp->idle + 1;
	if (sp->idle == UM_LOOSE_IDLE)
		sp->syncs = 0;
	um_shadow_count_sync(ctx->mmu, sp);
	return took;
}

/* The table is protected, and that is paid for. */
static bool um_shadow_mend_all(struct um_context *ctx,
			       struct um_shadow_page *sp)
{
	struct um_shadow *shadow = ctx->mmu->shadow;
	const unsigned int size = um_role_gpte_size(sp->role);
	/* In words of 8 bytes. */
	const unsigned int start = sp->first * size & ~7u;
	const unsigned int end = ((sp->last + 1) * size + 7) & ~7u;
	bool took = false;
	int i;

	if (start < end &&
	    !um_host_read(ctx->mmu,
			  gfn_to_gpa(sp->gfn) + um_role_offset(sp->role) + start,
			  shadow->gptes + start, end - start))
		memset(shadow->gptes + start, 0, end - start);
	for (i = sp->first; i <= sp->last; i++)
		took |= um_shadow_mend(ctx, sp, i,
				       um_shadow_gpte(shadow, sp->role, i));
	if (sp->syncs < UM_LOOSE_SYNCS)
		sp->syncs++;
	sp->idle = 0;
	um_shadow_count_sync(ctx->mmu, sp);
	return took;
}

struct um_parents {
	int n;
	struct um_shadow_page *sp[UM_PARENTS_MAX];
};

static bool um_parents_add(um_sptep_t sptep, void *data)
{
	struct um_parents *parents = data;

	if (parents->n == UM_PARENTS_MAX)
		return true;
	parents->sp[parents->n++] = um_shadow_owner(sptep);
	return false;
}

/* Does one of @top lead to @sp? As deep as there are levels. */
static bool um_shadow_is_below(struct um_mmu *mmu,
			       struct um_shadow_page *const top[4],
			       struct um_shadow_page *sp)
{
	struct um_parents parents = { .n = 0 };
	int i;

	for (i = 0; i < 4; i++)
		if (sp == top[i])
			return true;
	if (um_rmap_walk(&mmu->rmap, &sp->parents, um_parents_add, &parents))
		return true;
	for (i = 0; i < parents.n; i++)
		if (um_shadow_is_below(mmu, top, parents.sp[i]))
			return true;
	return false;
}

/* Protect all, pay once, read all. */
bool um_shadow_sync_below(struct um_context *ctx,
			  struct um_shadow_page *const top[4], bool tighten)
{
	struct um_mmu *mmu = ctx->mmu;
	struct um_shadow_page *sp, *next;
	struct list_head below;
	bool pay = false, took = false, loose = false;
	s64 n = 0;

	INIT_LIST_HEAD(&below);
	um_tlb_take_begin(&mmu->tlb);
	list_for_each_entry_safe(sp, next, &mmu->shadow->unsync, unsync_link) {
		if (!um_shadow_is_below(mmu, top, sp))
			continue;
		if (!tighten && um_shadow_is_loose(sp)) {
			took |= um_shadow_mend_loose(ctx, sp);
			loose = true;
			continue;
		}
		pay |= um_shadow_protect(mmu, sp->gfn);
		list_move(&sp->unsync_link, &below);
		n++;
	}
	/* U3: nobody can write the tables any more when they are read. */
	if (pay)
		um_tlb_pay(mmu);
	list_for_each_entry_safe(sp, next, &below, unsync_link) {
		list_del_init(&sp->unsync_link);
		took |= um_shadow_mend_all(ctx, sp);
	}
	um_tlb_take_end(&mmu->tlb, took);
	mmu->shadow->seq += n;
	/* U2: last, for who finds none out of sync looks no further. */
	atomic64_sub(n, &mmu->stat.shadow_unsync);
	return !loose;
}

void um_shadow_sync_root(struct um_context *ctx, struct um_root *root)
{
	struct um_mmu *mmu = ctx->mmu;
	atomic64_t *unsyncs = &mmu->shadow->unsyncs;

	/*
	 * U2: the exit before the numbers. Pairs with U1. What is linked below
	 * the root is in sync then, so what is out of sync there went so later,
	 * or was loose: it went so once and for all.
	 */
	if (atomic64_read(&mmu->stat.shadow_unsync) &&
	    atomic64_read(unsyncs) != root->synced) {
		um_shadow_lock(mmu);
		root->synced = um_shadow_sync_below(ctx, root->page, false) ?
				       atomic64_read(unsyncs) :
				       UM_NEVER_SYNCED;
		um_shadow_unlock(mmu);
	}
	um_tlb_owe_beside(&mmu->tlb);
	root->stale = false;
}

/* The entry of @va only; its page stays as it is. Lock held. */
static bool um_shadow_sync_va(struct um_context *ctx,
			      const struct um_root *root, gva_t va)
{
	struct um_shadow_page *sp;
	unsigned int index;
	u64 sspte;
	um_sptep_t sptep = um_walk_shadow(root, va, &sspte);

	if (!sptep)
		return false;
	sp = um_shadow_owner(sptep);
	if (!um_shadow_is_unsync(sp))
		return false;
	index = sptep - um_shadow_sptep(sp, 0);
	return um_shadow_mend(ctx, sp, index,
			      um_shadow_gpte_now(ctx->mmu, sp, index));
}

/* In the shadow tables that go with @va; lock held. */
static bool um_shadow_invlpg(struct um_context *ctx, gva_t va)
{
	bool took = false;
	int i;

	/* Another root is brought in step whenever the guest goes there. */
	if (!(ctx->paging.cr4 & UM_CR4_PCIDE))
		return um_shadow_sync_va(ctx, um_context_root(ctx), va);
	for (i = 0; i < UM_ROOTS; i++)
		if (ctx->root[i].hpa)
			took |= um_shadow_sync_va(ctx, &ctx->root[i], va);
	return took;
}

void um_context_invlpg(struct um_context *ctx, gva_t va)
{
	struct um_mmu *mmu = ctx->mmu;
	bool took;

	um_shadow_hear(mmu);
	if (atomic64_read(&mmu->stat.shadow_unsync)) {
		um_tlb_take_begin(&mmu->tlb);
		um_shadow_lock(mmu);
		took = um_shadow_invlpg(ctx, va);
		um_shadow_unlock(mmu);
		um_tlb_take_end(&mmu->tlb, took);
	}
	um_tlb_owe_beside(&mmu->tlb);
}
