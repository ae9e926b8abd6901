// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own walk, for a fault that goes the slow way.
 *
 * Most faults are for a page whose neighbours are mapped: the shadow tables
 * lead to the leaf page already. What the guest's entries above it say, is in
 * its role then, and so their A is set; only the last entry is read. Below a
 * huge page of the guest not even that. Where anything is not as it must be, the
 * walk is made from the top, which alone says what is wrong.
 */
#include "shadow.h"

static u32 um_walk_access(const struct um_fault *f)
{
	u32 access = 0;

	if (f->pfec & UM_PFEC_WRITE)
		access |= UM_WALK_WRITE;
	if (f->pfec & UM_PFEC_USER)
		access |= UM_WALK_USER;
	if (f->pfec & UM_PFEC_FETCH)
		access |= UM_WALK_FETCH;
	return access;
}

/* Frame, role, and the place of the entry in the page that @va leads to. */
static bool um_walk_find(struct um_context *ctx, gva_t va, unsigned int *index)
{
	struct um_shadow_page *sp;
	um_sptep_t sptep;
	u64 sspte;

	ctx->leaf = NULL;
	/* With the lock the page is what it says, and in use. */
	um_shadow_lock(ctx->mmu);
	sptep = um_walk_shadow(um_context_root(ctx), va, &sspte);
	if (sptep) {
		sp = um_shadow_owner(sptep);
		*index = sptep - um_shadow_sptep(sp, 0);
		ctx->leaf = sp;
		ctx->leaf_gfn = sp->gfn;
		ctx->leaf_role = sp->role.word;
		ctx->leaf_seq = ctx->mmu->shadow->seq;
	}
	um_shadow_unlock(ctx->mmu);
	return sptep;
}

/* The supervisor's leaf may not be the user's: that saves asking for SMEP. */
bool um_context_fetch(struct um_context *ctx, gva_t va, bool user, gpa_t *gpa)
{
	um_sptep_t sptep;
	u64 sspte;
	bool good;

	um_shadow_lock(ctx->mmu);
	sptep = um_walk_shadow(um_context_root(ctx), va, &sspte);
	good = sptep && um_sspte_is_leaf(sspte) && !(sspte & UM_SS_NX) &&
	       !(sspte & UM_SS_U) == !user;
	if (good)
		*gpa = gfn_to_gpa(READ_ONCE(*um_sspte_twin(sptep))) +
		       (va & (UM_PAGE_SIZE - 1));
	um_shadow_unlock(ctx->mmu);
	return good;
}

/* Below a huge page of the guest there is no entry to read. */
static bool um_walk_direct(const struct um_fault *f, union um_role role,
			   unsigned int index)
{
	struct um_guest_walk *w = &f->ctx->walk;

	if (role.clean && (w->access & UM_WALK_WRITE))
		return false;
	w->level = 1;
	w->gpte[0] = role.clean ? 0 : UM_GPTE_D;
	w->gpa = gfn_to_gpa(f->ctx->leaf_gfn + index);
	return um_guest_allows(&f->ctx->paging, w->access, w->rights);
}

/* False: walk from the top. */
static bool um_walk_last(const struct um_fault *f)
{
	struct um_context *ctx = f->ctx;
	struct um_guest_walk *w = &ctx->walk;
	union um_role role;
	unsigned int index = 0;

	if (!um_walk_find(ctx, f->va, &index))
		return false;
	role.word = ctx->leaf_role;
	w->linear = f->va;
	w->access = um_walk_access(f);
	w->rights = role.rights;
	if (role.direct)
		return um_walk_direct(f, role, index);
	w->gpte_gpa[0] = gfn_to_gpa(ctx->leaf_gfn) + um_role_offset(role) +
			 index * um_role_gpte_size(role);
	return um_guest_walk_last(&ctx->paging, w) == UM_WALK_OK;
}

static enum um_walk_result um_walk_all(const struct um_fault *f)
{
	struct um_context *ctx = f->ctx;

	ctx->leaf = NULL;
	return um_guest_walk(&ctx->paging, f->va, um_walk_access(f),
			     &ctx->walk);
}

enum um_pf um_shadow_walk(struct um_fault *f)
{
	struct um_context *ctx = f->ctx;

	if (!um_walk_last(f)) {
		switch (um_walk_all(f)) {
		case UM_WALK_OK:
			break;
		case UM_WALK_RETRY:
			return UM_PF_RETRY;
		default:
			/* SDM, "Invalidation": a fault forgets the address. */
			um_context_invlpg(ctx, f->va);
			return UM_PF_GUEST;
		}
	}
	f->gfn = gpa_to_gfn(ctx->walk.gpa);
	f->piece = !ctx->leaf && ctx->walk.level > UM_LEVEL_4K;
	return UM_PF_CONTINUE;
}

/* U4: to be asked when nothing that syncs or zaps comes any more. */
bool um_shadow_holds(const struct um_fault *f, union um_role role)
{
	const struct um_guest_walk *w = &f->ctx->walk;
	u64 gpte = 0;

	return um_host_read(f->ctx->mmu, w->gpte_gpa[role.level - 1], &gpte,
			    um_role_gpte_size(role)) &&
	       gpte == w->gpte[role.level - 1];
}
