// SPDX-License-Identifier: GPL-2.0
/*
 * Caches: arenas with a stack of free objects, so that what is freed comes
 * back at once and a walk that still stands in it notices, if it can.
 */
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <shim.h>

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64 * 1024)

struct chunk {
	struct chunk *next;
	char *mem;
};

struct kmem_cache {
	const char *name;
	unsigned int size;
	unsigned int align;
	unsigned int flags;
	void (*ctor)(void *obj);
	pthread_mutex_t lock;
	struct chunk *chunks;
	void **free; /* a stack; room for every object */
	size_t nfree, total;
};

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, unsigned int flags,
				     void (*ctor)(void *obj))
{
	struct kmem_cache *cache = calloc(1, sizeof(*cache));

	cache->name = name;
	cache->align = align;
	cache->size = (size + align - 1) / align * align;
	cache->flags = flags;
	cache->ctor = ctor;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	struct chunk *chunk, *next;

	if (cache->nfree != cache->total)
		shim_warn("%s: %zu objects are still in use\n", cache->name,
			  cache->total - cache->nfree);
	for (chunk = cache->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk->mem);
		free(chunk);
	}
	free(cache->free);
	free(cache);
}

/* lock held */
static void cache_grow(struct kmem_cache *cache)
{
	size_t n = CHUNK_BYTES / cache->size, i;
	struct chunk *chunk = malloc(sizeof(*chunk));

	chunk->mem = aligned_alloc(cache->align, n * cache->size);
	chunk->next = cache->chunks;
	cache->chunks = chunk;
	/* Nobody relies on what new memory holds. */
	memset(chunk->mem, 0x5a, n * cache->size);
	cache->total += n;
	cache->free = realloc(cache->free, cache->total * sizeof(void *));
	for (i = n; i--;) {
		void *obj = chunk->mem + i * cache->size;

		if (cache->ctor)
			cache->ctor(obj);
		cache->free[cache->nfree++] = obj;
	}
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *obj;

	if (gfp & __GFP_SLEEPS)
		shim_may_sleep("kmem_cache_alloc");
	if (shim_alloc_fails())
		return NULL;
	pthread_mutex_lock(&cache->lock);
	if (!cache->nfree)
		cache_grow(cache);
	obj = cache->free[--cache->nfree];
	pthread_mutex_unlock(&cache->lock);
	if (!(cache->flags & SLAB_TYPESAFE_BY_RCU) && cache->ctor)
		cache->ctor(obj);
	return obj;
}

void kmem_cache_free(struct kmem_cache *cache, void *obj)
{
	if (!(cache->flags & SLAB_TYPESAFE_BY_RCU))
		memset(obj, 0x6b, cache->size);
	pthread_mutex_lock(&cache->lock);
	cache->free[cache->nfree++] = obj;
	pthread_mutex_unlock(&cache->lock);
}

void *kmalloc(size_t size, gfp_t gfp)
{
	if (gfp & __GFP_SLEEPS)
		shim_may_sleep("kmalloc");
	if (shim_alloc_fails())
		return NULL;
	return gfp & __GFP_ZERO ? calloc(1, size) : malloc(size);
}

/*
 * Who still uses it finds nothing. A test that has failed keeps all, to come to
 * its end.
 */
void kfree(const void *obj)
{
	if (shim_warnings())
		return;
	if (obj)
		memset((void *)obj, 0, malloc_usable_size((void *)obj));
	free((void *)obj);
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	void *page;

	shim_may_sleep("get_zeroed_page");
	if (shim_alloc_fails())
		return 0;
	page = aligned_alloc(4096, 4096);
	memset(page, 0, 4096);
	return (unsigned long)page;
}

void free_page(unsigned long addr)
{
	free((void *)addr);
}

void *__vcalloc(size_t n, size_t size, gfp_t gfp)
{
	shim_may_sleep("__vcalloc");
	return shim_alloc_fails() ? NULL : calloc(n, size);
}

void vfree(const void *obj)
{
	shim_may_sleep("vfree");
	free((void *)obj);
}
