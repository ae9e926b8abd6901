// SPDX-License-Identifier: GPL-2.0
/*
 * From a GSI to what it raises: inputs of chips, or a message. A table is made
 * whole and then replaced (RCU); any context may use it.
 */
#include "chips.h"
#include "port.h"

#include <linux/kvm.h>
#include <linux/rcupdate.h>
#include <linux/sort.h>
#include <linux/string.h>

/* SDM, "Message Address Register Format", "Message Data Register Format" */
#define MSI_HINT BIT_ULL(3)
#define MSI_LOGICAL BIT_ULL(2)
#define MSI_LEVEL BIT(15)

/* KVM_CAP_X2APIC_API: the upper bits of the destination, where they are */
#define MSI_DEST_HIGH 0xffffff00u

static struct um_irq_msg msi_message(const struct um_irqs *irqs, u64 address,
				     u32 data)
{
	struct um_irq_msg msg = {
		.vector = data,
		.mode = data >> 8 & 7,
		.dest = address >> 12 & 0xff,
		.exact = READ_ONCE(irqs->exact_ids),
		.logical = address & MSI_LOGICAL,
		.level = data & MSI_LEVEL,
		.assert = true,
	};

	if (READ_ONCE(irqs->wide_ids))
		msg.dest |= address >> 32 & MSI_DEST_HIGH;

	/* The sender leaves the choice to us. */
	if ((address & MSI_HINT) && msg.mode == UM_IRQ_FIXED)
		msg.mode = UM_IRQ_LOWEST;
	return msg;
}

/* What is no part of a destination of 32 bits is reserved then. */
bool um_msi_valid(const struct um_irqs *irqs, u64 address)
{
	return !READ_ONCE(irqs->wide_ids) ||
	       !(address >> 32 & ~(u64)MSI_DEST_HIGH);
}

int um_irq_msi(struct um_irqs *irqs, u64 address, u32 data)
{
	struct um_irq_msg msg = msi_message(irqs, address, data);

	return um_irq_deliver(irqs, NULL, &msg);
}

static bool make_pin(struct um_route *route,
		     const struct kvm_irq_routing_irqchip *pin)
{
	switch (pin->irqchip) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		if (pin->pin >= 8)
			return false;
		route->chip = UM_CHIP_PIC;
		route->pin = pin->pin;
		if (pin->irqchip == KVM_IRQCHIP_PIC_SLAVE)
			route->pin += 8;
		return true;
	case KVM_IRQCHIP_IOAPIC:
		if (pin->pin >= UM_IOAPIC_PINS)
			return false;
		route->chip = UM_CHIP_IOAPIC;
		route->pin = pin->pin;
		return true;
	}
	return false;
}

bool um_route_make(struct um_route *route, const struct um_irqs *irqs,
		   const struct kvm_irq_routing_entry *entry)
{
	memset(route, 0, sizeof(*route));
	if (entry->gsi >= UM_GSIS || entry->flags)
		return false;
	route->gsi = entry->gsi;
	switch (entry->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		return !irqs->split && make_pin(route, &entry->u.irqchip);
	case KVM_IRQ_ROUTING_MSI:
		route->msi = true;
		route->address = entry->u.msi.address_lo |
				 (u64)entry->u.msi.address_hi << 32;
		route->data = entry->u.msi.data;
		return um_msi_valid(irqs, route->address);
	}
	return false;
}

/* As KVM: ISA's are on both, the rest on the IO-APIC. */
void um_routes_default(struct um_routes *routes)
{
	u32 gsi, n = 0;

	for (gsi = 0; gsi < UM_IOAPIC_PINS; gsi++) {
		routes->route[n++] = (struct um_route){
			.gsi = gsi, .chip = UM_CHIP_IOAPIC, .pin = gsi,
		};
		if (gsi < 16)
			routes->route[n++] = (struct um_route){
				.gsi = gsi, .chip = UM_CHIP_PIC, .pin = gsi,
			};
	}
	routes->n = n;
}

static int by_gsi(const void *a, const void *b)
{
	const struct um_route *x = a, *y = b;

	return x->gsi < y->gsi ? -1 : x->gsi > y->gsi;
}

/* An 8259 each, and the IO-APIC. */
static int chip_of(const struct um_route *route)
{
	return route->chip == UM_CHIP_IOAPIC ? 2 : route->pin >> 3;
}

/* A GSI is a message, or one input of each chip at most. */
static bool go_together(const struct um_route *a, const struct um_route *b)
{
	return !a->msi && !b->msi && chip_of(a) != chip_of(b);
}

static bool unique(const struct um_routes *routes)
{
	u32 i, j;

	for (i = 0; i < routes->n; i++) {
		for (j = i + 1; j < routes->n; j++) {
			if (routes->route[i].gsi != routes->route[j].gsi)
				break;
			if (!go_together(&routes->route[i], &routes->route[j]))
				return false;
		}
	}
	return true;
}

/* Sort, check, and note the way back. */
bool um_routes_finish(struct um_routes *routes)
{
	u32 i;

	sort(routes->route, routes->n, sizeof(routes->route[0]), by_gsi, NULL);
	if (!unique(routes))
		return false;
	memset(routes->gsi_of, -1, sizeof(routes->gsi_of));
	for (i = 0; i < routes->n; i++) {
		const struct um_route *r = &routes->route[i];

		if (!r->msi)
			routes->gsi_of[r->chip][r->pin] = r->gsi;
	}
	return true;
}

/* The first route of @gsi, or where it would be. */
static u32 find(const struct um_routes *routes, u32 gsi)
{
	u32 low = 0, high = routes->n;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (routes->route[mid].gsi < gsi)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int raise(struct um_irqs *irqs, const struct um_route *route,
		 enum um_irq_source source, bool up)
{
	if (route->msi)
		return up ? um_irq_msi(irqs, route->address, route->data) :
			    UM_IRQ_IGNORED;
	if (route->chip == UM_CHIP_PIC)
		return um_pic_set(irqs, route->pin, source, up);
	return um_ioapic_set(irqs, route->pin, source, up);
}

/* How often it was delivered, UM_IRQ_COALESCED or UM_IRQ_IGNORED. */
int um_irq_set(struct um_irqs *irqs, u32 gsi, enum um_irq_source source,
	       bool up)
{
	int r = UM_IRQ_IGNORED, one;
	struct um_routes *routes;
	u32 i;

	rcu_read_lock();
	routes = rcu_dereference(irqs->routes);
	for (i = find(routes, gsi); i < routes->n; i++) {
		if (routes->route[i].gsi != gsi)
			break;
		one = raise(irqs, &routes->route[i], source, up);
		if (one >= 0)
			r = (r < 0 ? 0 : r) + one;
	}
	rcu_read_unlock();
	return r;
}

/* Split: is @vector, ended on @apic, a level that user space's IO-APIC sent? */
bool um_routes_eoi_exits(struct um_irqs *irqs, struct um_lapic *apic,
			 u8 vector)
{
	struct um_routes *routes;
	bool found = false;
	u32 i;

	rcu_read_lock();
	routes = rcu_dereference(irqs->routes);
	for (i = 0; i < routes->n && !found; i++) {
		const struct um_route *r = &routes->route[i];
		struct um_irq_msg msg = msi_message(irqs, r->address, r->data);

		if (r->gsi >= routes->msi_pins)
			break;
		found = r->msi && msg.level && msg.vector == vector &&
			um_irq_matches(apic, NULL, &msg);
	}
	rcu_read_unlock();
	return found;
}

static int gsi_of(struct um_irqs *irqs, u8 chip, u8 pin)
{
	return rcu_dereference(irqs->routes)->gsi_of[chip][pin];
}

void um_irq_acked(struct um_irqs *irqs, u8 chip, u8 pin)
{
	int gsi;

	rcu_read_lock();
	gsi = gsi_of(irqs, chip, pin);
	if (!gsi && um_has_pit(irqs))
		um_pit_acked(irqs);
	if (gsi >= 0)
		um_port_acked(irqs, gsi);
	rcu_read_unlock();
}

void um_irq_unmasked(struct um_irqs *irqs, u8 chip, u8 pin)
{
	rcu_read_lock();
	if (!gsi_of(irqs, chip, pin) && um_has_pit(irqs))
		um_pit_forget_ticks(irqs);
	rcu_read_unlock();
}
