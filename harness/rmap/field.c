// SPDX-License-Identifier: GPL-2.0
#include "field.h"

#include <umbra/host.h>

#include <stdio.h>
#include <stdlib.h>

u64 *sptes;

void um_host_relax(void)
{
	shim_may_sleep("um_host_relax");
}

void field_init(struct field *f, enum um_rmap_mode mode, size_t n)
{
	*f = (struct field){ .slot = { .base = BASE, .npages = FRAMES } };
	if (um_rmap_cache_create() || um_rmap_slot_alloc(&f->slot))
		abort();
	um_rmap_init(&f->rmap, mode, &f->lock_stat);
	sptes = calloc(n, sizeof(*sptes));
}

void field_free(struct field *f)
{
	struct um_rmap_stat stat;

	um_rmap_read_stat(&f->rmap, &stat);
	if (stat.entries || stat.descs || stat.buckets)
		shim_warn("left: %llu entries, %llu descriptors, %llu buckets\n",
			  stat.entries, stat.descs, stat.buckets);
	um_rmap_drain(&f->pool);
	um_rmap_slot_free(&f->slot);
	um_rmap_cache_destroy();
	free(sptes);
}

void field_add_by(struct field *f, struct um_rmap_pool *pool,
		  struct um_rmap_head *head, size_t i)
{
	while (pool->n < UM_RMAP_POOL / 2 && um_rmap_topup(pool))
		;
	if (um_rmap_add(&f->rmap, pool, head, field_spte(i)))
		shim_warn("no descriptor left\n");
}

void field_add(struct field *f, struct um_rmap_head *head, size_t i)
{
	field_add_by(f, &f->pool, head, i);
}

void field_remove(struct field *f, struct um_rmap_head *head, size_t i)
{
	if (!um_rmap_remove(&f->rmap, head, field_spte(i)))
		shim_warn("spte %zu is in no set\n", i);
}

static bool pass(um_sptep_t sptep, void *data)
{
	return false;
}

void field_zap(struct field *f, struct um_rmap_head *head)
{
	um_rmap_zap(&f->rmap, head, pass, NULL);
}

#define RULE(cond)                                                      \
	do {                                                            \
		if (!(cond)) {                                          \
			shim_warn("broken: %s (line %d)\n", #cond, __LINE__); \
			return -1;                                      \
		}                                                       \
	} while (0)

static s64 check_list(struct um_rmap_head *set, const struct rmap_list *list)
{
	struct um_rmap_desc *first = rmap_list_first(list), *desc;
	s64 n = 0, below = first ? first->below + first->used : 0;
	int i, where;

	RULE(!(list->head->val & RMAP_DIR));
	for (desc = first; desc; desc = rmap_desc_next(desc)) {
		RULE(desc->used >= 1 && desc->used <= RMAP_SLOTS);
		RULE(desc == first || desc->used == RMAP_SLOTS);	/* rule 1 */
		for (i = 0; i < RMAP_SLOTS; i++)
			RULE(!desc->sptep[i] == (i >= (int)desc->used));
		for (i = 0; (set->val & RMAP_DIR) && i < (int)desc->used; i++)
			RULE(rmap_dir_list_of(set, desc->sptep[i]).head ==
			     list->head);
		RULE(rmap_list_find(list, desc->sptep[0], &where) == desc);
		n += desc->used;
		below -= desc->used;
		RULE(desc->below == below);
		if (desc->next & RMAP_NULLS)				/* rule 5 */
			RULE(desc->next == (list->name | RMAP_NULLS));
	}
	RULE(!below);
	return n;
}

s64 field_check(struct um_rmap_head *head)
{
	struct rmap_list list = { head, (unsigned long)head };
	unsigned long b;
	s64 n = 0;

	if (!(head->val & RMAP_LIST)) {
		RULE(!(head->val & RMAP_DIR));
		return !!rmap_addr(head->val);
	}
	if (!(head->val & RMAP_DIR))
		return check_list(head, &list);
	for (b = 0; b < rmap_dir(head->val)->nr; b++) {
		s64 more;

		list = rmap_dir_list(head, rmap_dir(head->val), b);
		more = check_list(head, &list);
		if (more < 0)
			return -1;
		n += more;
	}
	RULE((u64)n == rmap_dir(head->val)->entries);
	RULE(n); /* rule 13 */
	return n;
}

struct racer {
	pthread_t thread;
	int id;
	u64 seed;
	void (*run)(int id);
	pthread_barrier_t *start;
};

static void *racer_run(void *arg)
{
	struct racer *racer = arg;

	shim_thread(racer->seed);
	pthread_barrier_wait(racer->start);
	racer->run(racer->id);
	return NULL;
}

void field_race(int threads, void (*run)(int id), u64 seed)
{
	struct racer racer[threads];
	pthread_barrier_t start;
	int i;

	pthread_barrier_init(&start, NULL, threads);
	for (i = 0; i < threads; i++) {
		racer[i] = (struct racer){ .id = i, .seed = seed * 64 + i,
					   .run = run, .start = &start };
		pthread_create(&racer[i].thread, NULL, racer_run, &racer[i]);
	}
	for (i = 0; i < threads; i++)
		pthread_join(racer[i].thread, NULL);
	pthread_barrier_destroy(&start);
}
