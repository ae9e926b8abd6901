// SPDX-License-Identifier: GPL-2.0
/*
 * Paying for what was taken: see tlb.h.
 */
#include <umbra/host.h>
#include <umbra/mmu.h>
#include <umbra/tlb.h>
#include <umbra/trace.h>

void um_tlb_pay(struct um_mmu *mmu)
{
	struct um_tlb *tlb = &mmu->tlb;
	s64 paid = atomic64_read(&tlb->paid);
	s64 owed;

	smp_rmb(); /* T5: paid before owed, so that paid <= owed below. */
	owed = atomic64_read(&tlb->owed);
	if (paid >= owed)
		return;

	/* T1 is in there: full barrier between owed and in_guest. */
	um_host_kick_guests(mmu);
	atomic64_inc(&mmu->stat.flushes);

	/* Never lowered: somebody else may have paid more meanwhile. */
	while (paid < owed && !atomic64_try_cmpxchg(&tlb->paid, &paid, owed))
		;
	trace_umbra_flush(owed, atomic64_read(&tlb->paid));
}
