/* REAL: of eventfds, whose numbers are the shim's own. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_FILE_H
#define _SHIM_LINUX_FILE_H

#include <linux/err.h>
#include <linux/fs.h>

struct file *fget(unsigned int fd);
void fput(struct file *file);

#endif
