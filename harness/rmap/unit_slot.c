// SPDX-License-Identifier: GPL-2.0
/*
 * The arrays of a slot, the pool, the cache.
 */
#include "field.h"

#include "../tap.h"

#include <linux/errno.h>

static struct field f;

static void begin(void)
{
	field_init(&f, UM_RMAP_LOCKED, 4096);
}

static void end(void)
{
	field_free(&f);
	EXPECT_EQ(shim_warnings(), 0);
	shim_forgive(shim_warnings());
}

/* BASE is the last but 510 of its 2M page, which is the last of its 1G page. */
static void a_word_for_each_frame_and_level(void)
{
	struct um_rmap_head *end_of[3];
	int level, i;

	begin();
	for (level = 1; level <= 3; level++) {
		int shift = 9 * (level - 1);
		gfn_t base = BASE >> shift, last = (BASE + FRAMES - 1) >> shift;
		struct um_rmap_head *h = um_rmap_head(&f.slot, BASE, level);

		EXPECT(h == f.slot.rmap->level[level - 1], "level %d", level);
		for (i = 0; i < FRAMES; i++)
			EXPECT_EQ(um_rmap_head(&f.slot, BASE + i, level) - h,
				  ((BASE + i) >> shift) - base);
		end_of[level - 1] = h + (last - base) + 1;
	}
	EXPECT(f.slot.rmap->level[1] == end_of[0] &&
	       f.slot.rmap->level[2] == end_of[1], "one after the other");
	EXPECT_EQ(end_of[2] - f.slot.rmap->level[2], 2);
	end();
}

static void allocated_once_freed_with_the_slot(void)
{
	struct um_rmap_array *array;

	begin();
	array = f.slot.rmap;
	EXPECT_EQ(um_rmap_slot_alloc(&f.slot), 0);
	EXPECT(f.slot.rmap == array, "the same arrays");
	um_rmap_slot_free(&f.slot);
	EXPECT(!um_rmap_head(&f.slot, BASE, 1), "none before");
	um_rmap_slot_free(&f.slot);
	shim_alloc_fail = 1024;
	EXPECT_EQ(um_rmap_slot_alloc(&f.slot), -ENOMEM);
	EXPECT(!f.slot.rmap, "nothing");
	shim_alloc_fail = 0;
	end();
}

static void pool_without_memory(void)
{
	struct um_rmap_pool pool = {};

	begin();
	shim_alloc_fail = 1024;
	EXPECT_EQ(um_rmap_topup(&pool), -ENOMEM);
	shim_alloc_fail = 0;
	EXPECT_EQ(um_rmap_topup(&pool), 0);
	EXPECT_EQ(pool.n, UM_RMAP_POOL);
	EXPECT_EQ(um_rmap_topup(&pool), 0);
	um_rmap_drain(&pool);
	EXPECT_EQ(pool.n, 0);
	end();
}

/* A full pool lasts for half as many additions, whatever they need. */
static void pool_lasts(void)
{
	struct um_rmap_head *head;
	int i, k;

	begin();
	head = field_head(&f, 3);
	for (i = 0; i < 4000; i += k) {
		um_rmap_topup(&f.pool);
		for (k = 0; k < UM_RMAP_POOL / 2; k++)
			EXPECT_EQ(um_rmap_add(&f.rmap, &f.pool, head,
					      field_spte(i + k)), 0);
	}
	EXPECT_EQ(field_check(head), 4000);
	field_zap(&f, head);
	end();
}

static void histogram(void)
{
	static const int sizes[] = { 1, 1, 2, 3, 4, 7, 8, 600 };
	u64 hist[UM_RMAP_HIST] = {}, sum = 0;
	int i, k, n = 0;

	begin();
	um_rmap_histogram(&f.rmap, &f.slot, 2, hist);
	EXPECT_EQ(hist[0], 3); /* 511, 512 and 477 frames */
	hist[0] = 0;
	for (i = 0; i < 8; i++)
		for (k = 0; k < sizes[i]; k++)
			field_add(&f, field_head(&f, 100 * i), n++);
	um_rmap_histogram(&f.rmap, &f.slot, 1, hist);
	EXPECT_EQ(hist[0], FRAMES - 8);
	EXPECT_EQ(hist[1], 2);
	EXPECT_EQ(hist[2], 2);
	EXPECT_EQ(hist[3], 2);
	EXPECT_EQ(hist[4], 1);
	EXPECT_EQ(hist[10], 1);
	for (i = 0; i < UM_RMAP_HIST; i++)
		sum += hist[i];
	EXPECT_EQ(sum, FRAMES);
	for (i = 0; i < 8; i++)
		field_zap(&f, field_head(&f, 100 * i));
	um_rmap_slot_free(&f.slot);
	um_rmap_histogram(&f.rmap, &f.slot, 1, hist);
	EXPECT_EQ(hist[0], FRAMES - 8);
	end();
}

/* The cache complains of what was not given back. */
static void leaks_are_seen(void)
{
	begin();
	um_rmap_topup(&f.pool);
	rmap_desc_get(&f.pool);
	field_free(&f);
	EXPECT_EQ(shim_warnings(), 1);
	shim_forgive(1);
}

int main(void)
{
	shim_thread(1);
	TEST(a_word_for_each_frame_and_level);
	TEST(allocated_once_freed_with_the_slot);
	TEST(pool_without_memory);
	TEST(pool_lasts);
	TEST(histogram);
	TEST(leaks_are_seen);
	return tap_done();
}
