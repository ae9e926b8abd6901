/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tap.h - a test program's output: one TAP line per test, the plan at the end
 *
 * A test is a function; EXPECT() inside it reports and goes on. main() is a
 * list of TEST() lines and ends with `return tap_done();`.
 */
#ifndef _HARNESS_TAP_H
#define _HARNESS_TAP_H

#include <stdio.h>

#define TAP_SHOWN 10	/* diagnostics per test; a broken op floods otherwise */

static unsigned int tap_tests, tap_failed, tap_bad;

#define EXPECT(cond, fmt, ...) ({ \
	int _ok = !!(cond); \
	if (!_ok && tap_bad++ < TAP_SHOWN) \
		printf("# %s:%d: " fmt "\n", __FILE__, __LINE__, \
		       ##__VA_ARGS__); \
	_ok; })

#define EXPECT_EQ(a, b) ({ \
	unsigned long long _a = (unsigned long long)(a); \
	unsigned long long _b = (unsigned long long)(b); \
	EXPECT(_a == _b, "%s is 0x%llx, not 0x%llx", #a, _a, _b); })

static inline void tap_test(const char *name, void (*fn)(void))
{
	tap_bad = 0;
	fn();
	tap_tests++;
	if (tap_bad)
		tap_failed++;
	printf("%s %u - %s\n", tap_bad ? "not ok" : "ok", tap_tests, name);
	fflush(stdout);
}

#define TEST(fn) tap_test(#fn, fn)

static inline int tap_done(void)
{
	printf("1..%u\n", tap_tests);
	return tap_failed ? 1 : 0;
}

#endif
