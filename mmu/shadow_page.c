// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow pages: where they are found, where they come from, where they go.
 *
 * A page that is zapped is empty, and waits in the list of retired ones until
 * the debt is paid that its last entries left: a CPU in guest mode may still
 * walk through it by its paging-structure caches. Then it is the next to be
 * used. Who looks at its table without the lock may find another address, or
 * another level, there; the entries themselves say what they are (sspte.h).
 */
#include "shadow.h"

#include <umbra/trace.h>

#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/slab.h>

static struct hlist_head *um_shadow_bucket(struct um_mmu *mmu, gfn_t gfn)
{
	return &mmu->shadow->hash[hash_64(gfn, UM_SHADOW_HASH_BITS)];
}

static struct um_shadow_page *um_shadow_alloc(struct um_mmu *mmu)
{
	struct um_shadow_page *sp = kzalloc(sizeof(*sp), GFP_KERNEL_ACCOUNT);

	if (!sp)
		return NULL;
	sp->table = um_shadow_table_alloc(sp);
	if (!sp->table) {
		kfree(sp);
		return NULL;
	}
	INIT_HLIST_NODE(&sp->hash);
	INIT_LIST_HEAD(&sp->link);
	INIT_LIST_HEAD(&sp->unsync_link);
	atomic64_add(2 * UM_PAGE_SIZE + sizeof(*sp), &mmu->stat.bytes_meta);
	return sp;
}

static void um_shadow_free(struct um_mmu *mmu, struct um_shadow_page *sp)
{
	atomic64_sub(2 * UM_PAGE_SIZE + sizeof(*sp), &mmu->stat.bytes_meta);
	um_shadow_table_free(sp->table);
	kfree(sp);
}

int um_shadow_topup(struct um_context *ctx)
{
	while (ctx->nstock < UM_CONTEXT_STOCK) {
		struct um_shadow_page *sp = um_shadow_alloc(ctx->mmu);

		if (!sp)
			return -ENOMEM;
		ctx->stock[ctx->nstock++] = sp;
	}
	return um_rmap_topup(&ctx->pool);
}

void um_shadow_drain(struct um_context *ctx)
{
	while (ctx->nstock)
		um_shadow_free(ctx->mmu, ctx->stock[--ctx->nstock]);
	um_rmap_drain(&ctx->pool);
}

/*
 * The page that was retired first, if its debt is paid. Its table was of the
 * same format: who comes late may claim an entry there by a tag, for which one
 * of the PAE format has no room.
 */
static struct um_shadow_page *um_shadow_reuse(struct um_mmu *mmu, bool pae)
{
	struct um_shadow_page *sp;

	list_for_each_entry(sp, &mmu->shadow->retired, link) {
		/* S4: the debt is paid before the table is used again. */
		if (atomic64_read(&mmu->tlb.paid) < sp->owed)
			break;
		if (um_role_is_pae(sp->role) != pae)
			continue;
		list_del_init(&sp->link);
		return sp;
	}
	return NULL;
}

static struct um_shadow_page *um_shadow_take(struct um_context *ctx,
					     union um_role role)
{
	struct um_shadow_page *sp = um_shadow_reuse(ctx->mmu,
						    um_role_is_pae(role));

	if (!sp && ctx->nstock) {
		sp = ctx->stock[--ctx->nstock];
		ctx->mmu->shadow->pages++;
	}
	return sp;
}

void um_shadow_retire(struct um_mmu *mmu, struct um_shadow_page *sp)
{
	/* Whoever owes from now on owes for what was taken from the page, too. */
	sp->owed = atomic64_read(&mmu->tlb.owed) + 1;
	list_add_tail(&sp->link, &mmu->shadow->retired);
}

struct um_shadow_page *um_shadow_next(struct um_mmu *mmu, gfn_t gfn,
				      const struct um_shadow_page *sp)
{
	struct hlist_node *node = sp ? sp->hash.next :
				       um_shadow_bucket(mmu, gfn)->first;

	for (; node; node = node->next) {
		struct um_shadow_page *next =
			hlist_entry(node, struct um_shadow_page, hash);

		if (next->gfn == gfn && !next->role.direct)
			return next;
	}
	return NULL;
}

/* Only a page with the very same frame and role will do. */
static struct um_shadow_page *um_shadow_lookup(struct um_mmu *mmu, gfn_t gfn,
					       union um_role role)
{
	struct hlist_node *node = um_shadow_bucket(mmu, gfn)->first;

	for (; node; node = node->next) {
		struct um_shadow_page *sp =
			hlist_entry(node, struct um_shadow_page, hash);

		if (sp->gfn == gfn && sp->role.word == role.word &&
		    sp->gen == mmu->shadow->gen)
			return sp;
	}
	return NULL;
}

static struct um_shadow_page *um_shadow_make(struct um_context *ctx, gfn_t gfn,
					     union um_role role)
{
	struct um_mmu *mmu = ctx->mmu;
	struct um_shadow_page *sp = um_shadow_take(ctx, role);

	if (!sp)
		return NULL;
	trace_umbra_shadow_new(gfn, role.level);
	sp->gfn = gfn;
	sp->role = role;
	sp->gen = mmu->shadow->gen;
	sp->first = UM_TABLE_ENTRIES;
	sp->last = 0;
	sp->syncs = 0;
	mmu->shadow->seq++;
	hlist_add_head(&sp->hash, um_shadow_bucket(mmu, gfn));
	list_add(&sp->link, &mmu->shadow->active);
	atomic64_inc(&mmu->stat.shadow_pages);
	if (!role.direct && um_shadow_protect(mmu, gfn))
		um_tlb_pay(mmu);
	return sp;
}

struct um_shadow_page *um_shadow_get(struct um_context *ctx, gfn_t gfn,
				     union um_role role)
{
	struct um_shadow_page *sp = um_shadow_lookup(ctx->mmu, gfn, role);
	struct um_shadow_page *const top[4] = { sp };

	if (!sp)
		return um_shadow_make(ctx, gfn, role);
	/* Where it is linked to now, nothing stale may be seen. */
	if (atomic64_read(&ctx->mmu->stat.shadow_unsync))
		um_shadow_sync_below(ctx, top, true);
	list_move(&sp->link, &ctx->mmu->shadow->active);
	return sp;
}

static void um_shadow_free_list(struct um_mmu *mmu, struct list_head *list)
{
	struct um_shadow_page *sp;

	while (!list_empty(list)) {
		sp = list_first_entry(list, struct um_shadow_page, link);
		list_del_init(&sp->link);
		um_shadow_free(mmu, sp);
	}
}

/* Retired ones above the quota, to be freed when all debts of now are paid. */
static void um_shadow_surplus(struct um_mmu *mmu, struct list_head *surplus)
{
	struct um_shadow *shadow = mmu->shadow;
	u64 max = READ_ONCE(mmu->tables_max);

	um_shadow_lock(mmu);
	um_shadow_make_room(mmu);
	while (shadow->pages > max && !list_empty(&shadow->retired)) {
		list_move(shadow->retired.next, surplus);
		shadow->pages--;
	}
	um_shadow_unlock(mmu);
}

void um_shadow_trim(struct um_mmu *mmu)
{
	struct list_head surplus;
	bool more;

	INIT_LIST_HEAD(&surplus);
	do {
		um_shadow_surplus(mmu, &surplus);
		more = !list_empty(&surplus);
		if (more) {
			/* Who has just retired one may not have owed yet. */
			um_tlb_owe(&mmu->tlb);
			um_tlb_pay(mmu);
		}
		um_shadow_free_list(mmu, &surplus);
		um_host_relax();
	} while (more);
}

int um_shadow_init(struct um_mmu *mmu)
{
	struct um_shadow *shadow = kzalloc(sizeof(*shadow), GFP_KERNEL_ACCOUNT);
	int i;

	if (!shadow)
		return -ENOMEM;
	um_lock_init(&shadow->lock, UM_LOCK_SHADOW, &mmu->locks);
	for (i = 0; i < 1 << UM_SHADOW_HASH_BITS; i++)
		INIT_HLIST_HEAD(&shadow->hash[i]);
	INIT_LIST_HEAD(&shadow->active);
	INIT_LIST_HEAD(&shadow->retired);
	INIT_LIST_HEAD(&shadow->unsync);
	INIT_LIST_HEAD(&shadow->contexts);
	atomic64_set(&mmu->shadow_roots, 1);
	mmu->shadow = shadow;
	return 0;
}

/* No context, no slot and no notifier is left. */
void um_shadow_destroy(struct um_mmu *mmu)
{
	if (!mmu->shadow)
		return;
	um_shadow_zap_all(mmu);
	um_shadow_free_list(mmu, &mmu->shadow->retired);
	kfree(mmu->shadow);
	mmu->shadow = NULL;
}
