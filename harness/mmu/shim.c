// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's promises in userspace. A grace period waits for every thread
 * that was in a read section when it began: each thread publishes the number
 * of the period in which it entered.
 */
#include "shim.h"

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/rcupdate.h>

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define SHIM_THREADS 64

struct shim_reader {
	u64 period; /* 0: outside */
	int depth;  /* own thread only */
} __attribute__((aligned(64)));

static struct shim_reader readers[SHIM_DOMAINS][SHIM_THREADS];
static u64 periods[SHIM_DOMAINS] = { 1, 1 };
static int nr_threads;
static __thread int me = -1;
static __thread u64 state;
__thread void (*shim_before_cas)(void);
__thread int shim_skip_cas;
bool shim_yields;
int shim_warnings;

void shim_thread(u64 seed)
{
	if (me < 0) {
		me = __atomic_fetch_add(&nr_threads, 1, __ATOMIC_SEQ_CST);
		/* The first one lives long; the others come and go. */
		if (me)
			me = 1 + (me - 1) % (SHIM_THREADS - 1);
	}
	state = seed * 2862933555777941757ULL + 3037000493ULL;
}

u64 shim_random(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 33;
}

void shim_yield(void)
{
	u64 r;

	if (!shim_yields)
		return;
	r = shim_random();
	if (r % 4096 == 0)
		usleep(r / 4096 % 300);
	else if (r % 32 == 0)
		sched_yield();
}

void shim_yield_hard(void)
{
	u64 r;

	if (!shim_yields)
		return;
	r = shim_random();
	if (r % 32 == 0)
		usleep(r / 32 % 300);
	else if (r % 4 == 0)
		sched_yield();
}

void shim_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	flockfile(stdout);
	printf("# ");
	vprintf(fmt, args);
	funlockfile(stdout);
	va_end(args);
	__atomic_fetch_add(&shim_warnings, 1, __ATOMIC_SEQ_CST);
}

void shim_read_lock(enum shim_domain domain)
{
	struct shim_reader *reader = &readers[domain][me];

	if (reader->depth++)
		return;
	__atomic_store_n(&reader->period,
			 __atomic_load_n(&periods[domain], __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
}

void shim_read_unlock(enum shim_domain domain)
{
	struct shim_reader *reader = &readers[domain][me];

	if (!--reader->depth)
		__atomic_store_n(&reader->period, 0, __ATOMIC_SEQ_CST);
}

void shim_synchronize(enum shim_domain domain)
{
	u64 now = __atomic_add_fetch(&periods[domain], 1, __ATOMIC_SEQ_CST);
	int i;

	for (i = 0; i < SHIM_THREADS; i++) {
		u64 *period = &readers[domain][i].period;
		u64 in;

		while ((in = __atomic_load_n(period, __ATOMIC_SEQ_CST)) &&
		       in < now)
			usleep(20);
	}
}

void rcu_read_lock(void)
{
	shim_read_lock(SHIM_RCU);
}

void rcu_read_unlock(void)
{
	shim_read_unlock(SHIM_RCU);
}

void synchronize_rcu(void)
{
	shim_synchronize(SHIM_RCU);
}
