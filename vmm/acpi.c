// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI tables, assembled by hand.
 *
 * RSDP -> XSDT -> FADT -> DSDT, and MADT. The MADT names the processors and the
 * IO-APIC, the FADT the ports to reset by and to sleep by, the DSDT (in AML) the
 * value that powers off and the disks. An MP table would have the first of
 * these only.
 */
#include "acpi.h"

#include "pc.h"
#include "rtc.h"

#include <string.h>

#define PACKED __attribute__((packed))
#define HEADER_SIZE 36

struct out {
	uint8_t *start;
	size_t len, room;
	uint64_t gpa;
};

struct PACKED rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
};

struct PACKED header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
};

/* An address of ACPI's: space 1 is that of the ports. */
struct PACKED address {
	uint8_t space, bits, offset, access;
	uint64_t address;
};

struct PACKED fadt {
	struct header h;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi;
	uint8_t smi_values[4];
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	uint32_t pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base, cst;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_flags;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct address x_pm1a_event, x_pm1b_event, x_pm1a_control;
	struct address x_rest[7];
	uint64_t hypervisor;
};

#define FADT_WBINVD		(1U << 0)
#define FADT_PROC_C1		(1U << 2)
#define FADT_NO_POWER_BUTTON	(1U << 4)	/* none among the fixed ones */
#define FADT_NO_SLEEP_BUTTON	(1U << 5)
#define FADT_RESET		(1U << 10)
#define BOOT_LEGACY		(1U << 0)	/* devices of the old ports */
#define BOOT_NO_VGA		(1U << 2)
#define BOOT_NO_MSI		(1U << 3)
#define SCI_GSI 9

struct PACKED madt {
	struct header h;
	uint32_t lapic;
	uint32_t flags;		/* 1: there are 8259s, too */
};

struct PACKED madt_cpu {
	uint8_t type, length, id, apic;
	uint32_t flags;
};

struct PACKED madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi;
};

struct PACKED madt_override {
	uint8_t type, length, bus, irq;
	uint32_t gsi;
	uint16_t flags;
};

struct PACKED madt_nmi {
	uint8_t type, length, cpu;
	uint16_t flags;
	uint8_t lint;
};

_Static_assert(sizeof(struct header) == HEADER_SIZE, "ACPI table header");
_Static_assert(sizeof(struct fadt) == 276, "ACPI 6 FADT");

/* What does not fit only counts, and acpi_write() notices. */
static void put(struct out *o, const void *data, size_t len)
{
	if (o->len + len <= o->room)
		memcpy(o->start + o->len, data, len);
	o->len += len;
}

static void byte(struct out *o, uint8_t b)
{
	put(o, &b, 1);
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s += *p++;
	return s;
}

static struct header header(const char *signature, uint8_t revision)
{
	struct header h = { .revision = revision, .oem_revision = 1,
			    .creator_revision = 1 };

	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem, "UMBRA ", sizeof(h.oem));
	memcpy(h.oem_table, "PENUMBRA", sizeof(h.oem_table));
	memcpy(h.creator, "PNMB", sizeof(h.creator));
	return h;
}

/* The table that began at @at is whole: its length, its checksum. */
static uint64_t finish(struct out *o, size_t at)
{
	uint8_t *table = o->start + at;
	struct header h;

	if (o->len <= o->room) {
		memcpy(&h, table, sizeof(h));
		h.length = o->len - at;
		memcpy(table, &h, sizeof(h));
		table[offsetof(struct header, checksum)] =
			-sum(table, h.length);
	}
	o->len = (o->len + 15) & ~15UL;
	return o->gpa + at;
}

/* ---- AML ------------------------------------------------------------------ */

/* Room for a package's length, always in its two-byte form. */
static size_t begin(struct out *o, const char *opcode, size_t len)
{
	put(o, opcode, len);
	put(o, "\0", 2);
	return o->len - 2;
}

static void end(struct out *o, size_t at)
{
	size_t len = o->len - at;

	if (o->len > o->room)
		return;
	o->start[at] = 0x40 | (len & 0xf);
	o->start[at + 1] = len >> 4;
}

static void name(struct out *o, const char *n)
{
	byte(o, 0x08);
	put(o, n, 4);
}

static void dword(struct out *o, uint32_t value)
{
	put(o, &value, sizeof(value));
}

/* Memory32Fixed and an edge-triggered, active-high Interrupt. */
static void resources(struct out *o, uint32_t base, uint32_t gsi)
{
	size_t at = begin(o, "\x11", 1);

	put(o, "\x0a\x17", 2);			/* size of what follows: 23 */
	put(o, "\x86\x09\0\x01", 4);
	dword(o, base);
	dword(o, PAGE_SIZE);
	put(o, "\x89\x06\0\x03\x01", 5);
	dword(o, gsi);
	put(o, "\x79\0", 2);
	end(o, at);
}

/*
 * Device (VRTn) { _HID LNRO0005, _UID, _CCA, _CRS }: what the virtio_mmio driver
 * looks for where it can not be told by the command line, as in Debian.
 */
static void disk(struct out *o, unsigned int i)
{
	size_t at = begin(o, "\x5b\x82", 2);

	put(o, "VRT", 3);
	byte(o, '0' + i);
	name(o, "_HID");
	put(o, "\x0dLNRO0005", 10);
	name(o, "_UID");
	byte(o, 0x0a);
	byte(o, i);
	name(o, "_CCA");
	byte(o, 0x01);
	name(o, "_CRS");
	resources(o, PC_DISKS + i * PAGE_SIZE, PC_DISK_GSI + i);
	end(o, at);
}

static uint64_t dsdt(struct out *o, unsigned int disks)
{
	struct header h = header("DSDT", 2);
	size_t at = o->len, scope;
	unsigned int i;

	put(o, &h, sizeof(h));
	/* Name (_S5, Package () { 5, 0, 0, 0 }) */
	name(o, "_S5_");
	put(o, "\x12\x07\x04\x0a", 4);
	byte(o, PC_SLP_TYP_OFF);
	put(o, "\0\0\0", 3);
	scope = begin(o, "\x10", 1);
	put(o, "_SB_", 4);
	for (i = 0; i < disks; i++)
		disk(o, i);
	end(o, scope);
	return finish(o, at);
}

/* ---- the other tables ----------------------------------------------------- */

static struct address port(uint16_t number, uint8_t bits)
{
	return (struct address){ .space = 1, .bits = bits,
				 .access = bits / 8, .address = number };
}

static uint64_t fadt(struct out *o, uint64_t dsdt_gpa)
{
	struct fadt f = {
		.h = header("FACP", 6),
		.dsdt = dsdt_gpa,
		.sci = SCI_GSI,
		.pm1a_event = PC_PM_EVENT, .pm1_event_len = 4,
		.pm1a_control = PC_PM_CONTROL, .pm1_control_len = 2,
		.c2_latency = 0xfff, .c3_latency = 0xfff,	/* none */
		.century = RTC_CENTURY,
		.boot_flags = BOOT_LEGACY | BOOT_NO_VGA | BOOT_NO_MSI,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_POWER_BUTTON |
			 FADT_NO_SLEEP_BUTTON | FADT_RESET,
		.reset = port(PC_RESET, 8), .reset_value = PC_RESET_VALUE,
		.x_dsdt = dsdt_gpa,
		.x_pm1a_event = port(PC_PM_EVENT, 32),
		.x_pm1a_control = port(PC_PM_CONTROL, 16),
	};
	size_t at = o->len;

	put(o, &f, sizeof(f));
	return finish(o, at);
}

static uint64_t madt(struct out *o, unsigned int cpus)
{
	struct madt m = { .h = header("APIC", 4), .lapic = PC_LAPIC,
			  .flags = 1 };
	struct madt_cpu c = { 0, sizeof(c), .flags = 1 };
	const struct madt_ioapic io = { 1, sizeof(io), .address = PC_IOAPIC };
	/* Level and active high, as nothing else is here. */
	const struct madt_override sci = { 2, sizeof(sci), 0, SCI_GSI, SCI_GSI,
					   0xd };
	const struct madt_nmi nmi = { 4, sizeof(nmi), 0xff, 0, 1 };
	size_t at = o->len;

	put(o, &m, sizeof(m));
	for (; c.id < cpus; c.id++, c.apic++)
		put(o, &c, sizeof(c));
	put(o, &io, sizeof(io));
	put(o, &sci, sizeof(sci));
	put(o, &nmi, sizeof(nmi));
	return finish(o, at);
}

static uint64_t xsdt(struct out *o, uint64_t fadt_gpa, uint64_t madt_gpa)
{
	struct header h = header("XSDT", 1);
	size_t at = o->len;

	put(o, &h, sizeof(h));
	put(o, &fadt_gpa, sizeof(fadt_gpa));
	put(o, &madt_gpa, sizeof(madt_gpa));
	return finish(o, at);
}

size_t acpi_write(uint8_t *to, size_t room, uint64_t gpa, unsigned int cpus,
		  unsigned int disks)
{
	struct rsdp r = { .signature = "RSD PTR ", .oem = "UMBRA ",
			  .revision = 2, .length = sizeof(r) };
	struct out o = { .start = to, .room = room, .gpa = gpa, .len = 48 };
	uint64_t madt_gpa, fadt_gpa;

	if (room < o.len)
		return 0;
	madt_gpa = madt(&o, cpus);
	fadt_gpa = fadt(&o, dsdt(&o, disks));
	r.xsdt = xsdt(&o, fadt_gpa, madt_gpa);
	r.checksum = -sum((uint8_t *)&r, offsetof(struct rsdp, length));
	r.extended_checksum = -sum((uint8_t *)&r, sizeof(r));
	memcpy(to, &r, sizeof(r));
	return o.len <= room ? o.len : 0;
}
