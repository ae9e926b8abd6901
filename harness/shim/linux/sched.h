/* REAL: a thread sleeps until it is woken; signals are the test's (task.c). */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SCHED_H
#define _SHIM_LINUX_SCHED_H

#include <linux/atomic.h>

#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1

struct task_struct {
	int state;
	bool signal; /* the test sets it */
};

extern __thread struct task_struct shim_task;
#define current (&shim_task)

#define __set_current_state(s) WRITE_ONCE(current->state, s)
#define set_current_state(s) smp_store_mb(current->state, s)
#define get_current_state() READ_ONCE(current->state)
#define need_resched() false

void schedule(void);
/* The thread runs when it returns; a full barrier. */
void wake_up_process(struct task_struct *task);

/*
 * Called again and again by a thread that sleeps, about each millisecond. It
 * may end the sleep, by current->state.
 */
extern void (*shim_asleep)(void);

#endif
