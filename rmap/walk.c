// SPDX-License-Identifier: GPL-2.0
/*
 * The walk. Without the lock it goes from high slots to low ones, from the
 * head to the tail, from the first bucket to the last: the only ways in which
 * entries move. A descriptor may change lists under it; then it comes to the
 * end of another list, and begins this bucket again.
 */
#include "internal.h"

#define RESTARTS_MAX 3
/* Longer than any list gets, unless there was no memory for a directory. */
#define DESCS_MAX 4096
#define DESCS_ANY ~0UL

struct walk {
	um_rmap_fn fn;
	void *data;
	unsigned long descs_max;
	bool ended; /* by fn */
};

static void walk_desc(struct walk *walk, const struct um_rmap_desc *desc)
{
	int i;

	for (i = RMAP_SLOTS; i-- && !walk->ended;) {
		/* R5: high slots before low ones, slots before the link. */
		um_sptep_t sptep = smp_load_acquire(&desc->sptep[i]);

		if (sptep)
			walk->ended = walk->fn(sptep, walk->data);
	}
}

/* False: led to another list, or without end. */
static bool walk_list(struct walk *walk, const struct um_rmap_desc *desc,
		      unsigned long name)
{
	unsigned long n, link;

	for (n = 0; n < walk->descs_max; n++) {
		walk_desc(walk, desc);
		if (walk->ended)
			return true;
		/* R5: as above. */
		link = smp_load_acquire(&desc->next);
		if (link & RMAP_NULLS)
			return link == (name | RMAP_NULLS);
		desc = (const struct um_rmap_desc *)link;
	}
	return false;
}

static unsigned long walk_buckets(unsigned long val)
{
	/* R6: the count after the bucket that was seen. Pairs with R4. */
	return val & RMAP_DIR ? smp_load_acquire(&rmap_dir(val)->nr) : 1;
}

/* Bucket @b of the set; the whole set when it has no directory. */
static bool walk_bucket(struct walk *walk, struct um_rmap_head *head,
			unsigned long b)
{
	/* R5: the word before what it points to. Pairs with R2. */
	unsigned long val = smp_load_acquire(&head->val);
	unsigned long name = (unsigned long)head;

	/* It may have become empty and another directory since the last one. */
	if (b >= walk_buckets(val))
		return true;
	if (val & RMAP_DIR) {
		struct rmap_list list = rmap_dir_list(head, rmap_dir(val), b);

		/* R5: as above. */
		val = smp_load_acquire(&list.head->val);
		name = list.name;
	}
	if (val & RMAP_LIST)
		return walk_list(walk, rmap_desc(val), name);
	if (rmap_addr(val))
		walk->ended = walk->fn(rmap_single(val), walk->data);
	return true;
}

static bool walk_goes_on(const struct walk *walk,
			 const struct um_rmap_head *head, unsigned long b)
{
	/* R6: see walk_buckets(). */
	return !walk->ended && b < walk_buckets(smp_load_acquire(&head->val));
}

static void walk_locked(struct um_rmap *rmap, struct walk *walk,
			struct um_rmap_head *head)
{
	struct um_lock *lock = &rmap_shard(rmap, head)->lock;
	unsigned long b = 0;

	walk->descs_max = DESCS_ANY;
	um_lock(lock);
	do
		walk_bucket(walk, head, b);
	while (walk_goes_on(walk, head, ++b));
	um_unlock(lock);
}

static void walk_bucket_locked(struct um_rmap *rmap, struct walk *walk,
			       struct um_rmap_head *head, unsigned long b)
{
	struct um_lock *lock = &rmap_shard(rmap, head)->lock;

	atomic64_inc(&rmap->fallbacks);
	walk->descs_max = DESCS_ANY;
	um_lock(lock);
	walk_bucket(walk, head, b);
	um_unlock(lock);
	walk->descs_max = DESCS_MAX;
}

static void walk_nulls(struct um_rmap *rmap, struct walk *walk,
		       struct um_rmap_head *head)
{
	unsigned long b = 0;
	bool more;
	int tries;

	walk->descs_max = DESCS_MAX;
	do {
		rcu_read_lock();
		for (tries = 0; !walk_bucket(walk, head, b); tries++) {
			if (tries == RESTARTS_MAX) {
				walk_bucket_locked(rmap, walk, head, b);
				break;
			}
			atomic64_inc(&rmap->restarts);
		}
		more = walk_goes_on(walk, head, ++b);
		rcu_read_unlock();
	} while (more);
}

bool um_rmap_walk(struct um_rmap *rmap, struct um_rmap_head *head,
		  um_rmap_fn fn, void *data)
{
	struct walk walk = { .fn = fn, .data = data };

	if (READ_ONCE(rmap->mode) == UM_RMAP_NULLS)
		walk_nulls(rmap, &walk, head);
	else
		walk_locked(rmap, &walk, head);
	return walk.ended;
}

bool um_rmap_only(const struct um_rmap *rmap, const struct um_rmap_head *head,
		  um_sptep_t *sptep)
{
	/* R5: the word before what it points to. Pairs with R2. */
	unsigned long val = smp_load_acquire(&head->val);

	*sptep = rmap_single(val);
	return !(val & RMAP_LIST) && READ_ONCE(rmap->mode) == UM_RMAP_NULLS;
}
