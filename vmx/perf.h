/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's performance counters at the edge of the guest.
 */
#ifndef _UMBRA_VMX_PERF_H
#define _UMBRA_VMX_PERF_H

#include <linux/jump_label.h>
#include <linux/types.h>
#include <asm/vmx.h>

#define UM_PERF_MSRS 16

/* Lists the CPU loads from at entry and at exit; both @n long. */
struct um_perf {
	struct vmx_msr_entry guest[UM_PERF_MSRS];
	struct vmx_msr_entry host[UM_PERF_MSRS];
	u32 n; /* as the VMCS has it */
};

/* The host has counters at all. */
DECLARE_STATIC_KEY_FALSE(um_perf_counts);
void um_perf_init(void);

/* Interrupts off, before an entry: what perf wants exchanged right now. */
void um_perf_switch(struct um_perf *perf);

#endif
