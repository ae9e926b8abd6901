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
 *
 * There is no lock that would keep a second party from looking between the
 * first two lines: it would find that nothing is mapped, and nothing owed, and
 * release a frame that a TLB still grants. Hence taking:
 *
 *   taker                              who finds nothing to take
 *   taking++               T3
 *   spte = less                        reads spte: already less
 *   owed++                             smp_rmb                  T4
 *   taking--                           taking ? owe myself
 *                                      paid < owed ? pay
 */
#ifndef _UMBRA_TLB_H
#define _UMBRA_TLB_H

#include <umbra/types.h>

#include <linux/atomic.h>

struct um_mmu;

/* No debt has this number: who has seen it flushes before the next entry. */
#define UM_TLB_NEVER (~0ULL)

struct um_tlb {
	atomic64_t owed; /* debts made */
	atomic64_t paid; /* debts known to be paid; paid <= owed */
	atomic_t taking; /* parties between T3 and their debt */
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

/* Before the first right is taken. */
static inline void um_tlb_take_begin(struct um_tlb *tlb)
{
	atomic_inc(&tlb->taking);
	/* T3: taking before the entry. Pairs with T4 in um_tlb_settled(). */
	smp_mb__after_atomic();
}

/* After the last one. @took: something was taken. */
static inline void um_tlb_take_end(struct um_tlb *tlb, bool took)
{
	if (took)
		um_tlb_owe(tlb);
	/* T3: the debt before taking. Pairs with T4 in um_tlb_settled(). */
	smp_mb__before_atomic();
	atomic_dec(&tlb->taking);
}

/*
 * True when no TLB grants more than the entries that the caller read. False:
 * owe, for the other party may not have done so yet, and pay.
 */
static inline bool um_tlb_settled(struct um_tlb *tlb)
{
	/* T4: entries, then taking, then owed. Pairs with T3. */
	smp_rmb();
	if (atomic_read(&tlb->taking))
		return false;
	smp_rmb(); /* T4: see above */
	return atomic64_read(&tlb->paid) >= atomic64_read(&tlb->owed);
}

/*
 * For a vCPU whose guest flushes: what it relies on may have been taken by a
 * party that has not owed yet, so that its next entry would not flush.
 */
static inline void um_tlb_owe_beside(struct um_tlb *tlb)
{
	/* T4: entries, then taking. Pairs with T3. */
	smp_rmb();
	if (atomic_read(&tlb->taking))
		um_tlb_owe(tlb);
}

/*
 * Pay everything owed before the call. May IPI and wait, so interrupts are on
 * and no lock is held that an interrupt handler takes; does not sleep.
 */
void um_tlb_pay(struct um_mmu *mmu);

#endif
