/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The face of rmap/: which sptes map a guest frame.
 *
 * For each frame of a slot, and each level, a set of sptep. Sets change under
 * a lock; a walk takes none. rmap/README.md tells what a walk may miss (what
 * was added after it began) and what it may show besides (an entry twice, or
 * one of another frame), so the callback trusts nothing but the spte's value
 * and changes it by compare-and-exchange only.
 */
#ifndef _UMBRA_RMAP_H
#define _UMBRA_RMAP_H

#include <umbra/lock.h>
#include <umbra/types.h>

#include <linux/atomic.h>

struct um_rmap_desc;
struct um_slot;

enum um_rmap_mode {
	UM_RMAP_LOCKED, /* a walk holds the lock of the set */
	UM_RMAP_NULLS,	/* a walk takes it only when it restarted too often */
};

/* One set. Read by walks at any time, written under the lock. */
struct um_rmap_head {
	unsigned long val; /* see rmap/internal.h */
};

/* Low bits of val that are no address. */
#define UM_RMAP_FLAGS 7UL

/* For who would walk very many sets, most of them empty. */
static inline bool um_rmap_is_empty(const struct um_rmap_head *head)
{
	return !(READ_ONCE(head->val) & ~UM_RMAP_FLAGS);
}

/*
 * The sets of a slot, by level - 1, then by frame. Allocated when the slot
 * meets its first shadow root, const from then on, freed with the slot.
 */
struct um_rmap_array {
	struct um_rmap_head *level[UM_LEVEL_1G];
	struct um_rmap_head head[];
};

/* Sets share locks, by a hash of their address. */
#define UM_RMAP_SHARD_BITS 4
#define UM_RMAP_SHARDS 16 /* BIT(UM_RMAP_SHARD_BITS), as an int */

struct um_rmap_shard {
	struct um_lock lock;
	u64 entries; /* of this and the next two: written under the lock */
	u64 descs;
	u64 buckets;
};

/* The rmap of a VM. */
struct um_rmap {
	enum um_rmap_mode mode; /* READ_ONCE; may change while running */
	struct um_rmap_shard shard[UM_RMAP_SHARDS];
	atomic64_t restarts;
	atomic64_t fallbacks;
};

struct um_rmap_stat {
	u64 entries;	/* sptep in all sets */
	u64 descs;	/* descriptors in all sets */
	u64 buckets;	/* lists of the sets that are split up */
	u64 restarts;	/* walks led to another list, which began again */
	u64 fallbacks;	/* walks that then took the lock */
};

/*
 * Descriptors in hand, so that adding never allocates under a lock. One user
 * at a time. Zero it before use.
 */
#define UM_RMAP_POOL 16

struct um_rmap_pool {
	int n;
	struct um_rmap_desc *desc[UM_RMAP_POOL];
};

/* Module load and unload. Returns 0 or -ENOMEM. Both sleep. */
int um_rmap_cache_create(void);
void um_rmap_cache_destroy(void);

/* @stat collects what the locks of this VM do. Nothing to undo. */
void um_rmap_init(struct um_rmap *rmap, enum um_rmap_mode mode,
		  struct um_lock_stat *stat);

/*
 * um_rmap_slot_alloc() - give @slot its arrays, if it has none. The caller
 * holds the lock that keeps the slot. Returns 0 or -ENOMEM. Sleeps.
 *
 * um_rmap_slot_free() - the sets are empty and nobody reaches the slot.
 */
int um_rmap_slot_alloc(struct um_slot *slot);
void um_rmap_slot_free(struct um_slot *slot);
/* What its arrays take, 0 when it has none. */
u64 um_rmap_slot_bytes(const struct um_slot *slot);

/*
 * The set of @gfn, a frame of @slot, at @level 1..3; NULL when the slot has no
 * arrays. Valid for as long as the slot is. At level 1 those of the frames after
 * it follow.
 */
struct um_rmap_head *um_rmap_head(const struct um_slot *slot, gfn_t gfn,
				  int level);

/*
 * um_rmap_topup() - fill the pool; lasts for UM_RMAP_POOL / 2 additions.
 * Returns 0 or -ENOMEM. Sleeps. um_rmap_drain() empties it.
 */
int um_rmap_topup(struct um_rmap_pool *pool);
void um_rmap_drain(struct um_rmap_pool *pool);

/*
 * um_rmap_add() - @sptep, which is in no set, maps the frame of @head.
 * Order: add, write the spte, mark dirty; on the way out the spte, then
 * um_rmap_remove(). A caller that wrote W, and does not exclude who sets WRPROT,
 * asks um_rmap_is_wrprot() afterwards. Returns 0, or -ENOMEM when the pool is
 * empty; nothing has changed then.
 *
 * um_rmap_remove() - the spte does not map the frame any more. Returns false
 * when it is not in the set: a broken invariant.
 *
 * um_rmap_move() - from one set to another; in both for a moment, never in
 * none. Returns as um_rmap_add(); @from has @sptep.
 *
 * Any context without interrupts; they take the lock of the set.
 */
int um_rmap_add(struct um_rmap *rmap, struct um_rmap_pool *pool,
		struct um_rmap_head *head, um_sptep_t sptep);
bool um_rmap_remove(struct um_rmap *rmap, struct um_rmap_head *head,
		    um_sptep_t sptep);
int um_rmap_move(struct um_rmap *rmap, struct um_rmap_pool *pool,
		 struct um_rmap_head *from, struct um_rmap_head *to,
		 um_sptep_t sptep);

/*
 * Called for a sptep, perhaps under RCU, perhaps with the set's lock held:
 * does not sleep and changes no set. Returns true to end the walk.
 */
typedef bool (*um_rmap_fn)(um_sptep_t sptep, void *data);

/*
 * um_rmap_walk() - call @fn for every sptep that was in the set when the walk
 * began and still is. Returns true when @fn ended it. Does not sleep; the
 * caller keeps the slot.
 */
bool um_rmap_walk(struct um_rmap *rmap, struct um_rmap_head *head,
		  um_rmap_fn fn, void *data);

/*
 * um_rmap_only() - the one sptep of a set that has no more, or NULL when it has
 * none, in *@sptep. False: walk. What holds of a walk holds of this; RCU held.
 */
bool um_rmap_only(const struct um_rmap *rmap, const struct um_rmap_head *head,
		  um_sptep_t *sptep);

/*
 * um_rmap_zap() - call @fn for each sptep and take it out, until the set is
 * empty. The lock is held for one descriptor at a time. What @fn returns is
 * ignored.
 */
void um_rmap_zap(struct um_rmap *rmap, struct um_rmap_head *head,
		 um_rmap_fn fn, void *data);

/* How many sptep are in the set. */
u64 um_rmap_count(struct um_rmap *rmap, struct um_rmap_head *head);

/*
 * The frame is a guest page table and no spte may give W. After
 * um_rmap_wrprot_set() the caller walks the set, and those of the larger
 * levels, and takes W and tags; see R1.
 */
void um_rmap_wrprot_set(struct um_rmap *rmap, struct um_rmap_head *head);
void um_rmap_wrprot_clear(struct um_rmap *rmap, struct um_rmap_head *head);
bool um_rmap_is_wrprot(const struct um_rmap_head *head);

/* Is there any sptep in any set? As it was, unless nobody adds meanwhile. */
bool um_rmap_any(const struct um_rmap *rmap);
/* The numbers of a VM; while sets change they are no snapshot. */
void um_rmap_read_stat(struct um_rmap *rmap, struct um_rmap_stat *stat);

/*
 * Count the sets of @slot at @level by size: hist[0] the empty ones, hist[k]
 * those of 2^(k-1) to 2^k - 1 entries. Adds to @hist. The caller keeps the
 * slot. Sleeps.
 */
#define UM_RMAP_HIST 33

void um_rmap_histogram(struct um_rmap *rmap, const struct um_slot *slot,
		       int level, u64 hist[UM_RMAP_HIST]);

#endif
