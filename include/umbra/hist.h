/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A histogram of times by powers of two: bucket n counts what took less than
 * 2^n ticks of the TSC and did not fit a lower one; the last takes the rest.
 */
#ifndef _UMBRA_HIST_H
#define _UMBRA_HIST_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/timex.h>
#include <linux/types.h>

#define UM_HIST_BUCKETS 40

struct um_hist {
	atomic64_t bucket[UM_HIST_BUCKETS];
};

/* Any context; counts of several CPUs meet. */
static inline void um_hist_add(struct um_hist *hist, u64 ticks)
{
	int n = min(fls64(ticks), UM_HIST_BUCKETS - 1);

	atomic64_inc(&hist->bucket[n]);
}

#endif
