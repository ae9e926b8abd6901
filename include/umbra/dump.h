/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tree of tables as runs of like entries, for people to read.
 */
#ifndef _UMBRA_DUMP_H
#define _UMBRA_DUMP_H

#include <umbra/types.h>

struct um_mmu;

enum um_dump_what {
	UM_DUMP_ALL,	/* whatever is not empty and no table */
	UM_DUMP_CLAIMS, /* claims, and leaves that carry one */
};

/* Neighbours that differ in address, A and D alone. */
struct um_run {
	gfn_t gfn;    /* first frame; when pages is 0: where to go on */
	u64 pages;    /* 4K frames, 0: nothing found yet */
	u64 entries;  /* how many, all of level */
	u64 pieces;   /* of contiguous host memory */
	u64 accessed; /* entries with A, with D */
	u64 dirty;
	u64 spte;     /* the first of them */
	int level;
};

/*
 * um_dump_next() - the first run at or after @from, as it stands while others
 * go on. Looks at a bounded number of entries: a run may end early, and
 * run->pages may be 0, which means to call again from run->gfn. Any context.
 * Returns false when nothing is left.
 */
bool um_dump_next(struct um_mmu *mmu, gfn_t from, enum um_dump_what what,
		  struct um_run *run);

#endif
