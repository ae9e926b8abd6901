/* REAL: marked accesses are relaxed atomics; reads may yield, by the seed. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_COMPILER_H
#define _SHIM_LINUX_COMPILER_H

#define noinline __attribute__((__noinline__))
#define fallthrough __attribute__((__fallthrough__))
#define __force
#define __rcu
#define __user
#define __acquires(x)
#define __releases(x)
#define __must_check __attribute__((__warn_unused_result__))

void shim_yield(void);

#define READ_ONCE(x)                                     \
	({                                               \
		shim_yield();                            \
		__atomic_load_n(&(x), __ATOMIC_RELAXED); \
	})
#define WRITE_ONCE(x, v)                                    \
	do {                                                \
		shim_yield();                               \
		__atomic_store_n(&(x), v, __ATOMIC_RELAXED); \
	} while (0)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
