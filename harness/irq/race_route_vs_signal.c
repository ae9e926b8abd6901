// SPDX-License-Identifier: GPL-2.0
/*
 * A GSI's route is replaced, again and again, while it is raised: each time it
 * goes by one table or by the other, and never nowhere.
 */
#include "race.h"

#define GSI 9
#define VECTOR 0x61

static bool stop;

static void route(u8 vector)
{
	struct kvm_irq_routing_entry entries[] = {
		{ .gsi = GSI - 1, .type = KVM_IRQ_ROUTING_MSI },
		{ .gsi = GSI, .type = KVM_IRQ_ROUTING_MSI },
	};
	int i;

	for (i = 0; i < 2; i++) {
		entries[i].u.msi.address_lo = 0xfee00000;
		entries[i].u.msi.data = vector + i;
	}
	if (um_routes_set(machine_chip(), entries, 2))
		shim_warn("routes are refused\n");
}

static void raise_line(void)
{
	if (um_irq_set(&machine_chip()->irqs, GSI, UM_IRQ_USER, true) != 1)
		shim_warn("a signal goes nowhere\n");
}

static void signals(void)
{
	int i;

	for (i = 0; i < 20; i++)
		race_send(100, raise_line, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
}

static void move(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		route(VECTOR + shim_random() % 4);
}

static void setup(void)
{
	route(VECTOR);
	machine.cpu[0].halts = 1;
	machine.cpu[0].exits = 1;
}

static void begin(void)
{
	stop = false;
}

static const struct race races[] = {
	{ .name = "new routes vs signals", .cpus = 1, .setup = setup,
	  .before = begin, .side = { signals, move } },
};
RACE_MAIN(races)
