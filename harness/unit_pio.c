// SPDX-License-Identifier: GPL-2.0
/*
 * INS and OUTS as an exit describes them: what may move, and what moved.
 */
#include "umbra/emulate.h"

#include "flat.h"
#include "tap.h"

#include <string.h>

static struct flat f;

#define GPR(r) (f.regs.gpr[r])

static enum um_emul_result prepare(const struct um_emul_pio *pio,
				   unsigned int max, unsigned int *count)
{
	f.regs.rip = CODE;
	return um_emul_pio_prepare(&f.ctx, pio, max, count);
}

static void pio_in(void)
{
	struct um_emul_pio pio = { .in = true, .rep = true, .size = 2,
				   .addr_size = 4, .insn_len = 3 };
	unsigned int i, count, moved;
	u8 data[4096];

	flat_init(&f, FLAT_32, 0);
	for (i = 0; i < sizeof(data); i++)
		data[i] = i;
	GPR(DI) = 0xffb;
	GPR(CX) = 4;
	/* Two fit before the page ends, one lies across it. */
	EXPECT_EQ(prepare(&pio, 100, &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 2);
	EXPECT_EQ(um_emul_pio_move(&f.ctx, &pio, data, 2, &moved),
		  UM_EMUL_AGAIN);
	EXPECT_EQ(moved, 2);
	EXPECT_EQ(flat_get(&f, 0xffb, 4), 0x03020100);
	EXPECT_EQ(GPR(DI), 0xfff);
	EXPECT_EQ(GPR(CX), 2);
	EXPECT_EQ(f.regs.rip, CODE);
	EXPECT_EQ(f.regs.rflags, 0x10002);
	EXPECT_EQ(prepare(&pio, 100, &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 1);
	um_emul_pio_move(&f.ctx, &pio, data, 1, &moved);
	EXPECT_EQ(prepare(&pio, 100, &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(um_emul_pio_move(&f.ctx, &pio, data, 1, &moved),
		  UM_EMUL_DONE);
	EXPECT_EQ(f.regs.rip, CODE + 3);
	EXPECT_EQ(GPR(CX), 0);
	EXPECT_EQ(GPR(DI), 0x1003);
	EXPECT_EQ(f.stray, 0);
}

/* User space changes rCX while the data is under way. */
static void pio_in_less(void)
{
	struct um_emul_pio pio = { .in = true, .rep = true, .size = 1,
				   .addr_size = 8, .insn_len = 2 };
	u8 data[4096] = "ab";
	unsigned int count, moved;

	flat_init(&f, FLAT_64, 0);
	GPR(DI) = 0x100;
	GPR(CX) = 2;
	EXPECT_EQ(prepare(&pio, 100, &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 2);
	GPR(CX) = 1;
	EXPECT_EQ(um_emul_pio_move(&f.ctx, &pio, data, 2, &moved),
		  UM_EMUL_DONE);
	EXPECT_EQ(moved, 1);
	EXPECT_EQ(flat_get(&f, 0x100, 2), 'a');
	EXPECT_EQ(GPR(DI), 0x101);
	EXPECT_EQ(GPR(CX), 0);
	EXPECT_EQ(f.regs.rip, CODE + 2);

	f.regs.rip = CODE;
	GPR(CX) = 0;
	EXPECT_EQ(um_emul_pio_move(&f.ctx, &pio, data, 2, &moved),
		  UM_EMUL_DONE);
	EXPECT_EQ(moved, 0);
	EXPECT_EQ(GPR(DI), 0x101);
	EXPECT_EQ(f.regs.rip, CODE + 2);
}

static void pio_in_checks_first(void)
{
	struct um_emul_pio pio = { .in = true, .size = 4, .addr_size = 4,
				   .insn_len = 1 };
	unsigned int count;

	flat_init(&f, FLAT_32, 0);
	f.page[0] = FLAT_READONLY;
	GPR(DI) = 0x100;
	EXPECT_EQ(prepare(&pio, 1, &count), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.error_code, 3);
	f.page[0] = FLAT_RAM;
	GPR(CX) = 50;
	EXPECT_EQ(prepare(&pio, 100, &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 1);
	f.seg[UM_SREG_ES].attrs &= ~UM_SEG_TYPE_WRITE;
	EXPECT_EQ(prepare(&pio, 1, &count), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.vector, GP);

	pio.rep = true;
	GPR(CX) = 0;
	EXPECT_EQ(prepare(&pio, 1, &count), UM_EMUL_DONE);
	EXPECT_EQ(count, 0);
	EXPECT_EQ(f.regs.rip, CODE + 1);
}

static void pio_out(void)
{
	struct um_emul_pio pio = { .rep = true, .size = 1, .addr_size = 2,
				   .seg = UM_SREG_FS, .insn_len = 3 };
	unsigned int count, moved;
	u8 data[4096];

	flat_init(&f, FLAT_16, 0xe000);
	memcpy(f.mem + 0x1ffe, "ab", 2);
	f.page[1] = FLAT_READONLY;
	GPR(SI) = 0xccccfffe;
	GPR(CX) = 0xdddd0003;
	EXPECT_EQ(prepare(&pio, sizeof(data), &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 2);
	EXPECT_EQ(um_emul_pio_move(&f.ctx, &pio, data, 2, &moved),
		  UM_EMUL_AGAIN);
	EXPECT_EQ(memcmp(data, "ab", 2), 0);
	EXPECT_EQ(GPR(SI), 0xcccc0000);
	EXPECT_EQ(GPR(CX), 0xdddd0001);

	/* Downwards one at a time */
	f.regs.rflags |= 1 << 10;
	GPR(SI) = 0xffff;
	GPR(CX) = 2;
	EXPECT_EQ(prepare(&pio, sizeof(data), &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 1);
	um_emul_pio_move(&f.ctx, &pio, data, 1, &moved);
	EXPECT_EQ(data[0], 'b');
	EXPECT_EQ(GPR(SI), 0xfffe);
}

static void pio_out_bounds(void)
{
	struct um_emul_pio pio = { .rep = true, .size = 1, .addr_size = 2,
				   .seg = UM_SREG_FS, .insn_len = 3 };
	unsigned int count, moved;
	u8 data[4096];

	/* The address register wraps within the page. */
	flat_init(&f, FLAT_16, 0xe000);
	f.page[1] = FLAT_READONLY;
	f.seg[UM_SREG_FS].base = 0xfffffff8;
	GPR(SI) = 0xfffd;
	GPR(CX) = 100;
	EXPECT_EQ(prepare(&pio, sizeof(data), &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 3);

	flat_init(&f, FLAT_32, 0xffffe000);
	pio.addr_size = 4;
	f.seg[UM_SREG_FS].base = 0xfffffff8;
	GPR(SI) = 0xfffffffd;
	GPR(CX) = 100;
	EXPECT_EQ(prepare(&pio, sizeof(data), &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 3);

	/* No such wrap in 64-bit mode, and the caller's bound. */
	flat_init(&f, FLAT_64, 0);
	pio.addr_size = 8;
	GPR(CX) = 100;
	EXPECT_EQ(prepare(&pio, sizeof(data), &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 100);
	EXPECT_EQ(prepare(&pio, 10, &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 10);
	flat_init(&f, FLAT_64, 0x700000000000);
	GPR(SI) = 0x700000000000;
	GPR(CX) = 100;
	EXPECT_EQ(prepare(&pio, sizeof(data), &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 100);

	/* The segment ends within the page. */
	flat_init(&f, FLAT_16, 0xe000);
	pio.addr_size = 2;
	f.seg[UM_SREG_FS].limit = 0xf000;
	GPR(SI) = 0xf000;
	GPR(CX) = 2;
	EXPECT_EQ(prepare(&pio, sizeof(data), &count), UM_EMUL_AGAIN);
	EXPECT_EQ(count, 1);
	um_emul_pio_move(&f.ctx, &pio, data, 1, &moved);
	EXPECT_EQ(prepare(&pio, sizeof(data), &count), UM_EMUL_EXCEPTION);
	EXPECT_EQ(f.ctx.exc.vector, GP);
	EXPECT_EQ(f.stray, 0);
}

int main(void)
{
	TEST(pio_in);
	TEST(pio_in_less);
	TEST(pio_in_checks_first);
	TEST(pio_out);
	TEST(pio_out_bounds);
	return tap_done();
}
