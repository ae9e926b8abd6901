// SPDX-License-Identifier: GPL-2.0
/*
 * A frame becomes a page table while sptes that grant W are added for it: in
 * the end none does, for either the walk finds it, or who added it is told.
 */
#include "race.h"

#define W 2
#define EACH 8 /* sptes of a set */
#define SETS 1400

static struct field f;
static int at[2]; /* the set that each thread has come to */

/* So that they meet. */
static void meet(int id, int set)
{
	WRITE_ONCE(at[id], set);
	while (READ_ONCE(at[!id]) < set)
		;
}

static void lose(um_sptep_t sptep)
{
	__atomic_fetch_and((u64 *)sptep, ~(u64)W, __ATOMIC_SEQ_CST);
}

static bool take(um_sptep_t sptep, void *data)
{
	lose(sptep);
	return false;
}

static void add(int set)
{
	struct um_rmap_head *head = field_head(&f, set);
	int i;

	for (i = EACH * set; i < EACH * (set + 1); i++) {
		WRITE_ONCE(sptes[i], W);
		field_add(&f, head, i);
		if (um_rmap_is_wrprot(head))
			lose(field_spte(i));
	}
}

static void protect(int set)
{
	struct um_rmap_head *head = field_head(&f, set);
	int delay = shim_random() % 8;

	while (delay--)
		shim_yield_hard();
	um_rmap_wrprot_set(&f.rmap, head);
	um_rmap_walk(&f.rmap, head, take, NULL);
}

static void run(int id)
{
	int set;

	for (set = 0; set < SETS; set++) {
		meet(id, set);
		if (id)
			protect(set);
		else
			add(set);
	}
	WRITE_ONCE(at[id], SETS);
}

static void round_once(u64 seed)
{
	int set, i;

	field_init(&f, UM_RMAP_NULLS, EACH * SETS);
	at[0] = at[1] = -1;
	field_race(2, run, seed);
	for (set = 0; set < SETS; set++) {
		if (!um_rmap_is_wrprot(field_head(&f, set)))
			shim_warn("set %d lost its flag\n", set);
		field_check(field_head(&f, set));
		for (i = EACH * set; i < EACH * (set + 1); i++)
			if (sptes[i] & W)
				shim_warn("spte %d of set %d has W\n", i, set);
		field_zap(&f, field_head(&f, set));
	}
	field_free(&f);
}

int main(void)
{
	return race_main("wrprot_vs_add", round_once);
}
