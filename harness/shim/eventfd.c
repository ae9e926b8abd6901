// SPDX-License-Identifier: GPL-2.0
/*
 * Eventfds. One is free again, as far as the code under test is concerned, when
 * nobody holds it; here it stays, and tells who uses it then.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>

#include <errno.h>
#include <shim.h>

#define EVENTFDS 512

struct file {
	bool open;
};

struct eventfd_ctx {
	struct file file;
	wait_queue_head_t queue;
	u64 count;
	int refs;
};

static struct eventfd_ctx eventfds[EVENTFDS];
static int hand;

static struct eventfd_ctx *ctx_of(struct file *file)
{
	return (struct eventfd_ctx *)file;
}

static void get(struct eventfd_ctx *ctx)
{
	if (__atomic_fetch_add(&ctx->refs, 1, __ATOMIC_SEQ_CST) <= 0)
		shim_warn("an eventfd is taken that nobody holds\n");
}

void eventfd_ctx_put(struct eventfd_ctx *ctx)
{
	if (__atomic_sub_fetch(&ctx->refs, 1, __ATOMIC_SEQ_CST) < 0)
		shim_warn("an eventfd is given back twice\n");
}

static void lock(struct eventfd_ctx *ctx)
{
	if (__atomic_load_n(&ctx->refs, __ATOMIC_SEQ_CST) <= 0)
		shim_warn("an eventfd is used that nobody holds\n");
	spin_lock_nested(&ctx->queue.lock, SHIM_LOCK_QUEUE);
}

static void unlock(struct eventfd_ctx *ctx)
{
	spin_unlock(&ctx->queue.lock);
}

/* Lock held. */
static void wake(struct eventfd_ctx *ctx, __poll_t events)
{
	wait_queue_entry_t *wait, *next;

	list_for_each_entry_safe(wait, next, &ctx->queue.head, entry)
		wait->func(wait, 0, 0, (void *)(unsigned long)events);
}

void eventfd_signal(struct eventfd_ctx *ctx)
{
	lock(ctx);
	ctx->count++;
	wake(ctx, EPOLLIN);
	unlock(ctx);
}

/* Lock held. */
void eventfd_ctx_do_read(struct eventfd_ctx *ctx, __u64 *count)
{
	*count = ctx->count;
	ctx->count = 0;
}

int eventfd_ctx_remove_wait_queue(struct eventfd_ctx *ctx,
				  wait_queue_entry_t *wait, __u64 *count)
{
	lock(ctx);
	eventfd_ctx_do_read(ctx, count);
	list_del(&wait->entry);
	unlock(ctx);
	return 0;
}

struct file *fget(unsigned int fd)
{
	struct eventfd_ctx *ctx = &eventfds[fd % EVENTFDS];

	if (!__atomic_load_n(&ctx->file.open, __ATOMIC_SEQ_CST))
		return NULL;
	get(ctx);
	return &ctx->file;
}

void fput(struct file *file)
{
	eventfd_ctx_put(ctx_of(file));
}

struct eventfd_ctx *eventfd_ctx_fileget(struct file *file)
{
	get(ctx_of(file));
	return ctx_of(file);
}

struct eventfd_ctx *eventfd_ctx_fdget(int fd)
{
	struct file *file = fget(fd);

	return file ? ctx_of(file) : ERR_PTR(-EBADF);
}

__poll_t vfs_poll(struct file *file, poll_table *poll)
{
	struct eventfd_ctx *ctx = ctx_of(file);
	__poll_t events;

	poll->queue(file, &ctx->queue, poll);
	lock(ctx);
	events = ctx->count ? EPOLLIN : 0;
	unlock(ctx);
	return events;
}

/* One thread makes them. */
int shim_eventfd(void)
{
	struct eventfd_ctx *ctx;
	int n;

	for (n = 0; n < EVENTFDS; n++) {
		hand = (hand + 1) % EVENTFDS;
		ctx = &eventfds[hand];
		if (__atomic_load_n(&ctx->refs, __ATOMIC_SEQ_CST) > 0)
			continue;
		ctx->count = 0;
		spin_lock_init(&ctx->queue.lock);
		INIT_LIST_HEAD(&ctx->queue.head);
		__atomic_store_n(&ctx->refs, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&ctx->file.open, true, __ATOMIC_SEQ_CST);
		return hand;
	}
	shim_warn("no eventfd is free\n");
	return 0;
}

void shim_eventfd_close(int fd)
{
	struct eventfd_ctx *ctx = &eventfds[fd];

	__atomic_store_n(&ctx->file.open, false, __ATOMIC_SEQ_CST);
	lock(ctx);
	wake(ctx, EPOLLHUP);
	unlock(ctx);
	eventfd_ctx_put(ctx);
}

void shim_eventfd_write(int fd)
{
	eventfd_signal(&eventfds[fd]);
}

__u64 shim_eventfd_read(int fd)
{
	struct eventfd_ctx *ctx = &eventfds[fd];
	__u64 count;

	lock(ctx);
	eventfd_ctx_do_read(ctx, &count);
	unlock(ctx);
	return count;
}

int shim_eventfds_held(void)
{
	int i, n = 0;

	for (i = 0; i < EVENTFDS; i++)
		n += __atomic_load_n(&eventfds[i].refs, __ATOMIC_SEQ_CST) > 0;
	return n;
}
