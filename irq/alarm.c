// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU in HLT sleeps until its timer expires. To wake a thread may take
 * longer than all the rest of an interrupt's way, so its alarm rings early, by
 * what it took of late, and what is left of the time is spun away.
 *
 *	sleeps ............... | wakes up ....... | spins . | enters the guest
 *	                     rings                        due
 *	                       |<------- lead ----------->|
 */
#include "glue.h"

#include <linux/minmax.h>
#include <linux/sched.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/tsc.h>

/* 200 us. What takes longer is another thread's turn, and no delay to learn. */
static s64 lead_max(void)
{
	return tsc_khz / 5;
}

static void learn(struct um_apic *apic, u64 rings)
{
	s64 took = rdtsc() - rings;

	/* Below 0 it was not the alarm that woke it. */
	if (took >= 0 && took <= lead_max())
		apic->lead += (took - apic->lead) / 8;
}

/* False: the CPU is wanted by another thread before. */
static bool spin_until(u64 due)
{
	while ((s64)(rdtsc() - due) < 0) {
		if (get_current_state() == TASK_RUNNING)
			break;
		if (need_resched())
			return false;
		cpu_relax();
	}
	return true;
}

/* The thread is TASK_INTERRUPTIBLE; who wakes it ends the sleep. */
void um_halt_sleep(struct um_apic *apic)
{
	u64 due = apic->vcpu->timer_due, rings = due - apic->lead;

	if (!due) {
		schedule();
	} else if ((s64)(rings - rdtsc()) > 0) {
		um_host_apic_alarm(apic, rings);
		schedule();
		learn(apic, rings);
	} else if (!spin_until(due)) {
		um_host_apic_alarm(apic, due);
		schedule();
	}
}
