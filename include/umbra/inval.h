/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Invalidations in progress, by host address: does what a fault has pinned
 * still count?
 *
 * Host addresses fall into 64 buckets, by regions of 2M. A bucket is one word:
 * how many invalidations of its regions have ended, and how many run. A fault
 * reads the word before it pins and again between claim and commit; it has
 * moved if an invalidation began or ended meanwhile. So a fault is disturbed
 * only by the neighbours that share its bucket, and one invalidation of a page
 * touches one word.
 *
 *   63                                   24 23                     0
 *  +---------------------------------------+------------------------+
 *  | ended                                 | running                |
 *  +---------------------------------------+------------------------+
 *
 * A word never falls, so the sum of all words moves exactly when one of them
 * does: that is what a leaf of 1G, whose memory is in all buckets, goes by.
 */
#ifndef _UMBRA_INVAL_H
#define _UMBRA_INVAL_H

#include <umbra/types.h>

#include <linux/atomic.h>

#define UM_INVAL_BUCKETS 64
#define UM_INVAL_SHIFT 21
/* No more invalidations can run at once than there are threads. */
#define UM_INVAL_RUNNING GENMASK_ULL(23, 0)
#define UM_INVAL_ENDED BIT_ULL(24)

struct um_inval {
	atomic64_t bucket[UM_INVAL_BUCKETS];
};

static inline unsigned int um_inval_bucket(hva_t hva)
{
	return hva >> UM_INVAL_SHIFT & (UM_INVAL_BUCKETS - 1);
}

/* The word of the bucket of @hva; @wide: of all of them. */
static inline u64 um_inval_read(const struct um_inval *inval, hva_t hva,
				bool wide)
{
	u64 sum = 0;
	int i;

	if (likely(!wide))
		return atomic64_read(&inval->bucket[um_inval_bucket(hva)]);
	for (i = 0; i < UM_INVAL_BUCKETS; i++)
		sum += atomic64_read(&inval->bucket[i]);
	return sum;
}

/* @seq was read before the pin, with the same @hva and @wide. */
static inline bool um_inval_moved(const struct um_inval *inval, hva_t hva,
				  bool wide, u64 seq)
{
	return (seq & UM_INVAL_RUNNING) ||
	       um_inval_read(inval, hva, wide) != seq;
}

/*
 * [start, end) in bytes, not empty. Each begin has its end, with the same
 * range, in any thread.
 */
void um_inval_begin(struct um_inval *inval, hva_t start, hva_t end);
void um_inval_end(struct um_inval *inval, hva_t start, hva_t end);

#endif
