/* REAL: mutual exclusion; the order of levels is checked (lock.c). */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SPINLOCK_H
#define _SHIM_LINUX_SPINLOCK_H

#include <stdbool.h>

typedef struct {
	int taken;
} spinlock_t;

void spin_lock_init(spinlock_t *lock);
/* Locks are taken in rising order of @level; one without is of level 0. */
void spin_lock_nested(spinlock_t *lock, int level);
void spin_unlock(spinlock_t *lock);

/* Nothing here interrupts a thread. */
#define local_irq_save(flags) ((void)((flags) = 0))
#define local_irq_restore(flags) ((void)(flags))
#define spin_lock_irqsave_nested(lock, flags, level)  \
	do {                                          \
		(flags) = 0;                          \
		spin_lock_nested(lock, level);        \
	} while (0)

#define spin_lock_irqsave(lock, flags) spin_lock_irqsave_nested(lock, flags, 0)

static inline void spin_unlock_irqrestore(spinlock_t *lock,
					  unsigned long flags)
{
	(void)flags;
	spin_unlock(lock);
}

static inline void spin_lock(spinlock_t *lock)
{
	spin_lock_nested(lock, 0);
}

static inline void spin_lock_irq(spinlock_t *lock)
{
	spin_lock(lock);
}

static inline void spin_unlock_irq(spinlock_t *lock)
{
	spin_unlock(lock);
}

#endif
