/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The list of a reverse map: descriptors of two slots, changed under a lock
 * while a walk without one goes through. A mutator removes and adds OPS times,
 * in list A and in list B, whatever it likes; what it frees is reused at once.
 *
 * Shown: what was in A when the walk began, and was never taken out, has been
 * seen when the walk ends.
 * Memory: sequential; the orders that R2, R3 and R5 keep are broken by plants.
 *
 * letters R2 R3 R5
 *
 * holds list		OPS=4
 *	the link may as well be read before the slots; high slots before low is
 *	what counts of R5
 * holds link_first	OPS=4 LINK_FIRST
 *
 * Plants: the walk goes from low slots to high ones
 * plant bottom_up	OPS=2
 *	a hole is filled from the tail
 * plant tail_fill	OPS=2
 *	the end of a list has no name, so nobody begins again
 * plant no_nulls	OPS=3
 *	R3: the slot is cleared before the hole is filled
 * plant clear_first	OPS=2
 *	R2: the word leads to a descriptor that is not linked on yet
 * plant word_first	OPS=2
 *	a list becomes a single entry again
 * plant shrink		OPS=4
 */
#define DESCS 4
#define SLOTS 2
#define ENTRIES 6
#define NONE 255

/* A word: empty, ONE(entry), or a descriptor. A link: one, or NULLS(list). */
#define EMPTY 64
#define ONE(e) (32 + (e))
#define IS_ONE(w) ((w) >= 32 && (w) < EMPTY)
#define NULLS(list) (16 + (list))
#define IS_NULLS(l) ((l) >= 16)
#define A 0
#define B 1

byte word[2];
byte slot[DESCS * SLOTS];
byte link[DESCS];
byte used[DESCS];
byte owner[ENTRIES + 1];	/* list + 1, or 0 */
bool constant[ENTRIES + 1];	/* in A since the walk began */
bool seen[ENTRIES + 1];
bool walking;

#define AT(d, i) slot[(d) * SLOTS + (i)]

inline set_up()
{
	d_step {
		/* A: [3 -] -> [1 2]; B: [4 -]; free: 3 */
		AT(0, 0) = 1; AT(0, 1) = 2; used[0] = 2; link[0] = NULLS(A);
		AT(1, 0) = 3; used[1] = 1; link[1] = 0;
		AT(2, 0) = 4; used[2] = 1; link[2] = NULLS(B);
		link[3] = NULLS(A);	/* it was A's once */
		word[A] = 1; word[B] = 2;
		owner[1] = A + 1; owner[2] = A + 1; owner[3] = A + 1;
		owner[4] = B + 1
	}
}

/* A free descriptor; used[] tells under the lock. Else NONE. */
inline get(d)
{
	d_step {
		d = 0;
		do
		:: d < DESCS && used[d] -> d++
		:: else -> break
		od;
		if
		:: d == DESCS -> d = NONE
		:: else
		fi
	}
}

inline add(l, e)
{
	head = word[l];
	if
	:: head == EMPTY -> word[l] = ONE(e)
	:: head != EMPTY && !IS_ONE(head) && used[head] < SLOTS ->
	   atomic { AT(head, used[head]) = e; used[head]++ }
	:: else ->
	   get(d);
	   if
	   :: d == NONE -> goto next	/* cannot be now */
	   :: else
	   fi;
#ifdef PLANT_word_first
	   word[l] = d;
#endif
	   if
	   :: IS_ONE(head) -> link[d] = NULLS(l)
	   :: else -> link[d] = head
	   fi;
	   if
	   :: IS_ONE(head) -> atomic { AT(d, 0) = head - 32; used[d] = 1 }
	   :: else
	   fi;
	   atomic { AT(d, used[d]) = e; used[d]++ };
#ifndef PLANT_word_first
	   word[l] = d				/* R2 */
#endif
	fi;
	owner[e] = l + 1
}

/* Where @e is: descriptor d, index i. */
inline find(l, e)
{
	d_step {
		d = word[l];
		i = 0;
		do
		:: AT(d, i) == e && i < used[d] -> break
		:: else ->
		   if
		   :: i + 1 < used[d] -> i++
		   :: else -> d = link[d]; i = 0
		   fi
		od
	}
}

inline tail(l, d)
{
	d_step {
		d = word[l];
		do
		:: IS_NULLS(link[d]) -> break
		:: else -> prev = d; d = link[d]
		od
	}
}

/* The last entry leaves its place; an empty descriptor leaves the list. */
inline drop(l)
{
	used[from]--;
	if
	:: used[from] -> skip
	:: from == word[l] && !used[from] ->
	   word[l] = (IS_NULLS(link[from]) -> EMPTY : link[from])
	:: else -> link[prev] = link[from]	/* tail_fill only */
	fi
}

inline remove(l, e)
{
	d_step { owner[e] = 0; constant[e] = false; head = word[l] };
	if
	:: IS_ONE(head) -> word[l] = EMPTY
	:: else ->
	   find(l, e);
#ifdef PLANT_tail_fill
	   tail(l, from);
#else
	   from = head;
#endif
	   last = used[from] - 1;
	   moved = AT(from, last);
#ifdef PLANT_clear_first
	   AT(from, last) = 0;
#endif
	   if
	   :: d != from || i != last -> AT(d, i) = moved
	   :: else
	   fi;
	   AT(from, last) = 0;			/* R3 */
	   drop(l);
#ifdef PLANT_shrink
	   head = word[l];
	   if
	   :: head != EMPTY && IS_NULLS(link[head]) && used[head] == 1 ->
		word[l] = ONE(AT(head, 0));
		AT(head, 0) = 0;
		used[head] = 0
	   :: else
	   fi
#endif
	fi
}

active proctype mutator()
{
	byte n, l, e, d, i, head, from, last, moved, prev;

	set_up();
	walking = true;
	do
	:: n < OPS ->
	   if
	   :: l = A
	   :: l = B
	   fi;
	   e = 1;
	   do
	   :: e < ENTRIES -> e++
	   :: break
	   od;
	   if
	   :: owner[e] == l + 1 -> remove(l, e)
	   :: !owner[e] -> add(l, e)
	   :: else
	   fi;
next:	   skip;
	   d_step {
		n++;
		l = 0; e = 0; d = 0; i = 0; head = 0; from = 0; last = 0;
		moved = 0; prev = 0
	   }
	:: else -> break
	od
}

active proctype walk()
{
	byte d, i, l, n;

	atomic {
		walking ->
		n = 1;
		do
		:: n <= ENTRIES -> constant[n] = (owner[n] == A + 1); n++
		:: else -> break
		od;
		n = 0
	};
again:
	d = word[A];
	if
	:: d == EMPTY -> goto over
	:: IS_ONE(d) -> atomic { seen[d - 32] = true; goto over }
	:: else
	fi;
more:
#ifdef LINK_FIRST
	l = link[d];
#endif
#ifdef PLANT_bottom_up
	i = 0;
	do
	:: i < SLOTS -> atomic { seen[AT(d, i)] = true; i++ }
	:: else -> break
	od;
#else
	i = SLOTS;
	do
	:: i > 0 -> atomic { i--; seen[AT(d, i)] = true }	/* R5 */
	:: else -> break
	od;
#endif
#ifndef LINK_FIRST
	l = link[d];
#endif
	if
	:: !IS_NULLS(l) -> d = l; goto more
#ifdef PLANT_no_nulls
	:: else
#else
	:: IS_NULLS(l) && l != NULLS(A) -> goto again
	:: else
#endif
	fi;
over:	atomic {
		n = 1;
		do
		:: n <= ENTRIES -> assert(!constant[n] || seen[n]); n++
		:: else -> break
		od
	}
}
