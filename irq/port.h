/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the chips ask of the world they stand in: host.c in the kernel,
 * harness/irq/world.c in the harness. Any context, with a chip's lock held,
 * unless said otherwise; nothing sleeps.
 */
#ifndef _UMBRA_IRQ_PORT_H
#define _UMBRA_IRQ_PORT_H

#include <linux/types.h>

struct um_irqs;
struct um_lapic;

/* Nanoseconds; never goes back. */
u64 um_port_now(void);

/* A vector may have come for this vCPU: let it look before it goes on. */
void um_port_kick(struct um_lapic *apic);

/* The same said by the vCPU's own thread, which nobody need stop or wake. */
void um_port_look(struct um_lapic *apic);

/*
 * As um_port_kick(), for what is no vector: INIT, SIPI, an EOI that user space
 * wants to hear of. They are seen to before vectors are looked at.
 */
void um_port_work(struct um_lapic *apic);

/* One NMI for this vCPU, which is kicked. */
void um_port_nmi(struct um_lapic *apic);

/*
 * An APIC's timer, instead of one that was started before: have
 * um_lapic_timer_sync() called by the vCPU's thread when um_port_now() is @at,
 * or when this vCPU's TSC is @tsc (false: it is), or soon after: in HLT, too, and
 * before each entry.
 *
 * um_port_timer_due() - the time has come, which it tells once.
 *
 * The vCPU's thread, or who holds its mutex.
 */
void um_port_timer_start(struct um_lapic *apic, u64 at);
bool um_port_timer_until(struct um_lapic *apic, u64 tsc);
void um_port_timer_stop(struct um_lapic *apic);
bool um_port_timer_due(struct um_lapic *apic);

/* Call um_pit_expired() at @at (ns), or not any more with 0. Does not wait. */
void um_port_pit_timer(struct um_irqs *irqs, u64 at);

/* The guest acknowledged an interrupt of @gsi. No lock is held, but RCU. */
void um_port_acked(struct um_irqs *irqs, u32 gsi);

#endif
