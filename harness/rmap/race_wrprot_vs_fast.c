// SPDX-License-Identifier: GPL-2.0
/*
 * Frames become page tables while faults are being fixed without a lock: claim,
 * look at the flag, commit. No yields here: what is looked for is a store that
 * waits in the CPU's buffer while a later load is done, and that takes some
 * nanoseconds on two CPUs at once. Both threads go through the sets side by
 * side, each set and each spte in a cache line of its own.
 */
#include "race.h"

#include <sched.h>

#define W 2
#define CLAIM 4
#define LINE 8 /* words */
#define SETS (FRAMES / LINE)
#define PASSES 2500

static struct field f;
static int at[2];
static int unlucky;

static void meet(int id, int where)
{
	int spins = 0;

	__atomic_store_n(&at[id], where, __ATOMIC_RELEASE);
	while (__atomic_load_n(&at[!id], __ATOMIC_ACQUIRE) < where)
		if (++spins > 2000)
			sched_yield();
}

static struct um_rmap_head *head_of(int set)
{
	return field_head(&f, LINE * set);
}

static void fix(struct um_rmap_head *head, u64 *sptep)
{
	u64 old = 0;

	/* F1 */
	__atomic_compare_exchange_n(sptep, &old, CLAIM, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	old = CLAIM;
	if (!um_rmap_is_wrprot(head))
		__atomic_compare_exchange_n(sptep, &old, W, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool take(um_sptep_t sptep, void *data)
{
	if (__atomic_load_n((u64 *)sptep, __ATOMIC_RELAXED))
		__atomic_store_n((u64 *)sptep, 0, __ATOMIC_SEQ_CST);
	return false;
}

/* One after the other; a spte that was given W after the walk is a bug. */
static void protect_all(void)
{
	int set;

	for (set = 0; set < SETS; set++) {
		um_rmap_wrprot_set(&f.rmap, head_of(set));
		um_rmap_walk(&f.rmap, head_of(set), take, NULL);
	}
}

static void judge(int pass)
{
	int set;

	for (set = 0; set < SETS; set++) {
		if (sptes[LINE * set] & W)
			WRITE_ONCE(unlucky, pass);
		sptes[LINE * set] = 0;
		um_rmap_wrprot_clear(&f.rmap, head_of(set));
	}
}

static void fix_all(int pass)
{
	int set, wait = pass % 64;

	/* A little later each time. */
	while (wait--)
		__asm__ volatile("");
	for (set = 0; set < SETS; set++)
		fix(head_of(set), &sptes[LINE * set]);
}

static void run(int id)
{
	int pass, set;

	for (pass = 1; pass <= PASSES && !READ_ONCE(unlucky); pass++) {
		/* Both have the words in their caches. */
		for (set = 0; set < SETS; set++)
			um_rmap_is_wrprot(head_of(set));
		meet(id, 3 * pass);
		if (id)
			protect_all();
		else
			fix_all(pass);
		meet(id, 3 * pass + 1);
		if (id)
			judge(pass);
		meet(id, 3 * pass + 2);
	}
}

static void round_once(u64 seed)
{
	int set;

	shim_yields = false;
	field_init(&f, UM_RMAP_NULLS, LINE * SETS);
	for (set = 0; set < SETS; set++)
		field_add(&f, head_of(set), LINE * set);
	at[0] = at[1] = 0;
	field_race(2, run, seed);
	if (unlucky)
		shim_warn("in pass %d a fault got W after the walk\n", unlucky);
	for (set = 0; set < SETS; set++)
		field_zap(&f, head_of(set));
	field_free(&f);
}

int main(void)
{
	return race_main("wrprot_vs_fast", round_once);
}
