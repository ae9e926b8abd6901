/* REAL: here a table's physical address is its virtual one. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_MM_H
#define _SHIM_LINUX_MM_H

#include <shim.h>

/* Nobody looks into one. */
struct page;
#define virt_to_page(va) ((struct page *)(va))

/*
 * A walker reaches what lies in a table by the address it read, and so after
 * it was filled: an address dependency, which ThreadSanitizer cannot see. It
 * is told here, where the address is made and where it is used.
 */
#define __pa(va) ((unsigned long)shim_publish(va))
#define __va(pa) shim_depend((void *)(unsigned long)(pa))

#endif
