/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events that reach a vCPU from outside: interrupts and NMIs.
 *
 * There is one place where they go in, um_event_look() in vmx/inject.c: in the
 * last stretch before an entry, interrupts off and in_guest set, so that what
 * it hands to the CPU is never taken back. It chooses by priority, and where
 * the guest cannot take an event now it makes the CPU exit as soon as it can.
 *
 * It looks only when somebody said that there is something to see:
 *
 *   who has an event                   vCPU
 *   makes it pending                   in_guest = attention ? looking : true
 *   attention = true                   smp_mb               T2
 *   smp_mb               E1            attention ? :
 *   in_guest ? IPI : nothing             attention = false  E2
 *                                        what is pending? choose
 *                                      in_guest looking ? :
 *                                        in_guest = true
 *                                        smp_mb             E3
 *                                        attention ? look again
 *                                      VM entry
 *
 * A vCPU that is looking looks again before the guest runs, so who has an
 * event sends it no IPI: that would end the entry just begun.
 */
#ifndef _UMBRA_EVENT_H
#define _UMBRA_EVENT_H

#include <umbra/vm.h>

#define UM_NO_IRQ (-1)
#define UM_IRQ_EXTINT (-2)

/*
 * um_vcpu_attend() - an event was made pending for @vcpu, or may be taken now
 * that could not before (a priority fell): look before the next entry, and make
 * one now if the vCPU is in the guest, or wakes it if it waits in HLT. Any context;
 * does not wait. core/irq.c
 */
void um_vcpu_attend(struct um_vcpu *vcpu);

/*
 * um_vcpu_work() - the same for what um_irq_work() sees to, before the look: INIT,
 * SIPI, an EOI that user space wants to hear of. Any context. core/irq.c
 */
void um_vcpu_work(struct um_vcpu *vcpu);

/* One more NMI; two are kept at most. Any context. vmx/inject.c */
void um_vcpu_nmi(struct um_vcpu *vcpu);

/*
 * What the point of injection asks about maskable interrupts. Of a VM without
 * interrupt controllers in the kernel core/irq.c answers: there is the vector
 * that user space queued by KVM_INTERRUPT, at most one.
 *
 * All: the vCPU's own thread; the first two with interrupts off.
 *
 * um_irq_next() - which vector should the guest take as soon as it takes any
 * (RFLAGS.IF, interrupt shadow)? That is: by now above its priority. UM_NO_IRQ:
 * none; UM_IRQ_EXTINT: one that is named only when it is taken, as the PIC does.
 * No side effect; asked at every look.
 *
 * um_irq_take() - the guest takes @next, what um_irq_next() said last, with this
 * entry: which vector? What was pending is in service from here on. UM_NO_IRQ: it
 * is gone, nothing happens. A delivery that an exit cuts short is repeated
 * without asking again.
 *
 * um_irq_user_may() - could KVM_INTERRUPT queue a vector now? Windows are for
 * who may. No: one is queued already, or the kernel has the PIC.
 */
int um_irq_next(struct um_vcpu *vcpu);
int um_irq_take(struct um_vcpu *vcpu, int next);
bool um_irq_user_may(const struct um_vcpu *vcpu);

/*
 * um_vcpu_begin_entry() - @vcpu is about to enter: from here on an IPI ends the
 * guest, or keeps it out. Its own thread, interrupts off.
 */
static inline void um_vcpu_begin_entry(struct um_vcpu *vcpu)
{
	u8 where = READ_ONCE(vcpu->attention) ? UM_LOOKING : UM_IN_GUEST;

	/* T2: in_guest before debts and work are read; see tlb.h, too. */
	smp_store_mb(vcpu->in_guest, where);
}

#endif
