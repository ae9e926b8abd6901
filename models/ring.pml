/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty ring: a vCPU pushes the pages that it makes writable; USERS threads
 * harvest entries in order, under a lock of their own, call RESET and then copy
 * what they harvested. RESET collects whatever was harvested, by whomever,
 * takes W, and pays. Two pages, SIZE entries, indices modulo 2 * SIZE; the vCPU
 * does not enter the guest while the ring is full.
 *
 * Shown: while no fault is under way, a page that was written since it was last
 * copied is in the ring, or with a thread that has yet to copy it.
 * Memory: sequential; the orders that Q1 to Q4 keep are broken by plants.
 *
 * letters F3 Q1 Q2 Q3 Q4
 *
 * holds small		SIZE=1 USERS=1
 * holds one		SIZE=2 USERS=1
 * holds two		SIZE=1 USERS=2
 * holds two-wide	SIZE=2 USERS=2 ONE_PAGE
 *
 * Plants: Q1: the flag before the entry
 * plant flag_first	SIZE=2 USERS=1
 *	the flag before the count: what was harvested is not collected
 * plant count_late	SIZE=2 USERS=1
 *	Q2: the entry is read before the flag
 * plant entry_first	SIZE=2 USERS=2
 *	Q3: the entry is free before it was cleared
 * plant free_first	SIZE=1 USERS=1
 *	Q4: an entry is written though it may not be free
 * plant unasked	SIZE=1 USERS=1
 *	the page is pushed before it has W
 * plant early_push	SIZE=2 USERS=1
 *	pages are copied before the debt is paid
 * plant copy_first	SIZE=2 USERS=1
 *	a RESET that collected nothing does not pay for another one
 * plant pay_own	SIZE=2 USERS=2
 */
#define NONE 0
#define DIRTY 1
#define RESET 2

byte flags[SIZE];
byte frame[SIZE];	/* a page, as a bit: 1 or 2 */
byte dirty, reset, harvest; /* indices; harvest is user space's */
byte w, tlb;		/* what entries, and the TLB, let the vCPU write */
byte written;		/* since the last copy */
byte mine[2];		/* harvested, and not yet copied */
bool fault, user_lock, ring_lock;

#define NEXT(i) (((i) + 1) % (2 * SIZE))
#define USED ((dirty + 2 * SIZE - reset) % (2 * SIZE))
#define ENTRY(i) ((i) % SIZE)
#define WAITS(i) (flags[i] == DIRTY -> frame[i] : 0)
#define KNOWN (WAITS(0) | WAITS(SIZE - 1) | mine[0] | mine[1])

/* First in the file: their _pid is 0 and 1. */
active [USERS] proctype user()
{
	byte got, collected, p;
end:
	do
	:: assert(fault || !(written & ~KNOWN));
	   /* Harvest one, or as many as there are. */
	   atomic { !user_lock -> user_lock = true };
	   do
	   :: flags[ENTRY(harvest)] == DIRTY ->
		got = frame[ENTRY(harvest)];
		d_step {
			mine[_pid] = mine[_pid] | got;
			flags[ENTRY(harvest)] = RESET;
			harvest = NEXT(harvest);
			got = 0
		}
	   :: break
	   od;
	   user_lock = false;
	   if
	   :: !mine[_pid] -> goto next
	   :: else
	   fi;

	   /* KVM_RESET_DIRTY_RINGS */
	   atomic { !ring_lock -> ring_lock = true };
	   do
	   :: true ->
#ifdef PLANT_entry_first
		p = frame[ENTRY(reset)];
#endif
		if
		:: flags[ENTRY(reset)] != RESET -> break	/* Q2 */
		:: else
		fi;
		if
		:: reset == dirty -> break
		:: else
		fi;
#ifdef PLANT_free_first
		reset = NEXT(reset);
		p = frame[ENTRY(reset + 2 * SIZE - 1)];
		flags[ENTRY(reset + 2 * SIZE - 1)] = NONE;
#else
#ifndef PLANT_entry_first
		p = frame[ENTRY(reset)];
#endif
		flags[ENTRY(reset)] = NONE;
		reset = NEXT(reset);				/* Q3 */
#endif
		atomic { collected = collected | p; p = 0 }
	   od;
	   w = w & ~collected;
	   ring_lock = false;
#ifdef PLANT_copy_first
	   atomic { written = written & ~mine[_pid]; mine[_pid] = 0 };
#endif
#ifdef PLANT_pay_own
	   if
	   :: collected -> tlb = 0
	   :: else
	   fi;
#else
	   tlb = 0;
#endif
	   atomic { written = written & ~mine[_pid]; mine[_pid] = 0 };
next:	   atomic { collected = 0; p = 0 }
	od
}

inline push()
{
#ifdef PLANT_flag_first
	flags[ENTRY(dirty)] = DIRTY;
	frame[ENTRY(dirty)] = p;
	dirty = NEXT(dirty)
#elif defined(PLANT_count_late)
	frame[ENTRY(dirty)] = p;
	flags[ENTRY(dirty)] = DIRTY;
	dirty = NEXT(dirty)
#else
	frame[ENTRY(dirty)] = p;
	dirty = NEXT(dirty);
	flags[ENTRY(dirty + 2 * SIZE - 1)] = DIRTY	/* Q1 */
#endif
}

active proctype vcpu()
{
	byte p;
end:
	do
	:: if
	   :: p = 1
#ifndef ONE_PAGE
	   :: p = 2
#endif
	   fi;
	   if
#ifndef PLANT_unasked
	   :: USED == SIZE -> skip		/* Q4: not into the guest */
#endif
	   :: atomic {
#ifndef PLANT_unasked
		USED < SIZE &&
#endif
		((tlb | w) & p) -> tlb = tlb | p; written = written | p
	      }
	   :: atomic {
#ifndef PLANT_unasked
		USED < SIZE &&
#endif
		!((tlb | w) & p) -> fault = true
	      };
#ifdef PLANT_early_push
	      push();
	      w = w | p;
#else
	      w = w | p;			/* F2 */
	      push();				/* F3 */
#endif
	      fault = false
	   fi
	od
}
