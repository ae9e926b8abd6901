/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How an event reaches a vCPU: who has one makes it pending, raises attention,
 * and sends an IPI if the vCPU is in the guest; the vCPU looks at what is pending
 * before an entry only when attention is raised, and lowers it first. The guest
 * may run for ever. A vCPU that says it is looking gets no IPI, and looks again
 * when it no longer says so (E3); it may also turn round. A vCPU that waits in HLT
 * is the same, with "waits" for "in the guest" (D10) and a wake-up for the IPI; so
 * is irq_work, with that for attention (D11).
 *
 * Shown: no guest runs on while an event is pending that nobody will tell it of.
 * Memory: TSO.
 *
 * letters D10 D11 E1 E2 E3 T2
 *
 * holds two
 *	one sender after another, or one twice
 * holds three		SENDS=3
 *
 * Plants: the barriers
 * plant no_e1
 * plant no_t2
 * plant no_e3
 *	attention before there is something to see
 * plant att_first
 *	what is pending is taken before attention is lowered
 * plant late_lower
 *	the vCPU does not look again
 * plant once
 */
#define CPUS 2
#define WORDS 3
#include "tso.pml"

#ifndef SENDS
#define SENDS 2
#endif

#define PENDING 0
#define ATTENTION 1
#define IN_GUEST 2

#define LOOKING 1
#define ENTERED 2

bool ipi, told;

active proctype sender()
{
	byte n, in_guest;

	do
	:: n < SENDS ->
#ifdef PLANT_att_first
	   STORE(ATTENTION, 1);
	   LOCKED(mem[PENDING] = 1);
#else
	   LOCKED(mem[PENDING] = 1);
	   STORE(ATTENTION, 1);
#endif
#ifndef PLANT_no_e1
	   MB;					/* E1 */
#endif
	   LOAD(in_guest, IN_GUEST);
	   if
	   :: in_guest == ENTERED -> ipi = true
	   :: else
	   fi;
	   n++
	:: else -> break
	od;
	MB;
	told = true
}

inline look()
{
	LOAD(attention, ATTENTION);
	if
	:: attention ->
#ifdef PLANT_late_lower
	   XCHG(pending, PENDING, 0);
	   XCHG(attention, ATTENTION, 0)
#else
	   XCHG(attention, ATTENTION, 0);	/* E2 */
	   XCHG(pending, PENDING, 0)		/* taken */
#endif
	:: else
	fi
}

active proctype vcpu()
{
	byte attention, pending, where;
end:
	do
	:: if
	   :: where = LOOKING
	   :: where = ENTERED
	   fi;
	   STORE(IN_GUEST, where);
#ifndef PLANT_no_t2
	   MB;					/* T2 */
#endif
	   if
	   :: goto out
	   :: true
	   fi;
	   look();
	   if
	   :: where == LOOKING ->
	      STORE(IN_GUEST, ENTERED);
#ifndef PLANT_no_e3
	      MB;				/* E3 */
#endif
#ifndef PLANT_once
	      look()
#endif
	   :: else
	   fi;
	   /* In the guest: an interrupt ends it, or an exit of its own. */
	   if
	   :: atomic { ipi -> ipi = false }
	   :: atomic { told && !ipi && mem[PENDING] -> assert(false) }
	   :: true
	   fi;
out:	   STORE(IN_GUEST, 0);
	   MB;
	   ipi = false
	od
}
