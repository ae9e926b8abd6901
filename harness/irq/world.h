/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world around the interrupt chips in a test: a clock that stands until it
 * is moved, and counters of what the chips asked for.
 */
#ifndef _HARNESS_IRQ_WORLD_H
#define _HARNESS_IRQ_WORLD_H

#include <irq/chips.h>
#include <irq/port.h>

#include <stdlib.h>

#include "../tap.h"

#define MS 1000000ull
#define US 1000ull
/* The guests' TSC: 2 GHz. */
#define TSC_PER_NS 2

extern struct um_irqs irqs;
extern u64 now; /* ns */
extern u64 pit_timer; /* when it is due, 0: not */

/* Per APIC, by its number. */
extern struct world_apic {
	struct um_lapic apic;
	u32 page[1024];
	unsigned int kicks, works, nmis;
	u64 timer; /* when it is due, 0: not */
	u64 tsc_offset;
} world[UM_APICS_MAX];

/* What devices heard, by GSI; a device may do something then. */
extern unsigned int acked[64];
extern void (*on_acked)(u32 gsi);

/*
 * A VM with @n APICs, ids from 0, software-enabled, and the default routes.
 * Called again it forgets all.
 */
void world_new(int n);
/* The end of main(): locks in order, no warnings. */
#define world_done() ({ TEST(world_clean); free(irqs.routes); tap_done(); })
void world_clean(void);
struct um_lapic *world_apic(int i);
/* Other routes than those. False: refused. */
bool world_routes(const struct kvm_irq_routing_entry *entry, int n, bool split,
		  u32 msi_pins);
/* Move the clock, while vCPUs look at the timers that expire on the way. */
void world_pass(u64 ns);

/* As the guest does it. */
void apic_write(int i, u32 offset, u32 val);
u32 apic_read(int i, u32 offset);
/* The vCPU looks: the vector that it takes, or -1. */
int apic_take(int i);
/* and ends it at once */
int apic_serve(int i);
bool apic_irr(int i, u8 vector);

void ioapic_redir(u32 pin, u64 entry);
u64 ioapic_entry(u32 pin);

#endif
