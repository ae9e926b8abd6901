/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shadow table that is taken out is soon another one, for another address or
 * of another level, and not after a grace period: it stays a table. Who stands
 * in it without a lock, to fix a fault (fixer) or to take W (harvester), then
 * looks at what he was not looking for: where a leaf was is perhaps a pointer
 * to a table, even to the frame that the leaf mapped. And a CPU may remember
 * where the table was (its paging-structure caches), until it is flushed.
 *
 * Shown: no pointer to a table is changed by those two (without W the subtree
 * would be write-protected, and no fault would ever give it back); nothing of an
 * old table comes back to life; what a CPU finds in the table is meant for
 * the address at which it looks.
 * Memory: sequential.
 *
 * letters S4
 *
 * holds leaf
 *
 * Plants: the entry does not tell that it is a leaf; the table does, when the
 *	walk comes to it
 * plant no_level
 *	the table is asked again just before the exchange
 * plant late_role
 *	the entry is stored, and not exchanged
 * plant plain_store
 *	the table is used again before the debt on it is paid
 * plant reuse_unpaid
 */
#define W 1
#define LEAF 2
#define CLAIM 4		/* the fixer's; there is one */
#define FRAME(f) (8 * ((f) + 1))
#define EMPTY 0

/* What stands in an entry beside W and the frame. */
#if defined(PLANT_no_level) || defined(PLANT_late_role)
#define SAYS_LEAF 0
#else
#define SAYS_LEAF LEAF
#endif

byte entry;	/* one entry of a table that is recycled for ever */
bool leaves;	/* the table's role: of leaves, or of pointers */
byte pointer;	/* what the entry is then, whatever others make of it */
byte place;	/* what it is now for: address and role, not 0 */
bool linked;	/* the CPU is led here */
byte cached;	/* for which place a CPU remembers to have been led here, or 0 */

inline cas(old, new, ok)
{
	atomic {
		ok = (entry == old);
		if
		:: ok -> entry = new
		:: else
		fi
	}
}

/* With the lock: makes a table of it, links it; takes it out again. */
active proctype owner()
{
	byte frame;
end:
	do
	:: atomic {
		if
		:: frame = 0
		:: frame = 1
		fi;
		/* An address, and a role. */
		if
		:: leaves = true; place = 1
		:: leaves = true; place = 2
		:: leaves = false; place = 3
		fi
	   };
	   assert(entry == EMPTY);
	   atomic {
		if
		:: leaves -> pointer = EMPTY; entry = FRAME(frame) | SAYS_LEAF
		:: leaves -> pointer = EMPTY; entry = FRAME(frame) | W | SAYS_LEAF
		:: !leaves -> pointer = FRAME(frame) | W; entry = pointer
		fi
	   };
	   linked = true;
	   /* ...and out. */
	   linked = false;
	   atomic {
		assert(!pointer || entry == pointer);
		pointer = EMPTY;
		entry = EMPTY
	   };
	   assert(entry == EMPTY);
#ifdef PLANT_reuse_unpaid
	   skip
#else
	   cached = 0				/* S4 */
#endif
	od
}

/* In the guest. */
active proctype cpu()
{
end:
	do
	:: atomic { linked && !cached -> cached = place }
	:: atomic { cached && entry != EMPTY -> assert(cached == place) }
	od
}

/* Is what was read, and by now is perhaps no more, a leaf? */
inline look()
{
	atomic {
		old = entry;
#ifndef PLANT_no_level
		leaf = (old & LEAF) != 0;
#endif
#ifdef PLANT_late_role
		leaf = true
#endif
	}
}

#ifdef PLANT_no_level
#define ASK_FIRST leaf = leaves
#else
#define ASK_FIRST skip
#endif

active proctype harvester()
{
	byte old;
	bool leaf, ok;
end:
	do
	:: look();
	   ASK_FIRST;
	   if
	   :: old == EMPTY || !leaf || !(old & W) -> goto next
	   :: else
	   fi;
#ifdef PLANT_late_role
	   if
	   :: !leaves -> goto next
	   :: else
	   fi;
#endif
#ifdef PLANT_plain_store
	   entry = old & ~W;
#else
	   cas(old, old & ~W, ok);
#endif
next:	   atomic { old = 0; leaf = 0; ok = 0 }
	od
}

active proctype fixer()
{
	byte old;
	bool leaf, ok;
end:
	do
	:: look();
	   ASK_FIRST;
	   if
	   :: old == EMPTY || !leaf || (old & W) -> goto next
	   :: else
	   fi;
	   cas(old, old | CLAIM, ok);
	   if
	   :: ok -> cas(old | CLAIM, old | W, ok)
	   :: else
	   fi;
next:	   atomic { old = 0; leaf = 0; ok = 0 }
	od
}
