/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A leaf under EPT is born while its page becomes a page table of a guest that
 * runs on shadow tables, or stops being one. Who brings it has no lock; who
 * protects has one that does not concern it, a flag, and no set to find the
 * leaf by: he looks at the one place where it would be.
 *
 *   birth                                protector, unprotector
 *   cmpxchg: claim               M1      flag = 1, or 0
 *   flag ? leaf with WP : leaf           smp_mb                       R1
 *   cmpxchg: the leaf            M5      leaf or claim there? mend, break
 *
 * Shown: while the page is trusted, the leaf has no W; and a leaf has WP only
 * while the flag is set, or a write takes it off.
 * Memory: TSO.
 *
 * letters M1 M5 R1
 *
 * holds one	BIRTHS=1
 * holds two	BIRTHS=2
 *	who gives the page free leaves WP to the next write
 * holds lazy		BIRTHS=2 LAZY
 *
 * Plants: the flag is read before the claim
 * plant early_flag	BIRTHS=1
 *	it is not read: WP alone is no help where there is no leaf yet
 * plant unread_flag	BIRTHS=1
 *	the protector has no barrier between the flag and the look
 * plant no_barrier	BIRTHS=1
 *	he leaves claims alone
 * plant keep_claims	BIRTHS=1
 *	he leaves alone what has no W
 * plant skip_ro	BIRTHS=1
 *	the claims of all look the same
 * plant same_claim	BIRTHS=2
 *	who gives the page free leaves claims alone: WP stays for ever
 * plant keep_births	BIRTHS=1
 */
#define CPUS (BIRTHS + 1)
#define WORDS 2
#include "tso.pml"

#define SPTE 0
#define FLAG 1

#define LEAF 1
#define W 2
#define WP 4
#ifdef PLANT_same_claim
#define CLAIM 8
#else
#define CLAIM (8 * (ME + 1))
#endif
#define CLAIMS (255 - 7)
#define IS_CLAIM(s) (!((s) & LEAF) && ((s) & CLAIMS))

bool trusted;

/* A fault: brings a leaf, or gives W to one that lacks it. */
active [BIRTHS] proctype birth()
{
	byte old, claim, flag;
	bool ok;
end:
	do
	:: LOAD(old, SPTE);
	   if
	   :: old & CLAIMS || (old & (LEAF | W)) == (LEAF | W) -> goto next
#ifndef LAZY
	   :: old & WP -> goto next
#endif
	   :: else
	   fi;
#ifdef PLANT_early_flag
	   LOAD(flag, FLAG);
#endif
	   claim = old | CLAIM;
	   CAS(SPTE, old, claim, ok);		/* M1 */
	   if
	   :: !ok -> goto next
	   :: else
	   fi;
#if !defined(PLANT_early_flag) && !defined(PLANT_unread_flag)
	   LOAD(flag, FLAG);
#endif
	   old = claim;
	   atomic {
		CAS(SPTE, old, (flag -> LEAF | WP : LEAF | W), ok);	/* M5 */
		assert(!(trusted && (mem[SPTE] & W)))
	   };
next:	   atomic { old = 0; claim = 0; flag = 0; ok = 0 }
	od
}

/* The notifier's part: leaves go at any time. */
#define ZAP LOCKED(mem[SPTE] = 0)

active proctype protector()
{
	byte old, new;
	bool ok;
end:
	do
	:: ZAP
	:: STORE(FLAG, 1);
#ifndef PLANT_no_barrier
	   MB;					/* R1 */
#endif
	   LOAD(old, SPTE);
	   ok = false;
	   do
	   :: !ok ->
		if
		:: old & LEAF -> new = (old & LEAF) | WP
#ifndef PLANT_keep_claims
		:: IS_CLAIM(old) -> new = 0
#endif
		:: else -> new = old
		fi;
		if
#ifdef PLANT_skip_ro
		:: (old & LEAF) && !(old & W) -> break
#endif
		:: else
		fi;
		if
		:: new == old -> break
		:: else -> CAS(SPTE, old, new, ok)
		fi
	   :: else -> break
	   od;
	   atomic {
		trusted = true;
		old = 0; new = 0; ok = 0;
		assert(!(mem[SPTE] & W))
	   };
	   if
	   :: ZAP
	   :: skip
	   fi;
	   trusted = false;
	   STORE(FLAG, 0);
	   MB;					/* R1 */
#ifndef LAZY
	   LOAD(old, SPTE);
	   do
	   :: !ok ->
		if
		:: old & LEAF -> new = old & ~(WP | CLAIMS)
#ifndef PLANT_keep_births
		:: IS_CLAIM(old) -> new = 0
#endif
		:: else -> new = old
		fi;
		if
		:: new == old -> break
		:: else -> CAS(SPTE, old, new, ok)
		fi
	   :: else -> break
	   od;
	   /* Whoever claims from now on sees that it is free. */
	   assert(!(mem[SPTE] & WP));
#endif
	   atomic { old = 0; new = 0; ok = 0 }
	od
}
