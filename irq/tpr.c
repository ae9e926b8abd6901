// SPDX-License-Identifier: GPL-2.0
/*
 * The task priority of guests whose code user space patched (api.rst,
 * KVM_SET_VAPIC_ADDR, KVM_TPR_ACCESS_REPORTING): Windows XP writes it so often
 * that an exit each is too many. User space learns where it is accessed, and
 * puts there an access to a word of guest memory, which the guest may change
 * without an exit:
 *
 *	31      23      15       7      0
 *	| IRRV  |   0   | ISRV  |  TPR  |
 *
 * It is read after each exit and written before the next entry. A vector that
 * enters the guest with that entry is told as pending, still: the guest asks
 * for it once in vain.
 *
 * All: the vCPU's own thread, or who holds its mutex.
 */
#include "glue.h"

#include <linux/uaccess.h>
#include <umbra/vmx.h>

int um_apic_set_word(struct um_vcpu *vcpu, const void __user *user)
{
	struct kvm_vapic_addr va;
	gpa_t last;

	if (copy_from_user(&va, user, sizeof(va)))
		return -EFAULT;
	last = va.vapic_addr + sizeof(u32) - 1;
	if (va.vapic_addr && (um_guest_is_mmio(vcpu->vm, va.vapic_addr, true) ||
			      um_guest_is_mmio(vcpu->vm, last, true)))
		return -EINVAL;
	lapic_to_apic(vcpu->apic)->word = va.vapic_addr;
	WRITE_ONCE(vcpu->apic_word, !!va.vapic_addr);
	WRITE_ONCE(vcpu->irq_work, true);
	return 0;
}

/* After an exit. */
void um_apic_word_read(struct um_vcpu *vcpu)
{
	struct um_lapic *lapic = vcpu->apic;
	u32 word;

	if (!um_guest_read(vcpu->vm, lapic_to_apic(lapic)->word, &word,
			   sizeof(word)))
		um_lapic_write(lapic, UM_LAPIC_TPR, word & 0xff);
	/* It is written by um_irq_work(). */
	WRITE_ONCE(vcpu->irq_work, true);
}

void um_apic_word_write(struct um_vcpu *vcpu)
{
	u32 word = um_lapic_word(vcpu->apic);

	/* Memory that went away: the guest sees that, too. */
	um_guest_write(vcpu->vm, lapic_to_apic(vcpu->apic)->word, &word,
		       sizeof(word));
}

/* Without a local APIC there is nothing to report, as with KVM. */
int um_apic_report_tpr(struct um_vcpu *vcpu, void __user *user)
{
	struct kvm_tpr_access_ctl ctl;

	if (copy_from_user(&ctl, user, sizeof(ctl)))
		return -EFAULT;
	if (ctl.flags)
		return -EINVAL;
	if (vcpu->apic)
		lapic_to_apic(vcpu->apic)->reports = ctl.enabled;
	return copy_to_user(user, &ctl, sizeof(ctl)) ? -EFAULT : 0;
}

/* The access was done; user space hears of it before the guest goes on. */
void um_apic_tpr_accessed(struct um_vcpu *vcpu, bool write)
{
	struct um_apic *apic = lapic_to_apic(vcpu->apic);

	apic->tpr_accessed = true;
	apic->tpr_written = write;
	apic->tpr_rip = um_vmx_mmio_rip(vcpu);
	WRITE_ONCE(vcpu->irq_work, true);
}

bool um_apic_tell_tpr(struct um_vcpu *vcpu)
{
	struct um_apic *apic = lapic_to_apic(vcpu->apic);
	struct kvm_run *run = vcpu->run;

	if (likely(!apic->tpr_accessed))
		return false;
	apic->tpr_accessed = false;
	run->exit_reason = KVM_EXIT_TPR_ACCESS;
	memset(&run->tpr_access, 0, sizeof(run->tpr_access));
	run->tpr_access.rip = apic->tpr_rip;
	run->tpr_access.is_write = apic->tpr_written;
	return true;
}
