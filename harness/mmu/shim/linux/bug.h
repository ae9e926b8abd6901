/* SPDX-License-Identifier: GPL-2.0 */
/* REAL: a warning is counted and fails the test. */
#ifndef _SHIM_LINUX_BUG_H
#define _SHIM_LINUX_BUG_H

void shim_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define WARN_ONCE(cond, ...)                      \
	do {                                      \
		if (cond)                         \
			shim_warn(__VA_ARGS__);   \
	} while (0)

#endif
