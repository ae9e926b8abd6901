/* STUB: a clock that nobody looks at. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_KTIME_H
#define _SHIM_LINUX_KTIME_H

#include <linux/types.h>

#define NSEC_PER_MSEC 1000000L

typedef s64 ktime_t;

static inline ktime_t ns_to_ktime(u64 ns)
{
	return ns;
}

static inline u64 ktime_get_ns(void)
{
	return 1;
}

static inline ktime_t ktime_get(void)
{
	return ktime_get_ns();
}

#endif
