// SPDX-License-Identifier: GPL-2.0
/*
 * Two sets whose descriptors change hands: what one gives up, the other takes
 * at once. Each has entries that stay, behind those that come and go.
 */
#include "race.h"

#include <stdio.h>

#define STAY 30 /* of each set */
#define COME 60
#define SPTES (2 * (STAY + COME))
#define TURNS 1500

static struct field f;
static struct um_rmap_head *heads[2];
static int running;

static size_t first_of(int set)
{
	return set * (STAY + COME);
}

static void come_and_go(int set)
{
	struct um_rmap_pool pool = {};
	size_t from = first_of(set) + STAY;
	int turn, n, i;

	for (turn = 0; turn < TURNS && !shim_warnings(); turn++) {
		n = 1 + shim_random() % COME;
		for (i = 0; i < n; i++) {
			/* From the cache, not from the pool's store. */
			um_rmap_drain(&pool);
			field_add_by(&f, &pool, heads[set], from + i);
		}
		um_rmap_drain(&pool);
		if (turn % 2)
			for (i = 0; i < n; i++)
				field_remove(&f, heads[set], from + i);
		else
			while (n--)
				field_remove(&f, heads[set], from + n);
	}
	__atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
}

static void run(int id)
{
	struct view view;
	int set = id % 2;

	if (id < 2) {
		come_and_go(id);
		return;
	}
	view_init(&view, SPTES);
	while (READ_ONCE(running)) {
		view_walk(&view, &f, heads[set]);
		view_expect(&view, first_of(set), first_of(set) + STAY);
	}
	view_free(&view);
}

static void round_once(u64 seed)
{
	struct um_rmap_stat stat;
	int set, i;

	field_init(&f, UM_RMAP_NULLS, SPTES);
	for (set = 0; set < 2; set++) {
		heads[set] = field_head(&f, set);
		for (i = 0; i < STAY; i++)
			field_add(&f, heads[set], first_of(set) + i);
	}
	um_rmap_drain(&f.pool);
	running = 2;
	field_race(4, run, seed);
	um_rmap_read_stat(&f.rmap, &stat);
	printf("# %llu restarts, %llu locked\n", stat.restarts, stat.fallbacks);
	for (set = 0; set < 2; set++) {
		field_check(heads[set]);
		field_zap(&f, heads[set]);
	}
	field_free(&f);
}

int main(void)
{
	return race_main("walk_vs_recycle", round_once);
}
