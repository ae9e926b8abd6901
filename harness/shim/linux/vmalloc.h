/* REAL: zeroed memory of any size. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_VMALLOC_H
#define _SHIM_LINUX_VMALLOC_H

#include <linux/slab.h>

void *__vcalloc(size_t n, size_t size, gfp_t gfp);
void vfree(const void *obj);

#endif
