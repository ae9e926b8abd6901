// SPDX-License-Identifier: GPL-2.0
/*
 * What the native comparison cannot reach: the other modes, segmentation,
 * faults, MMIO, locked retries, interrupted rep loops.
 */
#include "umbra/emulate.h"

#include "flat.h"
#include "tap.h"

#include <string.h>

static struct flat f;

#define GPR(r) (f.regs.gpr[r])

/* Run these bytes in f as it stands. */
#define RUN(...) ({ \
	static const u8 _code[] = { __VA_ARGS__ }; \
	flat_code(&f, f.seg[UM_SREG_CS].base + CODE, _code, sizeof(_code)); \
	flat_run(&f); })

#define EXPECT_RETIRED(result, len) do { \
	EXPECT_EQ(result, UM_EMUL_DONE); \
	EXPECT_EQ(f.regs.rip, CODE + (len)); \
	EXPECT_EQ(f.stray, 0); \
} while (0)

/* An exception of the emulator's own; nothing may have changed. */
static void expect_fault(enum um_emul_result result,
			 const struct um_emul_regs *before, u8 vector,
			 bool has_error)
{
	EXPECT_EQ(result, UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.vector, vector);
	EXPECT_EQ(f.ctx.exc.has_error, has_error);
	EXPECT_EQ(f.ctx.exc.error_code, 0);
	EXPECT(!memcmp(f.regs.gpr, before->gpr, sizeof(before->gpr)),
	       "registers changed by a fault");
	EXPECT_EQ(f.regs.rflags, before->rflags);
	EXPECT_EQ(f.regs.rip, CODE);
	EXPECT_EQ(f.nr_commits, 0);
}

#define EXPECT_FAULT(vector, has_error, ...) do { \
	struct um_emul_regs _before = f.regs; \
	expect_fault(RUN(__VA_ARGS__), &_before, vector, has_error); \
} while (0)

static void real_mode(void)
{
	flat_init(&f, FLAT_REAL, 0x20000);
	f.seg[UM_SREG_CS].base = 0x10000;
	f.seg[UM_SREG_DS].base = 0x20000;
	f.seg[UM_SREG_SS].base = 0x21000;
	GPR(AX) = 0x11112222;
	GPR(BX) = 0xffff0100;	/* the high half is no part of an address */
	GPR(SI) = 0x20;
	EXPECT_RETIRED(RUN(0x89, 0x40, 0xfe), 3);	/* mov %ax,-2(%bx,%si) */
	EXPECT_EQ(flat_get(&f, 0x11e, 4), 0x2222);

	GPR(BP) = 0x10;
	flat_set(&f, 0x1010, 0x12345678, 4);
	EXPECT_RETIRED(RUN(0x66, 0x8b, 0x4e, 0), 4);	/* mov 0(%bp),%ecx */
	EXPECT_EQ(GPR(CX), 0x12345678);

	/* A write through CS is allowed here. */
	f.seg[UM_SREG_CS].base = 0x20000;
	EXPECT_RETIRED(RUN(0x2e, 0x88, 0x07), 3);
	EXPECT_EQ(flat_get(&f, 0x100, 1), 0x22);
}

static void real_mode_limits(void)
{
	flat_init(&f, FLAT_REAL, 0);
	GPR(BX) = 0xffff;
	GPR(BP) = 0xffff;
	EXPECT_FAULT(GP, false, 0x8b, 0x07);		/* mov (%bx),%ax */
	EXPECT_FAULT(SS_FAULT, false, 0x8b, 0x46, 0);	/* mov 0(%bp),%ax */
	GPR(BX) = 0xfffd;
	EXPECT_FAULT(GP, false, 0x66, 0x8b, 0x07);
	EXPECT_FAULT(UD, false, 0xf0, 0x8b, 0x07);

	flat_init(&f, FLAT_VM86, 0);
	GPR(BX) = 0xffff;
	EXPECT_FAULT(GP, true, 0x8b, 0x07);
	/* Types mean nothing there either. */
	GPR(BX) = 0x100;
	EXPECT_RETIRED(RUN(0x2e, 0x88, 0x07), 3);
}

static void segment_types(void)
{
	struct um_emul_segment *ds = &f.seg[UM_SREG_DS];

	flat_init(&f, FLAT_32, 0);
	GPR(BX) = 0x100;
	ds->attrs &= ~UM_SEG_TYPE_WRITE;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	f.nr_commits = 0;
	EXPECT_FAULT(GP, true, 0x89, 0x03);
	EXPECT_FAULT(GP, true, 0x01, 0x03);
	EXPECT_FAULT(GP, true, 0xf0, 0x0f, 0xb1, 0x03);
	ds->attrs |= UM_SEG_TYPE_CODE;			/* execute only */
	EXPECT_FAULT(GP, true, 0x8b, 0x03);
	ds->attrs |= UM_SEG_TYPE_WRITE;			/* and readable */
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	f.nr_commits = 0;
	EXPECT_FAULT(GP, true, 0x89, 0x03);
	ds->attrs = f.seg[UM_SREG_ES].attrs & ~UM_SEG_P;
	EXPECT_FAULT(GP, true, 0x8b, 0x03);
	ds->attrs = f.seg[UM_SREG_ES].attrs | UM_SEG_UNUSABLE;
	EXPECT_FAULT(GP, true, 0x8b, 0x03);
	f.seg[UM_SREG_SS].attrs = UM_SEG_UNUSABLE;
	EXPECT_FAULT(SS_FAULT, true, 0x8b, 0x45, 0);
}

static void expand_down(void)
{
	struct um_emul_segment *ds = &f.seg[UM_SREG_DS];

	flat_init(&f, FLAT_32, 0);
	ds->attrs |= UM_SEG_TYPE_DOWN | UM_SEG_DB;
	ds->limit = 0xff;
	GPR(BX) = 0x100;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	f.nr_commits = 0;
	GPR(BX) = 0xff;
	EXPECT_FAULT(GP, true, 0x8b, 0x03);
	GPR(BX) = 0xfffffffd;
	EXPECT_FAULT(GP, true, 0x8b, 0x03);
	f.base = 0xffffe000;
	GPR(BX) = 0xfffffffc;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	f.nr_commits = 0;
	/* A 16-bit one ends at 64 KiB. */
	ds->attrs &= ~UM_SEG_DB;
	GPR(BX) = 0xfffd;
	EXPECT_FAULT(GP, true, 0x8b, 0x03);
}

static void expand_up(void)
{
	flat_init(&f, FLAT_32, 0);
	f.seg[UM_SREG_DS].limit = 0x103;
	GPR(BX) = 0x100;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	f.nr_commits = 0;
	GPR(BX) = 0x101;
	EXPECT_FAULT(GP, true, 0x8b, 0x03);
	EXPECT_FAULT(GP, true, 0x89, 0x03);
	/* Overrides decide which segment is asked. */
	EXPECT_RETIRED(RUN(0x26, 0x8b, 0x03), 3);
	GPR(BP) = 0x100;
	EXPECT_RETIRED(RUN(0x8b, 0x45, 0x10), 3);
	f.nr_commits = 0;
	EXPECT_FAULT(GP, true, 0x3e, 0x8b, 0x45, 0x10);
}

static void canonical_addresses(void)
{
	flat_init(&f, FLAT_64, 0x7fffffffc000);
	GPR(BX) = 0x7ffffffffff8;
	GPR(BP) = 0x7ffffffffff8;
	EXPECT_RETIRED(RUN(0x48, 0x8b, 0x03), 3);
	f.nr_commits = 0;
	GPR(BX)++;
	GPR(BP)++;
	EXPECT_FAULT(GP, true, 0x48, 0x8b, 0x03);
	EXPECT_FAULT(SS_FAULT, true, 0x48, 0x8b, 0x45, 0);
	EXPECT_FAULT(SS_FAULT, true, 0x48, 0x89, 0x45, 0);
	GPR(BX) = 0x800000000000;
	EXPECT_FAULT(GP, true, 0x8a, 0x03);
	GPR(BX) = 0xffff7fffffffffff;
	EXPECT_FAULT(GP, true, 0x8a, 0x03);

	flat_init(&f, FLAT_64, 0x800000000000);
	f.ctx.cr4 = 1 << 12;
	GPR(BX) = 0x800000000000;
	EXPECT_RETIRED(RUN(0x8a, 0x03), 2);
}

static void segment_bases_in_64_bit(void)
{
	flat_init(&f, FLAT_64, 0x5000);
	f.seg[UM_SREG_FS].base = 0x5000;
	f.seg[UM_SREG_GS].base = 0xffffffff00005000;
	f.seg[UM_SREG_DS].base = 0x123000;	/* ignored, like the limit */
	f.seg[UM_SREG_DS].limit = 0;
	f.seg[UM_SREG_FS].limit = 0;
	flat_set(&f, 0x10, 0x11, 1);
	flat_set(&f, 0x20, 0x22, 1);
	GPR(BX) = 0x5010;
	EXPECT_RETIRED(RUN(0x8a, 0x03), 2);
	EXPECT_EQ(GPR(AX), 0x11);
	GPR(BX) = 0x20;
	EXPECT_RETIRED(RUN(0x64, 0x8a, 0x03), 3);
	EXPECT_EQ(GPR(AX), 0x22);
	GPR(BX) = 0x100000010;
	EXPECT_RETIRED(RUN(0x65, 0x8a, 0x03), 3);
	EXPECT_EQ(GPR(AX), 0x11);
}

static void alignment_check(void)
{
	flat_init(&f, FLAT_32, 0);
	f.ctx.cr0 |= 1 << 18;
	f.regs.rflags |= 1 << 18;
	f.ctx.cpl = 3;
	GPR(BX) = 0x102;
	EXPECT_RETIRED(RUN(0x66, 0x8b, 0x03), 3);
	f.nr_commits = 0;
	EXPECT_FAULT(AC, true, 0x8b, 0x03);
	GPR(BX) = 0x101;
	EXPECT_FAULT(AC, true, 0x66, 0x8b, 0x03);
	f.regs.rflags &= ~(1 << 18);
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	f.regs.rflags |= 1 << 18;
	f.ctx.cpl = 0;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	f.ctx.cpl = 3;
	f.ctx.cr0 &= ~(1 << 18);
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);

	/* CMPXCHG16B insists. */
	flat_init(&f, FLAT_64, 0);
	GPR(BX) = 0x108;
	EXPECT_FAULT(GP, true, 0x48, 0x0f, 0xc7, 0x0b);
	f.seg[UM_SREG_FS].base = 8;
	EXPECT_RETIRED(RUN(0x64, 0x48, 0x0f, 0xc7, 0x0b), 5);
}

static void mode_of_code(void)
{
	/* Compatibility mode: long mode active, CS.L clear. */
	flat_init(&f, FLAT_32, 0);
	f.ctx.efer = 0x500;
	GPR(BX) = 0xffffffff00000100;
	flat_set(&f, 0x100, 0x1122334455667788, 8);
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	EXPECT_EQ(GPR(AX), 0x55667788);
	/* CS.L without long mode means nothing. */
	f.ctx.efer = 0;
	f.seg[UM_SREG_CS].attrs |= UM_SEG_L;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	EXPECT_EQ(GPR(AX), 0x55667788);
}

static void stack_sizes(void)
{
	/* 16-bit stack in 32-bit code: only SP moves, and it wraps. */
	flat_init(&f, FLAT_32, 0);
	f.seg[UM_SREG_SS].attrs &= ~UM_SEG_DB;
	f.seg[UM_SREG_SS].base = 0xffff1000;
	GPR(SP) = 0xabcd0000;
	GPR(BX) = 0x200;
	flat_set(&f, 0x200, 0xdeadbeef, 4);
	EXPECT_RETIRED(RUN(0xff, 0x33), 2);		/* push (%ebx) */
	EXPECT_EQ(GPR(SP), 0xabcdfffc);
	EXPECT_EQ(flat_get(&f, 0xffc, 4), 0xdeadbeef);
	GPR(BX) = 0x300;
	EXPECT_RETIRED(RUN(0x8f, 0x03), 2);		/* pop (%ebx) */
	EXPECT_EQ(GPR(SP), 0xabcd0000);
	EXPECT_EQ(flat_get(&f, 0x300, 4), 0xdeadbeef);

	flat_init(&f, FLAT_32, 0);
	f.seg[UM_SREG_SS].limit = 0xfff;
	GPR(SP) = 0x1004;
	GPR(BX) = 0x200;
	EXPECT_FAULT(SS_FAULT, true, 0xff, 0x33);
	EXPECT_EQ(GPR(SP), 0x1004);
	GPR(SP) = 0x1000;
	EXPECT_RETIRED(RUN(0x66, 0xff, 0x33), 3);
	EXPECT_EQ(GPR(SP), 0xffe);

	/* A 32-bit one wraps at 4 GiB. */
	flat_init(&f, FLAT_32, 0xffffe000);
	f.seg[UM_SREG_SS].attrs |= UM_SEG_DB;
	GPR(BX) = 0xffffe000;
	EXPECT_RETIRED(RUN(0xff, 0x33), 2);
	EXPECT_EQ(GPR(SP), 0xfffffffc);

	flat_init(&f, FLAT_64, 0x700000000000);
	GPR(SP) = 0x700000001000;
	GPR(BX) = 0x700000000000;
	flat_set(&f, 0, 0x1122334455667788, 8);
	EXPECT_RETIRED(RUN(0xff, 0x33), 2);
	EXPECT_EQ(GPR(SP), 0x700000000ff8);
	EXPECT_EQ(flat_get(&f, 0xff8, 8), 0x1122334455667788);
}

/* What is only read needs no write rights. */
static void read_only_sources(void)
{
	flat_init(&f, FLAT_32, 0);
	f.page[0] = FLAT_READONLY;
	GPR(BX) = 0x100;
	GPR(SP) = 0x1100;
	EXPECT_RETIRED(RUN(0xff, 0x33), 2);		/* push (%ebx) */
	GPR(SP) = 0x100;
	GPR(BX) = 0x1100;
	EXPECT_RETIRED(RUN(0x8f, 0x03), 2);		/* pop (%ebx) */
	GPR(SI) = 0x100;
	GPR(DI) = 0x1100;
	EXPECT_RETIRED(RUN(0xa5), 1);			/* movs */
	GPR(DI) = 0x100;
	EXPECT_RETIRED(RUN(0xa7), 1);			/* cmps */
	EXPECT_RETIRED(RUN(0xaf), 1);			/* scas */
	EXPECT_RETIRED(RUN(0xad), 1);			/* lods */
	GPR(BX) = 0x100;
	EXPECT_RETIRED(RUN(0x85, 0x03), 2);		/* test */
	EXPECT_RETIRED(RUN(0x0f, 0xa3, 0x03), 3);	/* bt */
	EXPECT_RETIRED(RUN(0x0f, 0xb6, 0x03), 3);	/* movzx */
}

/* Instruction pointers at either side of 4 GiB. */
static void instruction_pointer(void)
{
	static const u8 mov[] = { 0x8b, 0x03 };

	flat_init(&f, FLAT_32, 0);
	flat_code(&f, 0xfffffffe, mov, 2);
	EXPECT_EQ(flat_run(&f), UM_EMUL_DONE);
	EXPECT_EQ(f.regs.rip, 0);

	flat_init(&f, FLAT_64, 0);
	flat_code(&f, 0xfffffffe, mov, 2);
	EXPECT_EQ(flat_run(&f), UM_EMUL_DONE);
	EXPECT_EQ(f.regs.rip, 0x100000000);
}

static void crossing_pages(void)
{
	flat_init(&f, FLAT_32, 0);
	GPR(BX) = 0xffe;
	flat_set(&f, 0xffe, 0x11223344, 4);
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	EXPECT_EQ(GPR(AX), 0x11223344);
	EXPECT_RETIRED(RUN(0xf7, 0x1b), 2);		/* negl */
	EXPECT_EQ(flat_get(&f, 0xffe, 4), 0xeeddccbc);
	EXPECT_RETIRED(RUN(0xf0, 0xff, 0x03), 3);	/* lock incl */
	EXPECT_EQ(flat_get(&f, 0xffe, 4), 0xeeddccbd);
	EXPECT_EQ(f.nr_cmpxchg, 0);

	flat_init(&f, FLAT_64, 0xffff800000000000);
	GPR(BX) = 0xffff800000000ffd;
	GPR(AX) = 0x1122334455667788;
	EXPECT_RETIRED(RUN(0x48, 0x89, 0x03), 3);
	EXPECT_EQ(flat_get(&f, 0xffd, 8), 0x1122334455667788);
}

static void crossing_into_a_fault(void)
{
	struct um_emul_regs before;

	flat_init(&f, FLAT_32, 0);
	f.page[1] = FLAT_ABSENT;
	GPR(BX) = 0xffe;
	flat_set(&f, 0xffe, 0x4433, 2);
	before = f.regs;
	EXPECT_EQ(RUN(0x89, 0x03), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.vector, PF);
	EXPECT_EQ(f.ctx.exc.cr2, 0x1000);
	EXPECT_EQ(f.ctx.exc.error_code, 2);
	EXPECT_EQ(flat_get(&f, 0xffe, 2), 0x4433);
	EXPECT_EQ(RUN(0x8b, 0x03), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.error_code, 0);
	EXPECT_EQ(f.ctx.exc.cr2, 0x1000);
	/* A read-modify-write asks for write rights at once. */
	EXPECT_EQ(RUN(0x01, 0x03), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.error_code, 2);
	f.page[1] = FLAT_READONLY;
	EXPECT_EQ(RUN(0x01, 0x03), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.error_code, 3);
	EXPECT_EQ(RUN(0x89, 0x03), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.error_code, 3);
	EXPECT_EQ(flat_get(&f, 0xffe, 2), 0x4433);
	/* Even when CMPXCHG would not change anything. */
	GPR(AX) = 1;
	before.gpr[AX] = 1;
	EXPECT_EQ(RUN(0x0f, 0xb1, 0x0b), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.error_code, 3);
	EXPECT_EQ(memcmp(f.regs.gpr, before.gpr, sizeof(before.gpr)), 0);
	/* A comparison only reads. */
	EXPECT_RETIRED(RUN(0x39, 0x03), 2);
}

static void linear_addresses_wrap(void)
{
	flat_init(&f, FLAT_32, 0xffffe000);
	f.seg[UM_SREG_DS].base = 0xfffff000;
	GPR(BX) = 0xffe;
	GPR(AX) = 0x11223344;
	EXPECT_RETIRED(RUN(0x89, 0x03), 2);
	EXPECT_EQ(flat_get(&f, 0x1ffe, 4), 0x11223344);
	GPR(BX) = 0x1004;
	EXPECT_RETIRED(RUN(0x89, 0x03), 2);
	EXPECT_EQ(flat_get(&f, 0x2004, 4), 0x11223344);
}

static void resume_flag(void)
{
	flat_init(&f, FLAT_32, 0);
	f.regs.rflags |= 1 << 16;
	GPR(BX) = 0x100;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	EXPECT_EQ(f.regs.rflags, 2);
	EXPECT_EQ(f.nr_commits, 1);
}

static void locked_operations(void)
{
	flat_init(&f, FLAT_32, 0);
	GPR(BX) = 0x100;
	GPR(AX) = 5;
	flat_set(&f, 0x100, 7, 4);
	EXPECT_RETIRED(RUN(0xf0, 0x01, 0x03), 3);
	EXPECT_EQ(f.nr_cmpxchg, 1);
	EXPECT_EQ(flat_get(&f, 0x100, 4), 12);
	EXPECT_RETIRED(RUN(0x87, 0x03), 2);	/* xchg needs no prefix */
	EXPECT_EQ(f.nr_cmpxchg, 2);
	EXPECT_EQ(flat_get(&f, 0x100, 4), 5);
	EXPECT_EQ(GPR(AX), 12);

	/* A lost race leaves everything as it was. */
	f.fail_cmpxchg = 1;
	EXPECT_EQ(RUN(0xf0, 0x0f, 0xc1, 0x03), UM_EMUL_AGAIN);
	EXPECT_EQ(f.regs.rip, CODE);
	EXPECT_EQ(GPR(AX), 12);
	EXPECT_EQ(flat_get(&f, 0x100, 4), 5);
	EXPECT_RETIRED(RUN(0xf0, 0x0f, 0xc1, 0x03), 4);
	EXPECT_EQ(GPR(AX), 5);
	EXPECT_EQ(flat_get(&f, 0x100, 4), 17);
	f.fail_cmpxchg = 1;
	EXPECT_EQ(RUN(0xf0, 0x0f, 0xc7, 0x0b), UM_EMUL_AGAIN);
	EXPECT_EQ(f.regs.rip, CODE);
	EXPECT_RETIRED(RUN(0xf0, 0x0f, 0xc7, 0x0b), 4);
}

static u32 device(u64 linear)
{
	return flat_device_byte(linear) | flat_device_byte(linear + 1) << 8 |
	       flat_device_byte(linear + 2) << 16 |
	       (u32)flat_device_byte(linear + 3) << 24;
}

static void expect_write(unsigned int i, u64 linear, u64 val, unsigned int n)
{
	u64 data = 0;

	memcpy(&data, f.writes[i].data, n);
	EXPECT(i < f.nr_writes && f.writes[i].linear == linear &&
	       f.writes[i].n == n && data == val,
	       "write %u of %u: 0x%llx, %u bytes, 0x%llx", i, f.nr_writes,
	       f.writes[i].linear, f.writes[i].n, data);
}

static void mmio_single(void)
{
	flat_init(&f, FLAT_32, 0);
	f.page[1] = FLAT_MMIO;
	GPR(BX) = 0x1010;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	EXPECT_EQ(GPR(AX), device(0x1010));
	EXPECT_EQ(f.nr_writes, 0);

	GPR(AX) = 0xcafe;
	EXPECT_RETIRED(RUN(0x89, 0x03), 2);
	expect_write(0, 0x1010, 0xcafe, 4);

	EXPECT_RETIRED(RUN(0x83, 0x0b, 0x01), 3);	/* orl $1,(%ebx) */
	expect_write(1, 0x1010, device(0x1010) | 1, 4);

	EXPECT_RETIRED(RUN(0x87, 0x03), 2);
	expect_write(2, 0x1010, 0xcafe, 4);
	EXPECT_EQ(GPR(AX), device(0x1010));
	EXPECT_EQ(f.nr_writes, 3);
	EXPECT_EQ(f.nr_commits, 4);
}

static void mmio_crossing(void)
{
	flat_init(&f, FLAT_32, 0);
	f.page[1] = FLAT_MMIO;
	f.page[2] = FLAT_MMIO;
	GPR(BX) = 0x1ffd;
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	EXPECT_EQ(GPR(AX), device(0x1ffd));
	EXPECT_RETIRED(RUN(0x89, 0x03), 2);
	EXPECT_EQ(f.nr_writes, 2);
	expect_write(0, 0x1ffd, GPR(AX) & 0xffffff, 3);
	expect_write(1, 0x2000, GPR(AX) >> 24, 1);
	/* One half in memory */
	GPR(BX) = 0xffe;
	flat_set(&f, 0xffe, 0x1234, 2);
	EXPECT_RETIRED(RUN(0x8b, 0x03), 2);
	EXPECT_EQ(GPR(AX), 0x1234 | (device(0x1000) & 0xffff) << 16);
}

static void mmio_strings(void)
{
	unsigned int i;

	flat_init(&f, FLAT_32, 0);
	f.page[1] = FLAT_MMIO;
	GPR(SI) = 0x1000;
	GPR(DI) = 0x100;
	GPR(CX) = 5;
	EXPECT_RETIRED(RUN(0xf3, 0xa5), 2);	/* device to memory */
	for (i = 0; i < 5; i++)
		EXPECT_EQ(flat_get(&f, 0x100 + i * 4, 4), device(0x1000 + i * 4));
	EXPECT_EQ(GPR(CX), 0);
	EXPECT_EQ(GPR(SI), 0x1014);
	EXPECT_EQ(GPR(DI), 0x114);

	GPR(SI) = 0x1100;			/* device to device */
	GPR(DI) = 0x1200;
	GPR(CX) = 3;
	EXPECT_RETIRED(RUN(0xf3, 0xa4), 2);
	for (i = 0; i < 3; i++)
		expect_write(i, 0x1200 + i, flat_device_byte(0x1100 + i), 1);

	GPR(SI) = 0x1100;			/* two reads at once */
	GPR(DI) = 0x1200;
	EXPECT_RETIRED(RUN(0xa7), 1);
	EXPECT_EQ(!!(f.regs.rflags & 1), device(0x1100) < device(0x1200));
	EXPECT_EQ(f.nr_writes, 3);
}

static void rep_stops_when_told(void)
{
	flat_init(&f, FLAT_32, 0);
	f.page[1] = FLAT_MMIO;
	f.stop_on_write = true;
	GPR(AX) = 0x55;
	GPR(DI) = 0x1000;
	GPR(CX) = 3;
	EXPECT_EQ(RUN(0xf3, 0xab), UM_EMUL_AGAIN);
	EXPECT_EQ(f.regs.rip, CODE);
	EXPECT_EQ(GPR(CX), 2);
	EXPECT_EQ(GPR(DI), 0x1004);
	EXPECT_EQ(f.regs.rflags, 0x10002);	/* RF, until it retires */
	EXPECT_EQ(RUN(0xf3, 0xab), UM_EMUL_AGAIN);
	EXPECT_RETIRED(RUN(0xf3, 0xab), 2);
	EXPECT_EQ(f.nr_writes, 3);
	expect_write(2, 0x1008, 0x55, 4);
	EXPECT_EQ(f.regs.rflags, 2);
}

static void rep_is_bounded(void)
{
	unsigned int calls = 1;

	flat_init(&f, FLAT_64, 0);
	GPR(CX) = FLAT_SIZE;
	GPR(AX) = 0x77;
	while (RUN(0xf3, 0xaa) == UM_EMUL_AGAIN && calls < FLAT_SIZE)
		calls++;
	EXPECT(calls > 1 && calls <= 64, "%u calls", calls);
	EXPECT_EQ(GPR(CX), 0);
	EXPECT_EQ(flat_get(&f, FLAT_SIZE - 1, 1), 0x77);
}

static void rep_into_a_fault(void)
{
	flat_init(&f, FLAT_32, 0);
	f.page[1] = FLAT_ABSENT;
	GPR(DI) = 0xff8;
	GPR(CX) = 5;
	EXPECT_EQ(RUN(0xf3, 0xab), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.cr2, 0x1000);
	EXPECT_EQ(GPR(CX), 3);
	EXPECT_EQ(GPR(DI), 0x1000);
	EXPECT_EQ(f.regs.rip, CODE);
}

/* 16-bit addresses wrap within 64 KiB and leave the high halves alone. */
static void strings_in_16_bit(void)
{
	flat_init(&f, FLAT_16, 0xe000);
	GPR(DI) = 0xaaaaffff;
	GPR(CX) = 0xbbbb0001;
	GPR(AX) = 0x66;
	EXPECT_RETIRED(RUN(0xf3, 0xaa), 2);
	EXPECT_EQ(flat_get(&f, 0x1fff, 1), 0x66);
	EXPECT_EQ(GPR(DI), 0xaaaa0000);
	EXPECT_EQ(GPR(CX), 0xbbbb0000);

	/* ES cannot be overridden, the source can. */
	f.seg[UM_SREG_FS].base = 0xe000;
	GPR(SI) = 0x100;
	GPR(DI) = 0xe200;
	flat_set(&f, 0x100, 0x99, 1);
	EXPECT_RETIRED(RUN(0x64, 0xa4), 2);
	EXPECT_EQ(flat_get(&f, 0x200, 1), 0x99);
}

static void unknown_instruction(void)
{
	struct um_emul_regs before;

	flat_init(&f, FLAT_32, 0);
	before = f.regs;
	EXPECT_EQ(RUN(0xd9, 0x00), UM_EMUL_UNKNOWN);
	EXPECT(f.ctx.insn_len >= 2, "%u bytes", f.ctx.insn_len);
	EXPECT_EQ(f.ctx.insn[0], 0xd9);
	EXPECT_EQ(f.ctx.insn[1], 0x00);
	EXPECT_EQ(f.regs.rip, CODE);
	before.rip = CODE;
	EXPECT_EQ(memcmp(&before, &f.regs, sizeof(before)), 0);
}

int main(void)
{
	TEST(real_mode);
	TEST(real_mode_limits);
	TEST(segment_types);
	TEST(expand_down);
	TEST(expand_up);
	TEST(canonical_addresses);
	TEST(segment_bases_in_64_bit);
	TEST(alignment_check);
	TEST(mode_of_code);
	TEST(stack_sizes);
	TEST(read_only_sources);
	TEST(instruction_pointer);
	TEST(crossing_pages);
	TEST(crossing_into_a_fault);
	TEST(linear_addresses_wrap);
	TEST(resume_flag);
	TEST(locked_operations);
	TEST(mmio_single);
	TEST(mmio_crossing);
	TEST(mmio_strings);
	TEST(rep_stops_when_told);
	TEST(rep_is_bounded);
	TEST(rep_into_a_fault);
	TEST(strings_in_16_bit);
	TEST(unknown_instruction);
	return tap_done();
}
