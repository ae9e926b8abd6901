// SPDX-License-Identifier: GPL-2.0
/*
 * See step.h. In place of the shim's slab, locks and RCU: one thread plays
 * every part, memory comes from an arena, and what RCU would free stays.
 */
#include "step.h"

#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include <shim.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA (1024 * 1024)
#define LOG_MAX 4096
#define CHOICES_MAX 4096
#define SEEN_BITS 22

static char arena[ARENA] __attribute__((aligned(4096)));
static size_t arena_used;

static enum { PLAIN, RECORD, REPLAY } mode;

/* Stores in their order, those to one word linked. */
static struct {
	unsigned long *word;
	unsigned long before, after;
	int next; /* the next store to this word, from 1; 0: none */
} history[LOG_MAX];
static int end; /* stores so far */
static int boundary[LOG_MAX], boundaries;
static struct {
	int first, last; /* from 1; 0: none */
} of_word[ARENA / sizeof(long)];

/* The walk that runs: where it stands, what it chose so far. */
static int now;
static bool locked;
static unsigned long (*shown)(int now);
static unsigned long *stack_end; /* of the walk's part of the stack */
static struct {
	int chosen, ways;
} choice[CHOICES_MAX];
static int depth, known; /* of choice[]: next, and to be repeated */
static jmp_buf out;
enum { DONE, SAME, ASTRAY };

static unsigned long long seen[1 << SEEN_BITS];
static unsigned int seen_at[1 << (SEEN_BITS - 1)];
static size_t nr_seen;
unsigned long step_states;

void step_reset(void)
{
	memset(arena, 0, arena_used);
	memset(of_word, 0, arena_used / sizeof(long) * sizeof(of_word[0]));
	arena_used = 0;
	mode = PLAIN;
	end = 0;
	boundaries = 0;
}

void step_record(void)
{
	mode = RECORD;
	boundaries = 0;
	step_boundary();
}

int step_time(void)
{
	return end;
}

void step_boundary(void)
{
	boundary[boundaries++] = end;
}

int step_boundaries(void)
{
	return boundaries;
}

int step_boundary_time(int i)
{
	return boundary[i];
}

static size_t word_index(const void *addr)
{
	size_t at = (const char *)addr - arena;

	if (at >= arena_used || at % sizeof(long))
		longjmp(out, ASTRAY);
	return at / sizeof(long);
}

void step_store(void *addr, unsigned long val)
{
	unsigned long *word = addr;
	size_t i;

	if (mode == RECORD && (char *)addr >= arena &&
	    (char *)addr < arena + ARENA) {
		i = word_index(addr);
		if (end == LOG_MAX)
			abort();
		history[end].word = word;
		history[end].before = *word;
		history[end].after = val;
		history[end].next = 0;
		end++;
		if (of_word[i].last)
			history[of_word[i].last - 1].next = end;
		else
			of_word[i].first = end;
		of_word[i].last = end;
	}
	*word = val;
}

static unsigned long long mix(unsigned long long h, unsigned long long v)
{
	h = (h ^ v ^ (h >> 29)) * 0xbf58476d1ce4e5b9ULL;
	return h ^ h >> 32;
}

/*
 * One of @ways; each is taken in one of the runs. What a walk does next, and
 * how it will be judged, follows from where and when it stands, its variables,
 * and what it has shown. It is built without optimisation, so that all of its
 * variables, and the way it came, lie on the stack, from @frame on.
 */
static int choose(const unsigned long *frame, int ways)
{
	unsigned long long key;
	size_t i;

	if (depth < known)
		return choice[depth++].chosen;
	key = mix(now, shown(now));
	for (; frame < stack_end; frame++)
		key = mix(key, *frame);

	if (depth == CHOICES_MAX)
		longjmp(out, ASTRAY);
	/* Open addressing; 0 is free. */
	for (i = key >> (64 - SEEN_BITS); seen[i]; i++, i %= 1 << SEEN_BITS)
		if (seen[i] == (key | 1))
			longjmp(out, SAME);
	if (nr_seen == sizeof(seen_at) / sizeof(seen_at[0]))
		abort();
	seen[i] = key | 1;
	seen_at[nr_seen++] = i;
	step_states++;
	choice[depth].chosen = 0;
	choice[depth].ways = ways;
	known = ++depth;
	return 0;
}

unsigned long step_load(const void *addr)
{
	const unsigned long *word = addr;
	unsigned long val;
	int next, n, ways = 1;

	if (mode != REPLAY)
		return *word;
	next = of_word[word_index(addr)].first;
	while (next && next <= now)
		next = history[next - 1].next;
	for (n = next; !locked && n; n = history[n - 1].next)
		ways++;
	val = next ? history[next - 1].before : *word;
	for (n = choose(__builtin_frame_address(0), ways); n--;) {
		now = next;
		val = history[next - 1].after;
		next = history[next - 1].next;
	}
	return val;
}

/* The lock can be had between two changes, this time or later. */
static void replay_lock(void)
{
	int first = 0;

	while (first < boundaries - 1 && boundary[first] < now)
		first++;
	now = boundary[first + choose(__builtin_frame_address(0),
				      boundaries - first)];
	locked = true;
}

static noinline void run(void (*walk)(void))
{
	stack_end = __builtin_frame_address(0);
	walk();
}

long step_explore(int from, void (*walk)(void), bool (*judge)(int end),
		  unsigned long (*state)(int now))
{
	volatile long walks = 0;

	shown = state;
	while (nr_seen)
		seen[seen_at[--nr_seen]] = 0;
	mode = REPLAY;
	known = 0;
	for (;;) {
		now = from;
		locked = false;
		depth = 0;
		switch (setjmp(out)) {
		case 0:
			run(walk);
			walks++;
			if (!judge(now))
				return -1;
			break;
		case ASTRAY:
			printf("# a walk reads what is no memory of the sets\n");
			return -1;
		}
		while (known && choice[known - 1].chosen ==
					choice[known - 1].ways - 1)
			known--;
		if (!known)
			break;
		choice[known - 1].chosen++;
	}
	mode = PLAIN;
	return walks;
}

/* The kernel, as one thread needs it. */

struct kmem_cache {
	size_t size;
	bool stable;
	void (*ctor)(void *obj);
	void *stack[64];
	int free;
};

static struct kmem_cache only;

static void *arena_get(size_t size, size_t align)
{
	void *obj;

	arena_used = (arena_used + align - 1) / align * align;
	obj = arena + arena_used;
	arena_used += size;
	if (arena_used > ARENA)
		abort();
	return obj;
}

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, unsigned int flags,
				     void (*ctor)(void *obj))
{
	only = (struct kmem_cache){
		.size = size,
		.stable = flags & SLAB_TYPESAFE_BY_RCU,
		.ctor = ctor,
	};
	return &only;
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *obj;

	if (cache->free) {
		obj = cache->stack[--cache->free];
		if (!cache->stable)
			cache->ctor(obj);
		return obj;
	}
	obj = arena_get(cache->size, 64);
	cache->ctor(obj);
	return obj;
}

void kmem_cache_free(struct kmem_cache *cache, void *obj)
{
	unsigned long *word = obj;
	size_t i;

	/* What is not type-stable is somebody else's at once. */
	for (i = 0; !cache->stable && i < cache->size / sizeof(long); i++)
		step_store(word + i, 0x6b6b6b6b6b6b6b68);
	cache->stack[cache->free++] = obj;
}

void *kmalloc(size_t size, gfp_t gfp)
{
	return arena_get(size, 64);
}

void kfree(const void *obj)
{
}

void *__vcalloc(size_t n, size_t size, gfp_t gfp)
{
	return arena_get(n * size, 64);
}

void vfree(const void *obj)
{
}

void rcu_read_lock(void)
{
}

void rcu_read_unlock(void)
{
}

void rcu_barrier(void)
{
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
}

void spin_lock_init(spinlock_t *lock)
{
}

void spin_lock_nested(spinlock_t *lock, int level)
{
	if (mode == REPLAY)
		replay_lock();
}

void spin_unlock(spinlock_t *lock)
{
	locked = false;
}

void shim_may_sleep(const char *who)
{
}
