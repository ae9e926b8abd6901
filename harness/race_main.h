/* SPDX-License-Identifier: GPL-2.0 */
/*
 * main() of a program of races. For a stage's race.h, which has struct race, with
 * a name, and race_run().
 */
#ifndef _HARNESS_RACE_MAIN_H
#define _HARNESS_RACE_MAIN_H

#include "shim/shim.h"

#include <stdio.h>
#include <stdlib.h>

static inline u64 race_number(const char *name)
{
	const char *env = getenv(name);

	return env ? strtoull(env, NULL, 0) : 1;
}

/*
 * Runs them all, as TAP, until one fails. UM_SEED in the environment is the seed,
 * UM_TIMES how many times as long.
 */
static inline int race_main(const struct race *races, int n)
{
	u64 seed = race_number("UM_SEED");
	int times = race_number("UM_TIMES"), i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(seed);
	printf("TAP version 13\n1..%d\n", n);
	for (i = 0; i < n; i++) {
		race_run(&races[i], seed, times);
		printf("%sok %d - %s, seed %llu\n",
		       shim_warnings() ? "not " : "", i + 1, races[i].name,
		       seed);
		if (shim_warnings())
			return 1;
	}
	return 0;
}

#define RACE_MAIN(races)                                                  \
	int main(void)                                                    \
	{                                                                 \
		return race_main(races,                                   \
				 sizeof(races) / sizeof((races)[0]));     \
	}

#endif
