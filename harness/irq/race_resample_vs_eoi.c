// SPDX-License-Identifier: GPL-2.0
/*
 * Devices share a level: each raises it by an irqfd and hears of the interrupt's
 * end by another eventfd, or waits for that for ever. Meanwhile a third one
 * comes and goes, and the pin is masked for a while, as a guest does that serves
 * interrupts in threads.
 */
#include "race.h"

#include <linux/eventfd.h>

#define GSI 5
#define VECTOR 0x51

struct device {
	int irqfd, resample;
};

static struct cpu *const cpu = &machine.cpu[0];
static struct device devices[2];
static int working;

static long attach(const struct device *d, u32 flags)
{
	struct kvm_irqfd args = {
		.fd = d->irqfd,
		.resamplefd = d->resample,
		.gsi = GSI,
		.flags = flags | KVM_IRQFD_FLAG_RESAMPLE,
	};

	return machine_ioctl(KVM_IRQFD, &args);
}

static void device_new(struct device *d)
{
	d->irqfd = shim_eventfd();
	d->resample = shim_eventfd();
	if (attach(d, 0))
		shim_warn("an irqfd is refused\n");
}

static void device_free(struct device *d)
{
	if (attach(d, KVM_IRQFD_FLAG_DEASSIGN))
		shim_warn("an irqfd does not go\n");
	shim_eventfd_close(d->irqfd);
	shim_eventfd_close(d->resample);
}

static void work(struct device *d)
{
	int n = shim_pace == SHIM_BRISK ? 100 : 30;
	u64 since;

	while (n-- && !shim_warnings()) {
		/* Or at once, as one that still has something to say. */
		if (shim_random() % 2)
			race_dawdle();
		machine_begin();
		shim_eventfd_write(d->irqfd);
		machine_end();
		since = 0;
		while (!shim_eventfd_read(d->resample) && race_wait(&since))
			;
	}
	__atomic_sub_fetch(&working, 1, __ATOMIC_RELEASE);
}

static void first(void)
{
	work(&devices[0]);
}

static void second(void)
{
	work(&devices[1]);
}

static void redir(u64 bits)
{
	um_ioapic_write(&machine_chip()->irqs, 0, 0x10 + 2 * GSI);
	um_ioapic_write(&machine_chip()->irqs, 0x10,
			VECTOR | UM_REDIR_LEVEL | bits);
}

static void third(void)
{
	struct device d;

	while (__atomic_load_n(&working, __ATOMIC_ACQUIRE) &&
	       !shim_warnings()) {
		machine_begin();
		redir(UM_REDIR_MASKED);
		device_new(&d);
		if (shim_random() % 2)
			shim_eventfd_write(d.irqfd);
		race_dawdle();
		device_free(&d);
		redir(0);
		machine_end();
		race_dawdle();
	}
}

static void setup(void)
{
	redir(0);
	cpu->halts = 2;
	cpu->exits = 2;
	device_new(&devices[0]);
	device_new(&devices[1]);
}

static void teardown(void)
{
	device_free(&devices[0]);
	device_free(&devices[1]);
	if (shim_eventfds_held())
		shim_warn("%d eventfds are left over\n", shim_eventfds_held());
}

static void begin(void)
{
	working = 2;
}

static const struct race races[] = {
	{ .name = "devices that share a level vs its end", .cpus = 1, .ms = 800,
	  .setup = setup, .before = begin, .teardown = teardown,
	  .side = { first, second, third } },
};
RACE_MAIN(races)
