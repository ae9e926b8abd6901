// SPDX-License-Identifier: GPL-2.0
/*
 * Levels come by message while the same vector is served (D3): the end of each
 * goes to user space, which has the IO-APIC.
 */
#include "race.h"

#define VECTOR 0x61
#define LEVEL BIT(15)
#define MSI 0xfee00000u

static struct cpu *const cpu = &machine.cpu[0];
static unsigned int served, ended;

static void msi(u32 data)
{
	struct kvm_msi msi = { .address_lo = MSI, .data = data };

	machine_ioctl(KVM_SIGNAL_MSI, &msi);
}

static void edge(void)
{
	served++;
	msi(VECTOR);
}

static bool is_served(void)
{
	return __atomic_load_n(&cpu->settled, __ATOMIC_ACQUIRE) == served;
}

static void level(void)
{
	served++;
	ended++;
	if (shim_random() % 2)
		race_meet(cpu);
	msi(VECTOR | LEVEL);
}

static bool is_ended(void)
{
	if (is_served() && READ_ONCE(cpu->eois) != ended)
		shim_warn("nobody heard of the end\n");
	return is_served();
}

/* An edge between them, which has another end. */
static void levels(void)
{
	int i;

	for (i = 0; i < 50; i++) {
		race_send(1, edge, is_served);
		race_send(1, level, is_ended);
	}
}

static void setup(void)
{
	struct kvm_irq_routing_entry route = {
		.gsi = 1,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = MSI, .data = VECTOR | LEVEL },
	};

	if (um_routes_set(machine_chip(), &route, 1))
		shim_warn("routes are refused\n");
	cpu->halts = 1;
	cpu->exits = 5;
}

static void begin(void)
{
	served = cpu->ended;
	ended = cpu->eois;
}

static const struct race races[] = {
	{ .name = "a level vs the end of an edge", .cpus = 1, .split = true,
	  .setup = setup, .before = begin, .side = { levels } },
};
RACE_MAIN(races)
