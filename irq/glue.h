/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The chips as parts of a VM in the kernel: what the files around them share.
 */
#ifndef _UMBRA_IRQ_GLUE_H
#define _UMBRA_IRQ_GLUE_H

#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <umbra/irq.h>
#include <umbra/vm.h>
#include "chips.h"
#include "port.h"

struct um_irqchip {
	struct um_irqs irqs;
	struct um_vm *vm;	/* const */
	struct hrtimer pit_timer;
	struct mutex lock;	/* who changes routes, PIT, eventfds */
	u32 split_pins;		/* const */

	spinlock_t irqfds_lock;	/* below an eventfd's lock, interrupts off */
	struct list_head irqfds;
	struct list_head resamplers; /* of them; RCU */
};

#define UM_IOEVENT_BITS 6

struct um_io {
	struct mutex lock;	/* who adds and removes */
	struct hlist_head ioevents[1 << UM_IOEVENT_BITS]; /* RCU */
	struct list_head zones;	/* RCU */
	int nzones;		/* lock */
	spinlock_t ring_lock;	/* entries of the ring, and last */
	struct kvm_coalesced_mmio_ring *ring; /* user space writes it, too */
};

/* A vCPU's. */
struct um_apic {
	struct um_lapic lapic;
	struct um_vcpu *vcpu;	/* const */
	bool exact;		/* by vcpu->timer_due; const */
	bool armed;		/* the hrtimer, else; the vCPU's thread */
	s32 lead;		/* ticks; alarm.c, the vCPU's thread */
	struct hrtimer timer;

	/* tpr.c */
	gpa_t word;		/* 0: none */
	bool reports;		/* accesses of the task priority */
	bool tpr_accessed, tpr_written;
	u64 tpr_rip;
};

static inline struct um_apic *lapic_to_apic(struct um_lapic *lapic)
{
	return container_of(lapic, struct um_apic, lapic);
}

static inline struct um_vcpu *lapic_to_vcpu(struct um_lapic *lapic)
{
	return lapic_to_apic(lapic)->vcpu;
}

static inline struct um_irqchip *irqs_to_chip(struct um_irqs *irqs)
{
	return container_of(irqs, struct um_irqchip, irqs);
}

/* The VM's, or NULL. */
static inline struct um_irqchip *um_irqchip(const struct um_vm *vm)
{
	/* D6: the chips before their address. Pairs with D7 in create(). */
	return smp_load_acquire(&vm->irqchip);
}

/* host.c */
void um_host_apic_init(struct um_apic *apic);
void um_host_apic_exit(struct um_apic *apic);
/* Wake the vCPU, if it sleeps, when the host's TSC is @tsc. */
void um_host_apic_alarm(struct um_apic *apic, u64 tsc);

/* alarm.c: schedule() for a vCPU in HLT, but no longer than to its timer. */
void um_halt_sleep(struct um_apic *apic);
void um_host_pit_init(struct um_irqchip *chip);

/* routes.c: -EINVAL, -ENOMEM */
int um_routes_set(struct um_irqchip *chip,
		  const struct kvm_irq_routing_entry *entry, u32 n);
int um_routes_set_default(struct um_irqchip *chip);
int um_routes_ioctl(struct um_irqchip *chip, const void __user *user);

/* tpr.c: -EFAULT, -EINVAL; true: run->exit_reason is set */
int um_apic_set_word(struct um_vcpu *vcpu, const void __user *user);
void um_apic_word_write(struct um_vcpu *vcpu);
int um_apic_report_tpr(struct um_vcpu *vcpu, void __user *user);
void um_apic_tpr_accessed(struct um_vcpu *vcpu, bool write);
bool um_apic_tell_tpr(struct um_vcpu *vcpu);

/* irqfd.c */
int um_irqfd_ioctl(struct um_irqchip *chip, const void __user *user);
void um_irqfd_release(struct um_irqchip *chip);

/* ioevent.c, coalesced.c; true: the write is done */
int um_ioevent_ioctl(struct um_io *io, const void __user *user);
bool um_ioevent_write(struct um_io *io, enum um_bus bus, u64 addr, u32 len,
		      const void *data);
void um_ioevents_free(struct um_io *io);
int um_coalesced_ioctl(struct um_io *io, const void __user *user, bool on);
bool um_coalesced_write(struct um_io *io, enum um_bus bus, u64 addr, u32 len,
			const void *data);
void um_coalesced_free(struct um_io *io);

#endif
