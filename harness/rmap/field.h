/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every test of rmap/ stands on: a VM's rmap, a slot, and sptes to put
 * into its sets.
 */
#ifndef _HARNESS_RMAP_FIELD_H
#define _HARNESS_RMAP_FIELD_H

#include "internal.h"

#include <umbra/slot.h>

#include <linux/bitops.h>

#include <shim.h>

#include <pthread.h>

/* Not aligned to any level, and longer than one 2M page. */
#define BASE 0x3fe01
#define FRAMES 1500

struct field {
	struct um_rmap rmap;
	struct um_lock_stat lock_stat;
	struct um_slot slot;
	struct um_rmap_pool pool;
};

extern u64 *sptes; /* field_spte() gives their addresses */

/* @n sptes, all 0. One field at a time. */
void field_init(struct field *f, enum um_rmap_mode mode, size_t n);
/* The sets are empty. Complains of what was left behind. */
void field_free(struct field *f);

static inline um_sptep_t field_spte(size_t i)
{
	return (um_sptep_t)&sptes[i];
}

static inline size_t field_index(um_sptep_t sptep)
{
	return (u64 *)sptep - sptes;
}

static inline struct um_rmap_head *field_head(struct field *f, int i)
{
	return um_rmap_head(&f->slot, BASE + i, UM_LEVEL_4K);
}

/* Add spte @i to set @head; the pool never runs dry. */
void field_add(struct field *f, struct um_rmap_head *head, size_t i);
void field_add_by(struct field *f, struct um_rmap_pool *pool,
		  struct um_rmap_head *head, size_t i);
/* Complains when spte @i is not in the set. */
void field_remove(struct field *f, struct um_rmap_head *head, size_t i);
void field_zap(struct field *f, struct um_rmap_head *head);

/*
 * Look at a whole set for what must hold of it while nothing moves. Returns
 * the number of entries; complains, and returns -1, when a rule is broken.
 */
s64 field_check(struct um_rmap_head *head);

/* Threads that begin together. @run gets its number. */
void field_race(int threads, void (*run)(int id), u64 seed);

#endif
