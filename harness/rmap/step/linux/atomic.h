/* REAL: but each access goes through step.c, which decides what it sees. */
/* SPDX-License-Identifier: GPL-2.0 */
#include_next <linux/atomic.h>

#undef smp_load_acquire
#define smp_load_acquire(p) READ_ONCE(*(p))
#undef smp_store_release
#define smp_store_release(p, v) WRITE_ONCE(*(p), v)
