/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything at once, for as long as one likes: see torture.c. An episode is
 * one world with one seed, from which all else follows.
 */
#ifndef _HARNESS_TORTURE_H
#define _HARNESS_TORTURE_H

#include "world.h"

#include <pthread.h>

#define VCPUS 3 /* the last one has no tag */
#define CLEARERS 2 /* a part of the bitmap each */

/* What the episode is about. */
struct profile {
	const char *name;
	int hot;	/* pages most accesses go to */
	int host_sleep; /* microseconds between the host's changes, at most */
	int collapse;	/* of 64 changes */
	int noise_sleep;
	int toggle; /* of 64 turns of the log's user: logging on or off */
};

struct episode {
	u64 seed;
	const struct profile *profile;
	struct world *world;
	bool stop;
	bool logging;	/* slots */
	bool switching; /* the mode of the fast path */
	u64 copy[GFNS]; /* what the dirty log's user has; copying */
	pthread_mutex_t copying;
	pthread_mutex_t slots;	/* as slots_lock */
	pthread_rwlock_t pause; /* everybody reads; whoever looks writes */
	u64 harvests, clears, changes, audits, slot_changes;
};

/* Threads of an episode; @arg is a struct actor. torture_sides.c */
struct actor {
	struct episode *episode;
	int id;
	pthread_t thread;
	void *(*run)(void *arg);
};

void *vcpu_run(void *arg);
void *host_run(void *arg);
void *noise_run(void *arg);
void *log_run(void *arg);   /* GET, logging on and off */
void *clear_run(void *arg); /* CLEAR */
void *slot_run(void *arg);  /* slots go, come, and move */
void *audit_run(void *arg); /* the audit that may run at any time */

/* All others are out, or ended. */
void judge(struct episode *ep);
/* Logging on, as KVM_SET_USER_MEMORY_REGION; slots held. */
void set_logging(struct episode *ep, bool on);

#endif
