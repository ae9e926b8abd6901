// SPDX-License-Identifier: GPL-2.0
/*
 * Around the entry instruction: tell context tracking, RCU and lockdep that
 * the CPU is the guest's, and take what only the first instructions after an
 * exit may take. Apart from the rest of vmx/ because the kernel's helpers
 * come with <linux/kvm_host.h>, whose names are ours elsewhere.
 */
#include <linux/kvm_host.h>
#include <asm/special_insns.h>
#include <asm/vmx.h>
#include "entry.h"
#include "vmcs.h"

/* SDM, VM-entry failures: state was not loaded, a launch did not count. */
static __always_inline bool entered(const struct um_world *w)
{
	return !(w->exit_reason & VMX_EXIT_REASONS_FAILED_VMENTRY);
}

static __always_inline void take_nmi(struct um_world *w)
{
	w->intr_info = vmcs_read(VM_EXIT_INTR_INFO);
	if ((w->intr_info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR)
		um_do_nmi();
}

/*
 * RCU hears of a guest entry as of a quiescent state, because a guest may run
 * for long. One that keeps coming back passes through the scheduler's own
 * points instead, so after an exit that is not the tick's nothing is due.
 * With context tracking on this CPU, or a kernel that traces when interrupts
 * are off, every entry must be told.
 */
static __always_inline bool must_tell(const struct um_world *w)
{
	return IS_ENABLED(CONFIG_TRACE_IRQFLAGS) ||
	       w->exit_reason == EXIT_REASON_EXTERNAL_INTERRUPT ||
	       !w->launched || context_tracking_enabled_this_cpu();
}

static noinstr void enter_exit(struct um_world *w)
{
	bool tell = must_tell(w);
	int failed;

	if (tell)
		guest_state_enter_irqoff();

	if (w->cr2 != native_read_cr2())
		native_write_cr2(w->cr2);
	failed = um_vmx_enter(w);
	w->cr2 = native_read_cr2();

	if (unlikely(failed)) {
		w->exit_reason = UM_NOT_ENTERED;
	} else {
		w->exit_reason = vmcs_read(VM_EXIT_REASON);
		if (likely(entered(w)))
			w->launched = 1;
		if (w->exit_reason == EXIT_REASON_EXCEPTION_NMI)
			take_nmi(w);
	}

	if (tell)
		guest_state_exit_irqoff();
}

void um_world_switch(struct um_world *w)
{
	guest_timing_enter_irqoff();
	enter_exit(w);
}

void um_world_time_end(void)
{
	guest_timing_exit_irqoff();
}
