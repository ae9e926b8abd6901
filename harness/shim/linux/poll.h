/* REAL: of eventfds. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_POLL_H
#define _SHIM_LINUX_POLL_H

#include <linux/types.h>
#include <linux/wait.h>

#define EPOLLIN 0x001u
#define EPOLLHUP 0x010u
#define key_to_poll(key) ((__poll_t)(unsigned long)(key))

struct file;

typedef struct poll_table_struct {
	void (*queue)(struct file *file, wait_queue_head_t *queue,
		      struct poll_table_struct *poll);
} poll_table;

static inline void init_poll_funcptr(poll_table *poll,
				     void (*queue)(struct file *file,
						   wait_queue_head_t *queue,
						   poll_table *poll))
{
	poll->queue = queue;
}

__poll_t vfs_poll(struct file *file, poll_table *poll);

#endif
