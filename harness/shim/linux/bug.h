/* REAL: a warning is printed, counted, and fails the test. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BUG_H
#define _SHIM_LINUX_BUG_H

#include <shim.h>

#define WARN_ONCE(cond, ...)                    \
	({                                      \
		bool __warn = (cond);           \
		if (__warn)                     \
			shim_warn(__VA_ARGS__); \
		__warn;                         \
	})
#define WARN_ON_ONCE(cond) WARN_ONCE(cond, "%s:%d: %s\n", __FILE__, __LINE__, #cond)

#endif
