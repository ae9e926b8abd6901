/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Populate by claim against the host's notifier, without a lock. VCPUs fault
 * until the page is mapped; the host takes its page away RUNS times, each time
 * for another one: begin, walk, change, end. A bucket is one word: how many
 * invalidations ended, how many run.
 *
 * Shown: once a notifier's walk is over, no entry maps the page that the host
 * then changes; and the host is told of a page's use while it is still held.
 * Memory: TSO; the host's own page table is read and changed under its locks.
 *
 * letters M1 M2 M3 M5 M6
 *
 * holds tagged-1	VCPUS=1
 * holds tagged-2	VCPUS=2
 * holds tagged-3	VCPUS=3 RUNS=1
 * holds untagged-2	VCPUS=2 UNTAGGED
 *
 * Plants: every claim looks the same
 * plant no_id		VCPUS=2
 *	id 0 is claimed without the lock
 * plant no_lock	VCPUS=2 UNTAGGED
 *	the word is not looked at again after the claim
 * plant no_recheck	VCPUS=1
 *	it is looked at before the claim
 * plant early_recheck	VCPUS=1
 *	the word tells only of invalidations that ended
 * plant ended_only	VCPUS=1
 *	the word tells only of those that run
 * plant running_only	VCPUS=1
 *	the notifier leaves claims alone
 * plant keep_claims	VCPUS=1
 *	the barrier between the word and the walk
 * plant no_barrier	VCPUS=1
 *	the order of the host's change and the word's
 * plant early_end	VCPUS=1
 *	the order of the word and the pin
 * plant late_read	VCPUS=1
 *	the page is let go before it is committed
 * plant early_unpin	VCPUS=1
 */
#ifndef RUNS
#define RUNS 2
#endif
#define CPUS (VCPUS + 1)
#define WORDS 2
#include "tso.pml"

#define SPTE 0
#define BUCKET 1

#if defined(PLANT_no_id) || defined(UNTAGGED)
#define CLAIM 32
#else
#define CLAIM (32 + ME)
#endif
#define IS_CLAIM(s) ((s) & 32)
#define LEAF(p) (16 + (p))

#define RUNNING 1
#define ENDED 16

#ifdef PLANT_ended_only
#define TELLS(word) ((word) & ~15)
#elif defined(PLANT_running_only)
#define TELLS(word) ((word) & 15)
#else
#define TELLS(word) (word)
#endif

byte page;		/* what the host maps */
bool gone[RUNS + 1];	/* a walk for that page is over */
byte refs[RUNS + 1];	/* of the host's mapping and of pins; 0: another's */
bool untagged;		/* the lock */

#define PIN(p) atomic { p = page; refs[p]++ }

active [VCPUS] proctype vcpu()
{
	byte old, claim, seq, now, p;
	bool ok;
end:
	do
	:: LOADED(SPTE) < 16 || IS_CLAIM(LOADED(SPTE)) ->
#ifdef PLANT_late_read
	   PIN(p);
	   LOAD(seq, BUCKET);
#else
	   LOAD(seq, BUCKET);			/* M6 */
	   PIN(p);
#endif
#if defined(UNTAGGED) && !defined(PLANT_no_lock)
	   atomic { !untagged && MB -> untagged = true };
#endif
#ifdef PLANT_early_recheck
	   LOAD(now, BUCKET);
#endif
	   claim = CLAIM;
	   old = 0;
	   CAS(SPTE, old, claim, ok);		/* M1 */
	   if
	   :: !ok -> goto out
	   :: else
	   fi;
#ifndef PLANT_early_recheck
	   LOAD(now, BUCKET);
#endif
	   old = claim;
	   if
#ifndef PLANT_no_recheck
	   :: TELLS(seq) & 15 || TELLS(seq) != TELLS(now) ->
		CAS(SPTE, old, 0, ok)
#endif
	   :: else ->
#ifdef PLANT_early_unpin
		refs[p]--;
#endif
		atomic {
			CAS(SPTE, old, LEAF(p), ok);	/* M5 */
			assert(!ok || !gone[p])
		};
		/* The host hears that the page is used, and is written. */
		assert(!ok || refs[p]);
#ifdef PLANT_early_unpin
		refs[p]++
#endif
	   fi;
out:
#if defined(UNTAGGED) && !defined(PLANT_no_lock)
	   atomic { MB -> untagged = false };
#endif
	   atomic {
		refs[p]--;
		old = 0; claim = 0; seq = 0; now = 0; p = 0; ok = 0
	   }
	od
}

/* The host's page is another one; only its own reference is dropped. */
inline change()
{
	atomic { MB; refs[page]--; page++; refs[page]++ }
}

active proctype notifier()
{
	byte old, n;
	bool ok;

	refs[0]++;
	do
	:: n < RUNS ->
#ifdef PLANT_no_barrier
	   LOAD(old, BUCKET);
	   STORE(BUCKET, old + RUNNING);
#else
	   LOCKED(mem[BUCKET] = mem[BUCKET] + RUNNING);	/* M2 */
#endif
	   LOAD(old, SPTE);
	   do
#ifdef PLANT_keep_claims
	   :: old != 0 && !IS_CLAIM(old) ->
#else
	   :: old != 0 ->
#endif
		CAS(SPTE, old, 0, ok);
		if
		:: ok -> break
		:: else
		fi
	   :: else -> break
	   od;
	   atomic {
		gone[page] = true;
		assert(mem[SPTE] != LEAF(page))
	   };
#ifdef PLANT_early_end
	   LOCKED(mem[BUCKET] = mem[BUCKET] + ENDED - RUNNING);
	   change();
#else
	   change();
	   LOCKED(mem[BUCKET] = mem[BUCKET] + ENDED - RUNNING);	/* M3 */
#endif
	   atomic { n++; old = 0; ok = 0 }
	:: else -> break
	od
}
