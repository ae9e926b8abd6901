/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Giving more rights to a leaf in place. The host shares the page (it may only
 * be read then) and makes it private again; its notifier empties the entry
 * first. Meanwhile another vCPU may bring the same read-only value back.
 *
 * Shown: once a notifier's walk is over, no entry grants more than the host
 * then does.
 * Memory: sequential; the barriers are those of populate.pml.
 *
 * letters M1 M5
 *
 * holds upgrade-2	VCPUS=2
 *
 * Plants: no claim: compare with what was seen before the pin
 * plant no_claim	VCPUS=2
 *	the claim of all vCPUs looks the same
 * plant no_id		VCPUS=2
 *	the word is not looked at again
 * plant no_recheck	VCPUS=2
 *	the notifier leaves claims alone
 * plant keep_claims	VCPUS=2
 */
#define RUNS 2

#define RO 1
#define RW 2
#define EMPTY 0
#define FREE_CLAIM 4	/* stands for no leaf */
#ifdef PLANT_no_id
#define TAG 8
#else
#define TAG (8 * (_pid + 1))
#endif
#define BARE(s) ((s) & 3)

byte spte;
byte host = RW;		/* what it grants */
byte limit = RW;	/* what an entry may, now that a walk is over */
byte bucket;		/* odd: an invalidation runs */

inline cas(old, new, ok)
{
	atomic {
		ok = (spte == old);
		if
		:: ok -> spte = new
		:: else -> old = spte
		fi;
		assert(BARE(spte) <= limit)
	}
}

active [VCPUS] proctype vcpu()
{
	byte old, claim, seq, right, want;
	bool ok;
end:
	do
	:: /* A read takes what costs nothing; a write wants all. */
	   if
	   :: want = RO
	   :: want = RW
	   fi;
	   seq = bucket;
	   right = host;			/* the pin */
	   if
	   :: right < want -> goto next
	   :: right > want -> right = want
	   :: else
	   fi;
	   old = spte;
	   if
	   :: BARE(old) >= want -> goto next
	   :: else
	   fi;
#ifdef PLANT_no_claim
	   claim = old;
	   if
	   :: seq & 1 || bucket != seq -> goto next
	   :: else
	   fi;
#else
	   claim = (BARE(old) -> BARE(old) : FREE_CLAIM) | TAG;
	   cas(old, claim, ok);			/* M1 */
	   if
	   :: !ok -> goto next
	   :: else
	   fi;
#endif
	   old = claim;
	   if
#if !defined(PLANT_no_recheck) && !defined(PLANT_no_claim)
	   :: seq & 1 || bucket != seq -> cas(old, BARE(claim), ok)
#endif
	   :: else -> cas(old, right, ok)	/* M5 */
	   fi;
next:	   atomic { old = 0; claim = 0; seq = 0; right = 0; want = 0; ok = 0 }
	od
}

active proctype notifier()
{
	byte old, n, next;
	bool ok;

	do
	:: n < RUNS ->
	   next = (host == RW -> RO : RW);
	   bucket++;
	   old = spte;
	   ok = false;
	   do
#ifdef PLANT_keep_claims
	   :: !ok && (old == RO || old == RW) -> cas(old, EMPTY, ok)
#else
	   :: !ok && old -> cas(old, EMPTY, ok)
#endif
	   :: else -> break
	   od;
	   atomic { limit = next; assert(BARE(spte) <= limit) };
	   host = next;
	   bucket++;
	   atomic { n++; old = 0; next = 0; ok = 0 }
	:: else -> break
	od
}
