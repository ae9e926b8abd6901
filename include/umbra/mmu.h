/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The face of mmu/ towards core/ and vmx/.
 *
 * One struct um_mmu per VM, embedded in struct um_vm. No lock guards the
 * tables: entries are changed by atomic operations only, tables are freed
 * after an RCU grace period (docs/locking.md).
 */
#ifndef _UMBRA_MMU_H
#define _UMBRA_MMU_H

#include <umbra/fault.h>
#include <umbra/inval.h>
#include <umbra/lock.h>
#include <umbra/rmap.h>
#include <umbra/tlb.h>

struct um_shadow;
struct um_slot;

enum um_fast_mode {
	UM_FAST_OFF, /* every write fault goes the slow way */
	UM_FAST_TAG, /* claim with a unique id, check, commit */
	UM_FAST_MW,  /* one cmpxchg; the predicate stands in the word */
	UM_FAST_PAIR, /* claim without a name (PF), respect WP, commit */
};

/* How a write to a page of a logged slot is noticed: see log.h. */
enum um_log_mode {
	UM_LOG_WRPROT, /* by the fault of a leaf without W */
	UM_LOG_PML,    /* by the CPU, which logs each D that it sets */
	UM_LOG_DBIT,   /* by looking at D of every leaf */
};

/* What becomes of a guest's write to a page table of its own. */
enum um_ptw_mode {
	UM_PTW_EMUL, /* it exits, is emulated, and the shadow follows at once */
	UM_PTW_OOS,  /* leaf tables get out of sync until the guest flushes */
};

/* What the CPU offers; filled by vmx/ before the first VM. */
struct um_mmu_caps {
	bool ad;     /* accessed and dirty flags for EPT */
	bool pml;    /* page-modification logging */
	bool huge2m; /* 2M leaves */
	bool huge1g; /* 1G leaves */
	u8 maxphyaddr;
};

/* Counters, exported by core/ through KVM_GET_STATS_FD. Written by any CPU. */
struct um_mmu_stat {
	atomic64_t pages[3];	/* leaves now mapped: 4K, 2M, 1G */
	atomic64_t tables;	/* table pages now linked */
	atomic64_t waiting;	/* unlinked, not yet freed: a grace period */
	atomic64_t bytes_meta;	/* root, tables; slots and bitmaps: the owner */
	atomic64_t reclaimed;	/* tables taken for the quota */
	atomic64_t waits;	/* times somebody waited because of those */
	atomic64_t splits;
	atomic64_t merges;
	atomic64_t recovered;	/* huge leaves put back when logging ended */
	atomic64_t zapped;	/* leaves removed */
	atomic64_t aged;	/* leaves found used, and made unused */
	atomic64_t log_gets;	/* KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG */
	atomic64_t log_clears;
	atomic64_t wrprot;	/* leaves write-protected for the dirty log */
	atomic64_t flushes;	/* debts paid by kicking vCPUs */
	atomic64_t shadow_leaves;   /* now; those under EPT are in pages */
	atomic64_t shadow_pages;    /* now */
	atomic64_t shadow_unsync;   /* of them out of sync now */
	atomic64_t shadow_zapped;   /* taken, for whatever reason */
	atomic64_t shadow_synced;   /* times one was brought in step */
	atomic64_t shadow_flooded;  /* frames found to be no table any more */
	atomic64_t shadow_unshadowed; /* frames that stopped being shadowed */
	atomic64_t table_writes;    /* emulated writes to guest page tables */
};

/* Per vCPU; written by the vCPU itself only. */
struct um_fault_stat {
	u64 taken;
	u64 fixed;	/* by the slow path */
	u64 fast;	/* by the fast path */
	u64 spurious;
	u64 emulate;
	u64 retry;
	u64 stale;	/* an invalidation made a pinned page worthless */
	u64 claim_taken; /* fast path met another vCPU's tag */
	u64 claim_lost;	 /* fast path's claim was overwritten */
	u64 given_up;	 /* own claim taken back, or no try left */
	u64 no_tag;	 /* went slow because the vCPU has no id */
	/* Shadow paging. */
	u64 guest;	 /* the guest's own: injected */
	u64 table_write; /* went to the emulator */
	u64 rights;	 /* went slow: the leaf denied this very access */
	u64 wrprot;	 /* went slow: the frame is a guest page table */
};

struct um_mmu {
	u64 *root;		/* level-4 table; const after init */
	hpa_t root_pa;
	enum um_fast_mode fast; /* READ_ONCE; may change while running */
	enum um_log_mode log;	/* const from the first logged slot on */
	bool hugepages;		/* set by the owner, as fast and audit */
	bool audit;		/* audit after every fault */
	u64 waiting_max;	/* tables; above, who frees waits: zap.c */
	u64 tables_max;		/* um_mmu_set_quota() */
	atomic64_t hand;	/* gfn where reclaim goes on; a hint */
	struct um_mmu_caps caps;
	struct um_tlb tlb;
	struct um_lock untagged; /* the one claim without a tag: see tdp.c */
	struct um_lock_stat locks;
	/* Ticks in um_fault_handle(), fast and slow; when locks.measure. */
	struct um_hist stall[2];
	struct um_rmap rmap; /* of shadow tables; set up by the owner */

	enum um_ptw_mode ptw;	  /* READ_ONCE; may change while running */
	struct um_shadow *shadow; /* NULL: EPT only; const after init */
	/* Raised when a root may have been zapped. */
	atomic64_t shadow_roots;

	struct um_inval inval;	/* by the owner's notifier, around each zap */

	struct um_mmu_stat stat;
};

/*
 * With @shadow, guests that have paging on run on shadow tables; the tree here
 * serves them while they have not. Returns 0 or -ENOMEM.
 */
int um_mmu_init(struct um_mmu *mmu, const struct um_mmu_caps *caps,
		bool shadow);
/*
 * Make nothing of what guest page tables said before: user space may have
 * written them by itself, which nobody hears of; or no vCPU will run again, and
 * the reverse maps are emptied while there are slots to find them by. Sleeps.
 */
void um_mmu_forget_tables(struct um_mmu *mmu);
/* No vCPU, no slot and no notifier is left. Sleeps. */
void um_mmu_destroy(struct um_mmu *mmu);
/*
 * From now on there are no more than @tables, but one for each thread that is
 * just making one. Calls are serialised, and hold the slots; sleeps.
 */
void um_mmu_set_quota(struct um_mmu *mmu, u64 tables);

/*
 * um_fault_handle() - the spine: fast, resolve, walk, fix. Sleeps. Counts
 * into @stat. f->path tells the way it went.
 */
enum um_pf um_fault_handle(struct um_mmu *mmu, struct um_fault *f,
			   struct um_fault_stat *stat);

/*
 * Slot hooks, called by core/ with slots_lock held, after the change was
 * published and every reader of the old slot has left (synchronize_srcu).
 * All sleep. On return no TLB grants what was taken.
 */
void um_mmu_slot_zap(struct um_mmu *mmu, const struct um_slot *slot);
/*
 * @slot is logged now: split huge leaves, make all clean (log.h). A huge leaf
 * for which no table could be had stays whole, without W.
 */
void um_mmu_slot_log_start(struct um_mmu *mmu, struct um_slot *slot);
/* @slot is logged no more: let huge leaves come back. */
void um_mmu_slot_log_stop(struct um_mmu *mmu, struct um_slot *slot);

/*
 * The dirty log. Sleep.
 *
 * um_dirty_harvest() - move the slot's dirty bits into slot->dirty_out, make
 * each page moved clean (log.h), pay. slots_lock held. Returns true when any
 * bit was set. What the result is used for comes after.
 *
 * um_dirty_sync() - bring marks that are elsewhere into the bitmap: what the
 * CPUs have logged or set so far. slots_lock held.
 *
 * um_dirty_clear() - for @n words from word @first of the bitmap on, take the
 * marks that are set in @mask too, and make those pages clean; @mask is left
 * with them. SRCU held; others
 * may clear or harvest at the same time, and each mark is taken by one of them.
 * Returns true when um_tlb_pay() is due before the pages are relied on.
 *
 * um_dirty_protect_mask() - make page @offset + i of @slot clean for each bit
 * i of @mask; splits a huge leaf it meets. The caller took the pages' marks
 * before, holds SRCU, and is between um_tlb_take_begin() and _end(); it pays
 * before the result is relied on.
 */
bool um_dirty_harvest(struct um_mmu *mmu, struct um_slot *slot);
void um_dirty_sync(struct um_mmu *mmu, const struct um_slot *slot);
bool um_dirty_clear(struct um_mmu *mmu, struct um_slot *slot, size_t first,
		    size_t n, unsigned long *mask);
void um_dirty_protect_mask(struct um_mmu *mmu, struct um_slot *slot,
			   gfn_t offset, unsigned long mask);

/*
 * Notifier hooks, between um_inval_begin() and um_inval_end() of the host
 * addresses.
 *
 * Remove [start, end) of the slot, in frames. Returns true when um_tlb_pay()
 * is due. Does not sleep, but may pay.
 */
bool um_mmu_unmap(struct um_mmu *mmu, const struct um_slot *slot, gfn_t start,
		  gfn_t end);
/* Was any page of [start, end) used? age also forgets that it was. */
bool um_mmu_age(struct um_mmu *mmu, const struct um_slot *slot, gfn_t start,
		gfn_t end);
bool um_mmu_test_age(struct um_mmu *mmu, const struct um_slot *slot,
		     gfn_t start, gfn_t end);

/*
 * um_mmu_audit() - check every entry of the tree; kills the VM when an
 * invariant is broken. Any time, sleeps. Returns false when one was.
 *
 * um_mmu_audit_try_quiet() - the same, and what holds only while nothing
 * moves: every leaf inside a slot, no claims, none written without its dirty
 * bit, statistics equal to a count. No fault and no slot hook runs meanwhile.
 * Notifiers and those who take rights may: then what does not hold is MOVED,
 * and nothing can be said.
 */
enum um_audited {
	UM_AUDIT_GOOD,
	UM_AUDIT_BROKEN, /* the VM is dead */
	UM_AUDIT_MOVED,
};

bool um_mmu_audit(struct um_mmu *mmu);
enum um_audited um_mmu_audit_try_quiet(struct um_mmu *mmu);

/* For who knows that nothing moves. */
static inline bool um_mmu_audit_quiet(struct um_mmu *mmu)
{
	return um_mmu_audit_try_quiet(mmu) == UM_AUDIT_GOOD;
}

/* EPTP without its root address, which the caller adds: see the SDM. */
u64 um_mmu_eptp(const struct um_mmu *mmu);

#endif
