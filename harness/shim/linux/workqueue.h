/* REAL: a thread for each queue. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_WORKQUEUE_H
#define _SHIM_LINUX_WORKQUEUE_H

#include <linux/types.h>

struct work_struct {
	struct work_struct *next;
	void (*func)(struct work_struct *work);
	bool queued;
};

struct workqueue_struct;

#define INIT_WORK(work, f)                 \
	do {                               \
		(work)->func = (f);        \
		(work)->queued = false;    \
	} while (0)

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active);
void destroy_workqueue(struct workqueue_struct *queue);
bool queue_work(struct workqueue_struct *queue, struct work_struct *work);
void flush_workqueue(struct workqueue_struct *queue);

#endif
