// SPDX-License-Identifier: GPL-2.0
/*
 * One thread: a set of one, a list, and each of the rules 1 to 5.
 */
#include "field.h"

#include "../tap.h"

#include <linux/errno.h>

static struct field f;
static struct um_rmap_head *head;

static void begin(void)
{
	field_init(&f, UM_RMAP_NULLS, 4096);
	head = field_head(&f, 7);
}

static void end(void)
{
	int bad = shim_warnings();

	field_zap(&f, head);
	EXPECT_EQ(head->val & ~RMAP_WRPROT, 0);
	field_free(&f);
	EXPECT_EQ(shim_warnings(), 0);
	shim_forgive(shim_warnings() - bad);
}

static void add(int from, int to)
{
	for (; from < to; from++)
		field_add(&f, head, from);
}

static struct um_rmap_desc *first(void)
{
	return rmap_desc(head->val);
}

static void empty_one_list(void)
{
	begin();
	EXPECT_EQ(um_rmap_count(&f.rmap, head), 0);
	add(0, 1);
	EXPECT_EQ(head->val, (unsigned long)field_spte(0));
	EXPECT_EQ(um_rmap_count(&f.rmap, head), 1);
	add(1, 2);
	EXPECT_EQ(head->val & RMAP_FLAGS, RMAP_LIST);
	EXPECT_EQ(um_rmap_count(&f.rmap, head), 2);
	EXPECT(first()->sptep[0] == field_spte(0) &&
	       first()->sptep[1] == field_spte(1), "order of the first two");
	/* A list stays one until it is empty. */
	field_remove(&f, head, 1);
	EXPECT_EQ(head->val & RMAP_FLAGS, RMAP_LIST);
	EXPECT_EQ(um_rmap_count(&f.rmap, head), 1);
	field_remove(&f, head, 0);
	EXPECT_EQ(head->val, 0);
	end();
}

static void rule1_pushed_at_the_head(void)
{
	struct um_rmap_desc *tail;

	begin();
	add(0, RMAP_SLOTS);
	tail = first();
	EXPECT_EQ(field_check(head), RMAP_SLOTS);
	add(RMAP_SLOTS, RMAP_SLOTS + 1);
	EXPECT(first() != tail, "the full descriptor is no longer the head");
	EXPECT_EQ(first()->next, (unsigned long)tail);
	EXPECT_EQ(first()->used, 1);
	EXPECT_EQ(first()->below, RMAP_SLOTS);
	EXPECT_EQ(field_check(head), RMAP_SLOTS + 1);
	end();
}

static void rule2_hole_filled_from_the_head(void)
{
	struct um_rmap_desc *tail;

	begin();
	add(0, RMAP_SLOTS + 3);
	tail = (void *)first()->next;
	field_remove(&f, head, 5);
	EXPECT(tail->sptep[5] == field_spte(RMAP_SLOTS + 2),
	       "the head's highest is in the hole");
	EXPECT(!first()->sptep[2], "and not in the head");
	/* In the head itself, too. */
	field_remove(&f, head, RMAP_SLOTS);
	EXPECT(first()->sptep[0] == field_spte(RMAP_SLOTS + 1),
	       "the lower slot is filled from the higher");
	EXPECT_EQ(field_check(head), RMAP_SLOTS + 1);
	end();
}

static void rule4_empty_head_goes(void)
{
	struct um_rmap_stat stat;
	struct um_rmap_desc *tail, *was;

	begin();
	add(0, RMAP_SLOTS + 1);
	was = first();
	tail = (void *)was->next;
	field_remove(&f, head, 0);
	EXPECT(first() == tail, "the tail is the head");
	EXPECT(was->next == (unsigned long)tail && !was->sptep[0],
	       "the freed one keeps its link and has no entry");
	um_rmap_read_stat(&f.rmap, &stat);
	EXPECT_EQ(stat.descs, 1);
	EXPECT_EQ(stat.entries, RMAP_SLOTS);
	end();
}

static void rule5_the_list_is_named(void)
{
	struct um_rmap_head *other;

	begin();
	other = field_head(&f, 8);
	add(0, 2);
	field_add(&f, other, 2);
	field_add(&f, other, 3);
	EXPECT_EQ(first()->next, (unsigned long)head | RMAP_NULLS);
	EXPECT_EQ(rmap_desc(other->val)->next,
		  (unsigned long)other | RMAP_NULLS);
	field_zap(&f, other);
	end();
}

static void no_descriptor(void)
{
	struct um_rmap_pool none = {};
	unsigned long val;

	begin();
	EXPECT_EQ(um_rmap_add(&f.rmap, &none, head, field_spte(0)), -ENOMEM);
	EXPECT_EQ(head->val, 0);
	add(0, RMAP_SLOTS);
	val = head->val;
	EXPECT_EQ(um_rmap_add(&f.rmap, &none, head, field_spte(20)), -ENOMEM);
	EXPECT(head->val == val && field_check(head) == RMAP_SLOTS,
	       "nothing has changed");
	end();
}

static void not_there(void)
{
	begin();
	EXPECT(!um_rmap_remove(&f.rmap, head, field_spte(0)), "empty");
	add(0, 1);
	EXPECT(!um_rmap_remove(&f.rmap, head, field_spte(1)), "one");
	add(1, 30);
	EXPECT(!um_rmap_remove(&f.rmap, head, field_spte(30)), "list");
	EXPECT_EQ(field_check(head), 30);
	end();
}

static void wrprot_stays(void)
{
	int i;

	begin();
	EXPECT(!um_rmap_is_wrprot(head), "not at first");
	um_rmap_wrprot_set(&f.rmap, head);
	EXPECT_EQ(um_rmap_count(&f.rmap, head), 0);
	for (i = 0; i < 700; i++) {
		add(i, i + 1);
		EXPECT(um_rmap_is_wrprot(head), "after adding %d", i);
	}
	for (i = 0; i < 700; i++) {
		field_remove(&f, head, i);
		EXPECT(um_rmap_is_wrprot(head), "after removing %d", i);
	}
	add(0, 5);
	um_rmap_wrprot_clear(&f.rmap, head);
	EXPECT(!um_rmap_is_wrprot(head) && field_check(head) == 5, "cleared");
	end();
}

static bool in_both;

static bool look(um_sptep_t sptep, void *other)
{
	in_both = um_rmap_count(&f.rmap, other);
	return false;
}

static void moves(void)
{
	struct um_rmap_head *to;

	begin();
	to = field_head(&f, 9);
	add(0, 3);
	EXPECT_EQ(um_rmap_move(&f.rmap, &f.pool, head, to, field_spte(1)), 0);
	EXPECT_EQ(um_rmap_count(&f.rmap, head), 2);
	EXPECT_EQ(um_rmap_count(&f.rmap, to), 1);
	um_rmap_walk(&f.rmap, head, look, to);
	EXPECT(in_both, "seen from the other set");
	um_rmap_drain(&f.pool);
	EXPECT_EQ(um_rmap_move(&f.rmap, &f.pool, head, to, field_spte(0)),
		  -ENOMEM);
	EXPECT_EQ(um_rmap_count(&f.rmap, head), 2);
	field_zap(&f, to);
	end();
}

/* Any order of adding and removing, against an array of flags. */
static void random_against_flags(void)
{
	static bool there[600];
	int step, i, n = 0;

	begin();
	for (step = 0; step < 200000; step++) {
		/* Mostly up for a while, then mostly down. */
		bool want = shim_random() % 16 < (step / 5000 % 2 ? 3 : 13);

		i = shim_random() % 600;
		if (there[i] == want)
			continue;
		there[i] = want;
		n += want ? 1 : -1;
		if (want)
			add(i, i + 1);
		else
			field_remove(&f, head, i);
		EXPECT_EQ(um_rmap_count(&f.rmap, head), n);
		if (step % 16 == 0 && !EXPECT_EQ(field_check(head), n))
			break;
	}
	for (i = 0; i < 600; i++)
		if (there[i])
			field_remove(&f, head, i);
	EXPECT_EQ(head->val, 0);
	end();
}

int main(void)
{
	shim_thread(1);
	TEST(empty_one_list);
	TEST(rule1_pushed_at_the_head);
	TEST(rule2_hole_filled_from_the_head);
	TEST(rule4_empty_head_goes);
	TEST(rule5_the_list_is_named);
	TEST(no_descriptor);
	TEST(not_there);
	TEST(wrprot_stays);
	TEST(moves);
	TEST(random_against_flags);
	return tap_done();
}
