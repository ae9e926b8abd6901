/* STUB: a pause. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_ASM_PROCESSOR_H
#define _SHIM_ASM_PROCESSOR_H

#define cpu_relax() ((void)0)

#endif
