// SPDX-License-Identifier: GPL-2.0
/*
 * A set grows until it is split up, and on, and shrinks, around entries that
 * stay. They move to other buckets with the splits. Then it goes altogether.
 */
#include "race.h"

#define STAY 520 /* the most that a list has */
#define SPTES 2600
#define TURNS 10

static struct field f;
static struct um_rmap_head *head;
static int turn;
static bool stop;

static void grow_and_shrink(void)
{
	int i;

	for (i = STAY; i < SPTES && !shim_warnings(); i++)
		field_add(&f, head, i);
	for (i = STAY; i < SPTES && !shim_warnings(); i++)
		field_remove(&f, head, i);
	WRITE_ONCE(stop, true);
}

static void run(int id)
{
	struct view view;

	if (!id) {
		grow_and_shrink();
		return;
	}
	view_init(&view, SPTES);
	while (!READ_ONCE(stop) && !shim_warnings()) {
		view_walk(&view, &f, head);
		view_expect(&view, 0, STAY);
	}
	view_free(&view);
}

static void round_once(u64 seed)
{
	int i;

	field_init(&f, UM_RMAP_NULLS, SPTES);
	head = field_head(&f, 0);
	for (turn = 0; turn < TURNS && !shim_warnings(); turn++) {
		stop = false;
		for (i = 0; i < STAY; i++)
			field_add(&f, head, i);
		field_race(3, run, seed * TURNS + turn);
		field_check(head);
		/* Not a list again, but nothing. */
		field_zap(&f, head);
	}
	field_free(&f);
}

int main(void)
{
	return race_main("walk_vs_split", round_once);
}
