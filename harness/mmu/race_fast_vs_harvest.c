// SPDX-License-Identifier: GPL-2.0
/*
 * W given back without a lock while a harvest takes it: no written page may be
 * missing from the log.
 */
#include "race.h"

#define RACE(m)                                                           \
	{                                                                 \
		.name = "fast vs harvest, " #m, .mode = UM_FAST_##m,      \
		.logged = true,                                           \
		.side = { race_write, race_write, race_harvest },         \
	}

static const struct race races[] = {
	RACE(TAG),
	RACE(PAIR),
	RACE(MW),
};
RACE_MAIN(races)
