// SPDX-License-Identifier: GPL-2.0
/*
 * A frame becomes a page table while a fault is being fixed without a lock:
 * claim, look at the flag, commit. No yields here: what is looked for is a
 * store that waits in the CPU's buffer while a later load is done, and that
 * takes some nanoseconds on two CPUs.
 */
#include "race.h"

#include <sched.h>

#define W 2
#define CLAIM 4
#define TRIES 100000

static struct field f;
static int at[2];
static int unlucky;

/* Both go on within a few cycles. */
static void meet(int id, int try)
{
	int spins = 0;

	__atomic_store_n(&at[id], try, __ATOMIC_RELEASE);
	while (__atomic_load_n(&at[!id], __ATOMIC_ACQUIRE) < try)
		if (++spins > 2000)
			sched_yield();
}

static void fix(struct um_rmap_head *head)
{
	u64 old = 0;

	/* F1 */
	__atomic_compare_exchange_n(&sptes[0], &old, CLAIM, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	old = CLAIM;
	if (!um_rmap_is_wrprot(head))
		__atomic_compare_exchange_n(&sptes[0], &old, W, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool take(um_sptep_t sptep, void *data)
{
	if (__atomic_load_n((u64 *)sptep, __ATOMIC_RELAXED))
		__atomic_store_n((u64 *)sptep, 0, __ATOMIC_SEQ_CST);
	return false;
}

static void run(int id)
{
	struct um_rmap_head *head = field_head(&f, 0);
	int try;

	for (try = 1; try < 3 * TRIES && !READ_ONCE(unlucky); try += 3) {
		meet(id, try);
		if (id) {
			um_rmap_wrprot_set(&f.rmap, head);
			um_rmap_walk(&f.rmap, head, take, NULL);
		} else {
			fix(head);
		}
		meet(id, try + 1);
		if (!id)
			continue;
		if (sptes[0] & W)
			WRITE_ONCE(unlucky, try / 3 + 1);
		sptes[0] = 0;
		um_rmap_wrprot_clear(&f.rmap, head);
		meet(id, try + 2);
	}
	/* Whoever waits there goes on. */
	__atomic_store_n(&at[id], 3 * TRIES + 3, __ATOMIC_RELEASE);
}

static void round_once(u64 seed)
{
	shim_yields = false;
	field_init(&f, UM_RMAP_NULLS, 1);
	field_add(&f, field_head(&f, 0), 0);
	at[0] = at[1] = 0;
	field_race(2, run, seed);
	if (unlucky)
		shim_warn("in try %d the fault got W after the walk\n",
			  unlucky);
	field_zap(&f, field_head(&f, 0));
	field_free(&f);
}

int main(void)
{
	return race_main("wrprot_vs_fast", round_once);
}
