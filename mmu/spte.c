// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of spte.h as code: for the audit and for unit tests.
 */
#include <umbra/spte.h>

#define UM_SPTE_TABLE_BITS \
	(UM_SPTE_RWX | UM_SPTE_A | UM_SPTE_PRESENT | UM_SPTE_PFN)

static bool um_spte_absent_is_known(u64 spte)
{
	return spte == UM_SPTE_EMPTY || um_spte_is_claim(spte) ||
	       um_spte_is_frozen(spte);
}

static bool um_spte_address_fits(u64 spte, int level, u8 maxphyaddr)
{
	um_pfn_t pfn = um_spte_pfn(spte);

	return !(pfn & (um_level_pages(level) - 1)) &&
	       !(pfn >> (maxphyaddr - UM_PAGE_SHIFT));
}

static int um_spte_check_table(u64 spte, int level, u8 maxphyaddr)
{
	if (level == UM_LEVEL_4K)
		return 6;
	if (!um_spte_address_fits(spte, UM_LEVEL_4K, maxphyaddr))
		return 7;
	if ((spte & UM_SPTE_RWX) != UM_SPTE_RWX ||
	    (spte & ~UM_SPTE_TABLE_BITS))
		return 11;
	return 0;
}

static int um_spte_check_leaf(u64 spte, int level, u8 maxphyaddr)
{
	u64 mt = spte & UM_SPTE_MT;

	if ((spte & UM_SPTE_W) && !(spte & UM_SPTE_MW))
		return 1;
	if ((spte & UM_SPTE_MW) && !(spte & UM_SPTE_HW))
		return 2;
	if ((spte & UM_SPTE_CLAIMS) && (spte & UM_SPTE_W))
		return 3;
	if ((spte & (UM_SPTE_W | UM_SPTE_X)) && !(spte & UM_SPTE_R))
		return 5;
	if (um_spte_level(spte) != level ||
	    (spte & UM_SPTE_HUGE ? level == UM_LEVEL_4K : level > UM_LEVEL_4K))
		return 6;
	if (!um_spte_address_fits(spte, level, maxphyaddr))
		return 7;
	if (mt != UM_SPTE_MT_WB && mt != UM_SPTE_MT_UC)
		return 8;
	if (um_spte_tag(spte) && (spte & UM_SPTE_PF))
		return 9;
	if ((spte & UM_SPTE_SX) && (spte & UM_SPTE_RWX))
		return 10;
	if ((spte & UM_SPTE_WP) && (spte & UM_SPTE_W))
		return 12;
	return 0;
}

int um_spte_check(u64 spte, int level, u8 maxphyaddr)
{
	if (!um_spte_is_present(spte))
		return um_spte_absent_is_known(spte) ? 0 : 4;
	if (um_spte_is_table(spte))
		return um_spte_check_table(spte, level, maxphyaddr);
	return um_spte_check_leaf(spte, level, maxphyaddr);
}
