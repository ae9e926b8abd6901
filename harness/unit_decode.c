// SPDX-License-Identifier: GPL-2.0
/*
 * The decoder by table: bytes in a mode, and what they must decode to. Chiefly
 * the 16-bit and 32-bit encodings, which cannot be run natively here, and the
 * encodings that must be refused.
 */
#include "emulate/internal.h"

#include "flat.h"
#include "tap.h"

#include <linux/kernel.h>

#include <string.h>

#define NONE UM_NO_REG

struct good {
	enum flat_mode mode;
	u8 bytes[15];
	u8 len;
	u8 op;
	u8 op_size;
	u8 addr_size;
	u8 seg;
	u8 base;
	u8 index;
	u8 scale;
	u64 disp;
	u64 imm;
};

#define ES UM_SREG_ES
#define SS UM_SREG_SS
#define DS UM_SREG_DS
#define FS UM_SREG_FS
#define GS UM_SREG_GS
#define AX UM_RAX
#define BX UM_RBX
#define CX UM_RCX
#define SP UM_RSP
#define BP UM_RBP
#define SI UM_RSI
#define DI UM_RDI

static const struct good good[] = {
	/* 16-bit addressing: every base and index */
	{ FLAT_16, { 0x88, 0x00 }, 2, UM_OP_MOV, 1, 2, DS, BX, SI, 0, 0, 0 },
	{ FLAT_16, { 0x89, 0x01 }, 2, UM_OP_MOV, 2, 2, DS, BX, DI, 0, 0, 0 },
	{ FLAT_16, { 0x8a, 0x02 }, 2, UM_OP_MOV, 1, 2, SS, BP, SI, 0, 0, 0 },
	{ FLAT_16, { 0x8b, 0x03 }, 2, UM_OP_MOV, 2, 2, SS, BP, DI, 0, 0, 0 },
	{ FLAT_REAL, { 0x8b, 0x04 }, 2, UM_OP_MOV, 2, 2, DS, SI, NONE, 0, 0,
	  0 },
	{ FLAT_REAL, { 0x8b, 0x05 }, 2, UM_OP_MOV, 2, 2, DS, DI, NONE, 0, 0,
	  0 },
	{ FLAT_VM86, { 0x8b, 0x06, 0x34, 0x12 }, 4, UM_OP_MOV, 2, 2, DS, NONE,
	  NONE, 0, 0x1234, 0 },
	{ FLAT_VM86, { 0x8b, 0x07 }, 2, UM_OP_MOV, 2, 2, DS, BX, NONE, 0, 0,
	  0 },
	{ FLAT_16, { 0x8b, 0x46, 0xfe }, 3, UM_OP_MOV, 2, 2, SS, BP, NONE, 0,
	  -2ULL, 0 },
	{ FLAT_16, { 0x8b, 0x87, 0x00, 0x80 }, 4, UM_OP_MOV, 2, 2, DS, BX,
	  NONE, 0, -0x8000ULL, 0 },
	/* size prefixes in each mode */
	{ FLAT_16, { 0x66, 0x8b, 0x07 }, 3, UM_OP_MOV, 4, 2, DS, BX, NONE, 0,
	  0, 0 },
	{ FLAT_16, { 0x67, 0x8b, 0x07 }, 3, UM_OP_MOV, 2, 4, DS, DI, NONE, 0,
	  0, 0 },
	{ FLAT_32, { 0x66, 0x8b, 0x07 }, 3, UM_OP_MOV, 2, 4, DS, DI, NONE, 0,
	  0, 0 },
	{ FLAT_32, { 0x67, 0x8b, 0x07 }, 3, UM_OP_MOV, 4, 2, DS, BX, NONE, 0,
	  0, 0 },
	{ FLAT_64, { 0x66, 0x48, 0x8b, 0x07 }, 4, UM_OP_MOV, 8, 8, DS, DI,
	  NONE, 0, 0, 0 },
	{ FLAT_64, { 0x67, 0x8b, 0x07 }, 3, UM_OP_MOV, 4, 4, DS, DI, NONE, 0,
	  0, 0 },
	/* segment overrides; only FS and GS count in 64-bit mode */
	{ FLAT_32, { 0x26, 0x8b, 0x45, 0 }, 4, UM_OP_MOV, 4, 4, ES, BP, NONE,
	  0, 0, 0 },
	{ FLAT_32, { 0x36, 0x8b, 0x03 }, 3, UM_OP_MOV, 4, 4, SS, BX, NONE, 0,
	  0, 0 },
	{ FLAT_32, { 0x3e, 0x8b, 0x45, 0 }, 4, UM_OP_MOV, 4, 4, DS, BP, NONE,
	  0, 0, 0 },
	{ FLAT_64, { 0x36, 0x8b, 0x03 }, 3, UM_OP_MOV, 4, 8, DS, BX, NONE, 0,
	  0, 0 },
	{ FLAT_64, { 0x64, 0x3e, 0x8b, 0x03 }, 4, UM_OP_MOV, 4, 8, FS, BX,
	  NONE, 0, 0, 0 },
	{ FLAT_64, { 0x65, 0x8b, 0x03 }, 3, UM_OP_MOV, 4, 8, GS, BX, NONE, 0,
	  0, 0 },
	/* SIB: no base, no index, R12 and R13 as base */
	{ FLAT_32, { 0x8b, 0x04, 0x25, 1, 2, 3, 4 }, 7, UM_OP_MOV, 4, 4, DS,
	  NONE, NONE, 0, 0x04030201, 0 },
	{ FLAT_32, { 0x8b, 0x44, 0x24, 8 }, 4, UM_OP_MOV, 4, 4, SS, SP, NONE,
	  0, 8, 0 },
	{ FLAT_32, { 0x8b, 0x44, 0xcd, 8 }, 4, UM_OP_MOV, 4, 4, SS, BP, CX, 3,
	  8, 0 },
	{ FLAT_32, { 0x8b, 0x04, 0xcd, 8, 0, 0, 0x80 }, 7, UM_OP_MOV, 4, 4, DS,
	  NONE, CX, 3, -0x7ffffff8ULL, 0 },
	{ FLAT_32, { 0x8b, 0x05, 8, 0, 0, 0 }, 6, UM_OP_MOV, 4, 4, DS, NONE,
	  NONE, 0, 8, 0 },
	{ FLAT_64, { 0x41, 0x8b, 0x04, 0x24 }, 4, UM_OP_MOV, 4, 8, DS, 12,
	  NONE, 0, 0, 0 },
	{ FLAT_64, { 0x42, 0x8b, 0x04, 0x23 }, 4, UM_OP_MOV, 4, 8, DS, BX, 12,
	  0, 0, 0 },
	{ FLAT_64, { 0x41, 0x8b, 0x45, 0 }, 4, UM_OP_MOV, 4, 8, DS, 13, NONE,
	  0, 0, 0 },
	/* immediates */
	{ FLAT_16, { 0x81, 0x07, 0xfe, 0xff }, 4, UM_OP_ADD, 2, 2, DS, BX,
	  NONE, 0, 0, -2ULL },
	{ FLAT_16, { 0x66, 0x81, 0x07, 1, 2, 3, 4 }, 7, UM_OP_ADD, 4, 2, DS,
	  BX, NONE, 0, 0, 0x04030201 },
	{ FLAT_32, { 0x83, 0x3b, 0x80 }, 3, UM_OP_CMP, 4, 4, DS, BX, NONE, 0,
	  0, -0x80ULL },
	{ FLAT_64, { 0x48, 0xc7, 0x03, 0, 0, 0, 0x80 }, 7, UM_OP_MOV, 8, 8, DS,
	  BX, NONE, 0, 0, -0x80000000ULL },
	{ FLAT_32, { 0xf6, 0x03, 0x80 }, 3, UM_OP_TEST, 1, 4, DS, BX, NONE, 0,
	  0, -0x80ULL },
	/* moffs */
	{ FLAT_16, { 0xa1, 0x34, 0x12 }, 3, UM_OP_MOV, 2, 2, DS, NONE, NONE, 0,
	  0x1234, 0 },
	{ FLAT_32, { 0x67, 0xa2, 0x34, 0x12 }, 4, UM_OP_MOV, 1, 2, DS, NONE,
	  NONE, 0, 0x1234, 0 },
	{ FLAT_64, { 0xa3, 1, 2, 3, 4, 5, 6, 7, 8 }, 9, UM_OP_MOV, 4, 8, DS,
	  NONE, NONE, 0, 0x0807060504030201, 0 },
	/* stack operations are 8 bytes wide in 64-bit mode */
	{ FLAT_64, { 0xff, 0x33 }, 2, UM_OP_PUSH, 8, 8, DS, BX, NONE, 0, 0,
	  0 },
	{ FLAT_64, { 0x66, 0x8f, 0x03 }, 3, UM_OP_POP, 2, 8, DS, BX, NONE, 0,
	  0, 0 },
	{ FLAT_32, { 0xff, 0x33 }, 2, UM_OP_PUSH, 4, 4, DS, BX, NONE, 0, 0,
	  0 },
};

struct bad {
	enum flat_mode mode;
	u8 bytes[16];
	u8 len;
	enum um_emul_rc rc;
	u8 vector;
};

static const struct bad bad[] = {
	/* LOCK without a writable memory destination */
	{ FLAT_32, { 0xf0, 0x89, 0x03 }, 3, UM_EMUL_FAULT, UM_EXC_UD },
	{ FLAT_32, { 0xf0, 0x39, 0x03 }, 3, UM_EMUL_FAULT, UM_EXC_UD },
	{ FLAT_32, { 0xf0, 0x03, 0x03 }, 3, UM_EMUL_FAULT, UM_EXC_UD },
	{ FLAT_32, { 0xf0, 0x01, 0xc3 }, 3, UM_EMUL_FAULT, UM_EXC_UD },
	{ FLAT_32, { 0xf0, 0x0f, 0xa3, 0x03 }, 4, UM_EMUL_FAULT, UM_EXC_UD },
	{ FLAT_32, { 0xf0, 0x85, 0x03 }, 3, UM_EMUL_FAULT, UM_EXC_UD },
	{ FLAT_32, { 0xf0, 0xa4 }, 2, UM_EMUL_FAULT, UM_EXC_UD },
	{ FLAT_32, { 0xf0, 0xff, 0x33 }, 3, UM_EMUL_FAULT, UM_EXC_UD },
	/* memory-only instructions with a register */
	{ FLAT_64, { 0x0f, 0xc7, 0xc8 }, 3, UM_EMUL_FAULT, UM_EXC_UD },
	{ FLAT_64, { 0x0f, 0xc3, 0xc0 }, 3, UM_EMUL_FAULT, UM_EXC_UD },
	/* not known here */
	{ FLAT_32, { 0xd9, 0x00 }, 2, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_32, { 0x63, 0x00 }, 2, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_32, { 0xc6, 0x08, 0 }, 3, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_32, { 0xf7, 0x20 }, 2, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_32, { 0xff, 0x10 }, 2, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_32, { 0x8f, 0x08 }, 2, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_32, { 0x0f, 0xba, 0x00, 0 }, 4, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_32, { 0x66, 0x0f, 0xc3, 0x00 }, 4, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_32, { 0x0f, 0x38, 0xf0, 0x00 }, 4, UM_EMUL_UNHANDLED, 0 },
	{ FLAT_64, { 0x0f, 0x0f, 0x00, 0 }, 4, UM_EMUL_UNHANDLED, 0 },
	/* 15 bytes are the end, even for prefixes alone */
	{ FLAT_64, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		     0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 }, 16,
	  UM_EMUL_FAULT, UM_EXC_GP },
	{ FLAT_64, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		     0x66, 0x66, 0x66, 0x66, 0x8b, 0x40, 0x00 }, 16,
	  UM_EMUL_FAULT, UM_EXC_GP },
};

static enum um_emul_rc decode(struct flat *f, struct um_emul *e,
			      enum flat_mode mode, u64 linear, const u8 *bytes,
			      unsigned int len)
{
	flat_init(f, mode, 0);
	flat_code(f, linear, bytes, len);
	um_emul_begin(e, &f->ctx);
	return um_emul_decode(e);
}

static void encodings(void)
{
	static struct flat f;
	struct um_emul e;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		const struct good *g = &good[i];
		const struct um_insn *insn = &e.insn;
		enum um_emul_rc rc;

		rc = decode(&f, &e, g->mode, CODE, g->bytes, g->len);
		EXPECT(rc == UM_EMUL_OK && insn->opcode.op == g->op &&
		       insn->len == g->len, "line %u: rc %d op %u length %u",
		       i, rc, insn->opcode.op, insn->len);
		EXPECT(insn->op_size == g->op_size &&
		       insn->addr_size == g->addr_size,
		       "line %u: sizes %u %u", i, insn->op_size,
		       insn->addr_size);
		EXPECT(insn->seg == g->seg && insn->base == g->base &&
		       insn->index == g->index && insn->scale == g->scale,
		       "line %u: segment %u base %u index %u scale %u", i,
		       insn->seg, insn->base, insn->index, insn->scale);
		EXPECT(insn->disp == g->disp && insn->imm == g->imm,
		       "line %u: disp 0x%llx imm 0x%llx", i, insn->disp,
		       insn->imm);
	}
}

static void refusals(void)
{
	static struct flat f;
	struct um_emul e;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct bad *b = &bad[i];
		enum um_emul_rc rc;

		rc = decode(&f, &e, b->mode, CODE, b->bytes, b->len);
		EXPECT(rc == b->rc, "line %u: rc %d", i, rc);
		EXPECT(rc != UM_EMUL_FAULT || f.ctx.exc.vector == b->vector,
		       "line %u: vector %u", i, f.ctx.exc.vector);
		EXPECT(!memcmp(f.ctx.insn, b->bytes, b->len < 15 ? b->len : 15),
		       "line %u: bytes are not kept", i);
	}
}

/* An instruction may end at a page whose successor is not there. */
static void fetch_stops_at_the_last_byte(void)
{
	static const u8 mov[] = { 0x8b, 0x85, 1, 2, 3, 4 };
	static struct flat f;
	struct um_emul e;
	unsigned int len;

	EXPECT_EQ(decode(&f, &e, FLAT_32, 0x2000 - 6, mov, 6), UM_EMUL_OK);
	EXPECT_EQ(f.ctx.insn_len, 6);
	for (len = 1; len < 6; len++) {
		enum um_emul_rc rc = decode(&f, &e, FLAT_32, 0x2000 - len, mov,
					    len);

		EXPECT_EQ(rc, UM_EMUL_FAULT);
		EXPECT_EQ(f.ctx.exc.vector, 14);
		EXPECT_EQ(f.ctx.exc.cr2, 0x2000);
	}
	EXPECT_EQ(decode(&f, &e, FLAT_32, 0x2000 - 2, mov, 6), UM_EMUL_OK);
	EXPECT_EQ(f.ctx.insn_len, 6 + 9);
	EXPECT_EQ(f.stray, 0);
}

static void fetch_obeys_the_code_segment(void)
{
	static const u8 stos[] = { 0xaa };
	static const u8 mov[] = { 0x8b, 0x85, 1, 2, 3, 4 };
	static struct flat f;
	struct um_emul e;

	flat_init(&f, FLAT_32, 0);
	f.seg[UM_SREG_CS].base = 0x5000;
	f.seg[UM_SREG_CS].limit = 0x105;
	flat_code(&f, 0x5100, mov, 6);
	um_emul_begin(&e, &f.ctx);
	EXPECT_EQ(um_emul_decode(&e), UM_EMUL_OK);
	EXPECT_EQ(f.ctx.insn_len, 6);

	f.seg[UM_SREG_CS].limit = 0x104;
	um_emul_begin(&e, &f.ctx);
	EXPECT_EQ(um_emul_decode(&e), UM_EMUL_FAULT);
	EXPECT_EQ(f.ctx.exc.vector, UM_EXC_GP);
	EXPECT_EQ(f.ctx.exc.has_error, true);

	/* One byte, the last of the segment */
	f.seg[UM_SREG_CS].limit = 0x100;
	flat_code(&f, 0x5100, stos, 1);
	um_emul_begin(&e, &f.ctx);
	EXPECT_EQ(um_emul_decode(&e), UM_EMUL_OK);
	EXPECT_EQ(f.ctx.insn_len, 1);
}

/* Code that runs over the end of the lower half of the address space. */
static void fetch_is_canonical(void)
{
	static const u8 mov[] = { 0x8b, 0x85, 1, 2, 3, 4 };
	static struct flat f;
	struct um_emul e;

	EXPECT_EQ(decode(&f, &e, FLAT_64, 0x7ffffffffffa, mov, 6), UM_EMUL_OK);
	EXPECT_EQ(decode(&f, &e, FLAT_64, 0x7ffffffffffb, mov, 6),
		  UM_EMUL_FAULT);
	EXPECT_EQ(f.ctx.exc.vector, UM_EXC_GP);
}

int main(void)
{
	TEST(encodings);
	TEST(refusals);
	TEST(fetch_stops_at_the_last_byte);
	TEST(fetch_obeys_the_code_segment);
	TEST(fetch_is_canonical);
	return tap_done();
}
