/* REAL: counts, references, who waits; the user's side too (eventfd.c). */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_EVENTFD_H
#define _SHIM_LINUX_EVENTFD_H

#include <linux/err.h>
#include <linux/types.h>
#include <linux/wait.h>

struct eventfd_ctx;
struct file;

struct eventfd_ctx *eventfd_ctx_fdget(int fd);
struct eventfd_ctx *eventfd_ctx_fileget(struct file *file);
void eventfd_ctx_put(struct eventfd_ctx *ctx);
void eventfd_signal(struct eventfd_ctx *ctx);
void eventfd_ctx_do_read(struct eventfd_ctx *ctx, __u64 *count);
int eventfd_ctx_remove_wait_queue(struct eventfd_ctx *ctx,
				  wait_queue_entry_t *wait, __u64 *count);

/*
 * What user space does. One that nobody holds any more is kept, so that who
 * uses it all the same is complained of; there are some hundred.
 */
int shim_eventfd(void);
void shim_eventfd_close(int fd);
void shim_eventfd_write(int fd);
__u64 shim_eventfd_read(int fd);
int shim_eventfds_held(void);

#endif
