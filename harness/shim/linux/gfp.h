/* REAL: pages, zeroed. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_GFP_H
#define _SHIM_LINUX_GFP_H

#include <linux/types.h>

#define PAGE_SIZE 4096UL

typedef unsigned int gfp_t;

#define __GFP_ZERO 0x1u
#define __GFP_NOWARN 0x2u
#define __GFP_ACCOUNT 0x4u
#define __GFP_SLEEPS 0x8u /* the shim's own */
#define GFP_NOWAIT 0u
#define GFP_KERNEL __GFP_SLEEPS
#define GFP_KERNEL_ACCOUNT (__GFP_SLEEPS | __GFP_ACCOUNT)

unsigned long get_zeroed_page(gfp_t gfp);
void free_page(unsigned long addr);

#endif
