/* STUB: types. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_FS_H
#define _SHIM_LINUX_FS_H

struct file;
struct vm_area_struct;
typedef unsigned long pgoff_t;

#endif
