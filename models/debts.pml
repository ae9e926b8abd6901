/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLB flushes as debts: owed, paid, taking, and the comparison on the way into
 * the guest. TAKERS parties unmap the same page (one finds it, the others find
 * nothing) and give the frame back; a payer pays a debt of its own meanwhile.
 * VCPUs enter and leave for ever, with interrupts off from before in_guest
 * rises until after it fell; a kick waits until it has seen them on.
 *
 * Shown: who relies on the page being gone relies on it rightly: no TLB of a
 * vCPU in the guest grants the frame any more.
 * Memory: TSO; the order of reads is turned round where a plant says so.
 *
 * letters T1 T2 T3 T4 T5
 *
 * holds takers		TAKERS=2 PAYERS=0 VCPUS=1
 * holds payer		TAKERS=1 PAYERS=1 VCPUS=1
 * holds vcpus		TAKERS=1 PAYERS=0 VCPUS=2
 *	paid may as well be read after owed: T5 only keeps the figures tidy
 * holds late_paid	TAKERS=2 PAYERS=0 VCPUS=1 LATE_PAID
 * holds late_paid	TAKERS=1 PAYERS=1 VCPUS=1 LATE_PAID
 *
 * Plants: a payer reckons as paid what was owed when it ended, not when it began
 * plant started_before	TAKERS=1 PAYERS=1 VCPUS=1
 *	the mark that somebody is between entry and debt
 * plant no_taking	TAKERS=2 PAYERS=0 VCPUS=1
 *	it rises after the entry fell
 * plant late_taking	TAKERS=2 PAYERS=0 VCPUS=1
 *	it falls before the debt is made
 * plant early_drop	TAKERS=2 PAYERS=0 VCPUS=1
 *	who finds nothing reads taking before the entry
 * plant late_entry	TAKERS=2 PAYERS=0 VCPUS=1
 *	who finds nothing reads the debts before taking
 * plant early_debts	TAKERS=2 PAYERS=0 VCPUS=1
 *	the payer's barrier: it looks for guests before it owes
 * plant no_t1		TAKERS=1 PAYERS=1 VCPUS=1
 *	the vCPU's barrier
 * plant no_t2		TAKERS=1 PAYERS=1 VCPUS=1
 *	the frame goes back before the debt is paid
 * plant free_first	TAKERS=1 PAYERS=1 VCPUS=1
 *	who finds nothing relies on that at once
 * plant no_settled	TAKERS=2 PAYERS=0 VCPUS=1
 */
#define CPUS (TAKERS + PAYERS + VCPUS)
#define WORDS (4 + VCPUS)
#include "tso.pml"

#define SPTE 0 /* 0: mapped, 1: gone */
#define TAKING 1
#define OWED 2
#define PAID 3
#define IN_GUEST(v) (4 + (v))

bool freed;		/* the frame is somebody else's */
#define SELF (ME - TAKERS - PAYERS)

bool irqs_off[VCPUS];
bool tlb[VCPUS];

#define ADD(word, n) LOCKED(mem[word] = mem[word] + n)

inline kick()
{
	i = 0;
	do
	:: i < VCPUS ->
	   LOAD(in_guest, IN_GUEST(i));
	   if
	   :: in_guest -> !irqs_off[i]	/* the IPI was taken */
	   :: else
	   fi;
	   i++
	:: else -> break
	od;
	i = 0; in_guest = 0
}

inline pay()
{
#ifdef LATE_PAID
	LOAD(owed, OWED);
	LOAD(paid, PAID);
#else
	LOAD(paid, PAID);		/* T5 */
	LOAD(owed, OWED);
#endif
	if
	:: paid >= owed
	:: else ->
#ifndef PLANT_no_t1
	   MB;				/* T1 */
	   kick();
#endif
#ifdef PLANT_started_before
	   LOAD(owed, OWED);
#endif
	   ok = false;
	   do
	   :: paid < owed && !ok -> CAS(PAID, paid, owed, ok)
	   :: else -> break
	   od
	fi
}

active [TAKERS] proctype taker()
{
	byte i, in_guest, owed, paid, gone, taking;
	bool took, ok, owing;

#if defined(PLANT_late_entry)
	LOAD(taking, TAKING);
#endif
#if !defined(PLANT_no_taking) && !defined(PLANT_late_taking)
	ADD(TAKING, 1);				/* T3 */
#endif
	CAS(SPTE, gone, 1, took);
#ifdef PLANT_late_taking
	ADD(TAKING, 1);
#endif
#ifdef PLANT_no_t1
	kick();
#endif
#ifdef PLANT_free_first
	freed = true;
#endif
#ifdef PLANT_early_drop
	ADD(TAKING, -1);
#endif
	owing = took;
	if
	:: took -> ADD(OWED, 1)
	:: else
	fi;
#if !defined(PLANT_no_taking) && !defined(PLANT_early_drop)
	ADD(TAKING, -1);			/* T3 */
#endif
	if
#ifndef PLANT_no_settled
	:: !took ->
#ifdef PLANT_early_debts
	   LOAD(paid, PAID);
	   LOAD(owed, OWED);
#endif
#ifndef PLANT_late_entry
	   LOAD(taking, TAKING);		/* T4 */
#endif
#ifndef PLANT_early_debts
	   LOAD(paid, PAID);
	   LOAD(owed, OWED);
#endif
	   owing = taking || paid < owed;
	   if
	   :: owing -> ADD(OWED, 1)
	   :: else
	   fi
#endif
	:: else
	fi;
	if
	:: owing -> pay()
	:: else
	fi;
	atomic { freed = true; owed = 0; paid = 0; gone = 0; taking = 0; took = 0; ok = 0; owing = 0 }
}

/* A debt that has nothing to do with the page, made and paid at some time. */
active [PAYERS] proctype payer()
{
	byte i, in_guest, owed, paid;
	bool ok;

	ADD(OWED, 1);
#ifdef PLANT_no_t1
	kick();
#endif
	pay();
	atomic { owed = 0; paid = 0; ok = 0 }
}

active [VCPUS] proctype vcpu()
{
	byte seen, owed;
end:
	do
	:: irqs_off[SELF] = true;
	   STORE(IN_GUEST(SELF), 1);
#ifndef PLANT_no_t2
	   MB;					/* T2 */
#endif
	   LOAD(owed, OWED);
	   if
	   :: owed != seen -> atomic { tlb[SELF] = false; seen = owed }
	   :: else
	   fi;
	   do
	   :: atomic { MB && !mem[SPTE] -> tlb[SELF] = true }
	   :: atomic { tlb[SELF] -> assert(!freed) }
	   :: break
	   od;
	   STORE(IN_GUEST(SELF), 0);
	   irqs_off[SELF] = false
	od
}
