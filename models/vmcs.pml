/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VMCS moves from the list of the CPU that holds it to another CPU's. The
 * CPU that gives it up does so when it is asked, by an IPI, or when it goes
 * down (hotplug), by itself; then the thread that wants it finds vmcs_cpu -1
 * and asks nobody. The VMCS has one link.
 *
 * Shown: it is never on two lists, and is put on one only when it is on none.
 * Memory: sequential; x86 keeps these orders by itself, so plants turn them
 * round.
 *
 * letters V1 V2
 *
 * holds move
 *
 * Plants: V1: the CPU says that it gave the VMCS up before it took it off
 * plant early_word
 *	V2: the link is used before vmcs_cpu is read
 * plant early_add
 */
#define NOWHERE 2

byte cpu = NOWHERE;	/* vmcs_cpu */
byte list = NOWHERE;	/* on whose the link is */
bool asked[2], down[2];

inline give_up(me)
{
#ifdef PLANT_early_word
	cpu = NOWHERE;
	list = NOWHERE
#else
	list = NOWHERE;
	cpu = NOWHERE				/* V1 */
#endif
}

/* Interrupts off: one thing after the other. */
active [2] proctype holder()
{
end:
	do
	:: asked[_pid] ->
	   if
	   :: cpu == _pid -> give_up(_pid)
	   :: else
	   fi;
	   asked[_pid] = false
	:: atomic { cpu == _pid && !down[_pid] -> down[_pid] = true };
	   if
	   :: list == _pid -> give_up(_pid)	/* goes down */
	   :: else
	   fi;
	   down[_pid] = false
	od
}

/* The thread that runs the vCPU, on one CPU and then on the other. */
active proctype thread()
{
	byte here, was;
end:
	do
	:: here = 1 - here;
	   /* It runs on a CPU that is up. */
	   !down[here] && !asked[here];
	   was = cpu;
#ifdef PLANT_early_add
	   if
	   :: was == NOWHERE -> skip
	   :: was != NOWHERE && was != here ->
		asked[was] = true;
		assert(list == was || list == NOWHERE);
		list = here;
		!asked[was]
	   :: else -> goto next
	   fi;
#else
	   if
	   :: was == here -> goto next
	   :: was != here && was != NOWHERE ->
		asked[was] = true;
		!asked[was]
	   :: else
	   fi;					/* V2 */
#endif
	   assert(list == NOWHERE);
	   list = here;
	   cpu = here;
next:	   atomic { was = 0 }
	od
}
