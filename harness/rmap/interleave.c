// SPDX-License-Identifier: GPL-2.0
/*
 * Every interleaving (step.h) of a walk over set A with histories of changes
 * to A and to another set, B: all histories of a few changes from all small
 * sets, then long ones by chance. A walk must show each entry that was in A
 * when it began and is there when it ends.
 *
 * Built from rmap/ with small numbers: 3 entries in a descriptor, a directory
 * above 7, 3 to a bucket.
 */
#include "internal.h"
#include "step.h"

#include "../tap.h"
#include "../random.h"

#include <umbra/slot.h>

#include <linux/bitops.h>

#include <string.h>

#define ENTRIES 64
#define CHANGES_MAX 64
#define FOREVER 1000000

static struct um_rmap rmap;
static struct um_lock_stat lock_stat;
static struct um_slot slot;
static struct um_rmap_head *a, *b;

/* Nobody looks into them; the same in each run, for they are hashed. */
#define SPTES 0x7f0000001000UL

static struct {
	int from, to; /* in A at all times between */
} stay[ENTRIES];
static bool in_a[ENTRIES], in_b[ENTRIES];
static int fresh; /* sptes used so far */
static char story[CHANGES_MAX * 8];

static u64 shown; /* a bit each */
static bool strange;
static int began;
static unsigned long histories, walks, restarts, fallbacks;

/* host.h */
void um_host_relax(void);

void um_host_relax(void)
{
}

static um_sptep_t spte(int i)
{
	return (um_sptep_t)(SPTES + i * sizeof(u64));
}

/* What was freed last is the next to be used. */
static void pool_fill(struct um_rmap_pool *pool)
{
	struct um_rmap_desc *last;

	um_rmap_topup(pool);
	last = pool->desc[0];
	pool->desc[0] = pool->desc[UM_RMAP_POOL - 1];
	pool->desc[UM_RMAP_POOL - 1] = last;
	last = pool->desc[1];
	pool->desc[1] = pool->desc[UM_RMAP_POOL - 2];
	pool->desc[UM_RMAP_POOL - 2] = last;
}

static void pool_empty(struct um_rmap_pool *pool)
{
	int i;

	/* The top ones come last. */
	for (i = 0; i < pool->n; i++)
		rmap_desc_free(pool->desc[i]);
	pool->n = 0;
}

static void tell(char what, int i)
{
	size_t at = strlen(story);

	snprintf(story + at, sizeof(story) - at, " %c%d", what, i);
}

static void add(struct um_rmap_head *set, int i)
{
	struct um_rmap_pool pool = {};

	pool_fill(&pool);
	tell(set == a ? '+' : '*', i);
	um_rmap_add(&rmap, &pool, set, spte(i));
	pool_empty(&pool);
	(set == a ? in_a : in_b)[i] = true;
	if (set == a)
		stay[i].from = step_time();
	step_boundary();
}

static void removing(int i)
{
	stay[i].to = step_time();
	in_a[i] = false;
}

static void take(struct um_rmap_head *set, int i)
{
	tell(set == a ? '-' : '/', i);
	if (set == a)
		removing(i);
	else
		in_b[i] = false;
	EXPECT(um_rmap_remove(&rmap, set, spte(i)), "not there:%s", story);
	step_boundary();
}

static void move(struct um_rmap_head *from, struct um_rmap_head *to, int i)
{
	struct um_rmap_pool pool = {};

	pool_fill(&pool);
	tell(from == a ? '>' : '<', i);
	if (from == a)
		removing(i);
	um_rmap_move(&rmap, &pool, from, to, spte(i));
	pool_empty(&pool);
	in_a[i] = to == a;
	in_b[i] = to == b;
	if (to == a) {
		stay[i].from = step_time();
		stay[i].to = FOREVER;
	}
	step_boundary();
}

static size_t spte_number(um_sptep_t sptep)
{
	return ((unsigned long)sptep - SPTES) / sizeof(u64);
}

static bool gone(um_sptep_t sptep, void *data)
{
	removing(spte_number(sptep));
	return false;
}

static void zap(void)
{
	tell('z', 0);
	um_rmap_zap(&rmap, a, gone, NULL);
	step_boundary();
}

static int nth(const bool *set, int n)
{
	int i;

	for (i = 0; i < ENTRIES; i++)
		if (set[i] && !n--)
			return i;
	return -1;
}

static int size(const bool *set)
{
	int i, n = 0;

	for (i = 0; i < ENTRIES; i++)
		n += set[i];
	return n;
}

/*
 * The changes that are possible now, by number: zap, add to A, to B, remove or
 * move any of A, the newest of B. False: there are not that many.
 */
static bool change(int n)
{
	int na = size(in_a), nb = size(in_b);

	if (n < 3 && n && fresh == ENTRIES)
		return true;
	if (n == 0)
		zap();
	else if (n == 1)
		add(a, fresh++);
	else if (n == 2)
		add(b, fresh++);
	else if ((n -= 3) < na)
		take(a, nth(in_a, n));
	else if ((n -= na) < 1 && nb)
		take(b, nth(in_b, nb - 1));
	else if ((n -= !!nb) < na)
		move(a, b, nth(in_a, n));
	else
		return false;
	return true;
}

static void begin(int n_a, int n_b)
{
	int i;

	step_reset();
	memset(in_a, 0, sizeof(in_a));
	memset(in_b, 0, sizeof(in_b));
	for (i = 0; i < ENTRIES; i++)
		stay[i].to = FOREVER;
	fresh = 0;
	story[0] = 0;
	slot = (struct um_slot){ .base = 0, .npages = 2 };
	um_rmap_cache_create();
	um_rmap_slot_alloc(&slot);
	um_rmap_init(&rmap, UM_RMAP_NULLS, &lock_stat);
	a = um_rmap_head(&slot, 0, 1);
	b = um_rmap_head(&slot, 1, 1);
	while (n_a--)
		add(a, fresh++);
	while (n_b--)
		add(b, fresh++);
	story[0] = 0;
	for (i = 0; i < ENTRIES; i++)
		stay[i].from = in_a[i] ? 0 : FOREVER;
	step_record();
}

static bool show(um_sptep_t sptep, void *data)
{
	size_t i = spte_number(sptep);

	if (i < ENTRIES)
		shown |= BIT(i);
	else
		strange = true;
	return false;
}

static void walk(void)
{
	shown = 0;
	strange = false;
	um_rmap_walk(&rmap, a, show, NULL);
}

/* Those that a walk which ends at @end had to show. */
static u64 due(int end)
{
	u64 mask = 0;
	int i;

	for (i = 0; i < fresh; i++)
		if (stay[i].from <= began && stay[i].to >= end)
			mask |= BIT(i);
	return mask;
}

static unsigned long state(int now)
{
	return shown & due(now);
}

static bool judge(int end)
{
	u64 missed = due(end) & ~shown;

	return EXPECT(!strange, "what is no sptep was shown:%s", story) &&
	       EXPECT(!missed, "%lu was missed, from %d to %d:%s",
		      __ffs(missed), began, end, story);
}

/* Walks that begin before or after any of the changes. */
static void explore(void)
{
	int i, last = -1;
	long n;

	histories++;
	for (i = 0; i < step_boundaries(); i++) {
		began = step_boundary_time(i);
		if (began == last)
			continue;
		last = began;
		n = step_explore(began, walk, judge, state);
		EXPECT(n > 0, "in the history%s", story);
		if (n <= 0)
			return;
		walks += n;
	}
	restarts += rmap.restarts.counter;
	fallbacks += rmap.fallbacks.counter;
}

/* All histories of @len changes, as numbers of changes, counted up. */
static void all_histories(int n_a, int n_b, int len)
{
	int what[CHANGES_MAX] = {}, i;

	for (;;) {
		begin(n_a, n_b);
		for (i = 0; i < len && change(what[i]); i++)
			;
		if (i == len) {
			explore();
			i--;
		} else {
			/* No such change: nor any with a greater number. */
			what[i--] = 0;
		}
		if (i < 0 || tap_bad)
			return;
		what[i]++;
		while (++i < len)
			what[i] = 0;
	}
}

static void report(void)
{
	printf("# %lu histories, %lu states of a walk, %lu walks to the end, ",
	       histories, step_states, walks);
	printf("%lu restarts, %lu locked\n", restarts, fallbacks);
	histories = walks = restarts = fallbacks = step_states = 0;
}

static void one_change(void)
{
	int n_a, n_b;

	for (n_a = 0; n_a <= 16; n_a++)
		for (n_b = 0; n_b <= 4; n_b++)
			all_histories(n_a, n_b, 1);
	report();
}

static void two_changes(void)
{
	int n_a, n_b;

	for (n_a = 0; n_a <= 9; n_a++)
		for (n_b = 0; n_b <= 3; n_b++)
			all_histories(n_a, n_b, 2);
	report();
}

static void three_changes(void)
{
	int n_a, n_b;

	for (n_a = 0; n_a <= 6; n_a++)
		for (n_b = 0; n_b <= 3; n_b += 3)
			all_histories(n_a, n_b, 3);
	report();
}

static void four_changes(void)
{
	int n_a;

	for (n_a = 0; n_a <= 5; n_a++)
		all_histories(n_a, 3, 4);
	report();
}

/* Long ones; sets that grow and shrink, so that descriptors come around. */
static void long_histories(void)
{
	int round, len, up;

	random_start(1);
	for (round = 0; round < 500 && !tap_bad; round++) {
		begin(random_below(9), random_below(7));
		up = random_below(2);
		for (len = 0; len < 12; len++)
			if (random_below(4) == 0)
				change(1 + up);
			else
				while (!change(1 + random_below(20)))
					;
		explore();
	}
	report();
}

/* Splits, with a few removals. */
static void splits(void)
{
	int n_a, round;

	for (n_a = 5; n_a <= 20 && !tap_bad; n_a++)
		for (round = 0; round < 10; round++) {
			begin(n_a, 0);
			change(1);
			change(1);
			if (round) {
				change(3 + random_below(n_a));
				change(1);
				change(3 + random_below(n_a));
				change(1);
			}
			explore();
		}
	report();
}

int main(void)
{
	TEST(one_change);
	TEST(two_changes);
	TEST(three_changes);
	TEST(four_changes);
	TEST(long_histories);
	TEST(splits);
	return tap_done();
}
