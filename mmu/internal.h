/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of mmu/ share among themselves.
 */
#ifndef _UMBRA_MMU_INTERNAL_H
#define _UMBRA_MMU_INTERNAL_H

#include <umbra/iter.h>
#include <umbra/mmu.h>
#include <umbra/slot.h>

#include <linux/kvm.h>

#define UM_ZAP_TABLES 32

/* The dirty log visits so many pages before others may run. */
#define UM_DIRTY_STEP BIT(18)

/*
 * What was taken from the tree and not yet paid for. Tables wait here until
 * the debt is paid: a CPU in guest mode may hold their addresses in its
 * paging-structure caches, and RCU does not wait for a guest.
 */
struct um_zap {
	struct um_mmu *mmu;
	bool took;
	u64 leaves[UM_LEVEL_1G]; /* by level - 1 */
	unsigned int n;
	u64 *tables[UM_ZAP_TABLES];
};

/* zap.c */
void um_zap_begin(struct um_zap *zap, struct um_mmu *mmu);
/* Owe. Pays only if it must, because tables wait; returns true if owing. */
bool um_zap_end(struct um_zap *zap);
/* Owe, pay, free the tables. */
void um_zap_end_pay(struct um_zap *zap);
/*
 * Empty a leaf or a claim of @gfn. Returns what stands there then: EMPTY, or a
 * table or a frozen entry, which are left alone. SRCU or slots_lock held.
 */
u64 um_zap_entry(struct um_zap *zap, um_sptep_t sptep, u64 old, gfn_t gfn);
/* The entry of @level above @gfn if it is a table, in @*old; RCU held. */
um_sptep_t um_zap_find(struct um_mmu *mmu, gfn_t gfn, int level, u64 *old);
/*
 * Z2 of a table that is out of the tree, and of those below it. @gfn is the
 * first that it maps, @level that of its entries. Its debt is owed with @zap's.
 */
void um_zap_sweep(struct um_zap *zap, um_sptep_t table, gfn_t gfn, int level);
/*
 * Take away the table that @old, an entry of @level for @gfn, points to. SRCU
 * or slots_lock held. False: lost a race.
 */
bool um_zap_table(struct um_zap *zap, um_sptep_t sptep, u64 old, gfn_t gfn,
		  int level);
/*
 * Wait until fewer tables wait for a grace period. Who has ended a zap that
 * may have taken tables calls it, as soon as it may sleep.
 */
void um_zap_throttle(struct um_mmu *mmu);

/* quota.c */
/*
 * Before a fault allocates a table. Takes tables, once for a fault, and pays
 * for them. False: others used what that gave, let the guest fault again.
 */
bool um_quota_make_room(struct um_mmu *mmu, struct um_fault *f);
/* A table to split with ahead of a fault, which takes nothing away for it. */
u64 *um_quota_alloc(const struct um_mmu *mmu);

/* dbit.c */
/*
 * Before *@old, the leaf of @gfn, is emptied: leave its D in the bitmap. Does
 * nothing in other log modes than DBIT. False: *@old has changed, ask again.
 */
bool um_dbit_save_leaf(struct um_mmu *mmu, um_sptep_t sptep, gfn_t gfn,
		       u64 *old);

static inline bool um_dbit_save(struct um_mmu *mmu, um_sptep_t sptep, gfn_t gfn,
				u64 *old)
{
	return likely(mmu->log != UM_LOG_DBIT) ||
	       um_dbit_save_leaf(mmu, sptep, gfn, old);
}

/*
 * Move D of each leaf of [start, end) into slot->dirty_out; slots_lock and RCU
 * held. Returns how many there were; the caller owes.
 */
u64 um_dbit_take(struct um_mmu *mmu, const struct um_slot *slot, gfn_t start,
		 gfn_t end);
/* Copy D of every leaf into the bitmap. Sleeps. */
void um_dbit_fold(struct um_mmu *mmu, const struct um_slot *slot);

/* recover.c */
/* Put leaves of @level back where the host maps @slot so. slots_lock held. */
void um_recover(struct um_mmu *mmu, struct um_slot *slot, int level);

/* fault.c */
/* Pin the host page. On CONTINUE the page is held, and f->goal_level set. */
enum um_pf um_fault_resolve(struct um_mmu *mmu, struct um_fault *f);
/* Let it go; FIXED: it is mapped. */
void um_fault_release(struct um_fault *f, enum um_pf ret);

/* tdp.c */
/* The leaf of f->goal_level that f, resolved, asks for. */
u64 um_tdp_leaf(const struct um_mmu *mmu, const struct um_fault *f);
enum um_pf um_tdp_map(struct um_mmu *mmu, struct um_fault *f);
/*
 * Replace the huge leaf @old by a table of 512 leaves that map the same, or
 * that are @clean or shut (log.h). *@spare is used up, or zeroed when the race
 * is lost. The caller is between um_tlb_take_begin() and _end(true).
 */
bool um_tdp_split(struct um_mmu *mmu, um_sptep_t sptep, u64 old, bool clean,
		  u64 **spare);

/* Did an invalidation run since before the pin? See M1 in README. */
static inline bool um_mmu_stale(const struct um_mmu *mmu,
				const struct um_fault *f)
{
	return um_inval_moved(&mmu->inval, um_slot_hva(f->slot, f->gfn),
			      f->wide, f->seq);
}

static inline void um_stat_tables(struct um_mmu *mmu, s64 n)
{
	atomic64_add(n, &mmu->stat.tables);
	atomic64_add(n * (s64)UM_PAGE_SIZE, &mmu->stat.bytes_meta);
}

static inline void um_stat_leaf(struct um_mmu *mmu, int level, s64 n)
{
	atomic64_add(n, &mmu->stat.pages[level - 1]);
}

/* Does an entry of @level that maps @gfn map nothing but pages of @slot? */
static inline bool um_slot_fits(const struct um_slot *slot, gfn_t gfn,
				int level)
{
	gfn_t base = um_gfn_round_down(gfn, level);

	return um_slot_covers(slot, base) &&
	       um_slot_covers(slot, base + um_level_pages(level) - 1);
}

/* May a leaf of @level map @gfn: fits, and hva and gfn are in step. */
static inline bool um_slot_allows_level(const struct um_slot *slot, gfn_t gfn,
					int level)
{
	gfn_t skew = (slot->hva >> UM_PAGE_SHIFT) - slot->base;

	return um_slot_fits(slot, gfn, level) &&
	       !(skew & (um_level_pages(level) - 1));
}

/* audit.c */
/* Checks the way to f->gfn and its neighbours. False: an invariant broke. */
bool um_audit_fault(struct um_mmu *mmu, const struct um_fault *f);

#endif
