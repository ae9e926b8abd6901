/* SPDX-License-Identifier: GPL-2.0 */
/* REAL: marked accesses, atomic for the sanitizers too; each may yield. */
#ifndef _SHIM_LINUX_COMPILER_H
#define _SHIM_LINUX_COMPILER_H

#define __user

void shim_yield(void);

#define READ_ONCE(x)                                     \
	({                                               \
		shim_yield();                            \
		__atomic_load_n(&(x), __ATOMIC_RELAXED); \
	})
#define WRITE_ONCE(x, v)                                      \
	({                                                    \
		shim_yield();                                 \
		__atomic_store_n(&(x), v, __ATOMIC_RELAXED);  \
	})

#endif
