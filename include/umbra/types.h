/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address spaces and their arithmetic.
 *
 *   gva  guest virtual     gpa  guest physical    gfn  gpa >> 12
 *   hva  host virtual      hpa  host physical     pfn  hpa >> 12
 *
 * The typedefs repeat those of <linux/kvm_types.h> letter by letter, so that a
 * file which must include both may.
 */
#ifndef _UMBRA_TYPES_H
#define _UMBRA_TYPES_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/types.h>

typedef unsigned long gva_t;
typedef u64 gpa_t;
typedef u64 gfn_t;
typedef unsigned long hva_t;
typedef u64 hpa_t;
typedef u64 um_pfn_t;

/* The address of an spte; sparse refuses to dereference it but in iter.h. */
typedef u64 __rcu *um_sptep_t;

/* Paging levels: 1 maps 4K, 2 maps 2M, 3 maps 1G; a root table is level 4. */
#define UM_LEVEL_4K 1
#define UM_LEVEL_2M 2
#define UM_LEVEL_1G 3
#define UM_LEVEL_ROOT 4

#define UM_PAGE_SHIFT 12
#define UM_PAGE_SIZE BIT(UM_PAGE_SHIFT)
#define UM_TABLE_BITS 9
#define UM_TABLE_ENTRIES 512 /* BIT(UM_TABLE_BITS), as an int */

static inline gfn_t gpa_to_gfn(gpa_t gpa)
{
	return gpa >> UM_PAGE_SHIFT;
}

static inline gpa_t gfn_to_gpa(gfn_t gfn)
{
	return gfn << UM_PAGE_SHIFT;
}

/* How many 4K pages one entry of @level maps. */
static inline u64 um_level_pages(int level)
{
	return 1ULL << ((level - 1) * UM_TABLE_BITS);
}

static inline gfn_t um_gfn_round_down(gfn_t gfn, int level)
{
	return gfn & ~(um_level_pages(level) - 1);
}

#endif
