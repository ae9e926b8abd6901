/* REAL: who waits is called with the queue's lock held, interrupts off. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_WAIT_H
#define _SHIM_LINUX_WAIT_H

#include <linux/list.h>
#include <linux/spinlock.h>

typedef struct wait_queue_head {
	spinlock_t lock;
	struct list_head head;
} wait_queue_head_t;

typedef struct wait_queue_entry wait_queue_entry_t;
typedef int (*wait_queue_func_t)(wait_queue_entry_t *wait, unsigned int mode,
				 int flags, void *key);

struct wait_queue_entry {
	wait_queue_func_t func;
	struct list_head entry;
};

/* Above all that is taken by who is woken. */
#define SHIM_LOCK_QUEUE (-1)

static inline void init_waitqueue_func_entry(wait_queue_entry_t *wait,
					     wait_queue_func_t func)
{
	wait->func = func;
}

static inline void add_wait_queue_priority(wait_queue_head_t *queue,
					   wait_queue_entry_t *wait)
{
	spin_lock_nested(&queue->lock, SHIM_LOCK_QUEUE);
	list_add(&wait->entry, &queue->head);
	spin_unlock(&queue->lock);
}

#endif
