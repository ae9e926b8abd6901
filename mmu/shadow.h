/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shadow engine's own: what the files shadow_*.c share.
 *
 * A shadow page is a table of 512 entries that the CPU walks in place of what
 * one guest page table says (indirect), or of a part of what one entry for a
 * huge guest page says (direct). All leaves are 4K.
 *
 * Which shadow pages there are, how they hang together, and what is put into
 * them is changed under um_shadow.lock only. Leaves change without it: the
 * fast path gives W, a harvest takes it, aging takes A, the CPU sets A and D. So
 * no entry is ever stored plainly.
 */
#ifndef _UMBRA_MMU_SHADOW_H
#define _UMBRA_MMU_SHADOW_H

#include "internal.h"

#include <umbra/context.h>
#include <umbra/sspte.h>

#include <linux/list.h>

enum um_format {
	UM_FMT_32,
	UM_FMT_PAE,
	UM_FMT_64,
};

/*
 * What, besides the guest's frame, decides what a shadow page says. A page is
 * used again only where all of it is the same.
 */
union um_role {
	u32 word;
	struct {
		u32 level : 3;	  /* of its entries: 1..5 */
		u32 format : 2;	  /* enum um_format */
		u32 quadrant : 2; /* 32-bit guests: which part of the table */
		u32 direct : 1;	  /* below a huge guest page */
		u32 rights : 3;	  /* UM_WALK_MAY_*: what the way here leaves */
		u32 nx : 1;	  /* EFER.NXE */
		u32 wp : 1;	  /* CR0.WP */
		u32 smep : 1;	  /* CR4.SMEP */
		u32 smap : 1;	  /* CR4.SMAP */
		u32 pse : 1;	  /* CR4.PSE */
		u32 gb : 1;	  /* 1G pages by CPUID */
	};
};

struct um_shadow_page {
	struct hlist_node hash; /* by gfn; unhashed: invalid */
	struct list_head link;	/* active, by age, or a list of the zapper's */
	struct list_head unsync_link; /* empty: in sync */
	gfn_t gfn;		/* direct: the first that it maps */
	union um_role role;	/* const while hashed */
	u64 *table;		/* and, of leaf tables, the twins behind it */
	struct um_rmap_head parents; /* entries that point here */
	unsigned int roots;	/* um_root.page[] that point here */
	unsigned int writes;	/* to the guest's table since it was used */
	u64 owed;		/* zapped: the debt to be paid before reuse */
};

#define UM_SHADOW_HASH_BITS 10

struct um_shadow {
	struct um_lock lock;
	/* All below: lock, but where told. */
	struct hlist_head hash[1 << UM_SHADOW_HASH_BITS];
	struct list_head active; /* in use; the newest first */
	struct list_head retired; /* zapped and empty; debts may be due */
	struct list_head unsync;
	atomic64_t roots;	/* raised when a root in use is zapped; read
				 * without the lock
				 */
	u64 gen;		/* pages of another one are zapped: see zap */
	u64 nretired;
	u8 gptes[UM_PAGE_SIZE];	/* of the page that is being synced */
};

/* A guest's entry in a shadow page's frame: bytes. */
static inline unsigned int um_role_gpte_size(union um_role role)
{
	return role.format == UM_FMT_32 ? 4 : 8;
}

static inline bool um_role_is_pae(union um_role role)
{
	return role.format != UM_FMT_64;
}

static inline bool um_shadow_is_unsync(const struct um_shadow_page *sp)
{
	return !list_empty(&sp->unsync_link);
}

static inline bool um_shadow_is_valid(const struct um_shadow_page *sp)
{
	return !hlist_unhashed(&sp->hash);
}

/* shadow_role.c */
/* The role of the root pages that @p asks for; quadrant 0. */
union um_role um_role_of(const struct um_guest_paging *p);
/* Paging as a page of @role was made for: enough to judge its gptes. */
void um_role_paging(union um_role role, u8 maxphyaddr,
		    struct um_guest_paging *p);

/* shadow_page.c */
/*
 * Take from the stock or from what is retired. Fill the stock before the lock
 * is taken: 0 or -ENOMEM; sleeps.
 */
int um_shadow_topup(struct um_context *ctx);
void um_shadow_drain(struct um_context *ctx);
/*
 * The page for @gfn and @role: one that is there, or a new one, whose frame is
 * then write-protected, and that paid for. Lock held. NULL: the stock is empty.
 */
struct um_shadow_page *um_shadow_get(struct um_context *ctx, gfn_t gfn,
				     union um_role role);
struct um_shadow_page *um_shadow_owner(um_sptep_t sptep);
/* The next page of @gfn after @sp (NULL: the first), or NULL. Lock held. */
struct um_shadow_page *um_shadow_next(struct um_mmu *mmu, gfn_t gfn,
				      struct um_shadow_page *sp);
#define um_for_each_shadow(sp, mmu, gfn)                   \
	for ((sp) = um_shadow_next(mmu, gfn, NULL); (sp);  \
	     (sp) = um_shadow_next(mmu, gfn, sp))

/* shadow_link.c: entries that hold something, and what must hear of it */
/* Put a leaf of @gfn where nothing is. Lock held; the pool was filled. */
int um_shadow_put_leaf(struct um_context *ctx, um_sptep_t sptep, gfn_t gfn,
		       struct um_rmap_head *head, u64 leaf);
int um_shadow_put_table(struct um_context *ctx, um_sptep_t sptep,
			struct um_shadow_page *child);
/* Empty the entry, whatever it holds. Lock held. True: it held something. */
bool um_shadow_drop(struct um_mmu *mmu, um_sptep_t sptep);

/* shadow_protect.c: who may write a guest page table */
/*
 * Nobody may write @gfn from now on: flag, entries, EPT leaf; and paid. Lock
 * held. No slot there: nothing to do.
 */
void um_shadow_protect(struct um_mmu *mmu, gfn_t gfn);
/* As far as shadow pages go, everybody may. Lock held. */
void um_shadow_unprotect(struct um_mmu *mmu, gfn_t gfn);
/* Is @gfn protected? Lock held, or between a claim and its commit. */
bool um_shadow_is_protected(struct um_mmu *mmu, const struct um_slot *slot,
			    gfn_t gfn);

/* shadow_sync.c */
/*
 * Let the pages of @gfn go out of sync, so that it may be written. Lock held.
 * False: one of them is no leaf table.
 */
bool um_shadow_unsync(struct um_mmu *mmu, gfn_t gfn);
/* Bring @sp in step with the guest's table, and protect that. Lock held. */
void um_shadow_sync(struct um_context *ctx, struct um_shadow_page *sp);
/* All pages below @root that are out of sync. Lock held. */
void um_shadow_sync_root(struct um_context *ctx, struct um_root *root);

/* shadow_zap.c */
/*
 * Take @sp out: its entries, who points to it, what it protects. Lock held; the
 * caller owes. One that is a root stays allocated until the root lets go.
 */
void um_shadow_zap(struct um_mmu *mmu, struct um_shadow_page *sp);
/* A root lets go of @sp. Lock held. */
void um_shadow_put_root(struct um_mmu *mmu, struct um_shadow_page *sp);
/* Every page of the VM, in steps. Sleeps. */
void um_shadow_zap_all(struct um_mmu *mmu);
/* Leaves that map [start, end) of the slot; does not sleep. Sets zap->took. */
void um_shadow_unmap(struct um_zap *zap, const struct um_slot *slot,
		     gfn_t start, gfn_t end);

/* shadow_map.c */
/* The guest's own walk: fills f->gfn and ctx->walk. CONTINUE or GUEST. */
enum um_pf um_shadow_walk(struct um_fault *f);
enum um_pf um_shadow_map(struct um_mmu *mmu, struct um_fault *f);

/* shadow_spte.c */
/* The leaf for @f as resolved and walked; without WP. */
u64 um_shadow_leaf(const struct um_fault *f);
/* The rights a gpte of @level gives, by itself. */
u8 um_gpte_rights(union um_role role, u64 gpte);

/* shadow_log.c: without the lock */
/* Make every leaf of @gfn clean. True: something was taken. */
bool um_shadow_clean(struct um_mmu *mmu, const struct um_slot *slot, gfn_t gfn);
/* Was @gfn used through a shadow leaf? @forget: and make it unused. */
bool um_shadow_age(struct um_mmu *mmu, const struct um_slot *slot, gfn_t gfn,
		   bool forget);

/* shadow_root.c */
/* Walk down @root to the leaf entry of @va, without the lock; RCU held. NULL:
 * there is no table for it.
 */
um_sptep_t um_shadow_find(const struct um_root *root, union um_role role,
			  gva_t va, u64 *sspte);

#endif
