/* STUB: of one kernel, the newer. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_UMBRA_COMPAT_H
#define _SHIM_UMBRA_COMPAT_H

#include <linux/eventfd.h>

static inline void um_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx);
}

#endif
