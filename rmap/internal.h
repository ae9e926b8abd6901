/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of sptep, seen from inside. README.md draws it and says why a walk
 * misses nothing.
 *
 * The word of a set:
 *
 *    63                              3    2      1      0
 *   +---------------------------------+-----+--------+------+
 *   | address                         | DIR | WRPROT | LIST |
 *   +---------------------------------+-----+--------+------+
 *
 *   0 or WRPROT   empty
 *   LIST = 0      the one sptep
 *   LIST          the first descriptor of a list
 *   DIR | LIST    a directory: the set is split up into buckets, each a word
 *                 of its own, empty or a list
 *
 * WRPROT stands beside any of them, in the word of the set only. A set leaves
 * each of these forms by growing, or by becoming empty; never for a smaller
 * one, for that would move entries against the direction of a walk.
 */
#ifndef _UMBRA_RMAP_INTERNAL_H
#define _UMBRA_RMAP_INTERNAL_H

#include <umbra/rmap.h>

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/rcupdate.h>

#define RMAP_LIST BIT(0)
#define RMAP_WRPROT BIT(1)
#define RMAP_DIR BIT(2)
#define RMAP_FLAGS (RMAP_LIST | RMAP_WRPROT | RMAP_DIR)

static_assert(RMAP_FLAGS == UM_RMAP_FLAGS);

/* In a link: not a descriptor's address, but the name of the list. */
#define RMAP_NULLS BIT(0)

#define RMAP_SLOTS 13

/*
 * Lies in type-stable memory: it may be freed, and be part of another list,
 * while a walk stands in it, but it never becomes anything else before the
 * walk is over. A free one has no entries. 15 words, because the slab keeps a
 * free descriptor's link behind it.
 */
struct um_rmap_desc {
	unsigned long next; /* the next one, or RMAP_NULLS | the list's name */
	u32 used;	    /* entries here; lock */
	u32 below;	    /* entries in those behind; lock */
	um_sptep_t sptep[RMAP_SLOTS]; /* [0, used), and NULL */
};

static_assert(sizeof(struct um_rmap_desc) == 15 * sizeof(long));

/* A list, as who holds the lock sees it. Its name is the address of a word. */
struct rmap_list {
	struct um_rmap_head *head;
	unsigned long name;
};

/*
 * Grows by one bucket at a time. The entries of bucket b whose hash says so
 * move to the new last one: upwards, as a walk goes.
 */
#define DIR_CHUNK_HEADS 512
#define DIR_CHUNKS 508

struct um_rmap_dir {
	struct rcu_head rcu;
	unsigned long nr;      /* buckets; grows only, R4 */
	unsigned long entries; /* lock */
	struct um_rmap_head *chunk[DIR_CHUNKS];
};

/* list.c; the lock is held */
void rmap_list_push(const struct rmap_list *list, um_sptep_t sptep,
		    struct um_rmap_pool *pool);
struct um_rmap_desc *rmap_list_take(const struct rmap_list *list,
				    struct um_rmap_desc *desc, int i);
struct um_rmap_desc *rmap_list_find(const struct rmap_list *list,
				    um_sptep_t sptep, int *i);

/* dir.c; the lock is held */
bool rmap_dir_create(struct um_rmap_head *head);
void rmap_dir_retire(struct um_rmap_head *head);
bool rmap_dir_split(struct um_rmap_head *head, struct um_rmap_pool *pool);
struct rmap_list rmap_dir_list_of(struct um_rmap_head *head, um_sptep_t sptep);

/* pool.c */
struct um_rmap_desc *rmap_desc_get(struct um_rmap_pool *pool);
void rmap_desc_put(struct um_rmap_pool *pool, struct um_rmap_desc *desc);
void rmap_desc_free(struct um_rmap_desc *desc);

/* rmap.c */
struct um_rmap_shard *rmap_shard(struct um_rmap *rmap,
				 const struct um_rmap_head *head);

static inline unsigned long rmap_addr(unsigned long val)
{
	return val & ~RMAP_FLAGS;
}

static inline struct um_rmap_desc *rmap_desc(unsigned long val)
{
	return (struct um_rmap_desc *)rmap_addr(val);
}

static inline struct um_rmap_dir *rmap_dir(unsigned long val)
{
	return (struct um_rmap_dir *)rmap_addr(val);
}

static inline um_sptep_t rmap_single(unsigned long val)
{
	return (__force um_sptep_t)rmap_addr(val);
}

/*
 * All stores that a walk may see are made by release, in the order in which
 * it must see them, and all its loads by acquire: R2 to R6.
 */
static inline void rmap_set_word(struct um_rmap_head *head, unsigned long val)
{
	/* R2: what @val points to, before @val. Pairs with R5. */
	smp_store_release(&head->val, val | (head->val & RMAP_WRPROT));
}

/* NULL: empty, or a set of one. */
static inline struct um_rmap_desc *rmap_list_first(const struct rmap_list *list)
{
	unsigned long val = list->head->val;

	return val & RMAP_LIST ? rmap_desc(val) : NULL;
}

static inline struct um_rmap_desc *rmap_desc_next(const struct um_rmap_desc *d)
{
	return d->next & RMAP_NULLS ? NULL : (struct um_rmap_desc *)d->next;
}

static inline struct um_rmap_head *rmap_bucket(const struct um_rmap_dir *dir,
					       unsigned long b)
{
	return &dir->chunk[b / DIR_CHUNK_HEADS][b % DIR_CHUNK_HEADS];
}

/* The first bucket goes by the name of the set: it was the list before. */
static inline struct rmap_list rmap_dir_list(struct um_rmap_head *head,
					     const struct um_rmap_dir *dir,
					     unsigned long b)
{
	struct um_rmap_head *bucket = rmap_bucket(dir, b);
	const void *name = b ? bucket : head;

	return (struct rmap_list){ bucket, (unsigned long)name };
}

#endif
