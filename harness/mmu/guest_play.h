/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest of a few vCPUs on random tables, and what it and its host may do:
 * one thing at a time, by one thread or by many.
 */
#ifndef _HARNESS_GUEST_PLAY_H
#define _HARNESS_GUEST_PLAY_H

#include "guest_random.h"

#include <stdio.h>

#define VCPUS 3

struct guest {
	struct world *world;
	struct vcpu vcpu[VCPUS];
	struct random_tables tables;
	u64 copy[GFNS]; /* what the dirty log's user has */
	u64 step;
	bool verbose;
};

#define SAY(g, ...)                                    \
	do {                                           \
		if ((g)->verbose) {                    \
			printf("# %llu: ", (g)->step); \
			printf(__VA_ARGS__);           \
			printf("\n");                  \
		}                                      \
	} while (0)

struct guest *guest_new(enum guest_format first, enum guest_format last,
			enum um_fast_mode mode, enum um_ptw_mode ptw);
bool guest_free(struct guest *g);

/* By a vCPU. */
void guest_access(struct guest *g, struct vcpu *v);
/* Changes an entry that is in use, by a store. */
void guest_edit(struct guest *g, struct vcpu *v);
/* INVLPG, MOV CR3, all. */
void guest_flush(struct guest *g, struct vcpu *v);
/* Another mode, or none. */
void guest_switch(struct guest *g, struct vcpu *v);
void guest_step(struct guest *g, struct vcpu *v);

/* By the host; those of the log and the slots by one thread. */
void guest_host(struct guest *g);
void guest_log(struct guest *g);
void guest_harvest(struct guest *g);
void guest_slots(struct guest *g);
/* Nothing else runs. @whole: each page against the log, too. */
void guest_check(struct guest *g, bool whole);
void guest_summary(const struct guest *g);

#endif
