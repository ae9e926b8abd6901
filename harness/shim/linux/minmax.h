/* REAL: each argument is evaluated once; operand types are not compared. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_MINMAX_H
#define _SHIM_LINUX_MINMAX_H

#define min(a, b) ({ \
	__auto_type _min_a = (a); \
	__auto_type _min_b = (b); \
	_min_a < _min_b ? _min_a : _min_b; })
#define max(a, b) ({ \
	__auto_type _max_a = (a); \
	__auto_type _max_b = (b); \
	_max_a > _max_b ? _max_a : _max_b; })
#define swap(a, b) ({ \
	__auto_type _swap = (a); \
	(a) = (b); \
	(b) = _swap; })
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))
#define clamp_t(type, val, low, high) \
	min_t(type, max_t(type, val, low), high)

#endif
