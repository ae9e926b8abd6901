/* REAL: the TSC. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_TIMEX_H
#define _SHIM_LINUX_TIMEX_H

#include <linux/types.h>

static inline u64 get_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

#endif
