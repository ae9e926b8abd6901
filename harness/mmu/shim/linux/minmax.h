/* SPDX-License-Identifier: GPL-2.0 */
/* REAL */
#ifndef _SHIM_LINUX_MINMAX_H
#define _SHIM_LINUX_MINMAX_H

#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define min(a, b)                          \
	({                                 \
		typeof(a) __a = (a);       \
		typeof(b) __b = (b);       \
		__a < __b ? __a : __b;     \
	})

#endif
