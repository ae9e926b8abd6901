/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests of interrupts have in common: a guest that writes down each event
 * it takes, and how the host makes them.
 */
#ifndef SELFTEST_INJECT_H
#define SELFTEST_INJECT_H

#include <stdarg.h>
#include "lib/vm.h"

#define NMI 2ul
#define IRQ 0x41ul
#define IRQ2 0x52ul
/* A port of no meaning: an exit at this very instruction. */
#define RAW_PORT 0x5e8

#define EVENTS_MAX 16

struct event {
	u64 vector, rip, rsp, rflags;
};

/* The guest's. */
static struct event event[EVENTS_MAX];
static u64 events, count[256], error[256];

static inline void log_event(struct trap_frame *frame)
{
	if (events < EVENTS_MAX) {
		event[events] = (struct event){
			frame->vector, frame->rip, frame->rsp, frame->rflags
		};
	}
	count[frame->vector]++;
	error[frame->vector] = frame->error;
	WRITE_ONCE(events, events + 1);
}

/* Before a VM is made: interrupts, NMIs and faults are written down. */
static inline void handlers_setup(void)
{
	int i;

	for (i = 32; i < 256; i++)
		guest_handlers[i] = log_event;
	guest_handlers[NMI] = log_event;
	guest_handlers[13] = log_event;
}

/* errno or 0 */
static inline int queue_irq(struct vcpu *vcpu, u32 vector)
{
	struct kvm_interrupt irq = { .irq = vector };

	return KERR(vcpu->fd, KVM_INTERRUPT, &irq);
}

static inline void get_events(struct vcpu *vcpu, struct kvm_vcpu_events *ev)
{
	REQUIRE(!KERR(vcpu->fd, KVM_GET_VCPU_EVENTS, ev),
		"KVM_GET_VCPU_EVENTS");
}

#endif
