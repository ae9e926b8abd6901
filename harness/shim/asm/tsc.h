/* COPY: a name. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_ASM_TSC_H
#define _SHIM_ASM_TSC_H

extern unsigned int tsc_khz;

#endif
