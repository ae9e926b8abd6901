/* SPDX-License-Identifier: GPL-2.0 */
/* Sets of guest pages, filled from the device's dirty log. */
#ifndef PENUMBRA_DIRTY_H
#define PENUMBRA_DIRTY_H

#include "vm.h"

struct dirty_set {
	struct vm *vm;
	uint64_t *bits[VM_MAX_SLOTS];
	uint64_t *log;		/* what the device answers */
	unsigned int clear_slot;	/* LOG_CLEAR: logged anew up to here */
	uint64_t clear_end;
	uint64_t break_every;	/* test aid: lose every Nth page; 0: none */
};

void dirty_init(struct dirty_set *d, struct vm *vm);
void dirty_free(struct dirty_set *d);
/* Put all pages in. */
void dirty_fill(struct dirty_set *d);
/* Add what the device has logged since the last time; 0 or -errno. */
int dirty_harvest(struct dirty_set *d);
uint64_t dirty_count(const struct dirty_set *d);
/*
 * Take out the next run of at most @max pages of one slot, searching from *page
 * of slot *slot on. What is written to them from now on is logged again.
 * Returns 1, 0 when none is left, or -errno.
 */
int dirty_take_run(struct dirty_set *d, unsigned int *slot, uint64_t *page,
		   uint64_t max, uint64_t *run);

#endif
