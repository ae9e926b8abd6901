// SPDX-License-Identifier: GPL-2.0
/*
 * Two vCPUs write to a zone whose writes wait in the ring, user space empties it
 * (D12): each write comes once, whole, and those of one vCPU in order.
 */
#include "race.h"

#include <linux/gfp.h>
#include <string.h>

#define ZONE 0xa0000ull
#define WRITERS 2

static u64 written[WRITERS], read[WRITERS];
static int writing;

static void write_some(int who)
{
	u64 addr = ZONE + 8 * who, data;
	int n = shim_pace == SHIM_BRISK ? 2000 : 50;

	while (n-- && !shim_warnings()) {
		data = written[who] + 1;
		if (um_coalesced_write(machine.vm.io, UM_BUS_MMIO, addr,
				       sizeof(data), &data))
			written[who]++;
		else
			race_dawdle(); /* full */
	}
	__atomic_sub_fetch(&writing, 1, __ATOMIC_RELEASE);
}

static void first(void)
{
	write_some(0);
}

static void second(void)
{
	write_some(1);
}

static void check(const struct kvm_coalesced_mmio *entry)
{
	u64 who = (entry->phys_addr - ZONE) / 8, data;

	memcpy(&data, entry->data, sizeof(data));
	if (who >= WRITERS || entry->len != sizeof(data))
		shim_warn("an entry is none\n");
	else if (data != ++read[who])
		shim_warn("write %llu of vCPU %llu comes as %llu\n", read[who],
			  who, data);
}

static void empty(struct kvm_coalesced_mmio_ring *ring)
{
	u32 i = ring->first;

	while (i != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
		check(&ring->coalesced_mmio[i]);
		i = (i + 1) % KVM_COALESCED_MMIO_MAX;
		__atomic_store_n(&ring->first, i, __ATOMIC_RELEASE);
	}
}

static void user(void)
{
	while (__atomic_load_n(&writing, __ATOMIC_ACQUIRE) && !shim_warnings())
		empty(machine.vm.io->ring);
	empty(machine.vm.io->ring);
}

static void setup(void)
{
	struct kvm_coalesced_mmio_zone zone = {
		.addr = ZONE,
		.size = 8 * WRITERS,
	};

	machine_ioctl(KVM_REGISTER_COALESCED_MMIO, &zone);
}

static void begin(void)
{
	writing = WRITERS;
}

static void all_came(void)
{
	int i;

	for (i = 0; i < WRITERS; i++) {
		if (read[i] != written[i])
			shim_warn("%llu writes of vCPU %d, %llu came\n",
				  written[i], i, read[i]);
	}
}

static const struct race races[] = {
	{ .name = "coalesced writes vs their user", .setup = setup,
	  .before = begin, .after = all_came,
	  .side = { first, second, user } },
};
RACE_MAIN(races)
