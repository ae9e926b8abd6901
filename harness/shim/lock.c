// SPDX-License-Identifier: GPL-2.0
/*
 * The kernels that umbra runs on are built without lockdep, so this is where
 * the order of locks is checked: each thread keeps a stack of what it holds.
 */
#include <linux/spinlock.h>

#include <shim.h>

#include <sched.h>
#include <stdlib.h>

#define LOCKS_MAX 8

static __thread struct {
	const spinlock_t *lock;
	int level;
} held[LOCKS_MAX];
static __thread int depth;
__thread u64 shim_locks_taken;

int shim_locks_held(void)
{
	return depth;
}

void spin_lock_init(spinlock_t *lock)
{
	lock->taken = 0;
}

void spin_lock_nested(spinlock_t *lock, int level)
{
	int i;

	for (i = 0; i < depth; i++)
		if (held[i].lock == lock)
			shim_warn("a lock of level %d is taken twice\n", level);
	if (depth && level <= held[depth - 1].level)
		shim_warn("a lock of level %d is taken under level %d\n",
			  level, held[depth - 1].level);
	shim_yield_hard();
	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	shim_locks_taken++;
	if (depth == LOCKS_MAX)
		abort();
	held[depth].lock = lock;
	held[depth++].level = level;
}

/* The order of giving back is free. */
void spin_unlock(spinlock_t *lock)
{
	int i = depth;

	while (--i >= 0 && held[i].lock != lock)
		;
	if (i < 0) {
		shim_warn("a lock is given back that is not held\n");
		return;
	}
	for (depth--; i < depth; i++)
		held[i] = held[i + 1];
	/*
	 * A plain store on x86, as the kernel's: a mutex would be a full barrier
	 * and hide one that the code forgot.
	 */
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}
