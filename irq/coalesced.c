// SPDX-License-Identifier: GPL-2.0
/*
 * Coalesced MMIO and ports: writes to such a zone wait in a ring, which user
 * space looks at when it comes by for another reason. The ring is a page of the
 * VM, mapped behind each vCPU's (KVM_COALESCED_MMIO_PAGE_OFFSET); user space
 * moves first, and may write there what it likes.
 */
#include "glue.h"

#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define ZONES_MAX 1000 /* as KVM's devices on a bus */

struct um_zone {
	struct list_head link; /* RCU; written under io->lock */
	struct rcu_head rcu;
	u64 addr, size;	       /* const, as what follows */
	enum um_bus bus;
};

static bool holds(const struct um_zone *zone, enum um_bus bus, u64 addr,
		  u32 len)
{
	return zone->bus == bus && addr >= zone->addr && addr + len >= addr &&
	       addr + len <= zone->addr + zone->size;
}

static bool is_coalesced(struct um_io *io, enum um_bus bus, u64 addr, u32 len)
{
	struct um_zone *zone;
	bool found = false;

	rcu_read_lock();
	list_for_each_entry_rcu(zone, &io->zones, link) {
		found = holds(zone, bus, addr, len);
		if (found)
			break;
	}
	rcu_read_unlock();
	return found;
}

/* io->ring_lock held. False: full, or user space made a mess of it. */
static bool push(struct kvm_coalesced_mmio_ring *ring, enum um_bus bus,
		 u64 addr, u32 len, const void *data)
{
	u32 last = READ_ONCE(ring->last), next;
	struct kvm_coalesced_mmio *entry;

	if (last >= KVM_COALESCED_MMIO_MAX)
		return false;
	next = (last + 1) % KVM_COALESCED_MMIO_MAX;
	/* D13: what user space read before what is written. Pairs with it. */
	if (next == smp_load_acquire(&ring->first))
		return false;
	entry = &ring->coalesced_mmio[last];
	entry->phys_addr = addr;
	entry->len = len;
	memcpy(entry->data, data, len);
	entry->pio = bus == UM_BUS_PIO;
	/* D12: the entry before it counts. Pairs with user space. */
	smp_store_release(&ring->last, next);
	return true;
}

bool um_coalesced_write(struct um_io *io, enum um_bus bus, u64 addr, u32 len,
			const void *data)
{
	bool done;

	if (likely(list_empty(&io->zones)) || !is_coalesced(io, bus, addr, len))
		return false;
	spin_lock(&io->ring_lock);
	done = push(io->ring, bus, addr, len, data);
	spin_unlock(&io->ring_lock);
	return done;
}

static int add(struct um_io *io, const struct kvm_coalesced_mmio_zone *args,
	       enum um_bus bus)
{
	struct um_zone *zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	int r = 0;

	if (!zone)
		return -ENOMEM;
	zone->addr = args->addr;
	zone->size = args->size;
	zone->bus = bus;
	mutex_lock(&io->lock);
	if (io->nzones == ZONES_MAX) {
		r = -ENOSPC;
	} else {
		io->nzones++;
		list_add_rcu(&zone->link, &io->zones);
	}
	mutex_unlock(&io->lock);
	if (r)
		kfree(zone);
	return r;
}

/* Each zone in which the given one lies. */
static int remove(struct um_io *io, const struct kvm_coalesced_mmio_zone *args,
		  enum um_bus bus)
{
	struct um_zone *zone, *n;

	mutex_lock(&io->lock);
	list_for_each_entry_safe(zone, n, &io->zones, link) {
		if (!holds(zone, bus, args->addr, args->size))
			continue;
		io->nzones--;
		list_del_rcu(&zone->link);
		kfree_rcu(zone, rcu);
	}
	mutex_unlock(&io->lock);
	return 0;
}

int um_coalesced_ioctl(struct um_io *io, const void __user *user, bool on)
{
	struct kvm_coalesced_mmio_zone args;
	enum um_bus bus;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (args.pio > 1)
		return -EINVAL;
	bus = args.pio ? UM_BUS_PIO : UM_BUS_MMIO;
	return on ? add(io, &args, bus) : remove(io, &args, bus);
}

/* No vCPU runs. */
void um_coalesced_free(struct um_io *io)
{
	struct um_zone *zone, *n;

	list_for_each_entry_safe(zone, n, &io->zones, link)
		kfree(zone);
}
