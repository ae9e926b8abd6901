// SPDX-License-Identifier: GPL-2.0
/* Invariants of an entry. */
#include "unit.h"

static void spte_invariants(void)
{
	const struct {
		u64 spte;
		int level, broken;
	} t[] = {
		{ 0, 1, 0 },
		{ UM_SPTE_FROZEN, 2, 0 },
		{ UM_SPTE_DEAD, 1, 0 },
		{ um_spte_claimed(0, 5), 1, 0 },
		{ um_spte_claimed(0, 0), 3, 0 },
		{ LEAF, 1, 0 },
		{ WRITABLE, 1, 0 },
		{ um_spte_claimed(LEAF, 63), 1, 0 },
		{ um_spte_track(WRITABLE), 1, 0 },
		{ LEAF | UM_SPTE_PF, 1, 0 },
		{ um_spte_claimed(LEAF | UM_SPTE_PF, 63), 1, 0 },
		{ um_spte_wrprotected(WRITABLE), 1, 0 },
		{ um_spte_track(um_spte_wrprotected(WRITABLE)), 1, 0 },
		{ um_spte_make_table(0x5000), 4, 0 },
		{ LEAF | UM_SPTE_HW | UM_SPTE_W, 1, 1 },
		{ LEAF | UM_SPTE_MW, 1, 2 },
		{ WRITABLE | TAG(1), 1, 3 },
		{ WRITABLE | UM_SPTE_PF, 1, 3 },
		{ 0x5000, 1, 4 },
		{ UM_SPTE_CLAIM | UM_SPTE_R, 1, 4 },
		{ UM_SPTE_FROZEN | TAG(1), 1, 4 },
		{ UM_SPTE_CLAIM | UM_SPTE_PF, 1, 4 },
		{ UM_SPTE_WP, 1, 4 },
		{ LEAF & ~UM_SPTE_R, 1, 5 },
		{ LEAF, 2, 6 },
		{ LEAF | UM_SPTE_HUGE, 1, 6 },
		{ um_spte_make_table(0x5000), 1, 6 },
		{ um_spte_make_leaf(0x201, 2, false) | UM_SPTE_R, 2, 7 },
		{ LEAF | 1ULL << 48, 1, 7 },
		{ LEAF | 1ULL << 3, 1, 8 },
		{ LEAF | UM_SPTE_PF | TAG(1), 1, 9 },
		{ LEAF | UM_SPTE_SX, 1, 10 },
		{ um_spte_make_table(0x5000) | UM_SPTE_HW, 2, 11 },
		{ um_spte_make_table(0x5000) & ~UM_SPTE_W, 2, 11 },
		{ um_spte_make_table(0x5000) | UM_SPTE_PF, 2, 11 },
		{ um_spte_make_table(0x5000) | UM_SPTE_WP, 2, 11 },
		{ WRITABLE | UM_SPTE_WP, 1, 12 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int broken = um_spte_check(t[i].spte, t[i].level, 46);

		if (broken != t[i].broken)
			printf("# row %u: I%d, not I%d\n", i, broken,
			       t[i].broken);
		CHECK(broken == t[i].broken);
	}
	CHECK(um_spte_untrack(um_spte_track(LEAF)) == LEAF);
	CHECK(um_spte_track(WRITABLE | TAG(3)) == um_spte_track(WRITABLE));
	CHECK(!(um_spte_make_split(um_spte_make_leaf(0x400, 2, false) |
				   UM_SPTE_CLAIMS, 9) & UM_SPTE_CLAIMS));
	CHECK(um_spte_pfn(um_spte_make_split(
		      um_spte_make_leaf(0x40000, 3, false), 7)) ==
	      0x40000 + 7 * 512);
}

int main(void)
{
	unit_start();
	UNIT(spte_invariants);
	return tap_done();
}
