// SPDX-License-Identifier: GPL-2.0
/*
 * Entries of a list are removed from between some that stay, which fill the
 * holes: to later descriptors, to lower slots, always under two walks.
 */
#include "race.h"

#define STAY 25
#define SPTES 120
#define TURNS 60

static struct field f;
static struct um_rmap_head *head;
static bool stop;

/* Those that go, in any order, with others added on the way. */
static void change(void)
{
	bool gone[SPTES] = {};
	int left = SPTES - STAY, i;

	while (left && !shim_warnings()) {
		i = STAY + shim_random() % (SPTES - STAY);
		if (gone[i])
			continue;
		field_remove(&f, head, i);
		if (shim_random() % 4) {
			gone[i] = true;
			left--;
		} else {
			field_add(&f, head, i);
		}
	}
	WRITE_ONCE(stop, true);
}

static void run(int id)
{
	struct view view;

	if (!id) {
		change();
		return;
	}
	view_init(&view, SPTES);
	while (!READ_ONCE(stop)) {
		view_walk(&view, &f, head);
		view_expect(&view, 0, STAY);
	}
	view_free(&view);
}

static void round_once(u64 seed)
{
	int turn, i;

	field_init(&f, UM_RMAP_NULLS, SPTES);
	head = field_head(&f, 5);
	for (turn = 0; turn < TURNS && !shim_warnings(); turn++) {
		stop = false;
		/* Mixed: 7 and SPTES have no common divisor. */
		for (i = 0; i < SPTES; i++)
			field_add(&f, head, i * 7 % SPTES);
		field_race(3, run, seed * TURNS + turn);
		field_check(head);
		field_zap(&f, head);
	}
	field_free(&f);
}

int main(void)
{
	return race_main("walk_vs_remove", round_once);
}
