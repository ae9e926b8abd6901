/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every bit of an EPT entry as umbra uses it. One room: no other file names a
 * bit position.
 *
 *  63  62 61  60   59   58  57      52 51            12 11 10 9 8 7  6   3 2 1 0
 * +---+------+----+----+----+---------+----------------+--+--+-+-+--+-----+-+-+-+
 * |SVE|                     |  ign    |  pfn           |ig|XU|D|A|PS|IP MT|X|W|R|
 * +---+------+----+----+----+---------+----------------+--+--+-+-+--+-----+-+-+-+
 * |   |level | SX | MW | HW |  tag    |                |PR|  | | |  |     | | | |
 * +---+------+----+----+----+---------+----------------+--+--+-+-+--+-----+-+-+-+
 *
 * The upper row is the hardware's (SDM, "Format of an EPT Page-Table Entry
 * that Maps a 4-KByte Page"), the lower row ours. 57, 58, 60 and 61 are free
 * only while guest-paging verification, EPT paging-write, supervisor shadow
 * stacks and sub-page permissions are off; vmx/ never turns them on.
 *
 *   PR     present for the MMU, whatever R W X say
 *   tag    id of the vCPU that claimed the entry, 0 for none
 *   HW     the host's own mapping may be written; const while present
 *   MW     the MMU may give W back without asking anybody
 *   SX     X saved while the entry is access-tracked (no A/D flags)
 *   level  1..3 for a leaf of that level, 0 for a table
 */
#ifndef _UMBRA_SPTE_H
#define _UMBRA_SPTE_H

#include <linux/bits.h>
#include <umbra/types.h>

#define UM_SPTE_R BIT_ULL(0)
#define UM_SPTE_W BIT_ULL(1)
#define UM_SPTE_X BIT_ULL(2)
#define UM_SPTE_RWX (UM_SPTE_R | UM_SPTE_W | UM_SPTE_X)
#define UM_SPTE_MT_SHIFT 3
#define UM_SPTE_IPAT BIT_ULL(6)
#define UM_SPTE_HUGE BIT_ULL(7)
#define UM_SPTE_A BIT_ULL(8)
#define UM_SPTE_D BIT_ULL(9)
#define UM_SPTE_PRESENT BIT_ULL(11)
#define UM_SPTE_PFN GENMASK_ULL(51, 12)
#define UM_SPTE_TAG GENMASK_ULL(57, 52)
#define UM_SPTE_TAG_SHIFT 52
#define UM_SPTE_HW BIT_ULL(58)
#define UM_SPTE_MW BIT_ULL(59)
#define UM_SPTE_SX BIT_ULL(60)
#define UM_SPTE_LEVEL GENMASK_ULL(62, 61)
#define UM_SPTE_LEVEL_SHIFT 61

#define UM_TAGS 63 /* usable ids: 1..63 */

#endif
