/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Manual protection: user threads GET (the bitmap is copied and stays), CLEAR
 * what they saw, and then copy pages; two pages share a bitmap word. A vCPU
 * writes both. CLEAR takes no lock: two threads may clear the same page.
 *
 * Shown: while nobody is in the midst of something, a page that was written
 * since it was last copied has its bit.
 * Memory: sequential.
 *
 * letters F3 H1 H2 H3 H4
 *
 * holds one		CLEARERS=1
 * holds two		CLEARERS=2
 *
 * Plants: the word is read, and stored without the bits
 * plant plain_clear	CLEARERS=1
 *	pages are copied before they are cleared
 * plant copy_first	CLEARERS=1
 *	CLEAR protects before it takes the bits
 * plant protect_first	CLEARERS=1
 *	it returns before it pays
 * plant unpaid		CLEARERS=1
 *	it does nothing when another CLEAR has some of the bits already
 * plant take_all	CLEARERS=2
 */
byte w;			/* W of the two pages' entries, a bit each */
byte tlb;		/* what the vCPU's TLB lets it write */
byte bitmap;		/* one word */
byte written;		/* since the last copy */
byte busy;		/* the vCPU handles a fault; clearers between CLEAR and copy */

active proctype vcpu()
{
	byte p;
end:
	do
	:: if
	   :: p = 1
	   :: p = 2
	   fi;
	   if
	   :: atomic { (tlb | w) & p -> tlb = tlb | p; written = written | p }
	   :: atomic { !((tlb | w) & p) -> busy++ };
	      w = w | p;			/* F2 */
	      bitmap = bitmap | p;		/* F3 */
	      busy--
	   fi
	od
}

active [CLEARERS] proctype clearer()
{
	byte saw, took;
end:
	do
	:: atomic {
		assert(busy || !(written & ~bitmap));
		saw = bitmap
	   };
	   /* Any of the bits. */
	   if
	   :: saw = saw & 1
	   :: saw = saw & 2
	   :: skip
	   fi;
	   if
	   :: !saw -> goto next
	   :: else
	   fi;
#ifdef PLANT_protect_first
	   w = w & ~saw;
#endif
#ifdef PLANT_copy_first
	   written = written & ~saw;
#endif
#ifdef PLANT_plain_clear
	   took = bitmap;
	   atomic { busy++; bitmap = took & ~saw; took = took & saw };
#else
	   atomic { took = bitmap & saw; bitmap = bitmap & ~saw; busy++ }; /* H1 */
#endif
#ifdef PLANT_take_all
	   if
	   :: took != saw -> goto skip_it
	   :: else
	   fi;
#endif
#ifndef PLANT_protect_first
	   w = w & ~took;			/* H2 */
#endif
#ifdef PLANT_unpaid
	   written = written & ~saw;
	   if
	   :: took -> tlb = 0
	   :: else
	   fi;
#else
	   if
	   :: took -> tlb = 0			/* H3, H4 */
	   :: else
	   fi;
#ifndef PLANT_copy_first
	   written = written & ~saw;
#endif
#endif
skip_it:   busy--;
next:	   atomic { saw = 0; took = 0 }
	od
}
