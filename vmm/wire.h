/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What goes over the wire between two penumbras.
 *
 *   sender                                   receiver
 *     header, HELLO                   --->     makes a VM of that shape
 *                                     <---     header, READY
 *     (PAGES | ZERO)..., ROUND        --->     any number of rounds
 *     the guest stops
 *     (PAGES | ZERO)..., CPU..., PC, DEVICES, STOPPED ---> takes its own digest
 *     DIGEST                          --->     compares
 *                                     <---     LOADED, or REFUSE with a reason
 *     GO                              --->     runs the guest
 *                                     <---     RUNNING
 *
 * Up to GO the guest is the sender's: whatever happens, it runs on there. The
 * receiver runs nothing without GO. So there never are two of them.
 *
 * Little-endian. Each record's checksum covers its header and its payload; the
 * header carries the record's place in the stream, so none can be lost or come
 * twice. REFUSE may take the place of any answer. Magic, version and the length
 * of the stream header stay as they are in all versions.
 */
#ifndef PENUMBRA_WIRE_H
#define PENUMBRA_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC "PENUMBRA"
#define WIRE_VERSION 2
#define WIRE_MAX_PAYLOAD (1U << 20)
#define WIRE_RUN_PAGES 64	/* most pages in one PAGES record */

struct wire_stream_header {
	char magic[8];
	uint32_t version;
	uint32_t reserved;
	uint64_t checksum;	/* of the bytes before */
};

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_PAGES,
	WIRE_ZERO,
	WIRE_ROUND,
	WIRE_CPU,
	WIRE_DEVICES,
	WIRE_STOPPED,
	WIRE_DIGEST,
	WIRE_GO,
	WIRE_PC,		/* of a machine for Linux only */
	WIRE_READY = 0x100,	/* from here on receiver to sender */
	WIRE_LOADED,
	WIRE_RUNNING,
	WIRE_REFUSE,		/* payload: text */
};

struct wire_record {
	uint32_t type;
	uint32_t length;	/* of the payload */
	uint64_t place;		/* 0, 1, 2, ... */
	uint64_t checksum;	/* of the bytes before and the payload */
};

struct wire_hello {
	uint32_t page_size;
	uint32_t cpus;
	uint64_t memory;
	uint32_t machine;	/* WIRE_MACHINE_* */
	uint32_t disks;
	uint32_t tsc_khz;	/* of a machine for Linux */
	uint32_t reserved;
};

#define WIRE_MACHINE_PLAIN	0	/* ports.h */
#define WIRE_MACHINE_PC		1	/* pc.h */

enum wire_encoding {
	WIRE_RAW,
	WIRE_ZSTD,
};

struct wire_pages {
	uint64_t gpa;
	uint32_t pages;
	uint32_t encoding;	/* data follows */
};

struct wire_zero {
	uint64_t gpa;
	uint64_t pages;
};

struct wire_round {
	uint32_t round;
	uint32_t reserved;
};

struct wire_cpu {
	uint32_t id;
	uint32_t halted;	/* a sequence of wire_state follows */
};

/* Part of the state of a vCPU, or of devices: mostly a struct of the KVM ABI. */
enum wire_state_kind {
	STATE_CPUID = 1,
	STATE_SREGS,
	STATE_XCRS,
	STATE_XSAVE,
	STATE_FPU,
	STATE_MSRS,
	STATE_DEBUGREGS,
	STATE_REGS,
	STATE_EVENTS,
	STATE_MP_STATE,
	STATE_LAPIC,
	STATE_TSC,
	/* In a PC record: the devices in the kernel, and penumbra's own. */
	STATE_PIC_MASTER = 0x100,	/* + KVM's id of the chip */
	STATE_PIC_SLAVE,
	STATE_IOAPIC,
	STATE_PIT,
	STATE_PORTS,
	STATE_DISK,	/* one for each */
};

struct wire_state {
	uint32_t kind;
	uint32_t length;	/* of the data that follows */
};

#define WIRE_SERIAL_FIFO 64	/* a 16550A has 16; no driver minds more */

struct wire_serial {
	uint8_t regs[8];	/* IER, FCR, LCR, MCR, SCR as written */
	uint8_t divisor[2];
	uint8_t sent;		/* "all is sent" was not yet read from IIR */
	uint8_t received;	/* bytes in fifo */
	uint8_t fifo[WIRE_SERIAL_FIFO];
	uint8_t reserved[4];
};

struct wire_devices {
	struct wire_serial serial;
	uint64_t finish;
	uint64_t clock_us;
};

struct wire_virtq {
	uint64_t desc, avail, used;
	uint32_t num, ready;
	uint16_t next_avail, next_used;
	uint8_t reserved[4];
};

struct wire_disk {
	uint64_t capacity;	/* sectors */
	uint32_t status, interrupt;
	uint32_t device_select, driver_select, queue_select;
	uint32_t driver_features[2];
	uint32_t ro;
	struct wire_virtq queue;
};

/* Ports of a machine for Linux that remember something. */
struct wire_ports {
	uint16_t pm_enable;
	uint8_t rtc_index;
	uint8_t reserved[5];
};

/* The guest's TSC at a moment of the real time. */
struct wire_tsc {
	uint64_t guest;
	uint64_t real_ns;
};

struct wire_digest {
	uint64_t digest;
	uint64_t valid;		/* 0: none was taken */
};

#endif
