/* REAL: the test sends signals. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SCHED_SIGNAL_H
#define _SHIM_LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

static inline bool signal_pending(struct task_struct *task)
{
	return READ_ONCE(task->signal);
}

#endif
