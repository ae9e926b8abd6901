/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's leaf table that goes out of sync and is brought in step again. It
 * has one entry, of which the shadow has a copy that the CPU uses. vCPUs write
 * the table: through an entry with W, through what their TLB remembers of one,
 * or through the emulator; and they use it, and flush. A flush clears no TLB by
 * itself: that is what debts are for. With ZAPS, the page is taken out now and
 * then (the table is free to be written) and made anew by a fault.
 *
 * Shown: a translation that a vCPU uses was in memory at its last flush, or
 * since; also while a write is being emulated, which is in memory before the
 * shadow hears of it: a flush then does what the emulator is about to do.
 * Memory: sequential; where two accesses could change places, a plant has them
 * so.
 *
 * letters R1 T3 T4 U1 U2 U3 U4 U5 U6 U7
 *
 * holds two		VCPUS=2
 * holds two_zaps	VCPUS=2 ZAPS
 * holds three		VCPUS=3 WRITERS=1 NO_EMULATION
 * holds three_roles	VCPUS=3 ROLES
 *
 * Plants: it is marked out of sync after W is given
 * plant mark_late	VCPUS=2
 *	it counts as in sync before its entries are mended
 * plant count_early	VCPUS=2
 *	a sync reads the table before it protects it
 * plant read_first	VCPUS=2
 *	who protects it does not pay: TLBs still let the table be written
 * plant protect_unpaid	VCPUS=2
 * plant protect_unpaid	VCPUS=2 ZAPS NO_UNSYNC
 *	it does not owe for what it mended
 * plant mend_unowed	VCPUS=2
 *	a fault does not read the guest's entry again under the lock
 * plant no_reread	VCPUS=2
 *	the emulator looks whether anybody must hear of it before it writes
 * plant early_look	VCPUS=2
 *	it drops what it changed, and does not owe
 * plant drop_unowed	VCPUS=2
 *	a flush does not ask who is about to owe for what it finds emptied
 * plant no_taking	VCPUS=2 ZAPS NO_EMULATION
 * plant no_taking	VCPUS=2 NO_UNSYNC
 *	a flush does not hear of a write that is being emulated
 * plant unheard	VCPUS=2
 *	it looks whether there is one before the exit that it is made in
 * plant early_ask	VCPUS=2
 *	or after it has found no page out of sync
 * plant late_ask	VCPUS=3 ROLES
 *	the number of such writes rises after the write
 * plant late_begin	VCPUS=2
 *	or falls before the shadow has heard of it
 * plant early_end	VCPUS=2
 */
#define OUT 1		/* values of the guest's entry, as bits of a set */
#define IN 2
#define OTHER(v) (3 - (v))
#define EMPTY 0

byte gpte = OUT;
byte entry;		/* of the shadow: EMPTY, or what it was made from */
bool w;			/* the table's frame is mapped with W */
bool flag = true;	/* it is protected */
bool unsync;		/* the number of pages out of sync, one at most */
bool there = true;	/* it is shadowed at all */
byte taking;		/* parties that took something and may not owe yet */
bool locked;
byte writing;		/* emulated writes under way */
byte tlb[VCPUS];	/* the translation */
bool tlb_w[VCPUS];	/* the table may be written */
bool owed[VCPUS];	/* to be flushed before it enters the guest */
byte held[VCPUS];	/* values in memory since its last flush */

#ifndef WRITERS
#define WRITERS VCPUS
#endif
#ifdef ROLES	/* one for each, so that three are few enough */
#define EMULATES (_pid == 0)
#define WRITES (_pid == 1)
#define USES (_pid == 2)
#else
#define EMULATES (_pid < WRITERS)
#define WRITES (_pid < WRITERS)
#define USES true
#endif

#define LOCK atomic { !locked -> locked = true }
#define UNLOCK locked = false

inline write(v)
{
	atomic {
		gpte = v;
		i = 0;
		do
		:: i < VCPUS -> held[i] = held[i] | gpte; i++
		:: else -> break
		od;
		i = 0
	}
}

inline owe()
{
	atomic {
		do
		:: i < VCPUS -> owed[i] = true; i++
		:: else -> break
		od;
		i = 0
	}
}

/* Those outside the guest flush when they enter it: it is all the same here. */
inline pay()
{
	atomic {
		do
		:: i < VCPUS ->
			tlb[i] = EMPTY;
			tlb_w[i] = false;
			owed[i] = false;
			i++
		:: else -> break
		od;
		i = 0
	}
}

inline enter()
{
	atomic {
		if
		:: owed[_pid] ->
			tlb[_pid] = EMPTY;
			tlb_w[_pid] = false;
			owed[_pid] = false
		:: else
		fi
	}
}

/* With the lock. */
inline mend()
{
	if
	:: entry != EMPTY && entry != v ->
		entry = EMPTY;
#ifndef PLANT_mend_unowed
		owe()
#endif
	:: else
	fi
}

inline protect()
{
	flag = true;				/* R1 */
	w = false;
#ifndef PLANT_protect_unpaid
	pay();
#else
	owe();
#endif
}

inline sync()
{
#ifdef PLANT_read_first
	v = gpte;
#endif
#ifdef PLANT_count_early
	unsync = false;
#endif
	protect();
#ifndef PLANT_read_first
	v = gpte;				/* U3 */
#endif
	mend();
	unsync = false
}

/* Not protected any more: whoever faults gets W. */
inline go_unsync()
{
#ifdef PLANT_mark_late
	flag = false;
	w = true;
	unsync = true
#else
	unsync = true;				/* U1 */
	flag = false;
	w = true
#endif
}

#ifndef NO_EMULATION
/* Drop what came from the entry. Who finds it dropped asks for taking. */
inline hear()
{
	taking++;				/* T3 */
	LOCK;
	drops = entry != EMPTY;
	entry = EMPTY;
	UNLOCK;
#ifndef PLANT_drop_unowed
	if
	:: drops -> owe()
	:: else
	fi;
#endif
	drops = false;
	taking--				/* T3 */
}

inline emulate()
{
#ifndef PLANT_late_begin
	writing++;				/* U6 */
#endif
#ifdef PLANT_early_look
	hears = flag;
	write(OTHER(gpte));
#else
	write(OTHER(gpte));
#ifdef PLANT_late_begin
	writing++;
#endif
#ifdef PLANT_early_end
	writing--;
#endif
	hears = flag;				/* U5 */
#endif
	if
	:: hears -> hear()
	:: else
	fi;
#ifndef PLANT_early_end
	writing--				/* U6 */
#endif
}

#endif

/* By a flush. */
inline ask()
{
#ifndef NO_EMULATION
	if
	:: writing -> hear()
	:: else
	fi
#else
	skip
#endif
}

active [VCPUS] proctype vcpu()
{
	byte v, i;
	bool hears, drops;

	held[_pid] = OUT | IN;
end:
	do
	/* The guest writes its table. */
	:: atomic { WRITES && (w || tlb_w[_pid]) -> tlb_w[_pid] = true; write(OTHER(gpte)) }
	:: (WRITES || EMULATES) && !w && !tlb_w[_pid] ->
	   LOCK;
	   if
#ifndef NO_UNSYNC
	   :: WRITES && flag && !unsync -> go_unsync()
#endif
#ifndef NO_EMULATION
	   :: EMULATES && flag -> UNLOCK; emulate(); goto back
#endif
	   :: !flag -> w = true
	   :: else
	   fi;
	   UNLOCK;
	   goto back
	/* It uses it. */
	:: atomic { USES && (tlb[_pid] || entry) ->
		if
		:: !tlb[_pid] -> tlb[_pid] = entry
		:: else
		fi;
		assert(tlb[_pid] & held[_pid])
	   }
	:: USES && !tlb[_pid] && !entry ->
	   v = gpte;
	   LOCK;
#ifdef ZAPS
	   if
	   :: !there -> protect(); there = true
	   :: else
	   fi;
#endif
	   if
#ifdef PLANT_no_reread
	   :: entry == EMPTY -> entry = v
#else
	   :: entry == EMPTY && gpte == v -> entry = v	/* U4 */
#endif
	   :: else
	   fi;
	   UNLOCK;
	   goto back
	/* It flushes: everything, or this address, or all of a loose page. */
#ifdef PLANT_early_ask
	:: USES -> hears = writing;
	   held[_pid] = gpte;
	   if
	   :: hears -> hear()
	   :: else
	   fi;
#else
	:: USES -> held[_pid] = gpte;
#if !defined(PLANT_unheard) && !defined(PLANT_late_ask)
	   ask();				/* U7 */
#endif
#endif
	   if
	   :: unsync ->				/* U2 */
		LOCK;
		if
		:: unsync -> sync()
		:: unsync -> v = gpte; mend()
		:: !unsync
		fi;
		UNLOCK
	   :: else
	   fi;
#ifdef PLANT_late_ask
	   ask();
#endif
#if (defined(ZAPS) || !defined(NO_EMULATION)) && !defined(PLANT_no_taking)
	   if
	   :: taking -> owe()			/* T4 */
	   :: else
	   fi;
#endif
back:	   enter();
	   atomic { v = 0; hears = false }
	od
}

#ifdef ZAPS
active proctype zapper()
{
	byte i;
end:
	do
	:: there ->
	   taking++;				/* T3 */
	   LOCK;
	   entry = EMPTY;
	   unsync = false;
	   flag = false;
	   w = true;
	   there = false;
	   UNLOCK;
	   owe();
	   taking--				/* T3 */
	od
}
#endif
