/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A protector without a lock stands in a shadow table when the table is freed
 * and becomes another one at once: its memory is type-stable. What was a leaf
 * is then, at the same place, a pointer to a table, perhaps to the very frame
 * that the leaf mapped.
 *
 * Shown: no pointer to a table loses W (the subtree would be write-protected,
 * and no fault would ever give it back), and nothing of an old table comes
 * back to life.
 * Memory: sequential.
 *
 * holds leaf
 *
 * Plants: the entry does not tell its level; the table does, when the walk
 *	comes to it
 * plant no_level
 *	the table is asked again just before the exchange
 * plant late_role
 *	the entry is stored, and not exchanged
 * plant plain_store
 */
#define W 1
#define LEAF 2		/* the level, as far as it matters here */
#define FRAME(f) (4 * ((f) + 1))
#define EMPTY 0

/* What stands in an entry beside W and the frame. */
#if defined(PLANT_no_level) || defined(PLANT_late_role)
#define SAYS_LEAF 0
#else
#define SAYS_LEAF LEAF
#endif

byte entry;	/* one entry of a table that is recycled for ever */
bool leaves;	/* the table's role: of leaves, or of pointers */
bool pointer;	/* entry is a pointer to a table, whatever it says */
byte frame;

/* Frees the table, zeroed, and makes another one of it; fills its entry. */
active proctype owner()
{
end:
	do
	:: if
	   :: frame = 0
	   :: frame = 1
	   fi;
	   if
	   :: leaves = true;
	      atomic { entry = FRAME(frame) | W | SAYS_LEAF; pointer = false }
	   :: leaves = false;
	      atomic { entry = FRAME(frame) | W; pointer = true }
	   fi;
	   /* ...and frees it, unless the protector has been here meanwhile. */
	   atomic {
		assert(!pointer || (entry & W));
		entry = EMPTY;
		pointer = false
	   };
	   assert(entry == EMPTY)
	od
}

active proctype protector()
{
	byte old;
	bool leaf;
end:
	do
	:: old = entry;
#if defined(PLANT_no_level)
	   leaf = leaves;
#elif defined(PLANT_late_role)
	   leaf = true;
#else
	   leaf = (old & LEAF) != 0;
#endif
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
	   atomic {
		if
		:: entry == old -> entry = old & ~W
		:: else
		fi
	   };
#endif
next:	   atomic { old = 0; leaf = 0 }
	od
}
