// SPDX-License-Identifier: GPL-2.0
/*
 * Where a thread yields, what is made to fail, and what was complained of.
 */
#include <shim.h>

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool shim_yields;
__thread enum shim_pace shim_pace = SHIM_STEADY;
unsigned int shim_alloc_fail, shim_cas_fail;
void (*shim_disturb)(u64 *word, u64 expected);
void (*shim_settle)(void);
__thread void (*shim_stall)(void);
__thread int shim_stall_skip;
static __thread u64 state;
static int warnings;
static char said[256];

void shim_seed(u64 seed)
{
	state = seed * 2862933555777941757ULL + 3037000493ULL;
}

u64 shim_random(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 33;
}

/* Sleep once in @slow times, by the thread's pace; give way once in @often. */
static void yield(const unsigned int slow_by_pace[], unsigned int often)
{
	unsigned int slow = slow_by_pace[shim_pace];
	u64 r;

	if (!__atomic_load_n(&shim_yields, __ATOMIC_RELAXED) ||
	    shim_pace == SHIM_BRISK)
		return;
	r = shim_random();
	if (r % slow == 0)
		usleep(r / slow % 300);
	else if (r % often == 0)
		sched_yield();
}

void shim_yield(void)
{
	static const unsigned int slow[] = { 0, 4096, 512 };

	yield(slow, 32);
}

void shim_yield_hard(void)
{
	static const unsigned int slow[] = { 0, 32, 16 };

	yield(slow, 4);
}

void shim_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	flockfile(stdout);
	vsnprintf(said, sizeof(said), fmt, args);
	printf("# %s", said);
	funlockfile(stdout);
	va_end(args);
	__atomic_fetch_add(&warnings, 1, __ATOMIC_SEQ_CST);
}

const char *shim_said(void)
{
	return said;
}

int shim_warnings(void)
{
	return __atomic_load_n(&warnings, __ATOMIC_RELAXED);
}

void shim_forgive(int n)
{
	__atomic_fetch_sub(&warnings, n, __ATOMIC_SEQ_CST);
}

bool shim_alloc_fails(void)
{
	return shim_alloc_fail && shim_random() % 1024 < shim_alloc_fail;
}

void shim_before_cas(void *word, u64 expected)
{
	void (*stall)(void) = shim_stall;

	shim_yield_hard();
	if (stall && !shim_stall_skip--) {
		shim_stall = NULL;
		stall();
	}
	if (shim_cas_fail && shim_random() % 1024 < shim_cas_fail)
		shim_disturb(word, expected);
}

void shim_after_cas(void)
{
	if (shim_cas_fail)
		shim_settle();
	shim_yield_hard();
}
