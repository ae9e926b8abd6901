/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A reverse map's directory: a list becomes bucket 0 of one, buckets are added
 * one by one, and entries move to the new one, while a walk without a lock goes
 * from the first bucket to the last. A bucket is a set here; how its list is
 * walked is in rmap.pml.
 *
 * Shown: the walk has seen every entry; none is removed.
 * Memory: sequential; the orders that R4 and R6 keep are broken by plants.
 *
 * letters R4 R6
 *
 * holds directory
 *
 * Plants: R4: the count is raised after the entries moved
 * plant late_count
 *	R6: the count is read before the bucket
 * plant early_count
 *	the word is read once, before the walk
 * plant old_word
 *	an entry leaves the old bucket before it stands in the new one
 * plant take_first
 *	buckets are merged again
 * plant merge
 */
#define BUCKETS 4
#define ALL 15		/* entries as bits */

byte bucket[BUCKETS];
bool directory;
byte nr = 1;
byte seen;
bool ready;

#ifdef PLANT_late_count
#define RAISE(n) skip
#define MOVED(n) nr = n
#else
#define RAISE(n) nr = n	/* R4 */
#define MOVED(n) skip
#endif

inline move(e, from, to)
{
#ifdef PLANT_take_first
	bucket[from] = bucket[from] & ~(1 << e);
	bucket[to] = bucket[to] | (1 << e)
#else
	bucket[to] = bucket[to] | (1 << e);
	bucket[from] = bucket[from] & ~(1 << e)
#endif
}

/* Linear hashing of the values 3 2 1 0: what splits is bucket 0, 0, 1. */
active proctype mutator()
{
	bucket[0] = ALL;
	ready = true;
	directory = true;
	RAISE(2);
	move(0, 0, 1);
	move(2, 0, 1);
	MOVED(2);
	RAISE(3);
	move(1, 0, 2);
	MOVED(3);
	RAISE(4);
	move(0, 1, 3);
	MOVED(4);
#ifdef PLANT_merge
	move(0, 3, 1);
	nr = 3
#endif
}

active proctype walk()
{
	byte b, count;
	bool dir;

	ready;					/* it begins at some time */
	dir = directory;
	do
	:: true ->
#ifdef PLANT_early_count
	   count = (dir -> nr : 1);
#endif
	   seen = seen | bucket[b];
	   b++;
#ifndef PLANT_old_word
	   dir = directory;
#endif
#ifndef PLANT_early_count
	   count = (dir -> nr : 1);		/* R6 */
#endif
	   if
	   :: b >= count -> break
	   :: else
	   fi
	od;
	assert(seen == ALL)
}
