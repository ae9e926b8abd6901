// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's TSC: the host's and an offset. The guest moves it by WRMSR, and
 * IA32_TSC_ADJUST tells by how much; user space sets it without that.
 */
#include <asm/msr.h>
#include <asm/tsc.h>
#include "vcpu.h"

static void write_offset(struct um_vmx *vmx, u64 offset)
{
	vmx->tsc_offset = offset;
	vmx_write(vmx, TSC_OFFSET, offset);
	if (vmx->vcpu.apic)
		um_apic_tsc_set(&vmx->vcpu);
}

/*
 * Writes by user space within a second of what the last one would read now mean
 * "the same clock": keep the offset, so that vCPUs that are restored one after
 * the other agree.
 */
static void set_clock(struct um_vmx *vmx, u64 value)
{
	struct um_vm *vm = vmx->vcpu.vm;
	u64 offset = value - rdtsc();
	s64 apart;

	mutex_lock(&vm->lock);
	apart = offset - vm->tsc_offset;
	if (abs(apart) < (s64)tsc_khz * 1000)
		offset = vm->tsc_offset;
	else
		vm->tsc_offset = offset;
	mutex_unlock(&vm->lock);
	write_offset(vmx, offset);
}

static void guest_moves(struct um_vmx *vmx, u64 by)
{
	vmx->tsc_adjust += by;
	write_offset(vmx, vmx->tsc_offset + by);
}

void um_tsc_write(struct um_vmx *vmx, u64 value, bool host)
{
	if (host)
		set_clock(vmx, value);
	else
		guest_moves(vmx, value - (rdtsc() + vmx->tsc_offset));
}

/* User space restores the clock itself by the TSC. */
void um_tsc_adjust_write(struct um_vmx *vmx, u64 value, bool host)
{
	if (host)
		vmx->tsc_adjust = value;
	else
		guest_moves(vmx, value - vmx->tsc_adjust);
}

u64 um_vmx_get_tsc_offset(const struct um_vcpu *vcpu)
{
	return container_of(vcpu, const struct um_vmx, vcpu)->tsc_offset;
}

/* What it names exactly is the clock of the vCPUs that come to be, too. */
void um_vmx_set_tsc_offset(struct um_vcpu *vcpu, u64 offset)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	mutex_lock(&vcpu->vm->lock);
	vcpu->vm->tsc_offset = offset;
	mutex_unlock(&vcpu->vm->lock);
	um_vcpu_load(vmx);
	write_offset(vmx, offset);
	um_vcpu_put(vmx);
}
