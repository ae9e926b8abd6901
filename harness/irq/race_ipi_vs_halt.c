// SPDX-License-Identifier: GPL-2.0
/*
 * An interrupt comes while its vCPU goes into the guest, out of it, into HLT
 * and to sleep (E1, E2, T2, D10, D11): it is never left lying.
 */
#include "race.h"

#include <umbra/event.h>

static struct cpu *const cpu = &machine.cpu[0];
static unsigned int sent;

static void post(u8 vector)
{
	struct um_irq_msg msg = { .vector = vector, .assert = true };

	um_irq_deliver(&machine_chip()->irqs, NULL, &msg);
}

static void one(void)
{
	sent++;
	if (shim_random() % 8)
		race_meet(cpu);
	else
		race_dawdle();
	post(0x40);
}

static bool took_one(void)
{
	return READ_ONCE(cpu->got[0x40]) == sent;
}

static void ones(void)
{
	race_send(200, one, took_one);
}

static void few(void)
{
	race_dawdle();
	post(0x50 + shim_random() % 64);
}

static void fews(void)
{
	race_send(200, few, NULL);
}

static void nmi(void)
{
	race_dawdle();
	um_vcpu_nmi(&cpu->vmx.vcpu);
}

static void nmis(void)
{
	race_send(50, nmi, NULL);
}

static void run_on(void)
{
	cpu->halts = 0;
	cpu->exits = 6;
	sent = cpu->got[0x40];
}

static void halt(void)
{
	cpu->halts = 5;
	cpu->exits = 2;
	sent = cpu->got[0x40];
}

static const struct race races[] = {
	{ .name = "an interrupt vs entry", .cpus = 1, .before = run_on,
	  .side = { ones } },
	{ .name = "an interrupt vs HLT", .cpus = 1, .before = halt,
	  .side = { ones } },
	{ .name = "interrupts and NMIs vs HLT", .cpus = 1, .before = halt,
	  .side = { ones, fews, nmis } },
};
RACE_MAIN(races)
