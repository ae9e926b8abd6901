/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLB flushes are debts. Whoever takes away what a TLB may still grant owes;
 * before the result is relied on, everything owed so far is paid once.
 *
 * owed counts debts. A vCPU remembers the value it flushed for; on its way
 * into the guest it compares, after it said that it is in guest mode, and
 * flushes when they differ. The payer reads owed, then makes every vCPU that
 * is in guest mode leave it; those outside owe nothing until they enter.
 *
 *   payer                              vCPU
 *   spte = less            (atomic)    in_guest = true
 *   owed++                 (atomic)    smp_mb                   T2
 *   smp_mb               T1            seen == owed ? : INVEPT
 *   in_guest ? IPI, wait : nothing     VM entry
 */
#ifndef _UMBRA_TLB_H
#define _UMBRA_TLB_H

#include <linux/atomic.h>
#include <umbra/types.h>

struct um_mmu;

struct um_tlb {
	atomic64_t owed; /* debts made */
	atomic64_t paid; /* debts known to be paid; paid <= owed */
};

/* Any context. The spte was changed before the call by an atomic operation. */
static inline void um_tlb_owe(struct um_tlb *tlb)
{
	atomic64_inc(&tlb->owed);
}

/* The value a vCPU compares with what it flushed for; see T2. */
static inline u64 um_tlb_owed(struct um_tlb *tlb)
{
	return atomic64_read(&tlb->owed);
}

/*
 * Pay everything owed before the call. May IPI and wait, so interrupts are on
 * and no lock is held that an interrupt handler takes; does not sleep.
 */
void um_tlb_pay(struct um_mmu *mmu);

#endif
