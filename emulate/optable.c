// SPDX-License-Identifier: GPL-2.0
/*
 * The opcode tables: flat data, read by decode.c only.
 *
 * An entry left out has format UM_FMT_NONE: unknown. Forms without any memory
 * operand are left out too unless the same encoding has a memory form.
 */
#include "internal.h"

#include <linux/types.h>

enum um_group { GRP_1, GRP_1_IMM8, GRP_1A, GRP_2_IMM8, GRP_2_ONE, GRP_2_CL,
		GRP_3, GRP_4, GRP_5, GRP_8, GRP_9, GRP_11 };

#define B	UM_OPF_BYTE
#define L	UM_OPF_LOCK
#define M	UM_OPF_MEM

#define OP(o, f, fl) { UM_OP_##o, UM_FMT_##f, fl }
#define GROUP(g, fl) { GRP_##g, UM_FMT_GROUP, fl }

/* The four forms with ModRM at the start of each ALU row. */
#define ALU_ROW(first, o, l) \
	[first + 0] = OP(o, RM_REG, B | (l)), \
	[first + 1] = OP(o, RM_REG, l), \
	[first + 2] = OP(o, REG_RM, B), \
	[first + 3] = OP(o, REG_RM, 0)

const struct um_opcode um_opcodes_one[256] = {
	ALU_ROW(0x00, ADD, L),
	ALU_ROW(0x08, OR, L),
	ALU_ROW(0x10, ADC, L),
	ALU_ROW(0x18, SBB, L),
	ALU_ROW(0x20, AND, L),
	ALU_ROW(0x28, SUB, L),
	ALU_ROW(0x30, XOR, L),
	ALU_ROW(0x38, CMP, 0),
	[0x63] = OP(MOVSX, REG_RM, UM_OPF_SRC32 | UM_OPF_ONLY64),
	[0x80] = GROUP(1, B),
	[0x81] = GROUP(1, 0),
	[0x83] = GROUP(1_IMM8, 0),
	[0x84] = OP(TEST, RM_REG, B),
	[0x85] = OP(TEST, RM_REG, 0),
	[0x86] = OP(XCHG, RM_REG, B | L),
	[0x87] = OP(XCHG, RM_REG, L),
	[0x88] = OP(MOV, RM_REG, B),
	[0x89] = OP(MOV, RM_REG, 0),
	[0x8a] = OP(MOV, REG_RM, B),
	[0x8b] = OP(MOV, REG_RM, 0),
	[0x8f] = GROUP(1A, UM_OPF_D64),
	[0xa0] = OP(MOV, ACC_MOFFS, B),
	[0xa1] = OP(MOV, ACC_MOFFS, 0),
	[0xa2] = OP(MOV, MOFFS_ACC, B),
	[0xa3] = OP(MOV, MOFFS_ACC, 0),
	[0xa4] = OP(MOVS, STRING, B),
	[0xa5] = OP(MOVS, STRING, 0),
	[0xa6] = OP(CMPS, STRING, B),
	[0xa7] = OP(CMPS, STRING, 0),
	[0xaa] = OP(STOS, STRING, B),
	[0xab] = OP(STOS, STRING, 0),
	[0xac] = OP(LODS, STRING, B),
	[0xad] = OP(LODS, STRING, 0),
	[0xae] = OP(SCAS, STRING, B),
	[0xaf] = OP(SCAS, STRING, 0),
	[0xc0] = GROUP(2_IMM8, B),
	[0xc1] = GROUP(2_IMM8, 0),
	[0xc6] = GROUP(11, B),
	[0xc7] = GROUP(11, 0),
	[0xd0] = GROUP(2_ONE, B),
	[0xd1] = GROUP(2_ONE, 0),
	[0xd2] = GROUP(2_CL, B),
	[0xd3] = GROUP(2_CL, 0),
	[0xf6] = GROUP(3, B),
	[0xf7] = GROUP(3, 0),
	[0xfe] = GROUP(4, B),
	[0xff] = GROUP(5, 0),
};

#define ALL_CONDITIONS(first, o, f, fl) \
	[first + 0x0] = OP(o, f, fl), [first + 0x1] = OP(o, f, fl), \
	[first + 0x2] = OP(o, f, fl), [first + 0x3] = OP(o, f, fl), \
	[first + 0x4] = OP(o, f, fl), [first + 0x5] = OP(o, f, fl), \
	[first + 0x6] = OP(o, f, fl), [first + 0x7] = OP(o, f, fl), \
	[first + 0x8] = OP(o, f, fl), [first + 0x9] = OP(o, f, fl), \
	[first + 0xa] = OP(o, f, fl), [first + 0xb] = OP(o, f, fl), \
	[first + 0xc] = OP(o, f, fl), [first + 0xd] = OP(o, f, fl), \
	[first + 0xe] = OP(o, f, fl), [first + 0xf] = OP(o, f, fl)

const struct um_opcode um_opcodes_two[256] = {
	ALL_CONDITIONS(0x40, CMOVCC, REG_RM, 0),
	ALL_CONDITIONS(0x90, SETCC, RM, B),
	[0xa3] = OP(BT, RM_REG, 0),
	[0xab] = OP(BTS, RM_REG, L),
	[0xaf] = OP(IMUL, REG_RM, 0),
	[0xb0] = OP(CMPXCHG, RM_REG, B | L),
	[0xb1] = OP(CMPXCHG, RM_REG, L),
	[0xb3] = OP(BTR, RM_REG, L),
	[0xb6] = OP(MOVZX, REG_RM, UM_OPF_SRC8),
	[0xb7] = OP(MOVZX, REG_RM, UM_OPF_SRC16),
	[0xba] = GROUP(8, 0),
	[0xbb] = OP(BTC, RM_REG, L),
	[0xbe] = OP(MOVSX, REG_RM, UM_OPF_SRC8),
	[0xbf] = OP(MOVSX, REG_RM, UM_OPF_SRC16),
	[0xc0] = OP(XADD, RM_REG, B | L),
	[0xc1] = OP(XADD, RM_REG, L),
	[0xc3] = OP(MOV, RM_REG, M),	/* MOVNTI */
	[0xc7] = GROUP(9, 0),
};

#define SHIFTS(f) { \
	OP(ROL, f, 0), OP(ROR, f, 0), OP(RCL, f, 0), OP(RCR, f, 0), \
	OP(SHL, f, 0), OP(SHR, f, 0), OP(SAL, f, 0), OP(SAR, f, 0) }

/* The byte flag comes from the opcode, the rest from here. */
const struct um_opcode um_opcode_groups[][8] = {
	[GRP_1] = {
		OP(ADD, RM_IMM, L), OP(OR, RM_IMM, L), OP(ADC, RM_IMM, L),
		OP(SBB, RM_IMM, L), OP(AND, RM_IMM, L), OP(SUB, RM_IMM, L),
		OP(XOR, RM_IMM, L), OP(CMP, RM_IMM, 0),
	},
	[GRP_1_IMM8] = {
		OP(ADD, RM_IMM8, L), OP(OR, RM_IMM8, L), OP(ADC, RM_IMM8, L),
		OP(SBB, RM_IMM8, L), OP(AND, RM_IMM8, L), OP(SUB, RM_IMM8, L),
		OP(XOR, RM_IMM8, L), OP(CMP, RM_IMM8, 0),
	},
	[GRP_1A] = { [0] = OP(POP, RM, 0) },
	[GRP_2_IMM8] = SHIFTS(RM_IMM8),
	[GRP_2_ONE] = SHIFTS(RM_ONE),
	[GRP_2_CL] = SHIFTS(RM_CL),
	[GRP_3] = {
		[0] = OP(TEST, RM_IMM, 0), [1] = OP(TEST, RM_IMM, 0),
		[2] = OP(NOT, RM, L), [3] = OP(NEG, RM, L),
	},
	[GRP_4] = { [0] = OP(INC, RM, L), [1] = OP(DEC, RM, L) },
	[GRP_5] = {
		[0] = OP(INC, RM, L), [1] = OP(DEC, RM, L),
		[6] = OP(PUSH, RM, UM_OPF_D64),
	},
	[GRP_8] = {
		[4] = OP(BT, RM_IMM8, 0), [5] = OP(BTS, RM_IMM8, L),
		[6] = OP(BTR, RM_IMM8, L), [7] = OP(BTC, RM_IMM8, L),
	},
	[GRP_9] = { [1] = OP(CMPXCHG8B, RM, L | M) },
	[GRP_11] = { [0] = OP(MOV, RM_IMM, 0) },
};
