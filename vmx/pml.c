// SPDX-License-Identifier: GPL-2.0
/*
 * Page-modification logging (SDM, "Page-Modification Logging"): the CPU itself
 * lists the pages whose dirty flag it sets, in a page of each vCPU, from the
 * last entry down, and exits when there is no room for the next one.
 *
 * The list is emptied at every exit, with interrupts off and before in_guest
 * falls. So outside guest mode it is always empty, wherever the vCPU goes then
 * (to user space, to sleep, to another CPU), and whoever wants to know what was
 * written so far only has to make the vCPUs leave the guest (um_host_log_sync).
 *
 * It is on while some slot of the VM is logged: without one nothing would be
 * listed, but each exit would look.
 */
#include <umbra/trace.h>
#include "vcpu.h"

#define PML_ENTRIES 512
#define PML_LAST (PML_ENTRIES - 1)

static_assert(PML_ENTRIES * sizeof(u64) == PAGE_SIZE);

void um_pml_switch(struct um_vmx *vmx)
{
	vmx->pml_on = !vmx->pml_on;
	vmx->cpu2 ^= SECONDARY_EXEC_ENABLE_PML;
	if (vmx->pml_on)
		vmx_write(vmx, GUEST_PML_INDEX, PML_LAST);
	vmx_write(vmx, SECONDARY_VM_EXEC_CONTROL, vmx->cpu2);
}

void um_pml_drain(struct um_vmx *vmx)
{
	struct um_vcpu *vcpu = &vmx->vcpu;
	/* The next entry to be written; 0xffff after the first of the page. */
	u16 next = vmx_read(vmx, GUEST_PML_INDEX);
	unsigned int first = next < PML_ENTRIES ? next + 1 : 0;
	unsigned int n = PML_ENTRIES - first;

	if (likely(!n))
		return;
	um_dirty_log_gpas(vcpu->vm, vmx->pml + first, n);
	vmx_write(vmx, GUEST_PML_INDEX, PML_LAST);
	vcpu->stat.pml_logged += n;
	trace_umbra_pml_drain(vcpu->id, n);
}

/* The list was emptied when the exit came; the access is made again. */
int um_exit_pml_full(struct um_vmx *vmx)
{
	vmx->vcpu.stat.pml_full_exits++;
	um_event_nmi_unblocked(vmx, vmx_read(vmx, EXIT_QUALIFICATION));
	return UM_RESUME;
}
