/* REAL: one thread waits, others wake it. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_RCUWAIT_H
#define _SHIM_LINUX_RCUWAIT_H

#include <linux/rcupdate.h>
#include <linux/sched.h>

struct rcuwait {
	struct task_struct *task;
};

static inline void prepare_to_rcuwait(struct rcuwait *wait)
{
	rcu_assign_pointer(wait->task, current);
}

static inline void finish_rcuwait(struct rcuwait *wait)
{
	WRITE_ONCE(wait->task, NULL);
	__set_current_state(TASK_RUNNING);
}

static inline void rcuwait_wake_up(struct rcuwait *wait)
{
	struct task_struct *task;

	rcu_read_lock();
	smp_mb();
	task = rcu_dereference(wait->task);
	if (task)
		wake_up_process(task);
	rcu_read_unlock();
}

#endif
