/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables that a guest makes for itself, in the format it is told to, and
 * edits while it runs: a window of virtual addresses maps frames of its memory
 * by 4K pages; below it memory stands one to one, by large pages.
 *
 * Entries of a page are edited by one vCPU only. There is no handler of
 * exceptions, so an edit that lets one happen ends the guest.
 */
#ifndef PENUMBRA_GUEST_PAGING_H
#define PENUMBRA_GUEST_PAGING_H

#include "guest.h"

struct window {
	ulong frames;	/* address of the first */
	u32 nframes;
	u32 pages;	/* of the window: page i maps frame i % nframes first */
	ulong tables;	/* window_tables() bytes of zeroes */
};

/* Bytes that the tables of such a window take; 0: no paging of its own. */
ulong window_tables(const struct guest_params *p, u32 pages);
/*
 * Every vCPU calls this once, with the same window; the first makes the tables.
 * Returns where the window begins: without paging of its own at the frames.
 */
ulong window_enter(const struct guest_params *p, ulong cpu,
		   const struct window *w);

/* Pages @i and @j change their frames; by INVLPG. */
void window_swap(u32 i, u32 j);
/* Pages @i to @i + @n - 1 pass their frames round; by loading CR3. */
void window_rotate(u32 i, u32 n);
/* Take @i away and put it back. */
void window_unmap(u32 i);
/* May @i be written to? */
void window_protect(u32 i, bool on);
/*
 * Do the flags of @i tell that it was @written, or only read, since its entry
 * was made?
 */
bool window_used(u32 i, bool written);

#endif
