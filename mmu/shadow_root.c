// SPDX-License-Identifier: GPL-2.0
/*
 * Roots: what a vCPU's CPU walks. The last few address spaces keep theirs, so
 * that going back to one costs no rebuild and, with a VPID for each, no flush.
 *
 * A root holds its pages: one that is zapped meanwhile stays, empty, until the
 * vCPU looks (shadow_roots has moved) and makes its root anew.
 */
#include "shadow.h"

#include <linux/errno.h>
#include <linux/string.h>

#define UM_PDPTES 4

static int um_context_pages(const struct um_context *ctx)
{
	union um_role role = { .word = ctx->role };

	return um_role_is_pae(role) ? UM_PDPTES : 1;
}

static gfn_t um_context_gfn(const struct um_context *ctx)
{
	u64 cr3 = ctx->paging.cr3;

	/* PAE: the four entries are registers; their place names the root. */
	if (um_guest_format(&ctx->paging) == UM_FMT_PAE)
		return (cr3 & GENMASK_ULL(31, 5)) >> 5;
	return gpa_to_gfn(cr3 & UM_GPTE_ADDR);
}

static bool um_root_fits(const struct um_context *ctx,
			 const struct um_root *root)
{
	if (!root->hpa || root->role != ctx->role ||
	    root->gfn != um_context_gfn(ctx))
		return false;
	return um_guest_format(&ctx->paging) != UM_FMT_PAE ||
	       !memcmp(root->pdpte, ctx->paging.pdpte, sizeof(root->pdpte));
}

/* Lock held. */
static void um_root_put(struct um_mmu *mmu, struct um_root *root)
{
	int i;

	for (i = 0; i < UM_PDPTES; i++) {
		struct um_shadow_page *sp = root->page[i];

		root->page[i] = NULL;
		root->table[i] = NULL;
		root->pdpt[i] = 0;
		if (!sp || --sp->roots || um_shadow_is_valid(sp))
			continue;
		um_shadow_retire(mmu, sp);
	}
	root->hpa = 0;
}

static void um_root_release(struct um_mmu *mmu, struct um_root *root)
{
	if (!root->hpa)
		return;
	/* Others may use the pages now: owe for what this CPU remembers. */
	um_tlb_take_begin(&mmu->tlb);
	um_shadow_lock(mmu);
	um_root_put(mmu, root);
	um_shadow_unlock(mmu);
	um_tlb_take_end(&mmu->tlb, true);
}

/* The root for what paging says, or the one unused for longest. */
static struct um_root *um_context_choose(struct um_context *ctx)
{
	struct um_root *oldest = &ctx->root[0];
	int i;

	for (i = 0; i < UM_ROOTS; i++) {
		struct um_root *root = &ctx->root[i];

		if (um_root_fits(ctx, root))
			return root;
		if (root->used < oldest->used)
			oldest = root;
	}
	um_root_release(ctx->mmu, oldest);
	oldest->role = ctx->role;
	oldest->gfn = um_context_gfn(ctx);
	memcpy(oldest->pdpte, ctx->paging.pdpte, sizeof(oldest->pdpte));
	oldest->stale = false;
	return oldest;
}

void um_context_new_cr3(struct um_context *ctx, bool keep)
{
	struct um_root *root = um_context_choose(ctx);

	ctx->cur = root - ctx->root;
	root->used = ++ctx->clock;
	/* Also for a root that is to be made: of pages that may be there. */
	if (!keep)
		um_shadow_hear(ctx->mmu);
	if (root->hpa && (!keep || root->stale))
		um_shadow_sync_root(ctx, root);
}

static void um_context_all_stale(struct um_context *ctx)
{
	int i;

	for (i = 0; i < UM_ROOTS; i++)
		ctx->root[i].stale = true;
}

void um_context_flush(struct um_context *ctx)
{
	struct um_root *root = um_context_root(ctx);

	um_shadow_hear(ctx->mmu);
	um_context_all_stale(ctx);
	if (root->hpa)
		um_shadow_sync_root(ctx, root);
}

void um_context_changed(struct um_context *ctx)
{
	um_context_all_stale(ctx);
	ctx->role = um_role_of(&ctx->paging).word;
	um_context_new_cr3(ctx, false);
}

/* Are all of its pages what they were? Lock held. */
static bool um_root_is_whole(struct um_mmu *mmu, const struct um_root *root)
{
	int i;

	for (i = 0; i < UM_PDPTES; i++)
		if (root->page[i] &&
		    (!um_shadow_is_valid(root->page[i]) ||
		     root->page[i]->gen != mmu->shadow->gen))
			return false;
	return true;
}

/* The @i'th page of a new root. True also when the guest has none. Lock held. */
static bool um_root_fill(struct um_context *ctx, struct um_root *root, int i)
{
	union um_role role = { .word = ctx->role };
	struct um_shadow_page *sp;
	gfn_t gfn = root->gfn;

	if (role.format == UM_FMT_PAE) {
		if (!(root->pdpte[i] & UM_GPTE_P))
			return true;
		gfn = gpa_to_gfn(root->pdpte[i] & UM_GPTE_ADDR);
	}
	if (role.format == UM_FMT_32)
		role.quadrant = i;
	sp = um_shadow_get(ctx, gfn, role);
	if (!sp)
		return false;
	sp->roots++;
	root->page[i] = sp;
	root->table[i] = sp->table;
	root->pdpt[i] = __pa(sp->table) | UM_SS_P;
	return true;
}

/* Lock held. */
static bool um_root_make(struct um_context *ctx, struct um_root *root)
{
	int i, n = um_context_pages(ctx);

	for (i = 0; i < n; i++)
		if (!um_root_fill(ctx, root, i))
			return false;
	root->levels = ((union um_role){ .word = ctx->role }).level;
	root->hpa = n == 1 ? __pa(root->table[0]) : __pa(root->pdpt);
	root->tlb_seen = UM_TLB_NEVER;
	root->stale = false;
	return true;
}

/* Lock held. */
static bool um_root_renew(struct um_context *ctx, struct um_root *root)
{
	bool good = root->hpa && um_root_is_whole(ctx->mmu, root);

	if (!good) {
		um_shadow_make_room(ctx->mmu);
		um_tlb_take_begin(&ctx->mmu->tlb);
		um_root_put(ctx->mmu, root);
		um_tlb_take_end(&ctx->mmu->tlb, true);
		good = um_root_make(ctx, root);
		if (!good)
			um_root_put(ctx->mmu, root);
	}
	/* After all that zaps. A root that is zapped later raises it. */
	root->gen = atomic64_read(&ctx->mmu->shadow_roots);
	return good;
}

enum um_pf um_context_load(struct um_context *ctx)
{
	bool good;

	if (um_shadow_topup(ctx))
		return UM_PF_NOMEM;
	um_shadow_lock(ctx->mmu);
	good = um_root_renew(ctx, um_context_root(ctx));
	um_shadow_unlock(ctx->mmu);
	return good ? UM_PF_FIXED : UM_PF_RETRY;
}

int um_context_init(struct um_context *ctx, struct um_mmu *mmu)
{
	int i;

	ctx->mmu = mmu;
	ctx->pdpts = um_pdpt_alloc();
	if (!ctx->pdpts)
		return -ENOMEM;
	for (i = 0; i < UM_ROOTS; i++)
		ctx->root[i].pdpt = ctx->pdpts + i * UM_PDPTES;
	um_shadow_lock(mmu);
	list_add_tail(&ctx->link, &mmu->shadow->contexts);
	um_shadow_unlock(mmu);
	return 0;
}

void um_context_destroy(struct um_context *ctx)
{
	int i;

	if (!ctx->pdpts)
		return;
	um_shadow_lock(ctx->mmu);
	list_del_init(&ctx->link);
	um_shadow_unlock(ctx->mmu);
	for (i = 0; i < UM_ROOTS; i++)
		um_root_release(ctx->mmu, &ctx->root[i]);
	um_shadow_drain(ctx);
	um_table_free(ctx->pdpts);
	ctx->pdpts = NULL;
}
