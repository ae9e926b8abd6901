/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty log by write protection: vCPUs write one page and fault, in the
 * modes of the fast path; a harvester goes round after round; a taker (aging,
 * an unmap, a split) takes W too, and is late to pay. Each vCPU has a TLB.
 *
 * Shown: while nobody is in the midst of something, a page that was written
 * since it was last copied has its bit.
 * Memory: sequential, as all that matters is a locked operation or a test
 * after one.
 *
 * letters F2 F3 H1 H2 H3 H4 M5
 *
 * holds tag-1		TAG VCPUS=1
 * holds tag-2		TAG VCPUS=2
 * holds tag-3		TAG VCPUS=3 NO_TAKER
 * holds mw-2		MW_ONLY VCPUS=2
 * holds mw-3		MW_ONLY VCPUS=3 NO_TAKER
 *
 * Plants: the bit is set before W
 * plant early_mark	TAG VCPUS=1
 * plant early_mark	MW_ONLY VCPUS=1
 *	the bit is looked at before W, and set after it if it was not there
 * plant early_test	MW_ONLY VCPUS=1
 *	W is taken before the bit
 * plant protect_first	TAG VCPUS=1
 * plant protect_first	MW_ONLY VCPUS=1
 *	the page is copied before the debt is paid
 * plant copy_before_flush	TAG VCPUS=1
 *	only who found W owes
 * plant owe_if_w	TAG VCPUS=1
 *	a harvester leaves what it finds in the word to others: nobody protects
 * plant no_protect	TAG VCPUS=1
 */
#define W 1
#define MW 2
#define TAG_OF(cpu) (((cpu) + 1) * 4)
#define RIGHTS (W | MW)

byte spte = MW;
bool bitmap;
bool tlb[VCPUS]; /* grants W */
bool written;	 /* since the last copy */
byte faults;	 /* vCPUs that handle one */

inline cas(old, new, ok)
{
	atomic {
		ok = (spte == old);
		if
		:: ok -> spte = new
		:: else -> old = spte
		fi
	}
}

inline mark()
{
	seen = bitmap;
	if
	:: !seen -> bitmap = true
	:: else
	fi
}

/* INVEPT on every vCPU, one after the other. */
inline pay()
{
	i = 0;
	do
	:: i < VCPUS -> tlb[i] = false; i++
	:: else -> break
	od;
	i = 0
}

active [VCPUS] proctype vcpu()
{
	byte old, claim;
	bool ok, seen;
end:
	do
	:: atomic { tlb[_pid] || (spte & W) -> tlb[_pid] = true; written = true }
	:: atomic { !tlb[_pid] && !(spte & W) -> faults++ };
	   old = spte;
	   if
	   :: old & W || old & ~RIGHTS -> goto out
	   :: else
	   fi;
#ifdef PLANT_early_mark
	   mark();
#endif
#ifdef TAG
	   claim = old | TAG_OF(_pid);
	   cas(old, claim, ok);			/* F1 */
	   if
	   :: !ok -> goto out
	   :: else
	   fi;
#else
	   claim = old;
#endif
#ifdef PLANT_early_test
	   seen = bitmap;
#endif
	   cas(claim, MW | W, ok);		/* F2, M5 */
	   if
	   :: !ok -> goto out
	   :: else
	   fi;
#ifdef PLANT_early_test
	   if
	   :: !seen -> bitmap = true
	   :: else
	   fi;
#elif !defined(PLANT_early_mark)
	   mark();				/* F3 */
#endif
out:	   atomic { faults--; old = 0; claim = 0; ok = 0; seen = 0 }
	od
}

inline protect()
{
	old = spte;
	took = false;
	do
	:: !took && (old & ~MW) -> cas(old, MW, took)
	:: else -> break
	od
}

active proctype harvester()
{
	byte old, i;
	bool took, got;
end:
	do
	:: atomic {
		assert(faults || !written || bitmap);
#ifdef PLANT_protect_first
	   };
	   protect();
	   atomic {
#endif
		got = bitmap;
		bitmap = false			/* H1 */
	   };
	   if
	   :: got ->
#if !defined(PLANT_protect_first) && !defined(PLANT_no_protect)
		protect();			/* H2 */
#endif
#ifdef PLANT_copy_before_flush
		written = false;
		pay()
#else
#ifdef PLANT_owe_if_w
		if
		:: took -> pay()
		:: else
		fi;
#else
		pay();				/* H3, H4 */
#endif
		written = false			/* the caller copies */
#endif
	   :: else
	   fi;
	   atomic { old = 0; took = 0; got = 0 }
	od
}

#ifndef NO_TAKER
active proctype taker()
{
	byte old, i;
	bool took;
end:
	do
	:: spte & W ->
	   protect();
	   pay();
	   atomic { old = 0; took = 0 }
	od
}
#endif
