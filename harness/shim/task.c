// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that sleep and are woken.
 */
#include <linux/sched.h>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__thread struct task_struct shim_task;
void (*shim_asleep)(void);

static int state_of(struct task_struct *task)
{
	return __atomic_load_n(&task->state, __ATOMIC_SEQ_CST);
}

/* Spins before it sleeps: a wake-up is most often near. */
void schedule(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int i;

	shim_may_sleep("schedule");
	for (i = 0; i < 200 && state_of(current) != TASK_RUNNING; i++)
		__builtin_ia32_pause();
	while (state_of(current) != TASK_RUNNING) {
		if (shim_asleep)
			shim_asleep();
		syscall(SYS_futex, &current->state, FUTEX_WAIT,
			TASK_INTERRUPTIBLE, &ms, NULL, 0);
	}
}

void wake_up_process(struct task_struct *task)
{
	if (__atomic_exchange_n(&task->state, TASK_RUNNING, __ATOMIC_SEQ_CST) !=
	    TASK_RUNNING)
		syscall(SYS_futex, &task->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}
