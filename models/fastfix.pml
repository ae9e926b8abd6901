/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast fix against a party that write-protects the page because it became
 * a page table. The reason stands outside the entry, in a flag (tag), or in
 * the entry itself (pair: WP, mw: no MW). Vcpus fault for ever, the protector
 * protects, trusts the page, and gives it free again, for ever.
 *
 * Shown: while the page is trusted, the entry has no W.
 * Memory: TSO.
 *
 * letters F1 R1
 *
 * holds tag-1		TAG VCPUS=1
 * holds tag-2		TAG VCPUS=2
 * holds tag-3		TAG VCPUS=3
 * holds pair-1		PAIR VCPUS=1
 * holds pair-2		PAIR VCPUS=2
 * holds pair-3		PAIR VCPUS=3
 * holds mw-1		MW_ONLY VCPUS=1
 * holds mw-2		MW_ONLY VCPUS=2
 * holds mw-3		MW_ONLY VCPUS=3
 *
 * Plants take away: the difference of the claims of two vCPUs
 * plant const_tag	TAG VCPUS=2
 *	the barrier between the flag and the look at the entry
 * plant no_barrier	TAG VCPUS=1
 *	that a protector changes an entry which has no W
 * plant skip_ro	TAG VCPUS=1
 * plant skip_ro	PAIR VCPUS=1
 * plant skip_ro	MW_ONLY VCPUS=1
 *	the check after the claim: it is made before
 * plant early_check	TAG VCPUS=1
 *	the claim: check, then plain compare-and-exchange
 * plant no_claim	TAG VCPUS=1
 *	the stickiness of WP: pf alone tells of the protector
 * plant no_wp		PAIR VCPUS=2
 */
#define CPUS (VCPUS + 1)
#define WORDS 2
#include "tso.pml"

#define SPTE 0
#define FLAG 1 /* in the rmap's head: write-protected as a page table */

#define W 1
#define MW 2
#define PF 4
#define WP 8
#ifdef PLANT_const_tag
#define TAG_OF(cpu) 16
#else
#define TAG_OF(cpu) ((cpu + 1) * 16)
#endif
#define ANY_TAG (255 - 15)

bool trusted;

#ifdef TAG
#define CLAIMABLE(s) (!((s) & (W | ANY_TAG)))
#define CLAIMED(s) ((s) | TAG_OF(ME))
#define TAKE (W | ANY_TAG)
#define KEEPS_OUT 0
#endif
#ifdef PAIR
#define CLAIMABLE(s) (!((s) & (W | PF | WP)))
#define CLAIMED(s) ((s) | PF)
#define TAKE (W | PF)
#ifdef PLANT_no_wp
#define KEEPS_OUT 0
#else
#define KEEPS_OUT WP
#endif
#endif
#ifdef MW_ONLY
#define CLAIMABLE(s) (((s) & (W | MW)) == MW)
#define CLAIMED(s) (s)
#define TAKE (W | MW)
#define KEEPS_OUT 0
#endif

active [VCPUS] proctype vcpu()
{
	byte old, claim, flag;
	bool ok;
end:
	do
	:: LOAD(old, SPTE);
	   if
	   :: !CLAIMABLE(old) -> goto next
	   :: else
	   fi;
#if defined(PLANT_early_check) || defined(PLANT_no_claim)
	   LOAD(flag, FLAG);
#endif
#if defined(MW_ONLY) || defined(PLANT_no_claim)
	   claim = old;
#else
	   claim = CLAIMED(old);
	   CAS(SPTE, old, claim, ok);		/* F1 */
	   if
	   :: !ok -> goto next
	   :: else
	   fi;
#endif
#if defined(TAG) && !defined(PLANT_early_check) && !defined(PLANT_no_claim)
	   LOAD(flag, FLAG);
#endif
#if defined(PAIR) && defined(PLANT_no_wp)
	   LOAD(flag, FLAG);
#endif
	   if
	   :: flag ->				/* give up */
		old = claim;
		CAS(SPTE, old, claim & (W | MW), ok)
	   :: else ->
		old = claim;
		atomic {
			CAS(SPTE, old, (claim & MW) | W, ok);	/* F2 */
			assert(!(trusted && (mem[SPTE] & W)))
		}
	   fi;
next:	   atomic { old = 0; claim = 0; flag = 0; ok = 0 }
	od
}

active proctype protector()
{
	byte old;
	bool ok;
end:
	do
	:: STORE(FLAG, 1);
#ifndef PLANT_no_barrier
	   MB;
#endif
	   LOAD(old, SPTE);
	   ok = false;
	   do
	   :: !ok &&
#ifdef PLANT_skip_ro
	      (old & W) ->
#else
	      ((old & TAKE) || (old & KEEPS_OUT) != KEEPS_OUT) ->
#endif
		CAS(SPTE, old, (old & ~TAKE) | KEEPS_OUT, ok)
	   :: else -> break
	   od;
	   atomic {
		trusted = true;
		assert(!(mem[SPTE] & W))
	   };
	   trusted = false;
	   /* Free again: who faults now may have W. */
	   STORE(FLAG, 0);
#ifdef PAIR
	   LOCKED(mem[SPTE] = mem[SPTE] & ~WP);
#endif
#ifdef MW_ONLY
	   LOCKED(mem[SPTE] = mem[SPTE] | MW);
#endif
	   atomic { old = 0; ok = 0 }
	od
}
