/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table gives way to a huge leaf when logging ends, against notifiers,
 * faults and whoever takes tables. One entry, `top`, holds a table of one
 * entry, a huge leaf or a claim. Faults map small in the table, or huge by the
 * claim of id 0, which the recoverer uses too. A guest keeps the table's
 * address in its paging-structure cache, and a translation in its TLB.
 * Notifiers take the host's page away, each time another one is mapped.
 *
 * Shown: once a notifier is over, neither entries that a walk finds nor the
 * guest's caches lead to the page; no page of a table is freed twice, with a
 * claim or leaf in it, or while somebody is there or leads there; none is lost,
 * and none that stays is dead.
 * Memory: sequential. The payment is one step; `debts` shows that of it.
 *
 * letters X1 X2
 *
 * holds notifier	RUNS=2 FAULTS=0
 * holds fault		RUNS=1
 * holds notifiers	RUNS=1 NOTIFIERS=2 FAULTS=0
 * holds taker		RUNS=1 FAULTS=0 TAKERS=1
 * holds no_notifier	RUNS=0 TAKERS=1
 *	one of two is enough: the recoverer counts as taking, or who zaps a
 *	claim owes
 * holds no_taking	RUNS=1 NO_TAKING
 * holds claim_unowed	RUNS=1 CLAIM_UNOWED
 *
 * Plants: neither of them
 * plant both_unowed	RUNS=1 FAULTS=0
 *	X1: the word is not looked at again after the claim
 * plant blind		RUNS=1 FAULTS=0
 *	it is looked at before the claim
 * plant early_check	RUNS=1 FAULTS=0
 *	M6: the page is pinned before the word is read
 * plant late_read	RUNS=1 FAULTS=0
 *	the claim of id 0 without the lock
 * plant no_lock	RUNS=1
 *	X2: the huge leaf comes though the claim was zapped
 * plant over		RUNS=1 FAULTS=0
 *	the table does, after a check that failed
 * plant put_back	RUNS=2
 *	after a check that failed the entry becomes empty, and the table is lost
 * plant left_out	RUNS=1 FAULTS=0
 *	so is it when the claim was zapped
 * plant forgotten	RUNS=1 FAULTS=0
 *	the children are dead before it is known that the table goes
 * plant early_sweep	RUNS=1 FAULTS=0
 *	they do not become DEAD: who is inside populates a table that is gone
 * plant not_dead	RUNS=0
 *	the page is free while the guest has its address
 * plant unpaid		RUNS=0 FAULTS=0
 *	nor has who is inside left
 * plant no_grace	RUNS=0
 *	the notifier leaves the claim alone
 * plant keep_claim	RUNS=1 FAULTS=0
 *	or takes it for gone when X2 was quicker, and looks no further
 * plant looks_once	RUNS=1 FAULTS=0
 */
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef NOTIFIERS
#define NOTIFIERS 1
#endif
#ifndef TAKERS
#define TAKERS 0
#endif
#ifdef PLANT_both_unowed
#define NO_TAKING
#define CLAIM_UNOWED
#endif
#define ACTORS (1 + FAULTS + NOTIFIERS + TAKERS)
#define TABLES 2
#define PAGES (RUNS * NOTIFIERS + 1)

#define EMPTY 0
#define FROZEN 1
#define DEAD 2
#define LEAF(p) (4 + (p))
#define CLAIM(id) (8 + (id)) /* of faults: _pid */
#define TABLE(t) (16 + (t))
#define IS_LEAF(e) ((e) >= 4 && (e) < 8)
#define IS_CLAIM(e) ((e) >= 8 && (e) < 16)
#define IS_TABLE(e) ((e) >= 16)
#define TABLE_OF(e) ((e) - 16)
#define NONE 255

#define RUNNING 1
#define ENDED 16
#define STALE(seq) ((seq) & 15 || (seq) != word)

byte top = TABLE(0);
byte child[TABLES] = LEAF(0);
bool used[TABLES] = { true, false };
byte word;		/* invalidations that ended, and those that run */
byte page;		/* what the host maps */
bool gone[PAGES];	/* it relies on that page being unused */
byte psc = NONE;	/* the guest's: a table */
byte tlb = NONE;	/* and a page */
byte taking;
bool debt;
bool untagged;		/* the lock */
bool inside[ACTORS];	/* rcu_read_lock(); index: _pid */
byte done;

/* Of top (NONE) or of a table; @from becomes what stands there. */
inline cas(at, from, to, ok)
{
	if
	:: at == NONE ->
	   ok = (top == from);
	   from = top;
	   if
	   :: ok -> top = to
	   :: else
	   fi
	:: else ->
	   assert(used[at]);
	   ok = (child[at] == from);
	   from = child[at];
	   if
	   :: ok -> child[at] = to
	   :: else
	   fi
	fi
}

#ifdef PLANT_not_dead
#define SWEPT EMPTY
#else
#define SWEPT DEAD
#endif
#define SWEEP(t) atomic { assert(used[t]); child[t] = SWEPT }	/* Z2 */

inline pay()
{
	atomic {
		if
		:: debt -> debt = false; psc = NONE; tlb = NONE
		:: else
		fi
	}
}

/* Z4 and Z5 of a table that is out of the tree; the debt is owed. */
inline give_back(t)
{
#ifndef PLANT_unpaid
	pay();
#endif
#ifndef PLANT_no_grace
	reader = 0;
	do
	:: reader < ACTORS -> !inside[reader]; reader++
	:: else -> break
	od;
#endif
	atomic {
		assert(used[t]);
		assert(child[t] < 4);
		assert(psc != t);
		used[t] = false;
		reader = 0
	}
}

#ifdef PLANT_no_lock
#define LOCK skip
#else
#define LOCK atomic { !untagged -> untagged = true }
#endif
#define UNLOCK untagged = false

/* True in @taken: the table @old is out of the tree. */
inline commit()
{
#ifdef PLANT_early_check
	stale = STALE(seq);
#endif
	claim = old;
	atomic { cas(NONE, claim, CLAIM(0), ok) };		/* X1 */
	if
	:: ok ->
#ifdef PLANT_blind
	   stale = false;
#elif !defined(PLANT_early_check)
	   stale = STALE(seq);
#endif
#ifdef PLANT_early_sweep
	   SWEEP(TABLE_OF(old));
#endif
	   atomic {						/* X2 */
		claim = CLAIM(0);
#ifdef PLANT_left_out
		new = (stale -> EMPTY : LEAF(p));
#else
		new = (stale -> old : LEAF(p));
#endif
		cas(NONE, claim, new, ok);
		if
#ifdef PLANT_over
		:: !ok && !stale -> top = LEAF(p); ok = true
#endif
#ifdef PLANT_put_back
		:: !ok && stale -> top = old; ok = true
#endif
		:: else
		fi;
		assert(!ok || stale || !gone[p]);
#ifdef PLANT_forgotten
		taken = ok && !stale
#else
		taken = !(ok && stale)
#endif
	   }
	:: else
	fi
}

active proctype recover()
{
	byte seq, p, old, claim, new, reader;
	bool ok, stale, taken;

#ifdef PLANT_late_read
	p = page;
	seq = word;
#else
	seq = word;						/* M6 */
	p = page;
#endif
#ifndef NO_TAKING
	taking++;						/* T3 */
#endif
	atomic { inside[_pid] = true; old = top };
	if
	:: IS_TABLE(old) -> LOCK; commit(); UNLOCK
	:: else
	fi;
#ifndef PLANT_early_sweep
	if
	:: taken -> SWEEP(TABLE_OF(old))
	:: else
	fi;
#endif
	inside[_pid] = false;
	if
	:: taken -> debt = true
	:: else
	fi;
#ifndef NO_TAKING
	taking--;
#endif
	if
	:: taken -> give_back(TABLE_OF(old))
	:: else
	fi;
	atomic { seq = 0; p = 0; old = 0; claim = 0; new = 0; ok = 0; stale = 0; taken = 0; done++ }
}

/* Maps small, by its own claim, or huge, by that of id 0. */
#if FAULTS
active [FAULTS] proctype fault()
{
	byte seq, p, at = NONE, e, claim, tries;
	bool ok, huge;

	do
	:: tries < 2 ->
	   tries++;
	   seq = word;
	   p = page;
	   if
	   :: huge = true; LOCK
	   :: huge = false
	   fi;
	   atomic { inside[_pid] = true; at = NONE; e = top };
	   if
	   :: !huge && e == EMPTY ->
		atomic {
			if
			:: !used[0] -> at = 0
			:: used[0] && !used[1] -> at = 1
			:: else
			fi;
			if
			:: at != NONE && top == EMPTY ->
			   used[at] = true;
			   child[at] = EMPTY;
			   top = TABLE(at)			/* P1 */
			:: else -> at = NONE
			fi
		}
	   :: !huge && IS_TABLE(e) -> at = TABLE_OF(e)
	   :: else
	   fi;
	   if
	   :: huge || at != NONE ->
		claim = (huge -> CLAIM(0) : CLAIM(_pid));
		e = EMPTY;
		atomic { cas(at, e, claim, ok) };		/* M1 */
		if
		:: ok ->
		   ok = STALE(seq);
		   e = claim;
		   if
		   :: ok -> atomic { cas(at, e, EMPTY, ok) }
		   :: else -> atomic { cas(at, e, LEAF(p), ok) } /* M5 */
		   fi
		:: else
		fi
	   :: else
	   fi;
	   if
	   :: huge -> UNLOCK
	   :: else
	   fi;
	   atomic {
		inside[_pid] = false;
		seq = 0; p = 0; at = NONE; e = 0; claim = 0; ok = 0; huge = 0
	   }
	:: else -> break
	od;
	done++
}
#endif

active [NOTIFIERS] proctype notifier()
{
	byte target, at = NONE, old, n;
	bool ok, took;

	do
	:: n < RUNS ->
	   atomic { word = word + RUNNING; target = page };	/* M2 */
	   taking++;						/* T3 */
	   atomic { inside[_pid] = true; old = top };
	   do
	   :: IS_TABLE(old) ->
		atomic { at = TABLE_OF(old); assert(used[at]); old = child[at] }
#ifdef PLANT_keep_claim
	   :: IS_LEAF(old) ->
#else
	   :: IS_LEAF(old) || IS_CLAIM(old) ->
#endif
#ifdef CLAIM_UNOWED
		took = IS_LEAF(old);
#else
		took = true;
#endif
		atomic { cas(at, old, EMPTY, ok) };
		if
		:: ok -> break
		:: else ->
		   took = false;
#ifdef PLANT_looks_once
		   break
#endif
		fi
	   :: else -> break
	   od;
	   inside[_pid] = false;
	   if
	   :: took -> debt = true
	   :: else
	   fi;
	   taking--;
	   if
	   :: took
	   :: else ->						/* T4 */
		atomic {
			if
			:: taking -> debt = true
			:: else
			fi
		}
	   fi;
	   pay();
	   atomic {
		gone[target] = true;
		assert(tlb != target);
		assert(top != LEAF(target));
		assert(!IS_TABLE(top) || child[TABLE_OF(top)] != LEAF(target));
		if
		:: page == target -> page++
		:: else
		fi
	   };
	   word = word + ENDED - RUNNING;			/* M3 */
	   atomic { n++; target = 0; at = NONE; old = 0; ok = 0; took = 0 }
	:: else -> break
	od;
	done++
}

/* Takes the table, as a quota does, or all that hangs above it, with a slot. */
#if TAKERS
active [TAKERS] proctype taker()
{
	byte old, t = NONE, reader;
	bool ok;

	taking++;
	atomic { inside[_pid] = true; old = top };
	if
	:: IS_TABLE(old) ->
	   t = TABLE_OF(old);
	   atomic { cas(NONE, old, FROZEN, ok) };		/* Z1 */
	   if
	   :: ok -> SWEEP(t); atomic { old = FROZEN; cas(NONE, old, EMPTY, ok) }
	   :: else -> t = NONE
	   fi
	:: atomic { true -> old = top; top = DEAD };
	   if
	   :: IS_TABLE(old) -> t = TABLE_OF(old); SWEEP(t)
	   :: else
	   fi
	fi;
	inside[_pid] = false;
	debt = true;
	taking--;
	pay();
	if
	:: t != NONE -> give_back(t)
	:: else
	fi;
	atomic { old = 0; t = NONE; ok = 0; done++ }
}
#endif

/* Walks from the top or from what it remembers, which it may forget. */
active proctype guest()
{
	byte e;
end:
	do
	:: atomic {
		if
		:: psc == NONE -> e = top
		:: else -> assert(used[psc]); e = child[psc]; psc = NONE
		fi;
		if
		:: IS_TABLE(e) -> psc = TABLE_OF(e)
		:: IS_LEAF(e) -> tlb = e - 4; assert(!gone[tlb])
		:: else
		fi;
		e = 0
	   }
	od
}

/* All is over: the tables that are left are those of the tree, and live. */
active proctype finale()
{
	atomic {
		done == ACTORS ->
		assert(!taking);
		assert(used[0] == (top == TABLE(0)));
		assert(used[1] == (top == TABLE(1)));
		assert(!IS_TABLE(top) || child[TABLE_OF(top)] != DEAD)
	}
}
