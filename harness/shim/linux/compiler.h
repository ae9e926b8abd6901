/* REAL: the attributes the compiler itself offers. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_COMPILER_H
#define _SHIM_LINUX_COMPILER_H

#define fallthrough __attribute__((__fallthrough__))

#endif
