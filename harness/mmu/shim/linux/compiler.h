/* SPDX-License-Identifier: GPL-2.0 */
/* REAL: marked accesses; each may yield, by the seed. */
#ifndef _SHIM_LINUX_COMPILER_H
#define _SHIM_LINUX_COMPILER_H

#define __force
#define __rcu
#define __user

void shim_yield(void);
void shim_yield_hard(void);
/* Runs once, before the thread's compare-and-exchange after @skip others. */
extern __thread void (*shim_before_cas)(void);
extern __thread int shim_skip_cas;

#define READ_ONCE(x)                                 \
	({                                           \
		shim_yield();                        \
		__atomic_load_n(&(x), __ATOMIC_RELAXED); \
	})
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)

#endif
