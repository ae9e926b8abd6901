// SPDX-License-Identifier: GPL-2.0
/*
 * The VMX preemption timer: it ends a stretch in the guest when the timer of the
 * guest's local APIC expires, or the time of slice= is over. It counts in the
 * guest only and starts with the VMCS's value at each entry, so that is
 * written whenever there is a time to look for.
 *
 * Outside the guest nothing waits: a time that is over is found here, on the
 * way in. HLT has an alarm of its own (irq/halt.c).
 */
#include <linux/minmax.h>
#include <asm/msr.h>
#include "vcpu.h"

bool um_vmx_has_timer(void)
{
	return um_caps.has_timer;
}

void um_timer_setup(struct um_vmx *vmx)
{
	vmx->timer_value = um_caps.timer_idle;
	if (um_caps.pin & PIN_BASED_VMX_PREEMPTION_TIMER)
		vmcs_write(VMX_PREEMPTION_TIMER_VALUE, vmx->timer_value);
}

/* A time beyond 32 bits is an exit for nothing, and a new start. */
void um_timer_load(struct um_vmx *vmx)
{
	struct um_vcpu *vcpu = &vmx->vcpu;
	u32 value = um_caps.timer_idle;

	/* Again, if it is periodic. */
	while (vcpu->timer_due) {
		s64 left = vcpu->timer_due - rdtsc();

		if (left > 0) {
			value = min_t(u64, left >> um_caps.timer_shift, value);
			break;
		}
		um_apic_timer_due(vcpu);
	}
	if (value != vmx->timer_value)
		vmx_write(vmx, VMX_PREEMPTION_TIMER_VALUE, value);
	vmx->timer_value = value;
}

/* The next entry finds what is over, if anything is. */
int um_exit_timer(struct um_vmx *vmx)
{
	vmx->vcpu.stat.timer_exits++;
	return UM_RESUME;
}
