// SPDX-License-Identifier: GPL-2.0
/*
 * Where descriptors come from. The cache's memory is type-stable: what is
 * freed may be a descriptor of another list at once, but its pages go back to
 * the host only after a grace period.
 */
#include "internal.h"

#include <linux/errno.h>
#include <linux/slab.h>

static struct kmem_cache *cache;

/* Runs when the cache gets new memory, and not when a descriptor is reused. */
static void desc_ctor(void *obj)
{
	struct um_rmap_desc *desc = obj;
	int i;

	for (i = 0; i < RMAP_SLOTS; i++)
		desc->sptep[i] = NULL;
}

int um_rmap_cache_create(void)
{
	/* 64: two descriptors never share a line, and RMAP_FLAGS are free. */
	cache = kmem_cache_create("umbra_rmap_desc",
				  sizeof(struct um_rmap_desc), 64,
				  SLAB_TYPESAFE_BY_RCU | SLAB_ACCOUNT,
				  desc_ctor);
	return cache ? 0 : -ENOMEM;
}

void um_rmap_cache_destroy(void)
{
	/* dir_free() is this module's. */
	rcu_barrier();
	kmem_cache_destroy(cache);
}

void rmap_desc_free(struct um_rmap_desc *desc)
{
	kmem_cache_free(cache, desc);
}

/* The pool is not empty. */
struct um_rmap_desc *rmap_desc_get(struct um_rmap_pool *pool)
{
	return pool->desc[--pool->n];
}

/* What a split gives back is never more than it took. */
void rmap_desc_put(struct um_rmap_pool *pool, struct um_rmap_desc *desc)
{
	pool->desc[pool->n++] = desc;
}

int um_rmap_topup(struct um_rmap_pool *pool)
{
	struct um_rmap_desc *desc;

	while (pool->n < UM_RMAP_POOL) {
		desc = kmem_cache_alloc(cache, GFP_KERNEL_ACCOUNT);
		if (!desc)
			return -ENOMEM;
		pool->desc[pool->n++] = desc;
	}
	return 0;
}

void um_rmap_drain(struct um_rmap_pool *pool)
{
	while (pool->n)
		rmap_desc_free(pool->desc[--pool->n]);
}
