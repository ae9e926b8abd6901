// SPDX-License-Identifier: GPL-2.0
/*
 * Marking host addresses as being invalidated: see inval.h.
 */
#include <umbra/inval.h>

#include <linux/minmax.h>

/* One region after the other has a bucket of its own, up to all of them. */
static void um_inval_add(struct um_inval *inval, hva_t start, hva_t end,
			 s64 what)
{
	unsigned int first = um_inval_bucket(start);
	hva_t regions = ((end - 1) >> UM_INVAL_SHIFT) -
			(start >> UM_INVAL_SHIFT) + 1;
	unsigned int i, n = min_t(hva_t, regions, UM_INVAL_BUCKETS);

	for (i = 0; i < n; i++)
		atomic64_add(what, &inval->bucket[(first + i) %
						  UM_INVAL_BUCKETS]);
}

void um_inval_begin(struct um_inval *inval, hva_t start, hva_t end)
{
	um_inval_add(inval, start, end, 1);
	/* M2: the words before the walk reads entries. Pairs with M1. */
	smp_mb__after_atomic();
}

void um_inval_end(struct um_inval *inval, hva_t start, hva_t end)
{
	/* M3: the host's new page before the words. Pairs with M6. */
	smp_mb__before_atomic();
	um_inval_add(inval, start, end, (s64)UM_INVAL_ENDED - 1);
}
