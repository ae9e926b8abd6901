// SPDX-License-Identifier: GPL-2.0
/*
 * The slow way of a fault under shadow paging, after the guest's own walk and
 * the pinning of the host's page: the same way down the shadow tables.
 *
 * The guest's entries were read without a lock and may have changed since. So
 * on the way down each is read again, when the page that shadows its table is
 * there: in sync, its table can not change unnoticed any more; out of sync, what
 * changes from now on is the guest's to flush.
 */
#include "shadow.h"

#include <umbra/trace.h>

/* Below the guest's leaf: the part of its page that an entry of @sp maps. */
static gfn_t um_child_direct(const struct um_fault *f, union um_role *role)
{
	gfn_t gfn = um_gfn_round_down(f->gfn, role->level);

	role->level--;
	role->quadrant = 0;
	role->direct = 1;
	return gfn;
}

/* Frame and role of what the entry of @sp for the fault must point to. */
static gfn_t um_child_of(const struct um_fault *f,
			 const struct um_shadow_page *sp, union um_role *role)
{
	const struct um_guest_walk *w = &f->ctx->walk;
	u64 gpte = w->gpte[sp->role.level - 1];

	*role = sp->role;
	if (sp->role.direct)
		return um_child_direct(f, role);
	role->rights &= um_gpte_rights(sp->role.format, gpte);
	if (sp->role.level == w->level) {
		/* The first write below must set D in this entry. */
		role->clean = !(gpte & UM_GPTE_D);
		return um_child_direct(f, role);
	}
	role->level--;
	role->quadrant = role->format == UM_FMT_32 ? f->va >> 21 & 1 : 0;
	return gpa_to_gfn(gpte & UM_GPTE_ADDR);
}

/* Empty an entry that holds what does not fit any more. */
static void um_shadow_clear(struct um_mmu *mmu, um_sptep_t sptep)
{
	um_tlb_take_begin(&mmu->tlb);
	um_tlb_take_end(&mmu->tlb, um_shadow_drop(mmu, sptep));
}

/* The page below, linked; NULL: try again. */
static struct um_shadow_page *um_shadow_descend(struct um_fault *f,
						struct um_shadow_page *sp)
{
	um_sptep_t sptep = um_shadow_sptep(sp, um_va_index(f->va,
							   sp->role.level));
	struct um_shadow_page *child;
	u64 old = um_spte_read(sptep);
	union um_role role;
	gfn_t gfn = um_child_of(f, sp, &role);

	if (um_sspte_is_table(old)) {
		child = um_shadow_child(old);
		/* On gfn and role, whole: nothing less makes it the same. */
		if (child->gfn == gfn && child->role.word == role.word)
			return child;
	}
	um_shadow_clear(f->ctx->mmu, sptep);
	child = um_shadow_get(f->ctx, gfn, role);
	if (!child || !um_shadow_put_table(f->ctx, sptep, child))
		return NULL;
	f->path |= UM_PATH_TABLE;
	return child;
}

/* The leaf page for the walk that began from one, found anew. */
static struct um_shadow_page *um_shadow_leaf_again(const struct um_fault *f)
{
	struct um_context *ctx = f->ctx;
	struct um_shadow_page *sp;
	u64 sspte;
	um_sptep_t sptep = um_walk_shadow(um_context_root(ctx), f->va, &sspte);

	if (!sptep)
		return NULL;
	sp = um_shadow_owner(sptep);
	if (sp->gfn != ctx->leaf_gfn || sp->role.word != ctx->leaf_role)
		return NULL;
	return sp;
}

/*
 * The leaf page that the walk began from, if it is there still. Where seq
 * stands, it is; and in sync all the time, its table has not changed since the
 * entry was read. A write that is being emulated is heard after this.
 */
static struct um_shadow_page *um_shadow_reach_last(struct um_fault *f)
{
	struct um_context *ctx = f->ctx;
	bool same = ctx->leaf_seq == ctx->mmu->shadow->seq;
	struct um_shadow_page *sp = same ? ctx->leaf : um_shadow_leaf_again(f);

	if (!sp)
		return NULL;
	if (!sp->role.direct && (!same || um_shadow_is_unsync(sp)) &&
	    !um_shadow_holds(f, sp->role))
		return NULL;
	sp->writes = 0;
	return sp;
}

/* The leaf page, after each entry on the way was found unchanged. */
static struct um_shadow_page *um_shadow_reach(struct um_fault *f)
{
	const struct um_root *root = um_context_root(f->ctx);
	struct um_shadow_page *sp = root->page[um_root_index(root, f->va)];

	while (sp) {
		/* Every page on the way is in use. */
		sp->writes = 0;
		/* A root may be older than the slot of its table. */
		if (sp->roots && um_shadow_protect(f->ctx->mmu, sp->gfn))
			um_tlb_pay(f->ctx->mmu);
		if (!sp->role.direct && !um_shadow_holds(f, sp->role))
			return NULL;
		if (sp->role.level == UM_LEVEL_4K)
			break;
		sp = um_shadow_descend(f, sp);
	}
	return sp;
}

/* The frame is protected, and to be written. */
static enum um_pf um_shadow_write_table(struct um_mmu *mmu, struct um_fault *f,
					const struct um_rmap_head *head)
{
	if (READ_ONCE(mmu->ptw) == UM_PTW_OOS && um_shadow_unsync(mmu, f->gfn)) {
		/* A slot on its way out is not found: its flag stays set. */
		if (um_rmap_is_wrprot(head))
			return UM_PF_RETRY;
		f->path |= UM_PATH_UNSYNC;
		return UM_PF_CONTINUE;
	}
	f->path |= UM_PATH_WRPROT;
	return UM_PF_TABLE;
}

/* The same frame with other rights. What is lost is owed. */
static void um_shadow_change(struct um_mmu *mmu, um_sptep_t sptep, u64 old,
			     u64 leaf)
{
	u64 new;

	um_tlb_take_begin(&mmu->tlb);
	do {
		new = leaf | (old & (UM_SS_A | UM_SS_D));
		/* W stays where it was: it was marked, or need not be. */
		if ((old & UM_SS_W) && um_sspte_may_write(leaf))
			new |= UM_SS_W;
	} while (!um_spte_try(sptep, &old, new));
	um_tlb_take_end(&mmu->tlb,
			(old & ~new & (UM_SS_W | UM_SS_U)) ||
				(new & ~old & UM_SS_NX));
}

static enum um_pf um_shadow_install(struct um_mmu *mmu, struct um_fault *f,
				    um_sptep_t sptep, struct um_rmap_head *head,
				    u64 leaf)
{
	u64 old = um_spte_read(sptep);

	if (um_sspte_is_leaf(old) && *um_sspte_twin(sptep) == f->gfn &&
	    um_sspte_pfn(old) == f->pfn) {
		um_shadow_change(mmu, sptep, old, leaf);
		return UM_PF_FIXED;
	}
	if (old != UM_SS_EMPTY)
		um_shadow_clear(mmu, sptep);
	return um_shadow_put_leaf(f->ctx, sptep, f->gfn, head, leaf) ?
		       UM_PF_FIXED :
		       UM_PF_RETRY;
}

static enum um_pf um_shadow_fix(struct um_mmu *mmu, struct um_fault *f,
				struct um_shadow_page *sp)
{
	struct um_rmap_head *head = um_rmap_head(f->slot, f->gfn, UM_LEVEL_4K);
	const u64 bare = um_shadow_leaf(f);
	u64 leaf = bare;
	enum um_pf ret = UM_PF_CONTINUE;

	if (um_rmap_is_wrprot(head)) {
		if (f->access & UM_ACC_W)
			ret = um_shadow_write_table(mmu, f, head);
		else
			leaf = um_sspte_wrprotected(leaf);
	}
	if (ret != UM_PF_CONTINUE)
		return ret;
	ret = um_shadow_install(mmu, f,
				um_shadow_sptep(sp, um_va_index(f->va, 1)),
				head, leaf);
	if (ret == UM_PF_FIXED && (leaf & UM_SS_W) &&
	    um_slot_is_logged(f->slot)) {
		/* S5: after the entry, and its set. Pairs with H1. */
		um_host_mark_dirty(mmu, f->slot, f->gfn);
		f->path |= UM_PATH_DIRTY;
	}
	if (ret == UM_PF_FIXED)
		um_shadow_around(f, sp, bare);
	return ret;
}

/*
 * CR0.WP=0 lets the supervisor write what is read-only. The shadow has such a
 * page as the supervisor's own for a while, and so can not tell any more what
 * SMAP asks: those writes are emulated.
 */
static bool um_shadow_must_emulate(const struct um_fault *f)
{
	const struct um_guest_walk *w = &f->ctx->walk;

	return (f->access & UM_ACC_W) && (w->rights & UM_WALK_MAY_USER) &&
	       !(w->rights & UM_WALK_MAY_WRITE) &&
	       (f->ctx->paging.cr4 & UM_CR4_SMAP);
}

/* Lock held. Nothing that zaps comes after the questions. */
static enum um_pf um_shadow_map_locked(struct um_mmu *mmu, struct um_fault *f)
{
	struct um_shadow_page *sp;

	um_shadow_make_room(mmu);
	if (um_mmu_stale(mmu, f)) {
		f->path |= UM_PATH_STALE;
		return UM_PF_RETRY;
	}
	if (!um_context_is_ready(f->ctx))
		return UM_PF_RETRY;
	if (f->ctx->leaf)
		sp = um_shadow_reach_last(f);
	else
		sp = um_shadow_reach(f);
	if (!sp)
		return UM_PF_RETRY;
	return um_shadow_fix(mmu, f, sp);
}

enum um_pf um_shadow_map(struct um_mmu *mmu, struct um_fault *f)
{
	enum um_pf ret;

	if (um_shadow_must_emulate(f))
		return UM_PF_EMULATE;
	if (um_shadow_topup(f->ctx))
		return UM_PF_NOMEM;
	um_shadow_lock(mmu);
	ret = um_shadow_map_locked(mmu, f);
	um_shadow_unlock(mmu);
	return ret;
}
