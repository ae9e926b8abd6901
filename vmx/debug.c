// SPDX-License-Identifier: GPL-2.0
/*
 * What a debugger asks of a vCPU: where an address leads, debug registers.
 */
#include <linux/sched/signal.h>
#include <linux/string.h>
#include "vcpu.h"

/* KVM tells no more than the address: as if the page were the kernel's. */
void um_vmx_translate(struct um_vcpu *vcpu, struct kvm_translation *tr)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	struct um_guest_paging paging;
	struct um_guest_walk walk;
	enum um_walk_result r;

	um_vcpu_load(vmx);
	um_paging_read(vmx, &paging);
	do {
		r = um_guest_walk(&paging, tr->linear_address, UM_WALK_PEEK,
				  &walk);
	} while (r == UM_WALK_RETRY && !fatal_signal_pending(current));
	um_vcpu_put(vmx);
	tr->valid = r == UM_WALK_OK;
	tr->physical_address = tr->valid ? walk.gpa : ~0ull;
	tr->writeable = 1;
	tr->usermode = 0;
}

void um_vmx_get_debugregs(struct um_vcpu *vcpu, struct kvm_debugregs *regs)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	memset(regs, 0, sizeof(*regs));
	memcpy(regs->db, vmx->dr, sizeof(regs->db));
	regs->dr6 = vmx->dr6;
	regs->dr7 = vmx->dr7;
}

int um_vmx_set_debugregs(struct um_vcpu *vcpu,
			 const struct kvm_debugregs *regs)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	if (regs->flags || regs->dr6 >> 32 || regs->dr7 >> 32)
		return -EINVAL;
	memcpy(vmx->dr, regs->db, sizeof(vmx->dr));
	um_vcpu_load(vmx);
	um_dr_write(vmx, 6, regs->dr6);
	um_dr_write(vmx, 7, regs->dr7);
	um_vcpu_put(vmx);
	return 0;
}
