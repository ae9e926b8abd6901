/* SPDX-License-Identifier: GPL-2.0 */
/* Receiving a guest and running it to its end: receive, demo. */
#ifndef PENUMBRA_RECEIVE_H
#define PENUMBRA_RECEIVE_H

#include "migrate.h"

struct receive_how {
	int64_t for_ms;		/* as run_options.for_ms, from the arrival */
	uint64_t timeout_ms;
	bool ignore_digest;
	struct disk_options disks;
};

/* Take the guest from the connected socket @fd; return the exit status. */
int receive_guest(struct device *dev, int fd, const struct receive_how *how,
		  struct arrival *a);

#endif
