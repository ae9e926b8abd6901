/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU of a VM with the shadow engine, as mmu/ sees it: what its guest says
 * about paging, and the shadow tables that its CPU walks therefore.
 *
 * vmx/ keeps paging up to date and tells of each change; mmu/ keeps the roots.
 * All of it is the vCPU's own: touched by its thread, with vcpu->mutex held. But
 * link and writing are read by others, under the shadow's lock.
 */
#ifndef _UMBRA_CONTEXT_H
#define _UMBRA_CONTEXT_H

#include <umbra/fault.h>
#include <umbra/guest_walk.h>
#include <umbra/mmu.h>

#include <linux/list.h>

struct um_shadow_page;

/* Address spaces whose tables stay warm, the current one among them. */
#define UM_ROOTS 4
/* um_root.synced: something below is out of sync all the time. */
#define UM_NEVER_SYNCED (~0ULL)
/* Pages above the leaf that one fault can need, and the leaf's own. */
#define UM_CONTEXT_STOCK 6

/*
 * What the CPU walks for one address space of the guest. With 4 or 5 levels
 * page[0] is the top table. In the PAE format the CPU loads four pointers from
 * pdpt, to the tables in page[]; one that the guest has not is NULL.
 */
struct um_root {
	hpa_t hpa;	  /* for CR3; 0: nothing is here */
	gfn_t gfn;	  /* of the guest's top table */
	u64 pdpte[4];	  /* PAE guests: the registers it was made for */
	u32 role;	  /* um_role.word of page[] */
	u64 gen;	  /* of shadow_roots when it was last looked over */
	bool stale;	  /* the guest flushed: bring in step before use */
	u64 synced;	  /* um_shadow.unsyncs when all below was in sync */
	u64 used;	  /* clock of the last use: the oldest is replaced */
	struct um_shadow_page *page[4];
	u64 *table[4];	  /* of page[]; for the walk without a lock */
	u8 levels;	  /* below them: 2 in the PAE format, or 4, or 5 */
	u64 *pdpt;	  /* const: 32 bytes below 4G */
	u16 vpid;	  /* vmx's; const */
	u64 tlb_seen;	  /* vmx's: um_tlb_owed() it was flushed for */
};

struct um_context {
	struct um_mmu *mmu;
	struct list_head link; /* um_shadow.contexts */
	u64 writing; /* memory of the guest, by software: U6; 0: not now */
	struct um_guest_paging paging;
	struct um_guest_walk walk; /* of the fault at hand */
	/*
	 * And the page that it began from, NULL: from the top. What it was when
	 * um_shadow.seq was leaf_seq, before the entry was read.
	 */
	struct um_shadow_page *leaf;
	gfn_t leaf_gfn;
	u32 leaf_role;
	u64 leaf_seq;
	u32 role;	/* um_role.word of the roots that fit paging */
	int cur;	/* index of the current root */
	u64 clock;
	struct um_root root[UM_ROOTS];
	u64 *pdpts;	/* a page below 4G */
	struct um_rmap_pool pool;
	int nstock;
	struct um_shadow_page *stock[UM_CONTEXT_STOCK];
};

/*
 * um_context_init() - @mmu has the shadow engine. Returns 0 or -ENOMEM. Sleeps.
 * The owner fills in paging's callbacks and each root's vpid.
 *
 * um_context_destroy() - lets go of all roots. Sleeps. Nothing to undo when
 * init failed.
 */
int um_context_init(struct um_context *ctx, struct um_mmu *mmu);
void um_context_destroy(struct um_context *ctx);

/*
 * The guest, or user space for it, changed CR0, CR4, EFER or what CPUID says:
 * paging has the new values, with CR0.PG set. All it may have in its TLB is
 * gone.
 */
void um_context_changed(struct um_context *ctx);
/*
 * MOV to CR3: paging.cr3 and, with PAE, paging.pdpte have the new values.
 * @keep: with CR4.PCIDE, bit 63 asked to keep what the TLB has.
 */
void um_context_new_cr3(struct um_context *ctx, bool keep);
/* The guest flushed everything it may have cached, of all address spaces. */
void um_context_flush(struct um_context *ctx);
/* INVLPG, or INVPCID of one address: of @va, in every address space. */
void um_context_invlpg(struct um_context *ctx, gva_t va);

/*
 * um_context_fetch() - where the current root has code for @va, by the rights
 * of @user (CPL 3) or the supervisor. As old as a TLB may be: until the guest
 * flushes. False: no leaf, or not for that. Takes the lock.
 */
bool um_context_fetch(struct um_context *ctx, gva_t va, bool user, gpa_t *gpa);

/* Has the current root something to walk that is not out of date? */
static inline bool um_context_is_ready(const struct um_context *ctx)
{
	const struct um_root *root = &ctx->root[ctx->cur];

	return root->hpa &&
	       root->gen == atomic64_read(&ctx->mmu->shadow_roots);
}

/*
 * Before an entry when it is not ready: make the current root so. FIXED,
 * RETRY (a signal, say, may be looked at first), or NOMEM. Sleeps.
 */
enum um_pf um_context_load(struct um_context *ctx);

/* Which of the root's pages leads to @va: the CPU has four in the PAE format. */
static inline int um_root_index(const struct um_root *root, gva_t va)
{
	return root->levels == UM_LEVEL_2M ? va >> 30 & 3 : 0;
}

/* The root that the CPU is to walk; ready. */
static inline struct um_root *um_context_root(struct um_context *ctx)
{
	return &ctx->root[ctx->cur];
}

/*
 * Software is about to write @len bytes of guest memory at @gpa on behalf of
 * the guest, all in one page; and has done so, or a part, or not. The write may
 * sleep, these two do not. On return of the second the shadow pages of that
 * frame have heard of it, where there are any; and before that, whoever flushes
 * has heard who may have seen it.
 */
void um_context_write_begin(struct um_context *ctx, gpa_t gpa,
			    unsigned int len);
void um_context_write_end(struct um_context *ctx);
/*
 * Stop shadowing the frame: what its shadow pages map is mapped anew by faults,
 * and the frame may be written. False: there was nothing to stop. Does not
 * sleep.
 */
bool um_mmu_unshadow(struct um_mmu *mmu, gfn_t gfn);

#endif
