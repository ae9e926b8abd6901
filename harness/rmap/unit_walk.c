// SPDX-License-Identifier: GPL-2.0
/*
 * One thread: what a walk calls, and what makes it begin again. In mode nulls
 * a callback may change sets, which is how one thread plays both parts.
 */
#include "field.h"

#include "../tap.h"

#include <string.h>

static struct field f;
static struct um_rmap_head *head, *other;
static int seen[8192];

static void begin(enum um_rmap_mode mode)
{
	field_init(&f, mode, 8192);
	head = field_head(&f, 1);
	other = field_head(&f, 2);
	memset(seen, 0, sizeof(seen));
}

static void end(void)
{
	field_zap(&f, head);
	field_zap(&f, other);
	field_free(&f);
	EXPECT_EQ(shim_warnings(), 0);
	shim_forgive(shim_warnings());
}

static void add(struct um_rmap_head *to, int from, int n)
{
	for (; n--; from++)
		field_add(&f, to, from);
}

/* Ends at the *@data'th call. */
static bool see(um_sptep_t sptep, void *data)
{
	int *left = data;

	seen[field_index(sptep)]++;
	return !--*left;
}

static bool count(um_sptep_t sptep, void *n)
{
	++*(int *)n;
	return false;
}

static void sizes(enum um_rmap_mode mode)
{
	static const int n[] = { 0, 1, 2, 13, 14, 27, 520, 521, 600, 8000 };
	int i, k, left;

	for (i = 0; i < 10; i++) {
		begin(mode);
		add(head, 0, n[i]);
		left = -1;
		EXPECT(!um_rmap_walk(&f.rmap, head, see, &left), "to its end");
		for (k = 0; k < 8192; k++)
			EXPECT_EQ(seen[k], k < n[i]);
		for (k = 1; k <= n[i]; k += 1 + n[i] / 50) {
			left = k;
			EXPECT(um_rmap_walk(&f.rmap, head, see, &left),
			       "ended by the callback");
			EXPECT_EQ(left, 0);
		}
		EXPECT_EQ(f.rmap.restarts.counter, 0);
		end();
	}
}

static void all_sizes_locked(void)
{
	sizes(UM_RMAP_LOCKED);
}

static void all_sizes_nulls(void)
{
	sizes(UM_RMAP_NULLS);
}

static void mode_may_change(void)
{
	u64 taken;
	int left = -1;

	begin(UM_RMAP_NULLS);
	add(head, 0, 20);
	taken = shim_locks_taken;
	um_rmap_walk(&f.rmap, head, see, &left);
	EXPECT_EQ(shim_locks_taken, taken);
	f.rmap.mode = UM_RMAP_LOCKED;
	um_rmap_walk(&f.rmap, head, see, &left);
	EXPECT_EQ(shim_locks_taken, taken + 1);
	end();
}

/*
 * The walk stands in the head. It is emptied and freed, and, when @reuse says
 * so, becomes part of the other set at once.
 */
static struct {
	int times;
	bool reuse;
	int fresh; /* next spte for the other set */
} steal;

static void steal_head(void)
{
	struct rmap_list list = { head, (unsigned long)head };
	struct um_rmap_shard *shard = rmap_shard(&f.rmap, head);
	struct um_rmap_desc *desc = rmap_list_first(&list);
	struct um_rmap_pool pool = {};
	int i;

	shard->entries -= desc->used;
	shard->descs--;
	while (!rmap_list_take(&list, desc, desc->used - 1))
		;
	if (!steal.reuse) {
		rmap_desc_free(desc);
		return;
	}
	rmap_desc_put(&pool, rmap_desc_get(&f.pool));
	rmap_desc_put(&pool, desc);
	for (i = 0; i < RMAP_SLOTS; i++)
		um_rmap_add(&f.rmap, &pool, other, field_spte(steal.fresh++));
	EXPECT(rmap_desc(other->val) == desc, "the other set's head now");
	rmap_desc_put(&f.pool, rmap_desc_get(&pool));
}

static bool see_and_steal(um_sptep_t sptep, void *data)
{
	seen[field_index(sptep)]++;
	if (steal.times && field_index(sptep) < 4000) {
		steal.times--;
		EXPECT(!shim_locks_held(), "no lock");
		steal_head();
	}
	return false;
}

/* Ten descriptors in the one set, one in the other. */
static void stolen(int times, bool reuse)
{
	int i;

	begin(UM_RMAP_NULLS);
	steal.times = times;
	steal.reuse = reuse;
	steal.fresh = 4000 + RMAP_SLOTS;
	add(head, 0, 10 * RMAP_SLOTS);
	add(other, 4000, RMAP_SLOTS);
	um_rmap_walk(&f.rmap, head, see_and_steal, NULL);
	EXPECT_EQ(steal.times, 0);
	EXPECT_EQ(um_rmap_count(&f.rmap, head), (10 - times) * RMAP_SLOTS);
	for (i = 0; i < (10 - times) * RMAP_SLOTS; i++)
		EXPECT(seen[i], "spte %d was missed", i);
}

static void goes_on_in_what_was_freed(void)
{
	stolen(1, false);
	EXPECT_EQ(f.rmap.restarts.counter, 0);
	end();
}

static void restarts_when_led_away(void)
{
	stolen(1, true);
	EXPECT_EQ(f.rmap.restarts.counter, 1);
	end();
	stolen(3, true);
	EXPECT_EQ(f.rmap.restarts.counter, 3);
	EXPECT_EQ(f.rmap.fallbacks.counter, 0);
	end();
}

static void locks_after_three(void)
{
	stolen(4, true);
	EXPECT_EQ(f.rmap.restarts.counter, 3);
	EXPECT_EQ(f.rmap.fallbacks.counter, 1);
	end();
}

/* Without memory for a directory; the lock, rather than a walk without end. */
static void bounded(void)
{
	const int n = 4097 * RMAP_SLOTS;
	int i, left = -1;
	u64 taken;

	field_init(&f, UM_RMAP_NULLS, n);
	head = field_head(&f, 1);
	other = field_head(&f, 2);
	for (i = 0; i < n; i++) {
		um_rmap_topup(&f.pool);
		shim_alloc_fail = 1024;
		field_add(&f, head, i);
		shim_alloc_fail = 0;
	}
	taken = shim_locks_taken;
	um_rmap_walk(&f.rmap, head, count, &left);
	EXPECT_EQ(shim_locks_taken - taken, 1);
	EXPECT_EQ(f.rmap.fallbacks.counter, 1);
	end();
}

/* Buckets are added while the walk is on its way. */
static struct um_rmap_pool pools[50];

static bool see_and_split(um_sptep_t sptep, void *data)
{
	int *next = data;
	struct um_rmap_pool *pool = pools;

	seen[field_index(sptep)]++;
	while (pool < pools + 50 && pool->n < 2)
		pool++;
	if (pool < pools + 50 && *next < 8192)
		um_rmap_add(&f.rmap, pool, head, field_spte((*next)++));
	return false;
}

static void splits_on_the_way(void)
{
	int i, from, next;

	for (from = 500; from < 1000; from += 7) {
		begin(UM_RMAP_NULLS);
		add(head, 0, from);
		for (i = 0; i < 50; i++)
			um_rmap_topup(&pools[i]);
		next = from;
		um_rmap_walk(&f.rmap, head, see_and_split, &next);
		for (i = 0; i < from; i++)
			EXPECT(seen[i], "spte %d of %d was missed", i, from);
		EXPECT(rmap_dir(head->val)->nr > 4, "there were splits");
		for (i = 0; i < 50; i++)
			um_rmap_drain(&pools[i]);
		end();
	}
}

int main(void)
{
	shim_thread(1);
	TEST(all_sizes_locked);
	TEST(all_sizes_nulls);
	TEST(mode_may_change);
	TEST(goes_on_in_what_was_freed);
	TEST(restarts_when_led_away);
	TEST(locks_after_three);
	TEST(bounded);
	TEST(splits_on_the_way);
	return tap_done();
}
