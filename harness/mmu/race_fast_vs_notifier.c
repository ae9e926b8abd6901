// SPDX-License-Identifier: GPL-2.0
/*
 * The host takes a page from under the fast path: a commit composed before may
 * not bring the old frame back.
 */
#include "race.h"

#define RACE(m)                                                           \
	{                                                                 \
		.name = "fast vs notifier, " #m, .mode = UM_FAST_##m,     \
		.logged = true,                                           \
		.side = { race_write, race_write, race_harvest,           \
			  race_migrate },                                 \
	}

static const struct race races[] = {
	RACE(TAG),
	RACE(PAIR),
	RACE(MW),
};
RACE_MAIN(races)
