/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every bit of an EPT entry as umbra uses it. One room: no other file names a
 * bit position.
 *
 *  63  62 61  60   59   58  57      52 51            12 11 10 9 8 7  6   3 2 1 0
 * +---+------+----+----+----+---------+----------------+--+--+-+-+--+-----+-+-+-+
 * |SVE|                     |  ign    |  pfn           |ig|XU|D|A|PS|IP MT|X|W|R|
 * +---+------+----+----+----+---------+----------------+--+--+-+-+--+-----+-+-+-+
 * |WP |level | SX | MW | HW |  tag    |                |PR|PF| | |  |     | | | |
 * +---+------+----+----+----+---------+----------------+--+--+-+-+--+-----+-+-+-+
 *
 * The upper row is the hardware's (SDM, "Format of an EPT Page-Table Entry
 * that Maps a 4-KByte Page"), the lower row ours. 57, 58, 60 and 61 are free
 * only while guest-paging verification, EPT paging-write, supervisor shadow
 * stacks and sub-page permissions are off, 10 while mode-based execute control
 * is, and 63 while EPT violations raise no #VE; vmx/ never turns them on.
 *
 *   PR     present for the MMU, whatever R W X say
 *   tag    id of the vCPU that claimed the entry, 0 for none
 *   PF     a leaf claimed by a page fault that does not say whose it is
 *   WP     a leaf kept without W until whoever set it takes it back
 *   HW     the host's own mapping may be written; const while present, but
 *          for a claimed upgrade by the slow path
 *   MW     the MMU may give W back without asking anybody
 *   SX     X saved while the entry is access-tracked (no A/D flags)
 *   level  1..3 for a leaf of that level, 0 for a table
 *
 * What an entry may be. The first four have R = W = X = 0 and no address, so
 * the hardware finds nothing in them, and nothing to speculate with:
 *
 *   empty    0
 *   claim    CLAIM | tag    a vCPU is about to put a leaf here; anybody may
 *                           overwrite it, and so defeat the vCPU's commit
 *   frozen   FROZEN         a table is being taken from here; only who froze
 *                           it empties it again (or a sweep kills it)
 *   dead     DEAD           entry of a table that was taken away; final
 *   table    PR, RWX, A, address of a table
 *   leaf     PR, level, address of a frame. With W = 0 it may carry a claim:
 *            a tag (mode tag, and the slow path) or PF (mode pair).
 *            With R = W = X = 0 it is tracked: aged without A/D flags. Such a
 *            leaf keeps its frame, which is still the guest's own.
 *
 * Rights of a leaf of memory the guest may write:
 *
 *   HW MW W
 *    0  0 0  the host maps it read-only, or lets it be shared
 *    1  0 0  the slot is read-only
 *    1  1 0  clean for the dirty log: the fast path may set W, unless WP
 *    1  1 1  writable; in a logged slot its dirty bit is set, or about to be
 *
 * Invariants, checked by um_spte_check():
 *
 *   I1  W implies MW                    I2  MW implies HW
 *   I3  a tag or PF implies W = 0       I4  not PR: one of the first four
 *   I5  W or X implies R                I6  level, PS and table level agree
 *   I7  the frame is aligned to the level and below MAXPHYADDR
 *   I8  the memory type is WB or UC     I9  a tag and PF are never together
 *   I10 SX implies R = W = X = 0        I11 a table has R W X and no rights bits
 *   I12 WP implies W = 0
 */
#ifndef _UMBRA_SPTE_H
#define _UMBRA_SPTE_H

#include <umbra/fault.h>
#include <umbra/types.h>

#include <linux/bits.h>
#include <linux/build_bug.h>

#define UM_SPTE_R BIT_ULL(0)
#define UM_SPTE_W BIT_ULL(1)
#define UM_SPTE_X BIT_ULL(2)
#define UM_SPTE_RWX (UM_SPTE_R | UM_SPTE_W | UM_SPTE_X)
#define UM_SPTE_MT GENMASK_ULL(5, 3)
#define UM_SPTE_MT_UC (0ULL << 3)
#define UM_SPTE_MT_WB (6ULL << 3)
#define UM_SPTE_IPAT BIT_ULL(6)
#define UM_SPTE_HUGE BIT_ULL(7)
#define UM_SPTE_A BIT_ULL(8)
#define UM_SPTE_D BIT_ULL(9)
#define UM_SPTE_PF BIT_ULL(10)
#define UM_SPTE_PRESENT BIT_ULL(11)
#define UM_SPTE_PFN GENMASK_ULL(51, 12)
#define UM_SPTE_TAG GENMASK_ULL(57, 52)
#define UM_SPTE_TAG_SHIFT 52
#define UM_SPTE_HW BIT_ULL(58)
#define UM_SPTE_MW BIT_ULL(59)
#define UM_SPTE_SX BIT_ULL(60)
#define UM_SPTE_LEVEL GENMASK_ULL(62, 61)
#define UM_SPTE_LEVEL_SHIFT 61
#define UM_SPTE_WP BIT_ULL(63)

/* What a claim adds to a leaf; nobody else composes a leaf with it. */
#define UM_SPTE_CLAIMS (UM_SPTE_TAG | UM_SPTE_PF)

/* Not present; told apart from each other by bits that mean rights above. */
#define UM_SPTE_EMPTY 0ULL
#define UM_SPTE_CLAIM UM_SPTE_MW
#define UM_SPTE_FROZEN UM_SPTE_SX
#define UM_SPTE_DEAD (UM_SPTE_SX | UM_SPTE_HW)

#define UM_TAGS 63 /* usable ids: 1..63 */

static_assert((UM_SPTE_TAG >> UM_SPTE_TAG_SHIFT) == UM_TAGS);
static_assert(UM_SPTE_R == UM_ACC_R && UM_SPTE_W == UM_ACC_W &&
	      UM_SPTE_X == UM_ACC_X);
/* No two fields overlap, and no bit is left. */
static_assert((UM_SPTE_RWX ^ UM_SPTE_MT ^ UM_SPTE_IPAT ^ UM_SPTE_HUGE ^
	       UM_SPTE_A ^ UM_SPTE_D ^ UM_SPTE_PRESENT ^ UM_SPTE_PFN ^
	       UM_SPTE_TAG ^ UM_SPTE_HW ^ UM_SPTE_MW ^ UM_SPTE_SX ^
	       UM_SPTE_LEVEL ^ UM_SPTE_PF ^ UM_SPTE_WP) == ~0ULL);
/* The hardware and L1TF find nothing in what is not present. */
static_assert(!((UM_SPTE_CLAIM | UM_SPTE_TAG | UM_SPTE_FROZEN | UM_SPTE_DEAD) &
		(UM_SPTE_RWX | UM_SPTE_PFN | UM_SPTE_PRESENT)));

static inline bool um_spte_is_present(u64 spte)
{
	return spte & UM_SPTE_PRESENT;
}

static inline int um_spte_level(u64 spte)
{
	return (spte & UM_SPTE_LEVEL) >> UM_SPTE_LEVEL_SHIFT;
}

static inline bool um_spte_is_leaf(u64 spte)
{
	return um_spte_is_present(spte) && um_spte_level(spte);
}

static inline bool um_spte_is_table(u64 spte)
{
	return (spte & (UM_SPTE_PRESENT | UM_SPTE_LEVEL)) == UM_SPTE_PRESENT;
}

static inline unsigned int um_spte_tag(u64 spte)
{
	return (spte & UM_SPTE_TAG) >> UM_SPTE_TAG_SHIFT;
}

static inline bool um_spte_is_claim(u64 spte)
{
	return (spte & ~UM_SPTE_TAG) == UM_SPTE_CLAIM;
}

static inline bool um_spte_is_frozen(u64 spte)
{
	return spte == UM_SPTE_FROZEN || spte == UM_SPTE_DEAD;
}

static inline um_pfn_t um_spte_pfn(u64 spte)
{
	return (spte & UM_SPTE_PFN) >> UM_PAGE_SHIFT;
}

/* Does a leaf grant all of @access (UM_ACC_*)? */
static inline bool um_spte_allows(u64 spte, u8 access)
{
	return (spte & access) == access;
}

/* Aged where the CPU has no A/D flags: the next access faults. */
static inline bool um_spte_is_tracked(u64 spte)
{
	return um_spte_is_leaf(spte) && !(spte & UM_SPTE_RWX);
}

static inline u64 um_spte_track(u64 spte)
{
	u64 saved = spte & UM_SPTE_X ? UM_SPTE_SX : 0;

	return (spte & ~(UM_SPTE_RWX | UM_SPTE_CLAIMS)) | saved;
}

static inline u64 um_spte_untrack(u64 spte)
{
	u64 saved = spte & UM_SPTE_SX ? UM_SPTE_X : 0;

	return (spte & ~UM_SPTE_SX) | UM_SPTE_R | saved;
}

/* @spte, empty or a leaf without W, as claimed by @tag. */
static inline u64 um_spte_claimed(u64 spte, u8 tag)
{
	u64 bare = spte ? spte & ~UM_SPTE_CLAIMS : UM_SPTE_CLAIM;

	return bare | (u64)tag << UM_SPTE_TAG_SHIFT;
}

static inline u64 um_spte_unclaimed(u64 spte)
{
	return um_spte_is_present(spte) ? spte & ~UM_SPTE_CLAIMS :
					  UM_SPTE_EMPTY;
}

/*
 * A leaf as the page-table protector leaves it. WP is sticky: every writer
 * keeps it, but one that empties the entry. To take it back, clear the bit;
 * W returns by a fault.
 */
static inline u64 um_spte_wrprotected(u64 spte)
{
	return (spte & ~(UM_SPTE_W | UM_SPTE_CLAIMS)) | UM_SPTE_WP;
}

/* May the MMU give W to a leaf without asking anybody? */
static inline bool um_spte_may_write(u64 spte)
{
	return (spte & (UM_SPTE_MW | UM_SPTE_WP)) == UM_SPTE_MW;
}

/*
 * A table grants everything; leaves decide. A is set in advance so that the
 * hardware never writes the entry and it can be compared as a whole.
 */
static inline u64 um_spte_make_table(hpa_t pa)
{
	return pa | UM_SPTE_PRESENT | UM_SPTE_RWX | UM_SPTE_A;
}

/* A leaf without rights. @pfn is aligned to @level. */
static inline u64 um_spte_make_leaf(um_pfn_t pfn, int level, bool device)
{
	u64 spte = pfn << UM_PAGE_SHIFT | UM_SPTE_PRESENT |
		   (u64)level << UM_SPTE_LEVEL_SHIFT;

	if (level > UM_LEVEL_4K)
		spte |= UM_SPTE_HUGE;
	/*
	 * Memory is WB whatever the guest's PAT says: the VMM reads and
	 * writes the same frames through the cache.
	 */
	return spte | (device ? UM_SPTE_MT_UC : UM_SPTE_MT_WB | UM_SPTE_IPAT);
}

/* The @index'th of the 512 smaller leaves that map what @huge maps. */
static inline u64 um_spte_make_split(u64 huge, unsigned int index)
{
	int level = um_spte_level(huge) - 1;
	u64 spte = huge & ~(UM_SPTE_LEVEL | UM_SPTE_CLAIMS | UM_SPTE_HUGE);

	spte |= (u64)level << UM_SPTE_LEVEL_SHIFT;
	if (level > UM_LEVEL_4K)
		spte |= UM_SPTE_HUGE;
	return spte + ((u64)index * um_level_pages(level) << UM_PAGE_SHIFT);
}

/*
 * The number k of the invariant Ik that @spte, found in a table of @level,
 * breaks; 0 when it keeps them all. mmu/spte.c
 */
int um_spte_check(u64 spte, int level, u8 maxphyaddr);

#endif
