// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's local APIC in the kernel: birth and end, interrupts for the point of
 * injection, MSRs and CR8, and its state for user space.
 */
#include "glue.h"

#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/msr-index.h>
#include <umbra/event.h>
#include <umbra/vmx.h>

#define X2_MSR_FIRST 0x800
#define X2_MSR_LAST 0x83f

/* CPUID.1:ECX */
#define CPUID_X2APIC BIT(21)
#define CPUID_TSC_DEADLINE BIT(24)

int um_irq_vcpu_create(struct um_vcpu *vcpu)
{
	struct um_irqchip *chip = um_irqchip(vcpu->vm);
	bool boot = vcpu->id == vcpu->vm->boot_id;
	struct um_apic *apic;

	if (!chip)
		return 0;
	apic = kzalloc(sizeof(*apic), GFP_KERNEL_ACCOUNT);
	if (!apic)
		return -ENOMEM;
	apic->lapic.page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!apic->lapic.page) {
		kfree(apic);
		return -ENOMEM;
	}
	apic->vcpu = vcpu;
	um_host_apic_init(apic);
	um_lapic_init(&apic->lapic, &chip->irqs, vcpu->id, boot);
	vcpu->apic = &apic->lapic;
	um_vmx_shadow_tpr(vcpu, apic->lapic.page);
	if (!boot)
		vcpu->mp_state = KVM_MP_STATE_UNINITIALIZED;
	WRITE_ONCE(vcpu->irq_work, true);
	return 0;
}

/* vm->lock held, the vCPU in vm->vcpu[]. */
void um_irq_vcpu_publish(struct um_vcpu *vcpu)
{
	struct um_irqchip *chip = um_irqchip(vcpu->vm);

	if (!chip)
		return;
	chip->irqs.apic[vcpu->idx] = vcpu->apic;
	/* D1: the APIC before the count. Pairs with D2 in um_apic_count(). */
	smp_store_release(&chip->irqs.napics, vcpu->idx + 1);
}

void um_irq_vcpu_free(struct um_vcpu *vcpu)
{
	if (!vcpu->apic)
		return;
	um_host_apic_exit(lapic_to_apic(vcpu->apic));
	free_page((unsigned long)vcpu->apic->page);
	kfree(lapic_to_apic(vcpu->apic));
}

/* The PIC asks, and this CPU listens to it. */
static bool extint(struct um_vcpu *vcpu)
{
	struct um_lapic *apic = vcpu->apic;

	if (!um_lapic_takes_extint(apic))
		return false;
	if (apic->irqs->split)
		return vcpu->user_irq != UM_NO_IRQ;
	return READ_ONCE(apic->irqs->pic.output);
}

void um_apic_timer_due(struct um_vcpu *vcpu)
{
	um_lapic_timer_sync(vcpu->apic);
}

void um_apic_tsc_set(struct um_vcpu *vcpu)
{
	um_lapic_timer_tsc_set(vcpu->apic);
}

void um_apic_moved(struct um_vcpu *vcpu)
{
	um_lapic_timer_moved(vcpu->apic);
}

int um_apic_next(struct um_vcpu *vcpu)
{
	um_lapic_timer_sync(vcpu->apic);
	return extint(vcpu) ? UM_IRQ_EXTINT : um_lapic_next(vcpu->apic);
}

static int take_extint(struct um_vcpu *vcpu)
{
	int vector = UM_NO_IRQ;

	if (!vcpu->apic->irqs->split)
		return um_pic_take(vcpu->apic->irqs);
	swap(vector, vcpu->user_irq);
	return vector;
}

int um_apic_take(struct um_vcpu *vcpu, int next)
{
	if (next == UM_IRQ_EXTINT)
		return take_extint(vcpu);
	um_lapic_take(vcpu->apic, next);
	return next;
}

u8 um_apic_awaits_cr8(struct um_vcpu *vcpu)
{
	return um_lapic_awaits_tpr(vcpu->apic);
}

/* Split: user space has the PIC, and this CPU listens to it. */
bool um_apic_user_may(const struct um_vcpu *vcpu)
{
	const struct um_lapic *apic = vcpu->apic;

	return apic->irqs->split && vcpu->user_irq == UM_NO_IRQ &&
	       um_lapic_takes_extint(apic);
}

bool um_apic_base_may(const struct um_vcpu *vcpu, u64 base, bool host)
{
	return um_lapic_base_valid(vcpu->apic, base, !host);
}

u64 um_apic_base(const struct um_vcpu *vcpu)
{
	return vcpu->apic->base;
}

u8 um_apic_cr8(const struct um_vcpu *vcpu)
{
	return um_lapic_reg(vcpu->apic, UM_LAPIC_TPR) >> 4;
}

void um_apic_set_cr8(struct um_vcpu *vcpu, u8 cr8)
{
	if (cr8 != um_apic_cr8(vcpu))
		um_lapic_write(vcpu->apic, UM_LAPIC_TPR, cr8 << 4);
}

bool um_apic_get_msr(struct um_vcpu *vcpu, u32 msr, u64 *data)
{
	struct um_lapic *apic = vcpu->apic;

	switch (msr) {
	case MSR_IA32_APICBASE:
		*data = apic->base;
		return true;
	case MSR_IA32_TSC_DEADLINE:
		*data = um_lapic_deadline_read(apic);
		return true;
	case X2_MSR_FIRST ... X2_MSR_LAST:
		return um_lapic_x2_read(apic, msr, data);
	}
	return false;
}

/* A base that may be. */
bool um_apic_set_msr(struct um_vcpu *vcpu, u32 msr, u64 data)
{
	struct um_lapic *apic = vcpu->apic;

	switch (msr) {
	case MSR_IA32_APICBASE:
		um_lapic_set_base(apic, data);
		return true;
	case MSR_IA32_TSC_DEADLINE:
		um_lapic_deadline_write(apic, data);
		return true;
	case X2_MSR_FIRST ... X2_MSR_LAST:
		return um_lapic_x2_write(apic, msr, data);
	}
	return false;
}

void um_apic_cpuid_changed(struct um_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e = um_cpuid_find(vcpu, 1, 0);

	vcpu->apic->has_x2 = e && (e->ecx & CPUID_X2APIC);
	vcpu->apic->has_deadline = e && (e->ecx & CPUID_TSC_DEADLINE);
}

static int get_lapic(struct um_vcpu *vcpu, void __user *user)
{
	struct kvm_lapic_state *state;
	int r = 0;

	state = kzalloc(sizeof(*state), GFP_KERNEL_ACCOUNT);
	if (!state)
		return -ENOMEM;
	um_lapic_timer_sync(vcpu->apic);
	um_lapic_save(vcpu->apic, state);
	if (copy_to_user(user, state, sizeof(*state)))
		r = -EFAULT;
	kfree(state);
	return r;
}

static int set_lapic(struct um_vcpu *vcpu, const void __user *user)
{
	struct kvm_lapic_state *state = memdup_user(user, sizeof(*state));
	bool good;

	if (IS_ERR(state))
		return PTR_ERR(state);
	good = um_lapic_load(vcpu->apic, state);
	kfree(state);
	return good ? 0 : -EINVAL;
}

long um_irq_vcpu_ioctl(struct um_vcpu *vcpu, unsigned int nr,
		       unsigned long arg)
{
	void __user *user = (void __user *)arg;

	if (nr == KVM_TPR_ACCESS_REPORTING)
		return um_apic_report_tpr(vcpu, user);
	if (!vcpu->apic)
		return -EINVAL;
	switch (nr) {
	case KVM_GET_LAPIC:
		return get_lapic(vcpu, user);
	case KVM_SET_LAPIC:
		return set_lapic(vcpu, user);
	case KVM_SET_VAPIC_ADDR:
		return um_apic_set_word(vcpu, user);
	default:
		return -EINVAL;
	}
}
