// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of sptep: what changes them. The lock of a set is its shard's.
 */
#include "internal.h"

#include <linux/errno.h>
#include <linux/hash.h>

/* Entries of a list before it gets a directory, and of a bucket on average. */
#define LIST_MAX (40 * RMAP_SLOTS)
#define BUCKET_MEAN (4 * RMAP_SLOTS)

void um_rmap_init(struct um_rmap *rmap, enum um_rmap_mode mode,
		  struct um_lock_stat *stat)
{
	int i;

	*rmap = (struct um_rmap){ .mode = mode };
	for (i = 0; i < UM_RMAP_SHARDS; i++)
		um_lock_init(&rmap->shard[i].lock, UM_LOCK_RMAP, stat);
}

struct um_rmap_shard *rmap_shard(struct um_rmap *rmap,
				 const struct um_rmap_head *head)
{
	return &rmap->shard[hash_64((unsigned long)head, UM_RMAP_SHARD_BITS)];
}

/* The shard's lock is held; um_rmap_read_stat() reads without it. */
static void count(u64 *counter, s64 change)
{
	WRITE_ONCE(*counter, *counter + change);
}

/* The list in which @sptep is or belongs. */
static struct rmap_list list_of(struct um_rmap_head *head, um_sptep_t sptep)
{
	if (head->val & RMAP_DIR)
		return rmap_dir_list_of(head, sptep);
	return (struct rmap_list){ head, (unsigned long)head };
}

static u64 set_size(const struct um_rmap_head *head)
{
	const struct um_rmap_desc *desc = rmap_desc(head->val);

	if (head->val & RMAP_DIR)
		return rmap_dir(head->val)->entries;
	if (head->val & RMAP_LIST)
		return desc->below + desc->used;
	return !!desc;
}

static void set_add(struct um_rmap_head *head, um_sptep_t sptep,
		    struct um_rmap_pool *pool)
{
	struct rmap_list list;

	if (!rmap_addr(head->val)) {
		rmap_set_word(head, (__force unsigned long)sptep);
		return;
	}
	list = list_of(head, sptep);
	rmap_list_push(&list, sptep, pool);
	if (head->val & RMAP_DIR)
		rmap_dir(head->val)->entries++;
}

/* Keep lists short. What fails for want of memory is tried with the next add. */
static bool set_grow(struct um_rmap_head *head, struct um_rmap_pool *pool)
{
	if (!(head->val & RMAP_DIR))
		return set_size(head) > LIST_MAX && rmap_dir_create(head);
	return set_size(head) > rmap_dir(head->val)->nr * BUCKET_MEAN &&
	       rmap_dir_split(head, pool);
}

int um_rmap_add(struct um_rmap *rmap, struct um_rmap_pool *pool,
		struct um_rmap_head *head, um_sptep_t sptep)
{
	struct um_rmap_shard *shard = rmap_shard(rmap, head);
	int had = pool->n;

	if (!had)
		return -ENOMEM;
	um_lock(&shard->lock);
	set_add(head, sptep, pool);
	count(&shard->entries, 1);
	if (set_grow(head, pool))
		count(&shard->buckets, 1);
	count(&shard->descs, had - pool->n);
	um_unlock(&shard->lock);
	return 0;
}

/* Entry @i of @desc, which is in @list of the set. */
static void set_take(struct um_rmap_shard *shard, struct um_rmap_head *head,
		     const struct rmap_list *list, struct um_rmap_desc *desc,
		     int i)
{
	struct um_rmap_desc *empty = rmap_list_take(list, desc, i);
	struct um_rmap_dir *dir;

	count(&shard->entries, -1);
	if (empty) {
		count(&shard->descs, -1);
		rmap_desc_free(empty);
	}
	if (!(head->val & RMAP_DIR))
		return;
	dir = rmap_dir(head->val);
	if (--dir->entries)
		return;
	count(&shard->buckets, -(s64)dir->nr);
	rmap_dir_retire(head);
}

static void set_take_single(struct um_rmap_shard *shard,
			    struct um_rmap_head *head)
{
	rmap_set_word(head, 0);
	count(&shard->entries, -1);
}

static bool set_remove(struct um_rmap_shard *shard, struct um_rmap_head *head,
		       um_sptep_t sptep)
{
	struct um_rmap_desc *desc;
	struct rmap_list list;
	int i;

	if (!(head->val & RMAP_LIST)) {
		if (rmap_single(head->val) != sptep)
			return false;
		set_take_single(shard, head);
		return true;
	}
	list = list_of(head, sptep);
	desc = rmap_list_find(&list, sptep, &i);
	if (!desc)
		return false;
	set_take(shard, head, &list, desc, i);
	return true;
}

bool um_rmap_remove(struct um_rmap *rmap, struct um_rmap_head *head,
		    um_sptep_t sptep)
{
	struct um_rmap_shard *shard = rmap_shard(rmap, head);
	bool found;

	um_lock(&shard->lock);
	found = set_remove(shard, head, sptep);
	um_unlock(&shard->lock);
	return found;
}

int um_rmap_move(struct um_rmap *rmap, struct um_rmap_pool *pool,
		 struct um_rmap_head *from, struct um_rmap_head *to,
		 um_sptep_t sptep)
{
	int r = um_rmap_add(rmap, pool, to, sptep);

	if (!r)
		um_rmap_remove(rmap, from, sptep);
	return r;
}

/* A descriptor's worth. *@b is the bucket where the last one was found. */
static void zap_some(struct um_rmap_shard *shard, struct um_rmap_head *head,
		     unsigned long *b, um_rmap_fn fn, void *data)
{
	struct rmap_list list = { head, (unsigned long)head };
	struct um_rmap_desc *desc;
	int i;

	if (!(head->val & RMAP_LIST)) {
		fn(rmap_single(head->val), data);
		set_take_single(shard, head);
		return;
	}
	if (head->val & RMAP_DIR) {
		*b %= rmap_dir(head->val)->nr;
		list = rmap_dir_list(head, rmap_dir(head->val), *b);
	}
	desc = rmap_list_first(&list);
	if (!desc) {
		++*b;
		return;
	}
	for (i = desc->used; i--;) {
		fn(desc->sptep[i], data);
		set_take(shard, head, &list, desc, i);
	}
}

void um_rmap_zap(struct um_rmap *rmap, struct um_rmap_head *head,
		 um_rmap_fn fn, void *data)
{
	struct um_rmap_shard *shard = rmap_shard(rmap, head);
	unsigned long b = 0;
	bool more;

	do {
		um_lock(&shard->lock);
		more = rmap_addr(head->val);
		if (more)
			zap_some(shard, head, &b, fn, data);
		um_unlock(&shard->lock);
	} while (more);
}

u64 um_rmap_count(struct um_rmap *rmap, struct um_rmap_head *head)
{
	struct um_rmap_shard *shard = rmap_shard(rmap, head);
	unsigned long val = READ_ONCE(head->val);
	u64 n;

	if (!(val & RMAP_LIST))
		return !!rmap_addr(val);
	um_lock(&shard->lock);
	n = set_size(head);
	um_unlock(&shard->lock);
	return n;
}

void um_rmap_wrprot_set(struct um_rmap *rmap, struct um_rmap_head *head)
{
	struct um_rmap_shard *shard = rmap_shard(rmap, head);

	um_lock(&shard->lock);
	WRITE_ONCE(head->val, head->val | RMAP_WRPROT);
	um_unlock(&shard->lock);
	/*
	 * R1: the flag before the entries are read. Pairs with F1: either a
	 * fast fault sees the flag after its claim, or the walk sees the claim.
	 */
	smp_mb();
}

void um_rmap_wrprot_clear(struct um_rmap *rmap, struct um_rmap_head *head)
{
	struct um_rmap_shard *shard = rmap_shard(rmap, head);

	um_lock(&shard->lock);
	WRITE_ONCE(head->val, head->val & ~RMAP_WRPROT);
	um_unlock(&shard->lock);
}

bool um_rmap_is_wrprot(const struct um_rmap_head *head)
{
	return READ_ONCE(head->val) & RMAP_WRPROT;
}

bool um_rmap_any(const struct um_rmap *rmap)
{
	int i;

	for (i = 0; i < UM_RMAP_SHARDS; i++)
		if (READ_ONCE(rmap->shard[i].entries))
			return true;
	return false;
}

void um_rmap_read_stat(struct um_rmap *rmap, struct um_rmap_stat *stat)
{
	int i;

	*stat = (struct um_rmap_stat){
		.restarts = atomic64_read(&rmap->restarts),
		.fallbacks = atomic64_read(&rmap->fallbacks),
	};
	for (i = 0; i < UM_RMAP_SHARDS; i++) {
		stat->entries += READ_ONCE(rmap->shard[i].entries);
		stat->descs += READ_ONCE(rmap->shard[i].descs);
		stat->buckets += READ_ONCE(rmap->shard[i].buckets);
	}
}
