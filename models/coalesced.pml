/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring of coalesced writes: vCPUs put entries in under a lock, user space
 * takes them out without one. One entry is always free, so that a ring that is
 * full is none that is empty.
 *
 * Shown: every write that the ring took comes out once, whole and in order.
 * Memory: sequential; x86 keeps these orders by itself, so plants turn them
 * round.
 *
 * letters D12 D13
 *
 * holds ring
 * holds bigger		SIZE=4 WRITES=6
 *
 * Plants: an entry counts before it is whole (D12)
 * plant early_count
 *	it is written, and counts, before there is room (D13)
 * plant late_look
 *	vCPUs do not exclude each other
 * plant no_lock
 */
#ifndef SIZE
#define SIZE 3
#endif
#ifndef WRITES
#define WRITES 4
#endif
#define NEXT(i) (((i) + 1) % SIZE)

byte entry[SIZE];
byte first, last;
byte written;		/* the latest that the ring took */
bool locked;

inline lock()
{
#ifdef PLANT_no_lock
	skip
#else
	atomic { !locked -> locked = true }
#endif
}

inline unlock()
{
	locked = false
}

active [2] proctype vcpu()
{
	byte at, now, mine;

	do
	:: true ->
	   lock();
	   if
	   :: written >= WRITES -> unlock(); break
	   :: else
	   fi;
	   at = last;
	   now = first;				/* D13 */
	   if
#ifndef PLANT_late_look
	   :: NEXT(at) == now -> skip		/* full */
#endif
	   :: else ->
	      mine = written + 1;
#ifdef PLANT_early_count
	      last = NEXT(at);			/* D12 */
	      entry[at] = mine;
#else
	      entry[at] = mine;
	      last = NEXT(at);			/* D12 */
#endif
	      written = mine
	   fi;
	   unlock()
	od
}

active proctype user()
{
	byte at, what, read;

	do
	:: first != last ->
	   at = first;
	   what = entry[at];
	   first = NEXT(at);
	   read++;
	   assert(what == read)
	:: first == last && written >= WRITES && !locked ->
	   assert(read == WRITES);
	   break
	od
}
