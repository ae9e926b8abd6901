// SPDX-License-Identifier: GPL-2.0
/*
 * An irqfd is made and ended, by its user or by closing the eventfd, while
 * another thread signals it, and a third one moves its GSI from vector to vector:
 * one that is given before the irqfd, or while it is there, is an interrupt, and
 * what is over is given back once.
 */
#include "race.h"

#include <linux/eventfd.h>

#define GSI 9
#define VECTOR 0x61

static struct cpu *const cpu = &machine.cpu[0];
/* The eventfd that the other thread is to signal, or to close; else none. */
static int to_signal = -1, to_close = -1;
static bool stop;

static long attach(int fd, u32 flags)
{
	struct kvm_irqfd args = { .fd = fd, .gsi = GSI, .flags = flags };

	return machine_ioctl(KVM_IRQFD, &args);
}

static void hand_over(int *to, int fd)
{
	__atomic_store_n(to, fd, __ATOMIC_SEQ_CST);
}

static void wait_done(int *to)
{
	u64 since = 0;

	while (__atomic_load_n(to, __ATOMIC_SEQ_CST) >= 0 && race_wait(&since))
		;
}

static unsigned int served(void)
{
	return __atomic_load_n(&cpu->settled, __ATOMIC_ACQUIRE);
}

/* What came before it is there counts, as what comes after. */
static void assign_vs_signal(int fd)
{
	unsigned int before = served();
	u64 since = 0;

	machine_begin();
	hand_over(&to_signal, fd);
	if (attach(fd, 0))
		shim_warn("an irqfd is refused\n");
	wait_done(&to_signal);
	machine_end();
	while (served() == before && race_wait(&since))
		;
}

static void deassign_vs_signal(int fd)
{
	machine_begin();
	hand_over(&to_signal, fd);
	if (attach(fd, KVM_IRQFD_FLAG_DEASSIGN))
		shim_warn("an irqfd does not go\n");
	wait_done(&to_signal);
	machine_end();
}

static void one(int fd)
{
	assign_vs_signal(fd);
	if (shim_random() % 2) {
		deassign_vs_signal(fd);
		shim_eventfd_close(fd);
		return;
	}
	hand_over(&to_close, fd);
	race_dawdle();
	attach(fd, KVM_IRQFD_FLAG_DEASSIGN); /* it may be closed by now */
	wait_done(&to_close);
}

static void owner(void)
{
	int n = shim_pace == SHIM_BRISK ? 100 : 30;

	while (n-- && !shim_warnings())
		one(shim_eventfd());
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
}

static void other(void)
{
	int fd;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		fd = __atomic_load_n(&to_signal, __ATOMIC_SEQ_CST);
		if (fd >= 0) {
			race_dawdle();
			shim_eventfd_write(fd);
			hand_over(&to_signal, -1);
		}
		fd = __atomic_load_n(&to_close, __ATOMIC_SEQ_CST);
		if (fd >= 0) {
			race_dawdle();
			shim_eventfd_close(fd);
			hand_over(&to_close, -1);
		}
	}
}

static void route(u8 vector)
{
	struct kvm_irq_routing_entry entry = {
		.gsi = GSI,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000, .data = vector },
	};

	if (um_routes_set(machine_chip(), &entry, 1))
		shim_warn("routes are refused\n");
}

static void move(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		route(VECTOR + shim_random() % 4);
		if (shim_random() % 2)
			race_dawdle();
	}
}

static void setup(void)
{
	route(VECTOR);
	cpu->halts = 2;
	cpu->exits = 2;
}

static void begin(void)
{
	stop = false;
}

/* What user space closed is ended by work. */
static void teardown(void)
{
	um_irqfd_release(machine_chip());
	if (shim_eventfds_held())
		shim_warn("%d eventfds are left over\n", shim_eventfds_held());
}

static const struct race races[] = {
	{ .name = "an irqfd's life vs signals and routes", .cpus = 1, .ms = 800,
	  .setup = setup, .before = begin, .teardown = teardown,
	  .side = { owner, other, move } },
};
RACE_MAIN(races)
