// SPDX-License-Identifier: GPL-2.0
/*
 * INIT and SIPI, once or twice, reach a vCPU that runs, halts or waits for them
 * (D4, D5, D11): it starts each time, where it was told.
 */
#include "race.h"

#define INIT (UM_IRQ_INIT << 8 | BIT(14))
#define SIPI (UM_IRQ_SIPI << 8 | BIT(14))

static struct cpu *const cpu = &machine.cpu[0];
static unsigned int sent;
static u8 page;

static void ipi(u32 low)
{
	struct um_irq_msg msg = {
		.vector = low,
		.mode = low >> 8 & 7,
		.assert = true,
	};

	um_irq_deliver(&machine_chip()->irqs, NULL, &msg);
}

static void start(void)
{
	sent++;
	page += 1 + shim_random() % 255;
	if (shim_random() % 2)
		race_meet(cpu);
	ipi(INIT);
	if (shim_random() % 2)
		race_dawdle();
	ipi(SIPI | page);
	if (shim_random() % 2)
		return;
	race_dawdle();
	ipi(SIPI | page);
}

static bool started(void)
{
	if (__atomic_load_n(&cpu->starts, __ATOMIC_ACQUIRE) != sent)
		return false;
	if (cpu->start != page)
		shim_warn("it starts at page %x, not at %x\n", cpu->start, page);
	return true;
}

static void starts(void)
{
	race_send(100, start, started);
}

static void setup(void)
{
	machine.vm.boot_id = 7; /* no vCPU here */
	cpu->starts_always = true;
	cpu->halts = 3;
	cpu->exits = 3;
}

static void begin(void)
{
	sent = cpu->starts;
}

static const struct race races[] = {
	{ .name = "INIT and SIPI vs a vCPU", .cpus = 1, .ms = 800,
	  .setup = setup, .before = begin, .side = { starts } },
};
RACE_MAIN(races)
