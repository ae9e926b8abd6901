/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMM's kernel writes guest memory on the guest's behalf, and marks the
 * page if it is not marked yet, while a harvest takes the bit and user space
 * copies the page.
 *
 * Shown: when all is quiet, a page that differs from its copy is marked.
 * Memory: TSO.
 *
 * letters G1 H1
 *
 * holds write
 *
 * Plants: the barrier between the data and the look at the bit
 * plant no_barrier
 *	the mark comes first
 * plant early_mark
 */
#define CPUS 2
#define WORDS 2
#include "tso.pml"

#define DATA 0
#define BIT 1
#define WRITES 3

byte copy;
bool idle;

active proctype writer()
{
	byte n, got;

	do
	:: n < WRITES ->
	   n++;
#ifdef PLANT_early_mark
	   LOCKED(mem[BIT] = 1);
	   STORE(DATA, n);
#else
	   STORE(DATA, n);
#ifndef PLANT_no_barrier
	   MB;				/* G1 */
#endif
	   LOAD(got, BIT);		/* what is set is not set again */
	   if
	   :: !got -> LOCKED(mem[BIT] = 1)
	   :: else
	   fi
#endif
	:: else -> break
	od;
	atomic { MB; idle = true }
}

active proctype harvester()
{
	byte got;
	bool last;
end:
	do
	:: last = idle;
	   XCHG(got, BIT, 0);		/* H1 */
	   if
	   :: got -> LOAD(copy, DATA)
	   :: else -> assert(!last || copy == mem[DATA])
	   fi
	od
}
