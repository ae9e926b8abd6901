// SPDX-License-Identifier: GPL-2.0
/*
 * An ioeventfd comes and goes while a vCPU writes to its address: a write that
 * goes no further is in the count when user space has taken the eventfd away.
 */
#include "race.h"

#include <linux/eventfd.h>

#define ADDR 0xfe003000ull

static unsigned int hits, counted;
static bool stop;

static int attach(int fd, u32 flags)
{
	struct kvm_ioeventfd args = {
		.addr = ADDR,
		.len = 4,
		.fd = fd,
		.flags = flags,
	};

	return machine_ioctl(KVM_IOEVENTFD, &args);
}

static void come_and_go(void)
{
	int fd = shim_eventfd();

	if (attach(fd, 0))
		shim_warn("an ioeventfd is refused\n");
	race_dawdle();
	if (attach(fd, KVM_IOEVENTFD_FLAG_DEASSIGN))
		shim_warn("an ioeventfd does not go\n");
	counted += shim_eventfd_read(fd);
	shim_eventfd_close(fd);
}

static void owner(void)
{
	race_send(200, come_and_go, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
}

static void writer(void)
{
	const u32 data = 1;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		hits += um_ioevent_write(machine.vm.io, UM_BUS_MMIO, ADDR,
					 sizeof(data), &data);
}

static void begin(void)
{
	stop = false;
}

static void all_counted(void)
{
	if (hits != counted)
		shim_warn("%u writes, %u were counted\n", hits, counted);
}

static const struct race races[] = {
	{ .name = "an ioeventfd vs writes", .before = begin,
	  .after = all_counted, .side = { owner, writer } },
};
RACE_MAIN(races)
