/* COPY: numbers of MSRs. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_ASM_MSR_INDEX_H
#define _SHIM_ASM_MSR_INDEX_H

#define MSR_IA32_APICBASE 0x1b
#define MSR_IA32_TSC_DEADLINE 0x6e0

#endif
