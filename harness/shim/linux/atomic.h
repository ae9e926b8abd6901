/* REAL: full barriers where the kernel has them; each may yield. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_ATOMIC_H
#define _SHIM_LINUX_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

#include <shim.h>

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_load_acquire(p)                                      \
	({                                                       \
		shim_yield();                                    \
		__atomic_load_n(p, __ATOMIC_ACQUIRE);            \
	})
#define smp_store_release(p, v)                                  \
	do {                                                     \
		shim_yield();                                    \
		__atomic_store_n(p, v, __ATOMIC_RELEASE);        \
		shim_yield();                                    \
	} while (0)
#define smp_store_mb(x, v)                                       \
	do {                                                     \
		WRITE_ONCE(x, v);                                \
		smp_mb();                                        \
	} while (0)
#define smp_mb__before_atomic() smp_mb()
#define smp_mb__after_atomic() smp_mb()

/* The only one that can be made to fail: see shim_disturb in shim.h. */
#define try_cmpxchg64(ptr, old, new)                                      \
	({                                                                \
		typeof(ptr) __ptr = (ptr);                                \
		typeof(old) __old = (old);                                \
		shim_before_cas(__ptr, *__old);                           \
		bool __ok = __atomic_compare_exchange_n(                  \
			__ptr, __old, new, false, __ATOMIC_SEQ_CST,       \
			__ATOMIC_SEQ_CST);                                \
		shim_after_cas();                                         \
		__ok;                                                     \
	})
#define try_cmpxchg(ptr, old, new)                                        \
	({                                                                \
		shim_yield_hard();                                        \
		__atomic_compare_exchange_n(ptr, old, new, false,         \
					    __ATOMIC_SEQ_CST,             \
					    __ATOMIC_SEQ_CST);            \
	})
#define xchg(ptr, v)                                                      \
	({                                                                \
		shim_yield_hard();                                        \
		typeof(*(ptr)) __old =                                    \
			__atomic_exchange_n(ptr, v, __ATOMIC_SEQ_CST);    \
		shim_yield_hard();                                        \
		__old;                                                    \
	})

typedef struct {
	long counter;
} atomic_long_t;

static inline long atomic_long_fetch_andnot(long mask, atomic_long_t *v)
{
	shim_yield_hard();
	return __atomic_fetch_and(&v->counter, ~mask, __ATOMIC_SEQ_CST);
}

static inline int atomic_read(const atomic_t *v)
{
	return READ_ONCE(v->counter);
}

static inline void atomic_set(atomic_t *v, int n)
{
	__atomic_store_n(&v->counter, n, __ATOMIC_RELAXED);
}

/* True: it was not @unless, and @n was added. */
static inline bool atomic_add_unless(atomic_t *v, int n, int unless)
{
	int old = atomic_read(v);

	do {
		if (old == unless)
			return false;
	} while (!try_cmpxchg(&v->counter, &old, old + n));
	return true;
}

static inline void atomic_inc(atomic_t *v)
{
	shim_yield_hard();
	__atomic_fetch_add(&v->counter, 1, __ATOMIC_SEQ_CST);
}

static inline void atomic_dec(atomic_t *v)
{
	shim_yield_hard();
	__atomic_fetch_sub(&v->counter, 1, __ATOMIC_SEQ_CST);
}

static inline s64 atomic64_read(const atomic64_t *v)
{
	return READ_ONCE(v->counter);
}

static inline void atomic64_set(atomic64_t *v, s64 n)
{
	__atomic_store_n(&v->counter, n, __ATOMIC_RELAXED);
}

static inline void atomic64_add(s64 n, atomic64_t *v)
{
	__atomic_fetch_add(&v->counter, n, __ATOMIC_SEQ_CST);
}

static inline void atomic64_sub(s64 n, atomic64_t *v)
{
	atomic64_add(-n, v);
}

static inline s64 atomic64_add_return(s64 n, atomic64_t *v)
{
	shim_yield_hard();
	return __atomic_add_fetch(&v->counter, n, __ATOMIC_SEQ_CST);
}

static inline void atomic64_inc(atomic64_t *v)
{
	shim_yield_hard();
	atomic64_add(1, v);
}

static inline void atomic64_dec(atomic64_t *v)
{
	atomic64_add(-1, v);
}

static inline bool atomic64_try_cmpxchg(atomic64_t *v, s64 *old, s64 new)
{
	shim_yield();
	return __atomic_compare_exchange_n(&v->counter, old, new, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#endif
