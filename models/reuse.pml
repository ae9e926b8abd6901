/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast fix of an indirect page, whose gfn is not its place in the tree but
 * stands in an array beside the table. A shadower takes the entry away and puts
 * it in again, for another gfn that the host may have given the same frame: the
 * word is what it was.
 *
 * Shown: while no fault is under way, a gfn that an entry lets be written is
 * marked, and one that is a page table is not writable.
 * Memory: TSO. The shadower holds a lock, of which the vCPU knows nothing.
 *
 * letters F1
 *
 * holds tag		TAG
 *
 * Plants: no claim: mode mw, where it must not be used
 * plant mw
 *	the gfn is read before the claim
 * plant early_gfn	TAG
 *	it is read after the commit
 * plant late_gfn	TAG
 *	the shadower writes the entry before the gfn
 * plant gfn_last	TAG
 */
#define CPUS 2
#define WORDS 2
#include "tso.pml"

#define SPTE 0
#define GFN 1		/* of the array: 0 or 1 */

#define LEAF 1
#define W 2
#define TAG_ME 4

bool marked[2];
bool table[2];		/* write-protected as a page table: gfn 1 always is */
bool faulting;

#define WRITABLE(g) (mem[SPTE] == (LEAF | W) && mem[GFN] == g)

active proctype vcpu()
{
	byte old, claim, gfn;
	bool ok;
end:
	do
	:: LOAD(old, SPTE);
	   if
	   :: old != LEAF -> goto next
	   :: else
	   fi;
	   faulting = true;
#if defined(PLANT_early_gfn) || defined(PLANT_mw)
	   LOAD(gfn, GFN);
#endif
#ifdef PLANT_mw
	   claim = old;
#else
	   claim = old | TAG_ME;
	   CAS(SPTE, old, claim, ok);		/* F1 */
	   if
	   :: !ok -> goto next
	   :: else
	   fi;
#endif
#if !defined(PLANT_early_gfn) && !defined(PLANT_mw) && !defined(PLANT_late_gfn)
	   LOAD(gfn, GFN);
#endif
	   old = claim;
	   if
	   :: table[gfn] -> CAS(SPTE, old, LEAF, ok)
	   :: else ->
		CAS(SPTE, old, LEAF | W, ok);	/* F2 */
#ifdef PLANT_late_gfn
		LOAD(gfn, GFN);
#endif
		if
		:: ok -> marked[gfn] = true	/* F3 */
		:: else
		fi
	   fi;
next:	   atomic { faulting = false; old = 0; claim = 0; gfn = 0; ok = 0 }
	od
}

active proctype shadower()
{
	byte gfn;
	bool gone;

	table[1] = true;
end:
	do
#ifndef PLANT_gfn_last
	:: STORE(GFN, gfn);
	   MB;
#else
	:: skip;
#endif
	   /* Checks that hold whenever the fault's side is at rest. */
	   atomic {
		mem[SPTE] = LEAF;
		marked[0] = false;
		marked[1] = false
	   };
#ifdef PLANT_gfn_last
	   STORE(GFN, gfn);
	   MB;
#endif
	   atomic {
		assert(!WRITABLE(1));
		assert(faulting || !WRITABLE(0) || marked[0])
	   };
	   LOCKED(mem[SPTE] = 0);
	   gfn = 1 - gfn
	od
}
