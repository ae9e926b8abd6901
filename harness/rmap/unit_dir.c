// SPDX-License-Identifier: GPL-2.0
/*
 * One thread: sets that are split up into buckets.
 */
#include "field.h"

#include "../tap.h"

#define MANY 300000

static struct field f;
static struct um_rmap_head *head;

static void begin(void)
{
	field_init(&f, UM_RMAP_NULLS, MANY);
	head = field_head(&f, 0);
}

static void end(void)
{
	field_free(&f);
	EXPECT_EQ(shim_warnings(), 0);
	shim_forgive(shim_warnings());
}

static void add(int from, int to)
{
	for (; from < to; from++)
		field_add(&f, head, from);
}

static unsigned long buckets(void)
{
	return rmap_dir(head->val)->nr;
}

static bool mark(um_sptep_t sptep, void *n)
{
	sptes[field_index(sptep)]++;
	++*(int *)n;
	return false;
}

static void grows_bucket_by_bucket(void)
{
	unsigned long had = 1;
	int i;

	begin();
	add(0, 520);
	EXPECT(!(head->val & RMAP_DIR), "520 are a list");
	add(520, 521);
	EXPECT(head->val & RMAP_DIR, "521 have a directory");
	EXPECT_EQ(buckets(), 1);
	EXPECT(rmap_bucket(rmap_dir(head->val), 0)->val & RMAP_LIST,
	       "rule 10: the list is bucket 0");
	for (i = 521; i < 4000; i++) {
		add(i, i + 1);
		EXPECT(buckets() - had <= 1, "one at a time");
		had = buckets();
		if (!EXPECT_EQ(field_check(head), i + 1))
			break;
	}
	EXPECT(buckets() >= 4000 / 53 && buckets() <= 4000 / 51, "%lu buckets",
	       buckets());
	field_zap(&f, head);
	end();
}

static void large_there_and_back(void)
{
	struct um_rmap_stat stat;
	int i, n = 0;

	begin();
	add(0, MANY);
	EXPECT_EQ(field_check(head), MANY);
	EXPECT_EQ(um_rmap_count(&f.rmap, head), MANY);
	um_rmap_walk(&f.rmap, head, mark, &n);
	EXPECT_EQ(n, MANY);
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(sptes[i], 1);
	um_rmap_read_stat(&f.rmap, &stat);
	EXPECT_EQ(stat.entries, MANY);
	EXPECT_EQ(stat.buckets, buckets());
	EXPECT(stat.descs < MANY / 13 * 5 / 4, "%llu descriptors", stat.descs);
	for (i = 0; i < MANY; i++)
		field_remove(&f, head, i * 7919ULL % MANY);
	EXPECT_EQ(head->val, 0);
	end();
}

/* Rule 13: buckets stay, and are used again, until the set is empty. */
static void never_merged(void)
{
	unsigned long had;
	int i;

	begin();
	add(0, 5000);
	had = buckets();
	for (i = 0; i < 4999; i++)
		field_remove(&f, head, i);
	EXPECT_EQ(buckets(), had);
	EXPECT_EQ(field_check(head), 1);
	add(0, 4000);
	EXPECT_EQ(buckets(), had);
	EXPECT_EQ(field_check(head), 4001);
	field_zap(&f, head);
	EXPECT_EQ(head->val, 0);
	add(0, 1);
	EXPECT_EQ(head->val, (unsigned long)field_spte(0));
	field_zap(&f, head);
	end();
}

/* Without memory lists get longer, and all else stays true. */
static void no_memory(void)
{
	int i, n = 0;

	begin();
	for (i = 0; i < 3000; i++) {
		um_rmap_topup(&f.pool);
		shim_alloc_fail = i < 1500 ? 1024 : i < 2000 ? 0 : 1000;
		add(i, i + 1);
		shim_alloc_fail = 0;
		EXPECT(i >= 1500 || !(head->val & RMAP_DIR), "at %d", i);
	}
	EXPECT(head->val & RMAP_DIR, "there was memory at last");
	EXPECT_EQ(field_check(head), 3000);
	um_rmap_walk(&f.rmap, head, mark, &n);
	EXPECT_EQ(n, 3000);
	for (i = 0; i < 3000; i++)
		field_remove(&f, head, i);
	end();
}

/* A split with one descriptor in hand needs no second. */
static void one_descriptor_is_enough(void)
{
	struct um_rmap_pool pool = {};
	int i;

	begin();
	add(0, 521);
	for (i = 0; i < 40; i++) {
		um_rmap_topup(&pool);
		while (pool.n > 1)
			rmap_desc_free(rmap_desc_get(&pool));
		EXPECT(rmap_dir_split(head, &pool), "split %d", i);
		f.rmap.shard[rmap_shard(&f.rmap, head) - f.rmap.shard]
			.buckets++;
		f.rmap.shard[rmap_shard(&f.rmap, head) - f.rmap.shard].descs +=
			1 - pool.n;
		EXPECT_EQ(field_check(head), 521);
	}
	um_rmap_drain(&pool);
	EXPECT(!rmap_dir_split(head, &pool), "none is not enough");
	field_zap(&f, head);
	end();
}

static bool add_more(um_sptep_t sptep, void *n)
{
	int *more = n;

	++*more;
	return true; /* ignored */
}

static void zap_calls_for_each(void)
{
	int sizes[] = { 0, 1, 2, 13, 14, 521, 20000 }, i, n;

	begin();
	for (i = 0; i < 7; i++) {
		add(0, sizes[i]);
		n = 0;
		um_rmap_zap(&f.rmap, head, add_more, &n);
		EXPECT_EQ(n, sizes[i]);
		EXPECT_EQ(head->val, 0);
	}
	end();
}

int main(void)
{
	shim_thread(1);
	TEST(grows_bucket_by_bucket);
	TEST(large_there_and_back);
	TEST(never_merged);
	TEST(no_memory);
	TEST(one_descriptor_is_enough);
	TEST(zap_calls_for_each);
	return tap_done();
}
