// SPDX-License-Identifier: GPL-2.0
/*
 * See world.h: the chips' port, for one thread.
 */
#include "world.h"

#include <shim.h>

#include <stdlib.h>
#include <string.h>

struct um_irqs irqs;
u64 now;
u64 pit_timer;
struct world_apic world[UM_APICS_MAX];
unsigned int acked[64];
void (*on_acked)(u32 gsi);

static struct world_apic *of(struct um_lapic *apic)
{
	return (struct world_apic *)((char *)apic -
				     offsetof(struct world_apic, apic));
}

u64 um_port_now(void)
{
	return now;
}

void um_port_kick(struct um_lapic *apic)
{
	of(apic)->kicks++;
}

void um_port_look(struct um_lapic *apic)
{
	of(apic)->kicks++;
}

void um_port_work(struct um_lapic *apic)
{
	of(apic)->kicks++;
	of(apic)->works++;
}

void um_port_nmi(struct um_lapic *apic)
{
	of(apic)->nmis++;
}

void um_port_timer_start(struct um_lapic *apic, u64 at)
{
	of(apic)->timer = at;
}

bool um_port_timer_until(struct um_lapic *apic, u64 tsc)
{
	u64 mine = now * TSC_PER_NS + of(apic)->tsc_offset;

	if (tsc <= mine) {
		of(apic)->timer = 0;
		return false;
	}
	of(apic)->timer = now + 1 + (tsc - mine - 1) / TSC_PER_NS;
	return true;
}

bool um_port_timer_due(struct um_lapic *apic)
{
	if (!of(apic)->timer || now < of(apic)->timer)
		return false;
	of(apic)->timer = 0;
	return true;
}

void um_port_timer_stop(struct um_lapic *apic)
{
	of(apic)->timer = 0;
}

void um_port_pit_timer(struct um_irqs *owner, u64 at)
{
	(void)owner;
	pit_timer = at;
}

void um_port_acked(struct um_irqs *owner, u32 gsi)
{
	(void)owner;
	if (gsi < 64)
		acked[gsi]++;
	if (on_acked)
		on_acked(gsi);
}

static struct um_routes *routes_alloc(u32 n)
{
	struct um_routes *routes;

	free(irqs.routes);
	routes = calloc(1, sizeof(*routes) + n * sizeof(routes->route[0]));
	routes->n = n;
	irqs.routes = routes;
	return routes;
}

bool world_routes(const struct kvm_irq_routing_entry *entry, int n, bool split,
		  u32 msi_pins)
{
	struct um_routes *routes = routes_alloc(n);
	int i;

	routes->msi_pins = msi_pins;
	irqs.split = split;
	for (i = 0; i < n; i++) {
		if (!um_route_make(&routes->route[i], &irqs, &entry[i]))
			return false;
	}
	return um_routes_finish(routes);
}

void world_new(int n)
{
	static bool begun;
	struct um_routes *routes = irqs.routes;
	int i;

	if (!begun)
		shim_thread(1);
	begun = true;
	memset(&irqs, 0, sizeof(irqs));
	irqs.routes = routes;
	memset(world, 0, sizeof(world));
	for (i = 0; i < UM_APICS_MAX; i++)
		world[i].apic.page = world[i].page;
	memset(acked, 0, sizeof(acked));
	on_acked = NULL;
	pit_timer = 0;
	now = 1000 * MS;
	um_routes_default(routes_alloc(UM_ROUTES_DEFAULT));
	um_routes_finish(irqs.routes);
	um_pic_init(&irqs.pic);
	um_ioapic_init(&irqs.ioapic);
	for (i = 0; i < n; i++) {
		um_lapic_init(&world[i].apic, &irqs, i, !i);
		irqs.apic[i] = &world[i].apic;
		irqs.napics = i + 1;
		apic_write(i, UM_LAPIC_SPIV, 0x1ff);
		world[i].kicks = 0;
	}
}

struct um_lapic *world_apic(int i)
{
	return &world[i].apic;
}

static u64 first_due(u64 until, struct world_apic **whose)
{
	u64 due = pit_timer;
	int i;

	*whose = NULL;
	for (i = 0; i < irqs.napics; i++) {
		if (world[i].timer && (!due || world[i].timer < due)) {
			due = world[i].timer;
			*whose = &world[i];
		}
	}
	return due <= until ? due : 0;
}

void world_pass(u64 ns)
{
	u64 until = now + ns, due;
	struct world_apic *whose;

	while ((due = first_due(until, &whose))) {
		now = due > now ? due : now;
		if (whose) {
			um_lapic_timer_sync(&whose->apic);
		} else {
			pit_timer = 0;
			um_pit_expired(&irqs);
		}
	}
	now = until;
}

void apic_write(int i, u32 offset, u32 val)
{
	um_lapic_page_write(&world[i].apic, offset, 4, &val);
}

u32 apic_read(int i, u32 offset)
{
	u32 val;

	um_lapic_page_read(&world[i].apic, offset, 4, &val);
	return val;
}

int apic_take(int i)
{
	struct um_lapic *apic = &world[i].apic;
	int vector;

	um_lapic_timer_sync(apic);
	vector = um_lapic_next(apic);
	if (vector >= 0)
		um_lapic_take(apic, vector);
	return vector;
}

int apic_serve(int i)
{
	int vector = apic_take(i);

	if (vector >= 0)
		um_lapic_eoi(&world[i].apic);
	return vector;
}

bool apic_irr(int i, u8 vector)
{
	return test_bit(vector, world[i].apic.irr);
}

void ioapic_redir(u32 pin, u64 entry)
{
	um_ioapic_write(&irqs, 0x00, 0x11 + 2 * pin);
	um_ioapic_write(&irqs, 0x10, entry >> 32);
	um_ioapic_write(&irqs, 0x00, 0x10 + 2 * pin);
	um_ioapic_write(&irqs, 0x10, entry);
}

u64 ioapic_entry(u32 pin)
{
	u64 entry;

	um_ioapic_write(&irqs, 0x00, 0x11 + 2 * pin);
	entry = (u64)um_ioapic_read(&irqs, 0x10) << 32;
	um_ioapic_write(&irqs, 0x00, 0x10 + 2 * pin);
	return entry | um_ioapic_read(&irqs, 0x10);
}

void world_clean(void)
{
	EXPECT(!shim_warnings(), "%s", shim_said());
}
