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
#include <umbra/host.h>
#include <umbra/sspte.h>
#include <umbra/walk_shadow.h>

#include <linux/list.h>

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
		u32 clean : 1;	  /* that one, and D of its entry is not set */
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
	struct hlist_node hash; /* by gfn; unhashed: it was zapped */
	struct list_head link;	/* active, by age, or a list of the zapper's */
	struct list_head unsync_link; /* empty: in sync */
	gfn_t gfn;		/* direct: the first that it maps */
	union um_role role;	/* const while hashed */
	u64 *table;		/* and, of leaf tables, the twins behind it */
	struct um_rmap_head parents; /* entries that point here */
	unsigned int roots;	/* um_root.page[] that point here */
	u16 first, last;	/* no entry before or behind was ever filled */
	u8 syncs;		/* times it was brought in step, up to a few */
	u8 idle;		/* loose: flushes since an entry was mended */
	unsigned int writes;	/* to the guest's table since it was used */
	u64 gen;		/* of um_shadow when it was made */
	s64 owed;		/* zapped: the debt to be paid before reuse */
};

#define UM_SHADOW_HASH_BITS 10

struct um_shadow {
	struct um_lock lock;
	/* All below: lock, but where told. */
	struct hlist_head hash[1 << UM_SHADOW_HASH_BITS];
	struct list_head active;  /* in use; the newest first */
	struct list_head retired; /* zapped and empty, the oldest first */
	struct list_head unsync;
	struct list_head contexts; /* of all vCPUs */
	atomic_t writing;	/* of them in the midst of a write; no lock */
	atomic64_t unsyncs;	/* times pages went out of sync; read without */
	u64 gen;		/* pages of another one are out of date */
	u64 pages;		/* active ones and retired ones */
	/*
	 * Raised when a page comes in sync or gets out of it, is made or
	 * zapped, or an emulated write was heard. While it stands, what a page
	 * in sync shadows has not changed but for A and D.
	 */
	u64 seq;
	u8 gptes[UM_PAGE_SIZE];	/* of the page that is brought in step */
};

/* Bytes of an entry of the guest's table. */
static inline unsigned int um_role_gpte_size(union um_role role)
{
	return role.format == UM_FMT_32 ? 4 : 8;
}

/* Are the entries of the format that has no room for a tag? */
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

/*
 * All that the lock guards, and the slots. Does not sleep. A debt may be paid
 * with the lock held: who is kicked takes no lock for it.
 */
static inline void um_shadow_lock(struct um_mmu *mmu)
{
	rcu_read_lock();
	um_lock(&mmu->shadow->lock);
}

static inline void um_shadow_unlock(struct um_mmu *mmu)
{
	um_unlock(&mmu->shadow->lock);
	rcu_read_unlock();
}

/* The page that an entry's table is, and the one that an entry points to. */
static inline struct um_shadow_page *um_shadow_owner(um_sptep_t sptep)
{
	return um_shadow_table_owner((__force u64 *)sptep);
}

static inline struct um_shadow_page *um_shadow_child(u64 sspte)
{
	return um_shadow_owner(um_sspte_child(sspte));
}

static inline um_sptep_t um_shadow_sptep(const struct um_shadow_page *sp,
					 unsigned int index)
{
	return um_table_sptep(sp->table) + index;
}

/* Is the entry one that PF claims, for want of room for a tag? */
static inline bool um_shadow_is_pae(um_sptep_t sptep)
{
	return um_role_is_pae(um_shadow_owner(sptep)->role);
}

/* Index of the entry of @level for @va. */
static inline unsigned int um_va_index(gva_t va, int level)
{
	return um_gfn_index(va >> UM_PAGE_SHIFT, level);
}

/* shadow_role.c */
/* The role of the root pages that @p asks for, of quadrant 0. */
union um_role um_role_of(const struct um_guest_paging *p);
/* Is @gpte, of a table of @role, one that maps or leads on? */
bool um_role_accepts(union um_role role, u8 maxphyaddr, u64 gpte);
/* Where the guest's table begins that @role shadows, in its frame; bytes. */
unsigned int um_role_offset(union um_role role);

/* shadow_page.c */
/* Returns 0 or -ENOMEM. um_shadow_destroy() when nobody is left; sleeps. */
int um_shadow_init(struct um_mmu *mmu);
void um_shadow_destroy(struct um_mmu *mmu);
/* After the quota was lowered: give back what it does not allow. Sleeps. */
void um_shadow_trim(struct um_mmu *mmu);
/*
 * Before the lock is taken: pages and descriptors for one fault. 0 or -ENOMEM;
 * sleeps. um_shadow_drain() gives them back.
 */
int um_shadow_topup(struct um_context *ctx);
void um_shadow_drain(struct um_context *ctx);
/*
 * The page for @gfn and @role, in sync: one that is there, or a new one, whose
 * frame is then protected. NULL: the stock is used up.
 */
struct um_shadow_page *um_shadow_get(struct um_context *ctx, gfn_t gfn,
				     union um_role role);
/* The next page of @gfn after @sp; after NULL the first; or NULL. */
struct um_shadow_page *um_shadow_next(struct um_mmu *mmu, gfn_t gfn,
				      const struct um_shadow_page *sp);
#define um_for_each_shadow(sp, mmu, gfn)                  \
	for ((sp) = um_shadow_next(mmu, gfn, NULL); (sp); \
	     (sp) = um_shadow_next(mmu, gfn, sp))
/* Out of every list and empty: reuse it when the debt of now is paid. */
void um_shadow_retire(struct um_mmu *mmu, struct um_shadow_page *sp);

/* shadow_link.c */
/*
 * Put a leaf of @gfn, whose set is @head, or a table where nothing is. Topped
 * up. False: no memory after all.
 */
bool um_shadow_put_leaf(struct um_context *ctx, um_sptep_t sptep, gfn_t gfn,
			struct um_rmap_head *head, u64 leaf);
bool um_shadow_put_table(struct um_context *ctx, um_sptep_t sptep,
			 struct um_shadow_page *child);
/* Empty the entry. The caller owes. False: it was. */
bool um_shadow_drop(struct um_mmu *mmu, um_sptep_t sptep);

/* shadow_protect.c */
/*
 * From now on @gfn is protected: flag, entries, EPT leaf. True: a debt is to be
 * paid before the guest's table is read.
 */
bool um_shadow_protect(struct um_mmu *mmu, gfn_t gfn);
/* Unless a page in sync shadows @gfn, let it be written again. */
void um_shadow_unprotect(struct um_mmu *mmu, gfn_t gfn);

/* shadow_sync.c */
/* Let @gfn be written, and its pages go out of sync. False: one must not. */
bool um_shadow_unsync(struct um_mmu *mmu, gfn_t gfn);
/*
 * Bring every page that is out of sync and that @top[] are, or lead to, in step
 * with the guest's tables, which are then protected, but for loose pages unless
 * @tighten. @top may have NULLs. True: all of them are in sync now.
 */
bool um_shadow_sync_below(struct um_context *ctx,
			  struct um_shadow_page *const top[4], bool tighten);
/* The same of a root; takes the lock, if any is. */
void um_shadow_sync_root(struct um_context *ctx, struct um_root *root);

/* shadow_write.c */
/*
 * A flush of the guest, before it looks at anything: what software is writing,
 * and the guest may have seen, has no entries any more. Takes the lock if there
 * is any such write.
 */
void um_shadow_hear(struct um_mmu *mmu);

/* shadow_zap.c */
/*
 * Take @sp out: its entries, who points to it, what it protects. The caller
 * owes. A root stays allocated until it is let go.
 */
void um_shadow_zap(struct um_mmu *mmu, struct um_shadow_page *sp);
/* Every page that shadows a table in @gfn. True: there was one. */
bool um_shadow_zap_gfn(struct um_mmu *mmu, gfn_t gfn);
/* Every page there is. Takes the lock in steps; sleeps. Paid on return. */
void um_shadow_zap_all(struct um_mmu *mmu);
/*
 * Leaves of [start, end) of the slot. Takes the lock in steps, does not sleep.
 * True: the caller owes.
 */
bool um_shadow_unmap(struct um_mmu *mmu, const struct um_slot *slot,
		     gfn_t start, gfn_t end);
/* What maps the slot, and all pages: some of its frames were tables. Sleeps. */
void um_shadow_slot_zap(struct um_mmu *mmu, const struct um_slot *slot);
/* Until the quota has room for what one fault needs. */
void um_shadow_make_room(struct um_mmu *mmu);

/* shadow_walk.c */
/* The guest's own walk: fills f->gfn and ctx->walk. CONTINUE, RETRY or GUEST. */
enum um_pf um_shadow_walk(struct um_fault *f);
/* Does the entry of @role's level still say what the walk read? */
bool um_shadow_holds(const struct um_fault *f, union um_role role);

/* shadow_map.c */
enum um_pf um_shadow_map(struct um_mmu *mmu, struct um_fault *f);

/* shadow_around.c */
/* @leaf of @sp is in, but for WP: put in what goes with it. */
void um_shadow_around(struct um_fault *f, const struct um_shadow_page *sp,
		      u64 leaf);

/* shadow_spte.c */
/* The leaf for @f as resolved and walked; without WP. */
u64 um_shadow_leaf(const struct um_fault *f);

/* shadow_log.c: without the lock */
/*
 * Make the leaves of page @gfn + i clean for each bit i of the @n words @bits;
 * RCU held. Returns of how many pages something was taken.
 */
unsigned int um_shadow_clean(struct um_mmu *mmu, const struct um_slot *slot,
			     gfn_t gfn, const unsigned long *bits, size_t n);
/* Was @gfn used through a shadow leaf? @forget: and make it unused. */
bool um_shadow_age(struct um_mmu *mmu, const struct um_slot *slot, gfn_t gfn,
		   bool forget);

#endif
