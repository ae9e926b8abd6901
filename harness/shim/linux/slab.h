/* REAL: allocations may fail to order; a cache knows what was not given back. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SLAB_H
#define _SHIM_LINUX_SLAB_H

#include <linux/gfp.h>

#define SLAB_TYPESAFE_BY_RCU 0x1u
#define SLAB_ACCOUNT 0x2u

struct kmem_cache;

/*
 * What is freed is the next to be handed out. Memory of a type-stable cache
 * stays until the cache goes; of another one, somebody else scribbles into
 * what is freed at once.
 */
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, unsigned int flags,
				     void (*ctor)(void *obj));
/* Complains of objects that are in use. */
void kmem_cache_destroy(struct kmem_cache *cache);
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
void kmem_cache_free(struct kmem_cache *cache, void *obj);

void *kmalloc(size_t size, gfp_t gfp);
void kfree(const void *obj);

#define struct_size(p, member, n) (sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define array_size(a, b) ((a) * (b))
#define kvzalloc(size, gfp) kzalloc(size, gfp)
#define kvfree(obj) kfree(obj)

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

#endif
