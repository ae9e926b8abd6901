/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the races share. Some entries of a set are never removed: every walk
 * must show them all, whatever happens around them.
 */
#ifndef _HARNESS_RMAP_RACE_H
#define _HARNESS_RMAP_RACE_H

#include "field.h"

/* One of these in each thread that walks. */
struct view {
	size_t n; /* sptes that there are */
	unsigned char *seen;
	unsigned long walks;
};

void view_init(struct view *view, size_t n);
void view_free(struct view *view);
/* Walk the set; complains of what is no spte. */
void view_walk(struct view *view, struct field *f, struct um_rmap_head *head);
/* Complains when one of [@from, @to) was not shown. */
void view_expect(const struct view *view, size_t from, size_t to);

/*
 * main() of a race: @round is played ROUNDS times (environment; 1), each with a
 * seed of its own that begins with SEED (1), until something complains.
 * Returns the exit status.
 */
int race_main(const char *name, void (*round)(u64 seed));

#endif
