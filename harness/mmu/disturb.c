// SPDX-License-Identifier: GPL-2.0
/*
 * Another party, at the worst moment: right before a compare-and-exchange of
 * an entry, which then fails. It does only what anybody may do at any time.
 */
#include "world.h"

#include <umbra/iter.h>

/* Not by what is under test. */
static bool exchange(u64 *word, u64 old, u64 new)
{
	return __atomic_compare_exchange_n(word, &old, new, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Where this thread's other party has claimed, until world_settle(). */
static __thread u64 *claimed;

static u64 claim(void)
{
	return um_spte_claimed(UM_SPTE_EMPTY, UM_TAGS);
}

void world_settle(void)
{
	if (claimed)
		exchange(claimed, claim(), UM_SPTE_EMPTY);
	claimed = NULL;
}

void world_disturb(u64 *word, u64 expected)
{
	bool ad = world_newest->mmu.caps.ad;

	if (expected == UM_SPTE_EMPTY)
		claimed = exchange(word, expected, claim()) ? word : NULL;
	else if (um_spte_is_claim(expected))
		exchange(word, expected, UM_SPTE_EMPTY);
	else if (!um_spte_is_leaf(expected))
		return;
	else if (expected & UM_SPTE_CLAIMS)
		exchange(word, expected, expected & ~UM_SPTE_CLAIMS);
	else if (ad)
		exchange(word, expected, expected ^ UM_SPTE_A);
}
