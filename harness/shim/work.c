// SPDX-License-Identifier: GPL-2.0
/*
 * Work queues: each has a thread, which takes one work after the other.
 */
#include <linux/workqueue.h>

#include <pthread.h>
#include <shim.h>
#include <stdlib.h>

struct workqueue_struct {
	pthread_mutex_t lock;
	pthread_cond_t more, done;
	pthread_t thread;
	struct work_struct *first, **last;
	u64 queued, finished;
	bool over;
};

/* lock held; drops it meanwhile */
static void run_first(struct workqueue_struct *queue)
{
	struct work_struct *work = queue->first;
	void (*func)(struct work_struct *work) = work->func;

	queue->first = work->next;
	if (!queue->first)
		queue->last = &queue->first;
	work->queued = false;
	pthread_mutex_unlock(&queue->lock);
	shim_yield_hard();
	func(work); /* which may free it */
	pthread_mutex_lock(&queue->lock);
	queue->finished++;
	pthread_cond_broadcast(&queue->done);
}

static void *run(void *arg)
{
	struct workqueue_struct *queue = arg;

	shim_thread(7);
	pthread_mutex_lock(&queue->lock);
	while (!queue->over || queue->first) {
		if (queue->first)
			run_first(queue);
		else
			pthread_cond_wait(&queue->more, &queue->lock);
	}
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active)
{
	struct workqueue_struct *queue = calloc(1, sizeof(*queue));

	(void)name;
	(void)flags;
	(void)max_active;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->more, NULL);
	pthread_cond_init(&queue->done, NULL);
	queue->last = &queue->first;
	pthread_create(&queue->thread, NULL, run, queue);
	return queue;
}

void destroy_workqueue(struct workqueue_struct *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->over = true;
	pthread_cond_signal(&queue->more);
	pthread_mutex_unlock(&queue->lock);
	pthread_join(queue->thread, NULL);
	free(queue);
}

bool queue_work(struct workqueue_struct *queue, struct work_struct *work)
{
	bool new;

	pthread_mutex_lock(&queue->lock);
	new = !work->queued;
	if (new) {
		work->queued = true;
		work->next = NULL;
		*queue->last = work;
		queue->last = &work->next;
		queue->queued++;
		pthread_cond_signal(&queue->more);
	}
	pthread_mutex_unlock(&queue->lock);
	return new;
}

void flush_workqueue(struct workqueue_struct *queue)
{
	u64 queued;

	shim_may_sleep("flush_workqueue");
	pthread_mutex_lock(&queue->lock);
	queued = queue->queued;
	while (queue->finished < queued)
		pthread_cond_wait(&queue->done, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
}
