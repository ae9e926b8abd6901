/* SPDX-License-Identifier: GPL-2.0 */
/* REAL: the two ordered accesses that a ring needs. */
#ifndef _SHIM_LINUX_ATOMIC_H
#define _SHIM_LINUX_ATOMIC_H

#include <linux/compiler.h>

#define smp_load_acquire(p)                             \
	({                                              \
		shim_yield();                           \
		__atomic_load_n(p, __ATOMIC_ACQUIRE);   \
	})
#define smp_store_release(p, v)                         \
	({                                              \
		shim_yield();                           \
		__atomic_store_n(p, v, __ATOMIC_RELEASE); \
	})

#endif
