// SPDX-License-Identifier: GPL-2.0
/*
 * RCU and SRCU by two flavours of liburcu, chosen for what their read side
 * does not do:
 *
 *   RCU   urcu-memb: entering a section orders nothing on this CPU, as in the
 *         kernel. (urcu-mb would put a full barrier into each, and hide one
 *         that the code forgot.)
 *   SRCU  urcu-mb: srcu_read_lock() is a full barrier in the kernel too.
 *
 * liburcu is not built with ThreadSanitizer, which therefore cannot see what
 * it orders. The notes below tell: a section that ended happened before a
 * grace period that waited for it. Its call_rcu() would free in a thread that
 * is not instrumented either, so there is one of our own. Nothing is
 * suppressed: a suppression blinds the tool to real uses after free.
 */
#define rcu_head urcu_head /* not the kernel's */
#include <urcu/urcu-memb.h>
#include <urcu/urcu-mb.h>
#undef rcu_head
#undef __rcu
#undef rcu_dereference
#undef rcu_assign_pointer

#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <shim.h>

#include <pthread.h>

static char rcu_note, srcu_note;
static __thread int rcu_depth;
static pthread_key_t leaver;
static __thread bool known;

static void thread_leave(void *unused)
{
	urcu_memb_unregister_thread();
	urcu_mb_unregister_thread();
	known = false;
}

static void make_leaver(void)
{
	pthread_key_create(&leaver, thread_leave);
}

void shim_thread(u64 seed)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	shim_seed(seed);
	if (known)
		return;
	known = true;
	pthread_once(&once, make_leaver);
	pthread_setspecific(leaver, &known);
	urcu_memb_register_thread();
	urcu_mb_register_thread();
}

void rcu_read_lock(void)
{
	rcu_depth++;
	urcu_memb_read_lock();
}

void rcu_read_unlock(void)
{
	__tsan_release(&rcu_note);
	urcu_memb_read_unlock();
	rcu_depth--;
}

void synchronize_rcu(void)
{
	shim_may_sleep("synchronize_rcu");
	urcu_memb_synchronize_rcu();
	__tsan_acquire(&rcu_note);
}

void shim_srcu_read_lock(void)
{
	urcu_mb_read_lock();
}

void shim_srcu_read_unlock(void)
{
	__tsan_release(&srcu_note);
	urcu_mb_read_unlock();
}

void shim_synchronize_srcu(void)
{
	shim_may_sleep("synchronize_srcu");
	urcu_mb_synchronize_rcu();
	__tsan_acquire(&srcu_note);
}

void shim_may_sleep(const char *who)
{
	if (rcu_depth)
		shim_warn("%s sleeps under RCU\n", who);
	if (shim_locks_held())
		shim_warn("%s sleeps under a spinlock\n", who);
}

/* What waits for a grace period, and a thread that sees it through. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t more, done;
	struct rcu_head *first, **last;
	u64 queued, finished;
} calls = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.more = PTHREAD_COND_INITIALIZER,
	.done = PTHREAD_COND_INITIALIZER,
	.last = &calls.first,
};

/* calls.lock held; drops it meanwhile */
static void reclaim(void)
{
	struct rcu_head *head = calls.first, *next;
	u64 queued = calls.queued;

	calls.first = NULL;
	calls.last = &calls.first;
	pthread_mutex_unlock(&calls.lock);
	synchronize_rcu();
	for (; head; head = next) {
		next = head->next;
		if ((size_t)head->func < 4096)
			kfree((char *)head - (size_t)head->func);
		else
			head->func(head);
	}
	pthread_mutex_lock(&calls.lock);
	calls.finished = queued;
	pthread_cond_broadcast(&calls.done);
}

static void *reclaimer(void *unused)
{
	shim_thread(0);
	pthread_mutex_lock(&calls.lock);
	for (;;) {
		while (!calls.first)
			pthread_cond_wait(&calls.more, &calls.lock);
		reclaim();
	}
	return NULL;
}

static void start_reclaimer(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, reclaimer, NULL);
	pthread_detach(thread);
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start_reclaimer);
	head->next = NULL;
	head->func = func;
	pthread_mutex_lock(&calls.lock);
	*calls.last = head;
	calls.last = &head->next;
	calls.queued++;
	pthread_cond_signal(&calls.more);
	pthread_mutex_unlock(&calls.lock);
}

void rcu_barrier(void)
{
	u64 queued;

	shim_may_sleep("rcu_barrier");
	pthread_mutex_lock(&calls.lock);
	queued = calls.queued;
	while (calls.finished < queued)
		pthread_cond_wait(&calls.done, &calls.lock);
	pthread_mutex_unlock(&calls.lock);
}
