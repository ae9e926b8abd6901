// SPDX-License-Identifier: GPL-2.0
/*
 * Aging writes an entry that the host's unmapping is just emptying: the frame
 * must not come back.
 */
#include "race.h"

static const struct race races[] = {
	{ .name = "age vs notifier",
	  .mode = UM_FAST_TAG,
	  .side = { race_write, race_age, race_migrate } },
	{ .name = "age vs notifier, no A/D flags",
	  .mode = UM_FAST_TAG,
	  .noad = true,
	  .side = { race_write, race_age, race_migrate } },
};
RACE_MAIN(races)
