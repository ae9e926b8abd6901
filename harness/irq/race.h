/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Races on a machine: its vCPUs run, and a few sides send them what they like.
 * A round ends when all sides are done and the vCPUs have heard of everything.
 *
 * What a store buffer does shows once in many thousand times. So a side sends
 * some hundred times in a round, one after the other is taken, and vCPUs judge
 * all the time whether they missed something.
 */
#ifndef _HARNESS_IRQ_RACE_H
#define _HARNESS_IRQ_RACE_H

#include "machine.h"

#define RACE_SIDES 3

struct race {
	const char *name;
	int cpus;
	bool split;
	int ms; /* how long to play; 0: some hundred */
	/* Alone, all but the first: once; before and after each round. */
	void (*setup)(void);
	void (*before)(void);
	void (*after)(void);
	void (*teardown)(void);
	/* Each in a thread of its own, beside the vCPUs. */
	void (*side[RACE_SIDES])(void);
};

/* Play it on a stage of its own, @times as long. */
void race_run(const struct race *race, u64 seed, int times);
#include "../race_main.h"

/* A few instructions, or some hundred. */
void race_dawdle(void);
/* Until just after @cpu went in again, if it does so soon. */
void race_meet(struct cpu *cpu);
/*
 * Give way, while waiting for what another side does since the time @since (0:
 * it begins). False: it failed, or it takes too long, which is complained of.
 */
bool race_wait(u64 *since);
/* So many times, send, and wait for it to be @taken (NULL: do not). */
void race_send(int times, void (*send)(void), bool (*taken)(void));

#endif
