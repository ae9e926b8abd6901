// SPDX-License-Identifier: GPL-2.0
/*
 * Which device in the kernel has an address: a chip, an ioeventfd, a zone whose
 * writes are coalesced. Slots come first: what is memory does not get here.
 */
#include "glue.h"

#include <linux/string.h>

/* A port of a chip that has one byte each. NULL: of none. */
struct port_ops {
	u8 (*read)(struct um_irqs *irqs, u16 port);
	void (*write)(struct um_irqs *irqs, u16 port, u8 val);
};

static const struct port_ops pic_ops = { um_pic_read, um_pic_write };
static const struct port_ops pit_ops = { um_pit_read, um_pit_write };

static const struct port_ops *port_of(struct um_irqs *irqs, u64 port)
{
	if (irqs->split)
		return NULL;
	switch (port) {
	case 0x20 ... 0x21:
	case 0xa0 ... 0xa1:
	case 0x4d0 ... 0x4d1:
		return &pic_ops;
	case 0x40 ... 0x43:
		return um_has_pit(irqs) ? &pit_ops : NULL;
	case 0x61:
		return um_has_pit(irqs) && irqs->pit.speaker ? &pit_ops : NULL;
	}
	return NULL;
}

static bool in_page(u64 addr, u32 len, u64 page)
{
	return addr >= page && addr + len <= page + PAGE_SIZE;
}

static bool is_lapic(const struct um_lapic *apic, u64 addr, u32 len)
{
	return in_page(addr, len, apic->base & UM_APIC_BASE_ADDR);
}

/* The part of the page that repeats nothing: 256 bytes. */
static bool is_ioapic(const struct um_irqs *irqs, u64 addr)
{
	return !irqs->split && addr >= UM_IOAPIC_BASE &&
	       addr < UM_IOAPIC_BASE + 0x100;
}

static void ioapic_read(struct um_irqs *irqs, u32 offset, u32 len, void *data)
{
	u32 val = 0;

	memset(data, 0, len);
	if (!(offset & 0xf))
		val = um_ioapic_read(irqs, offset);
	memcpy(data, &val, min_t(u32, len, sizeof(val)));
}

static void ioapic_write(struct um_irqs *irqs, u32 offset, u32 len,
			 const void *data)
{
	u32 val = 0;

	if (offset & 0xf)
		return;
	memcpy(&val, data, min_t(u32, len, sizeof(val)));
	um_ioapic_write(irqs, offset, val);
}

/* Does user space want to hear of that one? */
static bool is_reported(struct um_lapic *apic, u32 offset)
{
	return unlikely(lapic_to_apic(apic)->reports) &&
	       (offset & ~0xfu) == UM_LAPIC_TPR;
}

static void lapic_read(struct um_lapic *apic, u32 offset, u32 len, void *data)
{
	um_lapic_page_read(apic, offset, len, data);
	if (is_reported(apic, offset))
		um_apic_tpr_accessed(lapic_to_vcpu(apic), false);
}

static void lapic_write(struct um_lapic *apic, u32 offset, u32 len,
			const void *data)
{
	um_lapic_page_write(apic, offset, len, data);
	if (is_reported(apic, offset))
		um_apic_tpr_accessed(lapic_to_vcpu(apic), true);
}

static bool mmio_read(struct um_lapic *apic, u64 addr, u32 len, void *data)
{
	if (is_lapic(apic, addr, len))
		lapic_read(apic, addr & ~PAGE_MASK, len, data);
	else if (is_ioapic(apic->irqs, addr))
		ioapic_read(apic->irqs, addr & 0xff, len, data);
	else
		return false;
	return true;
}

static bool mmio_write(struct um_lapic *apic, u64 addr, u32 len,
		       const void *data)
{
	if (is_lapic(apic, addr, len))
		lapic_write(apic, addr & ~PAGE_MASK, len, data);
	else if (is_ioapic(apic->irqs, addr))
		ioapic_write(apic->irqs, addr & 0xff, len, data);
	else
		return false;
	return true;
}

/* Wider accesses to a port of one byte read zeros and write nothing, as KVM. */
static bool port_read(struct um_irqs *irqs, u64 port, u32 len, void *data)
{
	const struct port_ops *ops = port_of(irqs, port);

	if (!ops)
		return false;
	memset(data, 0, len);
	if (len == 1)
		*(u8 *)data = ops->read(irqs, port);
	return true;
}

static bool port_write(struct um_irqs *irqs, u64 port, u32 len,
		       const void *data)
{
	const struct port_ops *ops = port_of(irqs, port);

	if (!ops)
		return false;
	if (len == 1)
		ops->write(irqs, port, *(const u8 *)data);
	return true;
}

bool um_bus_read(struct um_vcpu *vcpu, enum um_bus bus, u64 addr, u32 len,
		 void *data)
{
	struct um_lapic *apic = vcpu->apic;

	if (!apic)
		return false;
	return bus == UM_BUS_MMIO ? mmio_read(apic, addr, len, data) :
				    port_read(apic->irqs, addr, len, data);
}

bool um_bus_write(struct um_vcpu *vcpu, enum um_bus bus, u64 addr, u32 len,
		  const void *data)
{
	struct um_lapic *apic = vcpu->apic;
	struct um_io *io = vcpu->vm->io;

	if (apic && (bus == UM_BUS_MMIO ?
			     mmio_write(apic, addr, len, data) :
			     port_write(apic->irqs, addr, len, data)))
		return true;
	return um_ioevent_write(io, bus, addr, len, data) ||
	       um_coalesced_write(io, bus, addr, len, data);
}
