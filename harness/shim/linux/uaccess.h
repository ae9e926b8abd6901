/* STUB: user memory is memory, and always there. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_UACCESS_H
#define _SHIM_LINUX_UACCESS_H

#include <linux/err.h>
#include <linux/slab.h>

#include <string.h>

static inline unsigned long copy_from_user(void *to, const void *from,
					   unsigned long n)
{
	memcpy(to, from, n);
	return 0;
}

static inline unsigned long copy_to_user(void *to, const void *from,
					 unsigned long n)
{
	memcpy(to, from, n);
	return 0;
}

static inline void *memdup_user(const void *from, size_t n)
{
	void *to = kmalloc(n, GFP_KERNEL);

	if (!to)
		return ERR_PTR(-ENOMEM);
	memcpy(to, from, n);
	return to;
}

#define vmemdup_user(from, n) memdup_user(from, n)

#endif
