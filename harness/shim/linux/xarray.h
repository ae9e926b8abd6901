/* STUB: a type. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_XARRAY_H
#define _SHIM_LINUX_XARRAY_H

struct xarray {
	void *unused;
};

#endif
