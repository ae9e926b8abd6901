/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A huge leaf of two pages in a logged slot: at first it has W, and both pages
 * are marked (initially all set). A harvest or CLEAR of a page splits it, the
 * other page keeps W; or, without memory for a table, shuts the whole of it.
 * Write faults split a leaf that is shut and give W to their page.
 *
 * Shown: while nobody is in the midst of something, a page that was written
 * since it was last copied has its bit.
 * Memory: sequential.
 *
 * letters F2 F3 H1 H2
 *
 * holds one		VCPUS=1 HARVESTERS=2
 * holds two		VCPUS=2 HARVESTERS=1
 *
 * Plants: a fault makes the huge leaf writable, and marks its page
 * plant mark_one	VCPUS=1 HARVESTERS=2
 *	a split does not compare: it brings back a W that was taken meanwhile
 * plant blind_split	VCPUS=1 HARVESTERS=2
 *	a harvest that split does not look at its page again
 * plant split_only	VCPUS=1 HARVESTERS=2
 *	a harvest that lost the race for the split gives up
 * plant give_up	VCPUS=1 HARVESTERS=2
 */
#define TABLE 0
#define HUGE 4
#define W 1

byte top = HUGE + W;	/* TABLE, or the huge leaf */
byte leaf;		/* W of the small leaves, a bit each */
byte tlb;		/* what the vCPUs' TLBs grant */
byte bitmap = 3;
byte written;		/* since the last copy */
byte copying[2];	/* taken from the bitmap, and not yet copied */
byte busy;		/* vCPUs that handle a fault */

#define GRANTS(p) (top == HUGE + W || (top == TABLE && (leaf & (p))))

/* The table's leaves are filled before, and seen with it (P1). */
inline split(old, leaves)
{
	atomic {
		if
#ifdef PLANT_blind_split
		:: true -> top = TABLE; leaf = leaves; ok = true
#else
		:: top == old -> top = TABLE; leaf = leaves; ok = true
#endif
		:: else -> ok = false
		fi
	}
}

active [VCPUS] proctype vcpu()
{
	byte p, old;
	bool ok;
end:
	do
	:: if
	   :: p = 1
	   :: p = 2
	   fi;
	   if
	   :: atomic { tlb & p || GRANTS(p) -> tlb = tlb | p; written = written | p }
	   :: atomic { !(tlb & p) && !GRANTS(p) -> busy++ };
#ifdef PLANT_mark_one
	      if
	      :: atomic { top == HUGE -> top = HUGE + W };
		 bitmap = bitmap | p;
		 goto out
	      :: else
	      fi;
#endif
	      old = top;
	      if
	      :: old == HUGE -> split(HUGE, 0)
	      :: else
	      fi;
	      if
	      :: atomic { top == TABLE -> leaf = leaf | p };	/* F2 */
		 bitmap = bitmap | p				/* F3 */
	      :: else
	      fi;
out:	      busy--
	   fi;
	   atomic { old = 0; ok = 0 }
	od
}

/* CLEAR takes no lock, so there may be several. */
active [HARVESTERS] proctype harvester()
{
	byte p, old;
	bool ok;
end:
	do
	:: assert(busy || !(written & ~(bitmap | copying[0] | copying[1])));
	   if
	   :: p = 1
	   :: p = 2
	   fi;
	   if
	   :: atomic { bitmap & p ->
		bitmap = bitmap & ~p;			/* H1 */
		copying[_pid - VCPUS] = p
	      }
	   :: !(bitmap & p) -> goto next
	   fi;
	   ok = false;
	   do						/* H2 */
	   :: true ->
		old = top;
		if
		:: old == HUGE -> break			/* shut already */
		:: old == TABLE -> leaf = leaf & ~p; break
		:: old == HUGE + W ->			/* no memory */
		   atomic {
			ok = (top == old);
			if
			:: ok -> top = HUGE
			:: else
			fi
		   };
		   if
		   :: ok -> break
		   :: else
		   fi
		:: old == HUGE + W -> split(old, 3);
#ifdef PLANT_split_only
		   break
#endif
#ifdef PLANT_give_up
		   if
		   :: !ok -> break
		   :: else
		   fi
#endif
		fi
	   od;
	   tlb = 0;					/* H3, H4 */
	   atomic { written = written & ~p; copying[_pid - VCPUS] = 0 };
next:	   atomic { p = 0; old = 0; ok = 0 }
	od
}
