/* REAL: mutual exclusion; who sleeps where he must not is told of. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_MUTEX_H
#define _SHIM_LINUX_MUTEX_H

#include <linux/container_of.h>
#include <linux/kernel.h>

#include <errno.h>
#include <pthread.h>
#include <shim.h>

struct mutex {
	pthread_mutex_t lock;
};

#define lockdep_is_held(lock) (1)

static inline void mutex_init(struct mutex *mutex)
{
	pthread_mutex_init(&mutex->lock, NULL);
}

static inline void mutex_lock(struct mutex *mutex)
{
	shim_may_sleep("mutex_lock");
	shim_yield_hard();
	pthread_mutex_lock(&mutex->lock);
}

static inline void mutex_unlock(struct mutex *mutex)
{
	pthread_mutex_unlock(&mutex->lock);
}

#endif
