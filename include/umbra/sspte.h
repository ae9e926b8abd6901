/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every bit of an entry of a shadow page table: what the CPU walks instead of
 * the guest's own tables while the guest has paging on. One room for these, as
 * spte.h is for EPT entries.
 *
 *  63 62   58 57     52 51            12 11 10 9  8   7  6 5 4  3 2 1 0
 * +--+-------+---------+----------------+--+--+--+---+--+-+-+--+-+-+-+-+
 * |NX|  ign  |   ign   |  pfn           |ignored |ign|PS|D|A|CD|-|U|W|P|
 * +--+-------+---------+----------------+--+--+--+---+--+-+-+--+-+-+-+-+
 * |  |   0   |   tag   |                |WP|PF|MW|LF |0 | | |  |0| | | |
 * +--+-------+---------+----------------+--+--+--+---+--+-+-+--+-+-+-+-+
 *
 * The upper row is the hardware's (SDM, "Paging-Structure Entries"), the lower
 * row ours. Bit 8 is G in a leaf, and ignored while CR4.PGE is 0; vmx/ keeps it
 * 0 under shadow paging. Entries of the PAE format have no bits 52..62: there
 * a claim is PF.
 *
 *   LF   a leaf of 4K; 0 in an entry that points to a table. Tables are reused
 *        for other addresses and levels while others may still look at them:
 *        who changes a leaf by compare-and-exchange sees by LF what it is
 *   MW   slot, host and guest allow the write, and D of the guest's own entry
 *        is set: the MMU may give W back without asking anybody
 *   PF   claimed by a page fault that does not say whose it is
 *   tag  id of the vCPU that claimed the entry, 0 for none
 *   WP   the frame is a guest page table in use: kept without W until whoever
 *        set it takes it back
 *
 *   empty    0
 *   table    P W U A, address of a table; leaves decide
 *   leaf     P LF A, address of a frame
 *
 * Invariants, checked by um_sspte_check():
 *
 *   I1  not P: 0                        I2  W in a leaf implies MW
 *   I3  a tag or PF implies W = 0       I4  WP implies W = 0
 *   I5  a tag and PF never together     I6  PAE format: no tag
 *   I7  the frame is below MAXPHYADDR   I8  its bits are those of its kind
 */
#ifndef _UMBRA_SSPTE_H
#define _UMBRA_SSPTE_H

#include <umbra/guest_walk.h>
#include <umbra/types.h>

#include <linux/bits.h>
#include <linux/build_bug.h>

#define UM_SS_P BIT_ULL(0)
#define UM_SS_W BIT_ULL(1)
#define UM_SS_U BIT_ULL(2)
#define UM_SS_UC BIT_ULL(4) /* CD: entry 2 of the PAT, UC- */
#define UM_SS_A BIT_ULL(5)
#define UM_SS_D BIT_ULL(6)
#define UM_SS_LEAF BIT_ULL(8)
#define UM_SS_MW BIT_ULL(9)
#define UM_SS_PF BIT_ULL(10)
#define UM_SS_WP BIT_ULL(11)
#define UM_SS_PFN GENMASK_ULL(51, 12)
#define UM_SS_TAG GENMASK_ULL(57, 52)
#define UM_SS_TAG_SHIFT 52
#define UM_SS_NX BIT_ULL(63)

#define UM_SS_EMPTY 0ULL
/* What a claim adds to a leaf; nobody else composes a leaf with it. */
#define UM_SS_CLAIMS (UM_SS_TAG | UM_SS_PF)
/* All that a table's entry has but its address. */
#define UM_SS_TABLE (UM_SS_P | UM_SS_W | UM_SS_U | UM_SS_A)

static inline bool um_sspte_is_present(u64 sspte)
{
	return sspte & UM_SS_P;
}

static inline bool um_sspte_is_leaf(u64 sspte)
{
	return sspte & UM_SS_LEAF;
}

static inline bool um_sspte_is_table(u64 sspte)
{
	return (sspte & (UM_SS_P | UM_SS_LEAF)) == UM_SS_P;
}

static inline um_pfn_t um_sspte_pfn(u64 sspte)
{
	return (sspte & UM_SS_PFN) >> UM_PAGE_SHIFT;
}

/* May the MMU give W to a leaf without asking anybody? */
static inline bool um_sspte_may_write(u64 sspte)
{
	return (sspte & (UM_SS_MW | UM_SS_WP)) == UM_SS_MW;
}

static inline u64 um_sspte_make_table(hpa_t pa)
{
	return pa | UM_SS_TABLE;
}

/* A leaf that may be read: @rights but that of writing. */
static inline u64 um_sspte_make_leaf(um_pfn_t pfn, u8 rights, bool device)
{
	u64 sspte = pfn << UM_PAGE_SHIFT | UM_SS_P | UM_SS_A | UM_SS_LEAF;

	if (rights & UM_WALK_MAY_USER)
		sspte |= UM_SS_U;
	if (!(rights & UM_WALK_MAY_EXEC))
		sspte |= UM_SS_NX;
	return sspte | (device ? UM_SS_UC : 0);
}

/* A leaf as it is clean for the dirty log: the next write faults. */
static inline u64 um_sspte_clean(u64 sspte)
{
	return sspte & ~(UM_SS_W | UM_SS_CLAIMS);
}

/* A leaf as the page-table protector leaves it; WP is sticky. */
static inline u64 um_sspte_wrprotected(u64 sspte)
{
	return um_sspte_clean(sspte) | UM_SS_WP;
}

/*
 * What stands beside each entry of a leaf table, a word in the page behind it:
 * whose frame the entry maps. Stored before the entry, and changed only while
 * the entry is empty, so who claims the entry and then reads the word, and
 * still finds the claim, has read the right one.
 */
static inline u64 *um_sspte_twin(um_sptep_t sptep)
{
	return (__force u64 *)sptep + UM_TABLE_ENTRIES;
}

/*
 * The number k of the invariant Ik that @sspte, found in a table of @level,
 * breaks; 0 when it keeps them all. mmu/shadow_spte.c
 */
int um_sspte_check(u64 sspte, int level, bool pae, u8 maxphyaddr);

#endif
