// SPDX-License-Identifier: GPL-2.0
/*
 * A set grows from nothing through all its forms. A walk shows at least what
 * was in it when the walk began.
 */
#include "race.h"

#define SPTES 3000
#define TIMES 12

static struct field f;
static struct um_rmap_head *heads[TIMES];
static int set, added;

static void grow(void)
{
	int i;

	for (i = 0; i < SPTES && !shim_warnings(); i++) {
		field_add(&f, heads[set], i);
		smp_store_release(&added, i + 1);
	}
}

static void run(int id)
{
	struct view view;
	int n;

	if (!id) {
		grow();
		return;
	}
	view_init(&view, SPTES);
	do {
		n = smp_load_acquire(&added);
		view_walk(&view, &f, heads[set]);
		view_expect(&view, 0, n);
	} while (n < SPTES && !shim_warnings());
	view_free(&view);
}

static void round_once(u64 seed)
{
	field_init(&f, UM_RMAP_NULLS, SPTES);
	for (set = 0; set < TIMES && !shim_warnings(); set++) {
		heads[set] = field_head(&f, set);
		added = 0;
		field_race(3, run, seed * TIMES + set);
		field_check(heads[set]);
		field_zap(&f, heads[set]);
	}
	field_free(&f);
}

int main(void)
{
	return race_main("walk_vs_add", round_once);
}
