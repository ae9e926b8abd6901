/* SPDX-License-Identifier: GPL-2.0 */
/* REAL: here a table's physical address is its virtual one. */
#ifndef _SHIM_LINUX_MM_H
#define _SHIM_LINUX_MM_H

#define __va(pa) ((void *)(unsigned long)(pa))
#define __pa(va) ((unsigned long)(va))

#endif
