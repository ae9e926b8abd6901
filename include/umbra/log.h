/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a leaf of a logged slot looks like before the next write to it is
 * noticed: "clean". It depends on the VM's log mode.
 *
 *                    clean      written      who notices
 *   WRPROT           W=0 D=any  W=1          the fault that sets W
 *   PML              W=1 D=0    W=1 D=1      the CPU, in the vCPU's log
 *   DBIT             W=1 D=0    W=1 D=1      the CPU, in D itself: a harvest
 *                                            must look for it
 *
 * Only 4K leaves are clean in this way, since one bit cannot tell of 512
 * pages. A huge leaf of a logged slot is "shut", without W, in each mode; or
 * it is as it was, because all of its pages are in the bitmap still.
 *
 * Whoever makes a leaf clean or shut owes a flush: a TLB remembers W and D.
 */
#ifndef _UMBRA_LOG_H
#define _UMBRA_LOG_H

#include <umbra/mmu.h>
#include <umbra/spte.h>

/* The bit that a leaf has only when it was, or is about to be, marked. */
static inline u64 um_log_bit(const struct um_mmu *mmu)
{
	return mmu->log == UM_LOG_WRPROT ? UM_SPTE_W : UM_SPTE_D;
}

/* May a leaf of a logged slot have W ahead of the first write? */
static inline bool um_log_lets_w(const struct um_mmu *mmu)
{
	return mmu->log != UM_LOG_WRPROT;
}

/* @spte, a leaf, as it is clean; or shut, when it is huge. */
static inline u64 um_log_clean(const struct um_mmu *mmu, u64 spte)
{
	if (um_spte_level(spte) > UM_LEVEL_4K)
		return spte & ~(UM_SPTE_W | UM_SPTE_CLAIMS);
	spte &= ~(um_log_bit(mmu) | UM_SPTE_CLAIMS);
	if (um_log_lets_w(mmu) && um_spte_may_write(spte))
		spte |= UM_SPTE_W;
	return spte;
}

#endif
