/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All interleavings of a walk with what changes the sets, over the real code.
 *
 * A walk without the lock stores nothing. So the changes are made first, once,
 * and each of their stores is kept, with its time. Then the walk runs against
 * that history: a load at time t may see the word as it is at t, or wait for
 * any of its later values, which moves t on. Every choice at every load is
 * tried, but for walks that are the same from there on.
 *
 * The loads of a walk are in order, and so are the stores: that is what acquire
 * and release promise, and x86.
 */
#ifndef _HARNESS_RMAP_STEP_H
#define _HARNESS_RMAP_STEP_H

#include <stdbool.h>
#include <stddef.h>

/* Forget everything, memory too. */
void step_reset(void);
/* From here on stores have times; step_time() is that of the next one. */
void step_record(void);
int step_time(void);
/* Between two changes: here the lock can be had. The first is at once. */
void step_boundary(void);
int step_boundaries(void);
int step_boundary_time(int i);

/*
 * Run @walk, which begins at time @from, in all ways; after each call @judge
 * with the time at its end. @state tells apart walks that @judge may yet
 * judge differently. Returns the number of walks that came to an end, or -1 when
 * @judge said no or a walk read what is no memory of the sets.
 */
long step_explore(int from, void (*walk)(void), bool (*judge)(int end),
		  unsigned long (*state)(int now));

/* Of all explorations: states of a walk that were told apart. */
extern unsigned long step_states;

#endif
