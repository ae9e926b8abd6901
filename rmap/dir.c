// SPDX-License-Identifier: GPL-2.0
/*
 * The directory of a large set: linear hashing, so that removing one of
 * millions looks at a few descriptors and no operation does more than a few
 * buckets' worth of work.
 *
 *   10. Bucket 0 is the list that was there before, under the same name.
 *   11. The count of buckets is raised before an entry moves (R4), and a walk
 *       reads it after it has seen a bucket (R6).
 *   12. Entries move to the new, last bucket, and stand there before they leave.
 *   13. Buckets are never merged. The directory goes when the set is empty.
 */
#include "internal.h"

#include <linux/bitops.h>
#include <linux/container_of.h>
#include <linux/hash.h>
#include <linux/slab.h>

#define DIR_GFP (GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT | __GFP_ZERO)

static_assert(sizeof(struct um_rmap_dir) <= 4096);

/* The bucket of @sptep when there are @nr of them. */
static unsigned long dir_index(unsigned long nr, um_sptep_t sptep)
{
	unsigned long low = 1UL << __fls(nr);
	unsigned long hash = hash_64((__force unsigned long)sptep, 32);
	unsigned long b = hash & (2 * low - 1);

	return b < nr ? b : b & (low - 1);
}

struct rmap_list rmap_dir_list_of(struct um_rmap_head *head, um_sptep_t sptep)
{
	struct um_rmap_dir *dir = rmap_dir(head->val);

	return rmap_dir_list(head, dir, dir_index(dir->nr, sptep));
}

static void dir_free(struct rcu_head *rcu)
{
	struct um_rmap_dir *dir = container_of(rcu, struct um_rmap_dir, rcu);
	int i;

	for (i = 0; i < DIR_CHUNKS && dir->chunk[i]; i++)
		kfree(dir->chunk[i]);
	kfree(dir);
}

/* Makes sure that bucket @b has a word. */
static bool dir_reach(struct um_rmap_dir *dir, unsigned long b)
{
	struct um_rmap_head **chunk = &dir->chunk[b / DIR_CHUNK_HEADS];

	if (!*chunk)
		*chunk = kmalloc(DIR_CHUNK_HEADS * sizeof(**chunk), DIR_GFP);
	return *chunk;
}

/* A long list becomes a directory of one bucket. False: no memory. */
bool rmap_dir_create(struct um_rmap_head *head)
{
	struct um_rmap_desc *first = rmap_desc(head->val);
	struct um_rmap_dir *dir = kmalloc(sizeof(*dir), DIR_GFP);

	if (!dir)
		return false;
	if (!dir_reach(dir, 0)) {
		kfree(dir);
		return false;
	}
	dir->nr = 1;
	dir->entries = first->below + first->used;
	rmap_bucket(dir, 0)->val = (unsigned long)first | RMAP_LIST;
	rmap_set_word(head, (unsigned long)dir | RMAP_LIST | RMAP_DIR);
	return true;
}

/* The set is empty. Walks that are inside see empty buckets. */
void rmap_dir_retire(struct um_rmap_head *head)
{
	struct um_rmap_dir *dir = rmap_dir(head->val);

	rmap_set_word(head, 0);
	call_rcu(&dir->rcu, dir_free);
}

/*
 * Add a bucket. False: not possible now; lists just get longer. One descriptor
 * of the pool is enough, for those that the old bucket gives up come back to it.
 */
bool rmap_dir_split(struct um_rmap_head *head, struct um_rmap_pool *pool)
{
	struct um_rmap_dir *dir = rmap_dir(head->val);
	unsigned long nr = dir->nr;
	struct rmap_list from, to;
	struct um_rmap_desc *desc, *next, *empty;
	int i;

	if (nr == DIR_CHUNKS * DIR_CHUNK_HEADS || !pool->n ||
	    !dir_reach(dir, nr))
		return false;
	from = rmap_dir_list(head, dir, nr - (1UL << __fls(nr)));
	to = rmap_dir_list(head, dir, nr);
	/* R4: the bucket is in sight before any entry goes there. Pairs with R6. */
	smp_store_release(&dir->nr, nr + 1);
	for (desc = rmap_list_first(&from); desc; desc = next) {
		next = rmap_desc_next(desc);
		for (i = desc->used; i--;) {
			if (dir_index(nr + 1, desc->sptep[i]) != nr)
				continue;
			rmap_list_push(&to, desc->sptep[i], pool);
			empty = rmap_list_take(&from, desc, i);
			if (empty)
				rmap_desc_put(pool, empty);
		}
	}
	return true;
}
