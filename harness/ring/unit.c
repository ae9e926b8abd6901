// SPDX-License-Identifier: GPL-2.0
/*
 * core/ring.c by itself: full and empty, wrapping indices, runs, and a user
 * space that writes what it likes.
 */
#include "../tap.h"

#include <umbra/ring.h>

#include <stdlib.h>
#include <string.h>

#define SIZE 256u
#define SOFT 192u

static struct kvm_dirty_gfn gfns[SIZE];

/* Called between the steps of a push: runs whoever would be there by then. */
static void (*meanwhile)(void);

void shim_yield(void)
{
	void (*run)(void) = meanwhile;

	meanwhile = NULL;
	if (run)
		run();
	meanwhile = run;
}

/* @at: where both indices stand, to meet their wrap. */
static struct um_ring fresh(u32 at)
{
	memset(gfns, 0, sizeof(gfns));
	return (struct um_ring){ .gfns = gfns, .size = SIZE, .soft = SOFT,
				 .dirty = at, .reset = at };
}

static struct kvm_dirty_gfn *entry(u32 i)
{
	return &gfns[i % SIZE];
}

/* What a well-behaved user space does with the next @n entries. */
static void harvest(u32 from, u32 n)
{
	for (; n; n--, from++)
		entry(from)->flags |= KVM_DIRTY_GFN_F_RESET;
}

static void fills_and_empties(void)
{
	struct um_ring ring = fresh(-100u);
	struct um_ring_run run;
	u32 i, n, sum = 0;

	EXPECT(!um_ring_soft_full(&ring) && !ring.full, "full when new");
	for (i = 0; i < SIZE; i++) {
		EXPECT(um_ring_push(&ring, 7, i), "no room for %u", i);
		EXPECT_EQ(um_ring_soft_full(&ring), i + 1 >= SOFT);
		EXPECT_EQ(ring.full, i + 1 >= SOFT);
		EXPECT_EQ(entry(-100u + i)->flags, KVM_DIRTY_GFN_F_DIRTY);
	}
	EXPECT(!um_ring_push(&ring, 7, 0), "pushed over the end");
	EXPECT_EQ(entry(-100u)->offset, 0);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 0);
	harvest(-100u, SIZE);
	for (i = 0; (n = um_ring_collect(&ring, SIZE, &run)); i++) {
		EXPECT_EQ(n, UM_RING_RUN);
		EXPECT_EQ(run.slot, 7);
		EXPECT_EQ(run.offset, i * UM_RING_RUN);
		EXPECT_EQ(run.mask, -1UL);
		sum += n;
	}
	EXPECT_EQ(sum, SIZE);
	EXPECT(!um_ring_soft_full(&ring), "full when emptied");
	EXPECT_EQ(entry(-100u)->flags, 0);
}

static void runs_end_where_they_must(void)
{
	static const struct {
		u32 slot;
		u64 offset;
	} in[] = { { 1, 5 }, { 1, 3 }, { 1, 63 }, { 1, 64 }, { 2, 65 },
		   { 2, 65 }, { 1 << 16 | 2, 65 } };
	struct um_ring ring = fresh(0);
	struct um_ring_run run;
	u32 i;

	for (i = 0; i < 7; i++)
		um_ring_push(&ring, in[i].slot, in[i].offset);
	harvest(0, 6);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 3);
	EXPECT_EQ(run.mask, 1UL << 5 | 1UL << 3 | 1UL << 63);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 1);
	EXPECT_EQ(run.offset, 64);
	EXPECT_EQ(um_ring_collect(&ring, 1, &run), 1);
	EXPECT_EQ(run.slot, 2);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 1);
	EXPECT_EQ(run.mask, 2);
	/* The last one was not harvested, and 0 is as much as may be. */
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 0);
	harvest(6, 1);
	EXPECT_EQ(um_ring_collect(&ring, 0, &run), 0);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 1);
	EXPECT_EQ(run.slot, 1 << 16 | 2);
}

/* No flag makes RESET run past what was pushed. */
static void flagged_but_never_pushed(void)
{
	struct um_ring ring = fresh(-3u);
	struct um_ring_run run;
	u32 i, n, sum = 0;

	for (i = 0; i < 5; i++)
		um_ring_push(&ring, 0, i * 1000);
	memset(gfns, 0xff, sizeof(gfns));
	while ((n = um_ring_collect(&ring, SIZE, &run)) && sum < 10 * SIZE)
		sum += n;
	EXPECT_EQ(sum, 5);
	EXPECT_EQ(ring.reset, ring.dirty);
	EXPECT(!um_ring_soft_full(&ring), "full of nothing");
	EXPECT_EQ(run.mask, 0);
}

/* Offsets at which arithmetic turns over stay what they are. */
static void offsets_do_not_wrap(void)
{
	static const u64 offsets[] = { -1ULL, -64ULL, -65ULL, 1ULL << 63, 0 };
	struct um_ring ring = fresh(0);
	struct um_ring_run run;
	u32 i;

	for (i = 0; i < 5; i++)
		um_ring_push(&ring, 0, offsets[i]);
	harvest(0, 5);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 2);
	EXPECT_EQ(run.offset, -64ULL);
	EXPECT_EQ(run.mask, 1UL << 63 | 1);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 1);
	EXPECT_EQ(run.offset, -128ULL);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 1);
	EXPECT_EQ(run.offset, 1ULL << 63);
	EXPECT_EQ(um_ring_collect(&ring, SIZE, &run), 1);
	EXPECT_EQ(run.offset, 0);
}

static struct um_ring eager;
static u32 seen;

/* Harvests and resets at the first sight of the flag. */
static void take_at_sight(void)
{
	struct um_ring_run run;

	if (entry(seen)->flags != KVM_DIRTY_GFN_F_DIRTY)
		return;
	harvest(seen++, 1);
	EXPECT_EQ(um_ring_collect(&eager, SIZE, &run), 1);
}

/* Whoever sees an entry's flag finds the entry counted. */
static void counted_before_it_shows(void)
{
	u32 i;

	eager = fresh(0);
	meanwhile = take_at_sight;
	for (i = 0; i < 3; i++)
		EXPECT(um_ring_push(&eager, 0, i), "no room for %u", i);
	meanwhile = NULL;
	EXPECT_EQ(seen, 3);
	EXPECT_EQ(eager.dirty, 3);
	EXPECT_EQ(eager.reset, 3);
}

int main(void)
{
	TEST(fills_and_empties);
	TEST(runs_end_where_they_must);
	TEST(flagged_but_never_pushed);
	TEST(offsets_do_not_wrap);
	TEST(counted_before_it_shows);
	return tap_done();
}
