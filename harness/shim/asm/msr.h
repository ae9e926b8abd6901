/* STUB: a clock that nobody looks at. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_ASM_MSR_H
#define _SHIM_ASM_MSR_H

#define rdtsc() 1ull

#endif
