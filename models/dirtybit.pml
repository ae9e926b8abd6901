/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty log by the CPU's D flag. A clean leaf has W and no D; the CPU sets
 * D when it writes through a TLB entry that does not know D yet. PML: it also
 * puts the page into the vCPU's log, which is drained at each exit, before
 * in_guest falls. DBIT: nobody hears of it, so a harvest looks at the leaf. A
 * notifier empties the leaf now and then; a write fault brings it back.
 *
 * Shown: while nobody is in the midst of something, a page that was written
 * since it was last copied has its bit, or D (DBIT), or stands in a log (PML);
 * and what was written before a harvest began is in it.
 * Memory: sequential.
 *
 * letters F3 H1 H2 H4 H5 H6 L1 M5
 *
 * holds dbit-1		DBIT VCPUS=1
 * holds dbit-2		DBIT VCPUS=2
 * holds pml-1		PML VCPUS=1
 * holds pml-2		PML VCPUS=2
 *
 * Plants: the page is copied before the debt is paid
 * plant copy_before_flush	DBIT VCPUS=1
 * plant copy_before_flush	PML VCPUS=1
 *	who found the bit, but not D, does not owe
 * plant owe_if_d	PML VCPUS=1
 *	D stays
 * plant keep_d		PML VCPUS=1
 *	D is looked for after the bits were taken
 * plant word_first	DBIT VCPUS=1
 *	the notifier marks after the leaf is gone
 * plant late_save	DBIT VCPUS=1
 *	it empties the leaf without comparing
 * plant blind_zap	DBIT VCPUS=1
 *	it marks, but leaves W: D is harvested and set again, and looks the same
 * plant same_again	DBIT VCPUS=1
 *	it does not mark at all
 * plant no_save	DBIT VCPUS=1
 *	the log is drained after in_guest fell
 * plant late_drain	PML VCPUS=1
 *	the harvest does not make vCPUs drain
 * plant no_sync	PML VCPUS=1
 *	a fault installs D and does not mark
 * plant unmarked	PML VCPUS=1
 */
#define EMPTY 0
#define LEAF 1
#define D 2
#define W 4
#define NOT_IN 0	/* what a TLB knows */
#define CLEAN 1
#define DIRTY 2

byte spte;
bool bitmap;
byte tlb[VCPUS];
bool logged[VCPUS];	/* in the vCPU's log */
bool in_guest[VCPUS];
bool written;		/* since the last copy */
byte busy;		/* vCPUs and notifiers in the midst of something */

#ifdef PML
#define LOGGED (logged[0] || logged[VCPUS - 1])
#define SAFE (bitmap || LOGGED)
#else
#define SAFE (bitmap || (spte & D))
#endif

inline drain()
{
	if
	:: logged[_pid] -> bitmap = true; logged[_pid] = false
	:: else
	fi
}

active [VCPUS] proctype vcpu()
{
end:
	do
	:: in_guest[_pid] = true;
	   do
	   :: atomic { spte && tlb[_pid] == NOT_IN ->	/* reads */
		tlb[_pid] = ((spte & D) -> DIRTY : CLEAN)
	      }
	   :: atomic { tlb[_pid] == DIRTY -> written = true }
	   :: atomic { (spte & W) && tlb[_pid] != DIRTY ->	/* writes */
#ifdef PML
		logged[_pid] = logged[_pid] || !(spte & D);
#endif
		spte = spte | D;
		tlb[_pid] = DIRTY;
		written = true
	      }
	   :: break
	   od;
#ifdef PLANT_late_drain
	   in_guest[_pid] = false;
	   drain();
#else
#ifdef PML
	   drain();			/* L1 */
#endif
	   in_guest[_pid] = false;
#endif
	   if
	   :: atomic { !(spte & W) && !tlb[_pid] -> busy++ };
	      /* A write fault: W, D and the mark. */
	      if
	      :: atomic { !(spte & W) -> spte = LEAF | W | D };	/* M5, F2 */
#ifndef PLANT_unmarked
		 bitmap = true;			/* F3 */
#endif
		 skip
	      :: else
	      fi;
	      busy--
	   :: true
	   fi
	od
}

/* INVEPT everywhere; who is in the guest leaves it first. */
inline pay()
{
	i = 0;
	do
	:: i < VCPUS -> atomic { tlb[i] = NOT_IN; i++ }
	:: else -> break
	od;
	i = 0
}

/* um_host_log_sync(): whoever is in the guest comes out and drains. */
inline sync()
{
	i = 0;
	do
	:: i < VCPUS -> !in_guest[i]; i++
	:: else -> break
	od;
	i = 0
}

inline take_d()
{
	if
	:: atomic { spte & D -> spte = LEAF | W; took = true }
	:: else
	fi
}

active proctype harvester()
{
	byte i;
	bool took, got, before;
end:
	do
	:: atomic { assert(busy || !written || SAFE); before = written && !busy };
#if defined(PML) && !defined(PLANT_no_sync)
	   sync();
#endif
#if defined(DBIT) && !defined(PLANT_word_first)
	   take_d();				/* H5 */
#endif
	   atomic { got = bitmap; bitmap = false };	/* H1 */
#if defined(DBIT) && defined(PLANT_word_first)
	   take_d();
#endif
#ifndef PLANT_keep_d
	   if
	   :: got -> take_d()				/* H2 */
	   :: else
	   fi;
#endif
	   assert(!before || got || took);
	   if
#ifdef PLANT_copy_before_flush
	   :: got || took -> written = false; pay()
#elif defined(PLANT_owe_if_d)
	   :: took -> pay(); written = false		/* H4 */
	   :: got && !took -> written = false
#else
	   :: got || took -> pay(); written = false	/* H4 */
#endif
	   :: else
	   fi;
	   atomic { took = 0; got = 0; before = 0 }
	od
}

inline cas(from, to)
{
	atomic {
		ok = (spte == from);
		if
		:: ok -> spte = to
		:: else -> from = spte
		fi
	}
}

active proctype notifier()
{
	byte i, old;
	bool ok;
end:
	do
	:: atomic { spte -> busy++; old = spte };
	   ok = false;
	   do
	   :: !ok && old ->
#if defined(DBIT) && !defined(PLANT_no_save) && !defined(PLANT_late_save)
#ifndef PLANT_same_again
		/* Without W nobody sets D once more behind the mark. */
		if
		:: (old & D) && (old & W) ->
		   cas(old, old & ~W);
		   if
		   :: ok -> old = old & ~W
		   :: else
		   fi;
		   ok = false
		:: else
		fi;
#endif
		if
		:: old & D -> bitmap = true		/* H6 */
		:: else
		fi;
#endif
#ifdef PLANT_blind_zap
		atomic { spte = EMPTY; ok = true }
#else
		cas(old, EMPTY)
#endif
	   :: else -> break
	   od;
#ifdef PLANT_late_save
	   if
	   :: old & D -> bitmap = true
	   :: else
	   fi;
#endif
	   pay();
	   atomic { busy--; old = 0; ok = 0 }
	od
}
