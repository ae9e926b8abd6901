/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a kick finds a vCPU that migrates: in_guest, then cpu, then an IPI to
 * that CPU. The vCPU's thread writes cpu before in_guest, moves between two
 * CPUs while it is outside, and has interrupts off on the CPU it is on from
 * before in_guest rises until after it fell. KILL: what is told is that the VM
 * is dead, and the IPI is not waited for; the guest never leaves by itself.
 *
 * Shown: when a kick is over, no guest runs that entered without having seen
 * what the kicker had written first; a guest of a dead VM has an IPI coming.
 * Memory: TSO.
 *
 * letters C3 C4 T1 T2
 *
 * holds migrates
 *	on x86, and on any CPU where T1 and T2 are full barriers, cpu may as
 *	well be read first: an entry that did not see the news had written both
 *	words before
 * holds cpu_first	CPU_FIRST
 * holds kill		KILL
 *
 * Plants: the vCPU writes cpu after in_guest, and after its barrier
 * plant late_cpu
 *	the barriers, T2's
 * plant no_t2
 * plant no_t2		KILL
 *	and T1's, C4's
 * plant no_t1
 * plant no_c4		KILL
 *	the IPI goes where the vCPU once was
 * plant stale_cpu
 */
#define CPUS 2
#define WORDS 3
#include "tso.pml"

#define NEWS 0		/* owed, or dead */
#define IN_GUEST 1
#define CPU 2

bool irqs_off[2];	/* of the two CPUs the vCPU moves between */
bool ipi[2];
bool inside, unaware;	/* in the guest; entered before the news */
bool told;

#define HERE here

active proctype kicker()
{
	byte in_guest, cpu;

#ifdef PLANT_stale_cpu
	LOAD(cpu, CPU);
#endif
	STORE(NEWS, 1);
#if !defined(PLANT_no_t1) && !defined(PLANT_no_c4)
	MB;					/* T1, C4 */
#endif
#ifdef CPU_FIRST
	LOAD(cpu, CPU);
#endif
	LOAD(in_guest, IN_GUEST);		/* C3 */
#if !defined(CPU_FIRST) && !defined(PLANT_stale_cpu)
	LOAD(cpu, CPU);
#endif
	if
	:: in_guest ->
#ifdef KILL
	   ipi[cpu] = true
#else
	   !irqs_off[cpu]
#endif
	:: else
	fi;
	told = true;
#ifndef KILL
	assert(!(inside && unaware))
#endif
}

active proctype vcpu()
{
	byte here, news;
end:
	do
	:: HERE = 1 - HERE;			/* migrates */
	   skip
	:: irqs_off[HERE] = true;
#ifndef PLANT_late_cpu
	   STORE(CPU, HERE);
#endif
	   STORE(IN_GUEST, 1);
#ifndef PLANT_no_t2
	   MB;					/* T2 */
#endif
	   LOAD(news, NEWS);
#ifdef PLANT_late_cpu
	   STORE(CPU, HERE);
#endif
#ifdef KILL
	   if
	   :: news -> goto out
	   :: else
	   fi;
#endif
	   atomic { inside = true; unaware = !news };
#ifdef KILL
	   /* Only an interrupt ends it. */
	   do
	   :: atomic { ipi[HERE] -> ipi[HERE] = false; break }
	   :: atomic { told && !ipi[HERE] -> assert(false) }
	   od;
#endif
	   atomic { inside = false; unaware = false };
out:	   STORE(IN_GUEST, 0);
	   irqs_off[HERE] = false
#ifdef KILL
	   /* An IPI that came meanwhile finds no guest. */
	   ; atomic { ipi[0] = false; ipi[1] = false }
#endif
	od
}
