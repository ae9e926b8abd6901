/* STUB: a type. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_REFCOUNT_H
#define _SHIM_LINUX_REFCOUNT_H

typedef struct {
	int refs;
} refcount_t;

#endif
