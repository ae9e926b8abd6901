// SPDX-License-Identifier: GPL-2.0
/*
 * A host counter that must not count the guest, and above all one that writes
 * records to a buffer at a host address (PEBS), has to be off while the
 * guest runs. perf knows which; the CPU exchanges them by the MSR-load lists,
 * so that nothing happens in between.
 *
 * Apart from the rest of vmx/ for the same reason as world.c: perf asks for
 * the kernel's struct of a virtual PMU, and ours has nothing in it.
 */
#include <linux/kvm_host.h>
#include <asm/perf_event.h>
#include "perf.h"
#include "vmcs.h"

DEFINE_STATIC_KEY_FALSE(um_perf_counts);

static struct kvm_pmu no_pmu; /* the guest has none: all zero */

static void set_entry(struct vmx_msr_entry *e, u32 msr, u64 value)
{
	e->index = msr;
	e->reserved = 0;
	e->value = value;
}

void um_perf_switch(struct um_perf *perf)
{
	struct perf_guest_switch_msr *msrs;
	int nr = 0, i;
	u32 n = 0;

	msrs = perf_guest_get_msrs(&nr, &no_pmu);
	for (i = 0; msrs && i < nr; i++) {
		if (msrs[i].host == msrs[i].guest)
			continue;
		if (WARN_ON_ONCE(n == UM_PERF_MSRS))
			break;
		set_entry(&perf->guest[n], msrs[i].msr, msrs[i].guest);
		set_entry(&perf->host[n], msrs[i].msr, msrs[i].host);
		n++;
	}
	if (n != perf->n) {
		vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, n);
		vmcs_write(VM_EXIT_MSR_LOAD_COUNT, n);
		perf->n = n;
	}
}

/* Once, at load: the kernel finds its counters at boot. */
void um_perf_init(void)
{
	struct x86_pmu_capability cap;

	perf_get_x86_pmu_capability(&cap);
	if (cap.num_counters_gp)
		static_branch_enable(&um_perf_counts);
}
