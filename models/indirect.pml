/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast fix of leaves whose gfn is not their place in the tree: it stands
 * in a word beside the entry, its twin. Under the lock of the shadow pages
 * somebody empties the entry and fills it again for another gfn that the host
 * gave the same frame, so the entry is what it was before; and protects gfn 1,
 * which became a page table, and lets go of it. Without the lock, vCPUs write
 * and fault, and a harvester goes round after round: it takes a gfn's mark,
 * walks its rmap, takes W, pays, copies. Each vCPU has a TLB, which nobody
 * flushes but harvester and protector.
 *
 * Shown: while no fault is under way, a gfn that was written since it was last
 * copied is marked; what is protected is not written.
 * Memory: sequential. The barrier R1 is shown by fastfix.pml and birth.pml, the
 * walk of the rmap by rmap.pml; here it is one look.
 *
 * letters F1 F2 F3 F4 H1 H2 R1 S1 S2 S3 S5
 *
 * holds log_tag	TAG LOG VCPUS=2
 * holds log_pair	PAIR LOG READS VCPUS=2
 * holds protect_tag	TAG PROTECT VCPUS=2
 * holds protect_pair	PAIR PROTECT VCPUS=2
 * holds both_tag	TAG LOG PROTECT VCPUS=1
 *	the flag is enough to keep a claimant by a tag off; so is WP
 * holds flag_alone	TAG PROTECT VCPUS=2 NO_WP
 * holds wp_alone	TAG PROTECT VCPUS=2 NO_FLAG
 *	with F4 and S3, the gfn that is read before the commit needs no mark
 * holds mark_again	PAIR LOG READS VCPUS=2 NO_F3
 *
 * Plants: no claim: mode mw, where it must not be used
 * plant mw		TAG LOG VCPUS=1
 *	the difference of the claims of two vCPUs
 * plant const_tag	TAG LOG VCPUS=2
 *	the gfn is read before the claim
 * plant early_gfn	TAG LOG VCPUS=1
 *	it is read after the commit
 * plant late_gfn	TAG LOG VCPUS=1
 *	it is what the guest's own table says when the fault is fixed
 * plant walked_gfn	TAG LOG VCPUS=1
 *	the mark is set before the claim
 * plant early_mark	TAG LOG VCPUS=1
 *	the twin is stored after the entry
 * plant twin_last	TAG LOG VCPUS=1
 *	the twin is stored while the entry still holds the old leaf
 * plant not_empty	TAG LOG VCPUS=1
 *	the entry is in its set only when it can be claimed already
 * plant late_add	TAG LOG VCPUS=1
 *	the entry leaves the set before it is emptied
 * plant early_remove	TAG LOG VCPUS=1
 *	neither the flag keeps a claimant off, nor WP
 * plant unread_flag	TAG PROTECT VCPUS=1 NO_WP
 *	the protector leaves alone what has no W
 * plant skip_ro	TAG PROTECT VCPUS=1
 * plant skip_ro	PAIR PROTECT VCPUS=1
 *	the protector does not pay
 * plant protect_unpaid	TAG PROTECT VCPUS=1
 *	pair: a leaf of a protected gfn is born without WP
 * plant no_birth_wp	PAIR PROTECT VCPUS=2
 *	pair: the gfn is not read again after the commit
 * plant read_once	PAIR LOG READS VCPUS=2
 *	pair: who takes a leaf away leaves the mark to who gave W
 * plant take_unmarked	PAIR LOG READS VCPUS=2
 *	pair: he marks where W stands, not where D does. A harvester, led there
 *	by what the set was before, may have taken W for nothing
 * plant mark_by_w	PAIR LOG READS VCPUS=2
 */
#define LEAF 1		/* with MW, of the one frame */
#define W 2
#ifdef PAIR
#define D 4
#else
#define D 0		/* tells nobody anything */
#endif
#define WP 8
#define PF 16
#define EMPTY 0
#if defined(PAIR)
#define CLAIM PF
#elif defined(PLANT_const_tag)
#define CLAIM 32
#else
#define CLAIM (32 * (_pid + 1))
#endif
#define CLAIMS (PF | 32 | 64)

#ifdef NO_WP
#define BORN 0
#else
#define BORN WP
#endif
#ifdef PLANT_no_birth_wp
#define BORN_OF(g) 0
#else
#define BORN_OF(g) (g == 1 && flag -> BORN : 0)
#endif

byte entry;
byte gfn;		/* that the entry maps, whatever its twin says */
byte twin;
bool rmap[2];		/* the entry is in the set of that gfn */
bool dirty;		/* gfn 0; by symmetry, the log of one gfn is enough */
bool flag;		/* gfn 1 is protected */
bool tlb[2];		/* somebody's lets that gfn be written */
#ifdef PLANT_walked_gfn
byte guest;		/* what the guest's table says */
#endif

bool written;		/* gfn 0, since the last copy */
bool trusted;		/* nobody writes gfn 1 */
byte faults;

inline cas(old, new, ok)
{
	atomic {
		ok = (entry == old);
		if
		:: ok -> entry = new
		:: else -> old = entry
		fi
	}
}

/* Take @bits away and set @more, unless nothing of that is to be done. */
inline change(bits, more, ok)
{
	old = entry;
	ok = false;
	do
	:: !ok && (old & LEAF) && ((old & (bits)) || (old & (more)) != (more)) ->
		cas(old, (old & ~(bits)) | (more), ok)
	:: else -> break
	od
}

#define MARK(g)							\
	if							\
	:: LOGGED(g) -> dirty = true				\
	:: else							\
	fi
#ifdef LOG
#define LOGGED(g) (g == 0)
#else
#define LOGGED(g) false
#endif

/* All at once; debts.pml has it one by one. */
#define PAY atomic { tlb[0] = false; tlb[1] = false }

#if defined(NO_FLAG) || defined(PLANT_unread_flag)
#define PROTECTED(g) false
#else
#define PROTECTED(g) (g == 1 && flag)
#endif

#ifdef PLANT_walked_gfn
#define READ_GFN guest
#else
#define READ_GFN twin
#endif

active [VCPUS] proctype vcpu()
{
	byte old, g;
	bool ok;
end:
	do
	:: atomic {
		(entry & LEAF) && !(entry & (W | WP | CLAIMS)) ->
		faults++;
		old = entry
	   };
#if defined(PLANT_early_gfn) || defined(PLANT_mw)
	   g = READ_GFN;
#endif
#ifdef PLANT_early_mark
	   MARK(twin);
#endif
#ifndef PLANT_mw
	   atomic {
		cas(old, old | CLAIM, ok);	/* F1 */
		if
		:: !ok -> goto out
		:: else -> old = old | CLAIM
		fi
	   };
#endif
#if !defined(PLANT_early_gfn) && !defined(PLANT_mw) && !defined(PLANT_late_gfn)
	   g = READ_GFN;
#endif
	   if
	   :: PROTECTED(g) -> cas(old, old & ~CLAIMS, ok); goto out
	   :: else
	   fi;
	   atomic {
		cas(old, (old & ~CLAIMS) | W | D, ok);	/* F2 */
		if
		:: !ok -> goto out
		:: else -> old = 0
		fi
	   };
#ifndef PLANT_early_mark
#ifdef PLANT_late_gfn
	   g = READ_GFN;
#endif
#ifndef NO_F3
	   MARK(g);				/* F3 */
#endif
#endif
#if defined(PAIR) && !defined(PLANT_read_once) && !defined(NO_F4)
	   g = READ_GFN;			/* F4 */
	   MARK(g);
#endif
out:	   atomic { faults--; old = 0; g = 0; ok = 0 }
	od
}

/* vCPUs that have a way to write. */
active proctype writers()
{
end:
	do
#ifdef LOG
	:: atomic { (entry & W) && gfn == 0 && !tlb[0] -> tlb[0] = true }
	:: atomic { tlb[0] && !written -> written = true }
#endif
#ifdef PROTECT
	:: atomic { (entry & W) && gfn == 1 && !tlb[1] -> tlb[1] = true }
	:: atomic { tlb[1] -> assert(!trusted) }
#endif
	od
}

#ifdef PLANT_not_empty
#define PUTTABLE true
#else
#define PUTTABLE (entry == EMPTY)
#endif
#ifdef PLANT_mark_by_w
#define TAKEN W
#else
#define TAKEN D
#endif

/* Whoever holds the lock. Putting a leaf is part of a fault; other acts are not. */
active proctype locker()
{
	byte old, g;
	bool ok;
end:
	do
	:: atomic { PUTTABLE ->
		faults++;
		if
		:: g = 0
		:: g = 1
		fi;
	   };
#ifndef PLANT_twin_last
	   twin = g;				/* S1 */
#endif
#ifdef PLANT_not_empty
	   atomic { rmap[1 - g] = false; rmap[g] = true };
#elif !defined(PLANT_late_add)
	   rmap[g] = true;			/* S1 */
#endif
	   atomic {
		gfn = g;
		entry = LEAF | BORN_OF(g);
#ifndef READS
		if		/* Put for a write: with W. */
		:: !(g == 1 && flag) -> entry = LEAF | W | D; ok = true
		:: true
		fi
#endif
	   };
#ifdef PLANT_twin_last
	   twin = g;
#endif
#ifdef PLANT_late_add
	   rmap[g] = true;
#endif
	   if
	   :: ok -> MARK(g)			/* S5 */
	   :: else
	   fi;
	   atomic { faults--; g = 0; ok = 0 }
	:: entry != EMPTY ->
#ifdef PLANT_walked_gfn
	   /* The guest has changed its own table, which led here. */
	   guest = 1 - gfn;
#endif
#ifdef PLANT_early_remove
	   rmap[gfn] = false;
#endif
	   atomic { old = entry & TAKEN; entry = EMPTY };	/* S2 */
#if defined(PAIR) && !defined(PLANT_take_unmarked)
	   if
	   :: old -> MARK(twin)			/* S3 */
	   :: else
	   fi;
#endif
	   rmap[gfn] = false;
	   atomic { old = 0 }
#ifdef PROTECT
	:: !flag ->
	   flag = true;				/* R1 */
	   if
	   :: rmap[1] ->
#ifdef PLANT_skip_ro
		if
		:: entry & W -> change(W | CLAIMS, BORN, ok)
		:: else
		fi
#else
		change(W | CLAIMS, BORN, ok)
#endif
	   :: else
	   fi;
#ifndef PLANT_protect_unpaid
	   PAY;
#endif
	   atomic { trusted = true; old = 0; ok = 0 }
	:: trusted ->
	   trusted = false;
	   flag = false;
	   if
	   :: rmap[1] -> change(WP, 0, ok)
	   :: else
	   fi;
	   atomic { old = 0; ok = 0 }
#endif
	od
}

#ifdef LOG
active proctype harvester()
{
	byte old, g;
	bool ok;
end:
	do
	:: atomic { !faults && written && !dirty -> assert(false) }
	:: dirty ->
	   dirty = false;			/* H1 */
	   if
	   :: rmap[0] -> change(W | CLAIMS, 0, ok)	/* H2 */
	   :: else
	   fi;
	   atomic {
		PAY;				/* H3, H4 */
		written = false;		/* the caller copies */
		old = 0; ok = 0
	   }
	   /* The same for gfn 1. */
	:: rmap[1] ->
	   change(W | CLAIMS, 0, ok);
	   atomic { old = 0; ok = 0 }
	od
}
#endif
