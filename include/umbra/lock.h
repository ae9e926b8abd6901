/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The spin locks of the MMU. There is no lock around the tables; these guard
 * what truly needs exclusion, are held for a few instructions, and never while
 * walking. Each acquisition is counted (statistic mmu_lock: the sum over the
 * VM), so that a path which claims to take none can be shown to take none.
 *
 * A thread takes them in rising order of level. lockdep knows the levels as
 * subclasses, the harness keeps a stack of them.
 */
#ifndef _UMBRA_LOCK_H
#define _UMBRA_LOCK_H

#include <umbra/hist.h>

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/spinlock.h>

enum um_lock_level {
	UM_LOCK_SHADOW = 1, /* the VM's shadow pages; mmu/shadow.h */
	UM_LOCK_RMAP,	  /* one gfn's set of sptes; rmap/ */
	UM_LOCK_UNTAGGED, /* the one claim without a tag; mmu/tdp.c */
	UM_LOCK_LEVELS,
};

/* One per VM. Written by any CPU. */
struct um_lock_stat {
	bool measure; /* READ_ONCE; times are wanted: debugfs switches */
	atomic64_t taken[UM_LOCK_LEVELS];
	struct um_hist wait[UM_LOCK_LEVELS];
	struct um_hist hold[UM_LOCK_LEVELS];
};

struct um_lock {
	spinlock_t lock;	   /* what the owner of this um_lock says */
	enum um_lock_level level;  /* const */
	struct um_lock_stat *stat; /* const; the VM's */
	u64 since;		   /* when taken, 0: not measured; lock */
};

static inline void um_lock_init(struct um_lock *l, enum um_lock_level level,
				struct um_lock_stat *stat)
{
	spin_lock_init(&l->lock);
	l->level = level;
	l->stat = stat;
}

/* Not from interrupt handlers. Does not sleep. */
static inline void um_lock(struct um_lock *l)
	__acquires(&l->lock)
{
	struct um_lock_stat *stat = l->stat;
	u64 start = READ_ONCE(stat->measure) ? get_cycles() : 0;

	spin_lock_nested(&l->lock, l->level);
	atomic64_inc(&stat->taken[l->level]);
	l->since = start ? get_cycles() : 0;
	if (start)
		um_hist_add(&stat->wait[l->level], l->since - start);
}

static inline void um_unlock(struct um_lock *l)
	__releases(&l->lock)
{
	u64 since = l->since;

	spin_unlock(&l->lock);
	if (since)
		um_hist_add(&l->stat->hold[l->level], get_cycles() - since);
}

#endif
