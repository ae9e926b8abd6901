/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the shim offers to tests beyond the kernel's names: seeds and yields,
 * failures to order, and the notes that keep ThreadSanitizer honest.
 */
#ifndef _HARNESS_SHIM_H
#define _HARNESS_SHIM_H

#include <linux/types.h>

/* Every thread calls this first; @seed decides where it yields. */
void shim_thread(u64 seed);
void shim_seed(u64 seed);
u64 shim_random(void);
/* At reads: seldom. Around atomic writes: often, and longer. */
void shim_yield(void);
void shim_yield_hard(void);
extern bool shim_yields; /* off in unit tests; atomic where others run */
/* How much a thread dawdles; who is overtaken matters as much as where. */
enum shim_pace { SHIM_BRISK, SHIM_STEADY, SHIM_SLOW };
extern __thread enum shim_pace shim_pace;

/* A complaint, which fails the test. */
void shim_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int shim_warnings(void);
const char *shim_said(void); /* the last complaint */
void shim_forgive(int n); /* the last @n were wanted */

/* Failures to order, of 1024; set while one thread runs. */
extern unsigned int shim_alloc_fail, shim_cas_fail;
bool shim_alloc_fails(void);
/*
 * A compare-and-exchange does not fail by itself. To make one fail, a test
 * sets shim_disturb to what another party might do to the word just then, and
 * shim_settle to what it does afterwards.
 */
extern void (*shim_disturb)(u64 *word, u64 expected);
extern void (*shim_settle)(void);
/* Runs once, before the thread's compare-and-exchange after @skip others. */
extern __thread void (*shim_stall)(void);
extern __thread int shim_stall_skip;
void shim_before_cas(void *word, u64 expected);
void shim_after_cas(void);

/* Slots are under a domain of their own, as in the kernel: see rcu.c. */
void shim_srcu_read_lock(void);
void shim_srcu_read_unlock(void);
void shim_synchronize_srcu(void);
/* Complains when called under RCU or a spinlock. */
void shim_may_sleep(const char *who);

/* Spinlocks that this thread took so far; lock.c */
extern __thread u64 shim_locks_taken;
int shim_locks_held(void);

#if defined(__SANITIZE_THREAD__)
#define SHIM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHIM_TSAN 1
#endif
#endif

#ifdef SHIM_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#else
#define __tsan_acquire(addr) ((void)(addr))
#define __tsan_release(addr) ((void)(addr))
#endif

static inline void *shim_publish(void *addr)
{
	__tsan_release(addr);
	return addr;
}

static inline void *shim_depend(void *addr)
{
	__tsan_acquire(addr);
	return addr;
}

#endif
