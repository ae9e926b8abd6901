// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of a VM without interrupt controllers in the kernel: they are in
 * user space, which queues one vector at a time (event.h).
 */
#include "internal.h"

#include <umbra/event.h>
#include <umbra/irq.h>

int um_irq_next(struct um_vcpu *vcpu)
{
	return vcpu->apic ? um_apic_next(vcpu) : vcpu->user_irq;
}

int um_irq_take(struct um_vcpu *vcpu, int next)
{
	if (vcpu->apic)
		return um_apic_take(vcpu, next);
	vcpu->user_irq = UM_NO_IRQ;
	return next;
}

bool um_irq_user_may(const struct um_vcpu *vcpu)
{
	if (vcpu->apic)
		return um_apic_user_may(vcpu);
	return vcpu->user_irq == UM_NO_IRQ;
}

static void raise_attention(struct um_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->attention, true);
	smp_mb(); /* E1: attention before in_guest. Pairs with T2, E2, E3. */
}

void um_vcpu_attend(struct um_vcpu *vcpu)
{
	raise_attention(vcpu);
	if (READ_ONCE(vcpu->in_guest) != UM_LOOKING)
		um_vcpu_kick(vcpu);
}

void um_vcpu_work(struct um_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->irq_work, true);
	raise_attention(vcpu);
	um_vcpu_kick(vcpu);
}
