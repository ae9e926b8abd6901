/* SPDX-License-Identifier: GPL-2.0 */
/*
 * flat.h - a caller of the emulator: one vCPU without paging
 *
 * Linear memory is one array at @base. Pages may be marked absent, read-only or
 * MMIO. MMIO follows the module's protocol: a read that is not buffered ends
 * the run, writes are queued, commit() drops the buffer.
 */
#ifndef _HARNESS_FLAT_H
#define _HARNESS_FLAT_H

#include "umbra/emulate.h"

#define FLAT_PAGES 4
#define FLAT_SIZE (FLAT_PAGES * 4096)
#define FLAT_QUEUE 16

enum flat_page { FLAT_RAM, FLAT_ABSENT, FLAT_READONLY, FLAT_MMIO };

struct flat_io {
	u64 linear;
	unsigned int n;
	u8 data[16];
};

#define CODE 0x9000 /* where tests put code: outside of the data */

enum { AX, CX, DX, BX, SP, BP, SI, DI };

enum { UD = 6, SS_FAULT = 12, GP = 13, PF = 14, AC = 17 };

struct flat {
	struct um_emul_ctx ctx;
	struct um_emul_regs regs;
	struct um_emul_segment seg[6];
	u64 base;
	u8 mem[FLAT_SIZE];
	enum flat_page page[FLAT_PAGES];
	u64 code_base;
	const u8 *code;
	unsigned int code_size;

	struct flat_io reads[FLAT_QUEUE];	/* of this iteration */
	unsigned int nr_reads, next_read;
	bool read_pending;
	struct flat_io writes[FLAT_QUEUE];	/* since the test began */
	unsigned int nr_writes;
	bool stop_on_write;

	unsigned int nr_cmpxchg;
	unsigned int fail_cmpxchg;	/* answer RETRY this many times */
	unsigned int nr_commits;
	unsigned int stray;		/* accesses outside of everything */
};

enum flat_mode { FLAT_REAL, FLAT_VM86, FLAT_16, FLAT_32, FLAT_64 };

void flat_init(struct flat *f, enum flat_mode mode, u64 base);
/* Code lives at @linear and rip is set to it. */
void flat_code(struct flat *f, u64 linear, const void *code, unsigned int n);
/* Run, completing MMIO reads, until something else than IO_NEEDED. */
enum um_emul_result flat_run(struct flat *f);
/* The byte that the device returns at @linear. */
u8 flat_device_byte(u64 linear);
/* @n bytes of its memory as a number. */
u64 flat_get(const struct flat *f, u64 offset, unsigned int n);
void flat_set(struct flat *f, u64 offset, u64 val, unsigned int n);

#endif
