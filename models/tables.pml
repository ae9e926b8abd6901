/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking tables out of the tree while vCPUs walk and populate it. Three levels
 * of one entry each: the root's, a table's, and a table's below it that holds
 * the leaf. Pages of tables are recycled at once when they are free. One
 * remover takes the upper table with what hangs below, another the lower one;
 * a guest keeps addresses of tables in its paging-structure caches.
 *
 * Shown: no claim, leaf or link is ever put into a page that is not this tree's
 * table, nothing but DEAD stands in a page that is freed, no page is freed
 * twice, and neither walkers nor the guest reach a freed page.
 * Memory: sequential, but for the order of P1.
 *
 * letters Z1 Z2 Z3 Z4 Z5 P1
 *
 * holds one		FAULTS=1 OUTER=1 INNER=0
 * holds nested		FAULTS=1 OUTER=1 INNER=1
 * holds two-faults	FAULTS=2 OUTER=1 INNER=0
 * holds two-removers	FAULTS=1 OUTER=2 INNER=0
 *	EMPTY instead of FROZEN does no harm by itself: others are only kept from
 *	building anew where the sweep and the payment are still to come
 * holds early_empty	FAULTS=1 OUTER=1 INNER=1 EARLY_EMPTY
 *
 * Plants: Z1 does not compare: two removers take the same table
 * plant blind_freeze	FAULTS=1 OUTER=2 INNER=0
 *	Z2 leaves EMPTY: who is inside populates a table that is gone
 * plant not_dead	FAULTS=1 OUTER=1 INNER=0
 *	Z3 does not compare: the dead entry of an outer table is revived
 * plant blind_empty	FAULTS=1 OUTER=1 INNER=1
 *	Z4: the page is free while the guest has its address
 * plant free_unpaid	FAULTS=1 OUTER=1 INNER=0
 *	Z5: the page is free while a walker is inside
 * plant no_grace	FAULTS=1 OUTER=1 INNER=0
 *	P1: the table is linked before it was cleared
 * plant link_first	FAULTS=1 OUTER=1 INNER=0
 */
#define PAGES 3

/* Entries; TABLE(p) points to page p. */
#define EMPTY 0
#define FROZEN 1
#define DEAD 2
#define JUNK 3 /* what the page held before it became a table */
#define LEAF 4
#define CLAIM(id) (8 + (id))
#define TABLE(p) (16 + (p))
#define IS_TABLE(e) ((e) >= 16)
#define PAGE_OF(e) ((e) - 16)

#ifdef EARLY_EMPTY
#define TAKEN EMPTY
#else
#define TAKEN FROZEN
#endif

byte root;
byte entry[PAGES];
bool used[PAGES];	/* is a table, linked or on its way in or out */
#define ACTORS (FAULTS + OUTER + INNER)
bool inside[ACTORS];	/* rcu_read_lock(); index: _pid */
byte cached = 255;	/* the guest's paging-structure cache: a page */

/* Take a free page for a table; 255 when there is none. */
inline alloc(p)
{
	d_step {
		if
		:: !used[0] -> p = 0
		:: else ->
		   if
		   :: !used[1] -> p = 1
		   :: else ->
		      if
		      :: !used[2] -> p = 2
		      :: else -> p = 255
		      fi
		   fi
		fi;
		if
		:: p != 255 -> used[p] = true; entry[p] = JUNK
		:: else
		fi
	}
}

/* An entry is the root's (page 255) or a page's. */
inline cas(page, from, to, ok)
{
	atomic {
		if
		:: page == 255 ->
		   ok = (root == from);
		   if
		   :: ok -> root = to
		   :: else
		   fi
		:: else ->
		   assert(used[page]);
		   ok = (entry[page] == from);
		   if
		   :: ok -> entry[page] = to
		   :: else
		   fi
		fi
	}
}

inline read(var, page)
{
	atomic {
		if
		:: page == 255 -> var = root
		:: else ->
		   assert(used[page]);
		   var = entry[page]
		fi;
		assert(var != JUNK)
	}
}

active [FAULTS] proctype fault()
{
	byte at, e, level, spare;
	bool ok;
end:
	do
	:: atomic { inside[_pid] = true; at = 255; level = 0 };
	   do
	   :: true ->
		read(e, at);
		if
		:: IS_TABLE(e) -> at = PAGE_OF(e); level++
		:: e == EMPTY && level < 2 ->
		   alloc(spare);
		   if
		   :: spare == 255 -> break
		   :: else
		   fi;
#ifdef PLANT_link_first
		   cas(at, EMPTY, TABLE(spare), ok);
		   entry[spare] = EMPTY;
#else
		   entry[spare] = EMPTY;
		   cas(at, EMPTY, TABLE(spare), ok);	/* P1 */
#endif
		   if
		   :: !ok -> used[spare] = false
		   :: else
		   fi
		:: e == EMPTY && level == 2 ->
		   cas(at, EMPTY, CLAIM(_pid), ok);	/* M1 */
		   if
		   :: ok -> cas(at, CLAIM(_pid), LEAF, ok)	/* M5 */
		   :: else
		   fi;
		   break
		:: else -> break
		fi
	   od;
	   atomic { inside[_pid] = false; at = 0; e = 0; level = 0; spare = 0; ok = 0 }
	od
}

/* Z2: the page's entry, and what is below it. */
inline sweep(page, under)
{
	atomic {
		assert(used[page]);
		under = entry[page];
#ifdef PLANT_not_dead
		entry[page] = EMPTY
#else
		entry[page] = DEAD
#endif
	};
	if
	:: IS_TABLE(under) -> under = PAGE_OF(under)
	:: else -> under = 255
	fi
}

inline release(page)
{
	if
	:: page != 255 ->
	   atomic {
		assert(used[page]);
		assert(entry[page] < JUNK);
		used[page] = false;
		assert(cached != page)
	   }
	:: else
	fi
}

/* Take what the entry of page @where points to. */
inline take(where)
{
	read(e, where);
	if
	:: IS_TABLE(e) ->
	   p = PAGE_OF(e);
#ifdef PLANT_blind_freeze
	   ok = true;
	   root = FROZEN;
#else
	   cas(where, e, TAKEN, ok);			/* Z1 */
#endif
	   if
	   :: ok ->
		sweep(p, below);
		if
		:: below != 255 -> sweep(below, last)
		:: else
		fi;
#ifdef PLANT_blind_empty
		atomic {
			if
			:: where == 255 -> root = EMPTY
			:: else -> entry[where] = EMPTY
			fi
		};
#else
		cas(where, TAKEN, EMPTY, ok);		/* Z3 */
#endif
#ifndef PLANT_free_unpaid
		cached = 255				/* Z4 */
#endif
	   :: else -> p = 255; below = 255
	   fi
	:: else -> p = 255; below = 255
	fi
}

/* Z5. Whoever was inside has left once. */
inline grace()
{
#ifndef PLANT_no_grace
	reader = 0;
	do
	:: reader < ACTORS -> !inside[reader]; reader++
	:: else -> break
	od;
#endif
	reader = 0
}

inline give_back()
{
	if
	:: p != 255 -> grace(); release(p); release(below)
	:: else
	fi;
	atomic { e = 0; p = 0; below = 0; last = 0; ok = 0 }
}

active [OUTER] proctype outer()
{
	byte e, p, below, last, reader;
	bool ok;
end:
	do
	:: root != EMPTY ->
	   inside[_pid] = true;
	   take(255);
	   inside[_pid] = false;
	   give_back()
	od
}

active [INNER] proctype inner()
{
	byte e, p, below, last, reader, at;
	bool ok;
end:
	do
	:: root != EMPTY ->
	   inside[_pid] = true;
	   read(e, 255);
	   if
	   :: IS_TABLE(e) -> at = PAGE_OF(e); take(at)
	   :: else -> p = 255; below = 255
	   fi;
	   atomic { at = 0; inside[_pid] = false };
	   give_back()
	od
}

/* Walks from the root or from what it remembers, which it may forget. */
active proctype guest()
{
	byte e;
end:
	do
	:: atomic {
		if
		:: cached == 255 -> e = root
		:: else -> assert(used[cached]); e = entry[cached]
		fi;
		assert(e != JUNK);
		if
		:: IS_TABLE(e) -> cached = PAGE_OF(e)
		:: else -> cached = 255
		fi;
		e = 0
	   }
	od
}
