/* SPDX-License-Identifier: GPL-2.0 */
/*
 * internal.h - what the files of emulate/ share
 *
 * One instruction flows decode.c -> exec.c (or string.c) -> address.c -> the
 * caller's memory callbacks; optable.c is the flat data decode.c reads, alu.c
 * the arithmetic that exec.c and string.c use.
 */
#ifndef _UMBRA_EMULATE_INTERNAL_H
#define _UMBRA_EMULATE_INTERNAL_H

#include "umbra/emulate.h"

#include <linux/types.h>

#define UM_CR0_PE	0x00000001ULL
#define UM_CR0_AM	0x00040000ULL
#define UM_CR4_LA57	0x00001000ULL
#define UM_EFER_LMA	0x00000400ULL

#define UM_FL_CF	0x00000001ULL
#define UM_FL_PF	0x00000004ULL
#define UM_FL_AF	0x00000010ULL
#define UM_FL_ZF	0x00000040ULL
#define UM_FL_SF	0x00000080ULL
#define UM_FL_DF	0x00000400ULL
#define UM_FL_OF	0x00000800ULL
#define UM_FL_RF	0x00010000ULL
#define UM_FL_VM	0x00020000ULL
#define UM_FL_AC	0x00040000ULL
#define UM_FL_STATUS	(UM_FL_CF | UM_FL_PF | UM_FL_AF | UM_FL_ZF | \
			 UM_FL_SF | UM_FL_OF)

#define UM_EXC_UD	6
#define UM_EXC_SS	12
#define UM_EXC_GP	13
#define UM_EXC_AC	17

enum um_gpr {
	UM_RAX = 0,
	UM_RCX = 1,
	UM_RDX = 2,
	UM_RBX = 3,
	UM_RSP = 4,
	UM_RBP = 5,
	UM_RSI = 6,
	UM_RDI = 7,
	UM_NO_REG = 0xff,
};

enum um_emul_mode {
	UM_MODE_REAL,
	UM_MODE_VM86,
	UM_MODE_PROT,	/* also compatibility mode; size by CS.D */
	UM_MODE_64,
};

/* The first eight stand in the order of their opcodes. */
enum um_op {
	UM_OP_ADD,
	UM_OP_OR,
	UM_OP_ADC,
	UM_OP_SBB,
	UM_OP_AND,
	UM_OP_SUB,
	UM_OP_XOR,
	UM_OP_CMP,
	UM_OP_TEST,
	UM_OP_MOV,
	UM_OP_MOVZX,
	UM_OP_MOVSX,
	UM_OP_INC,
	UM_OP_DEC,
	UM_OP_NOT,
	UM_OP_NEG,
	UM_OP_XCHG,
	UM_OP_XADD,
	UM_OP_CMPXCHG,
	UM_OP_IMUL,
	/* In the order of ModRM.reg; SAL is another SHL. */
	UM_OP_ROL,
	UM_OP_ROR,
	UM_OP_RCL,
	UM_OP_RCR,
	UM_OP_SHL,
	UM_OP_SHR,
	UM_OP_SAL,
	UM_OP_SAR,
	UM_OP_BT,
	UM_OP_BTS,
	UM_OP_BTR,
	UM_OP_BTC,
	UM_OP_SETCC,
	UM_OP_CMOVCC,
	UM_OP_COUNT_GENERIC,
	/* Each of these has a function of its own. */
	UM_OP_CMPXCHG8B = UM_OP_COUNT_GENERIC,
	UM_OP_PUSH,
	UM_OP_POP,
	UM_OP_MOVS,
	UM_OP_STOS,
	UM_OP_LODS,
	UM_OP_CMPS,
	UM_OP_SCAS,
};

/* Where the operands are: destination first. */
enum um_format {
	UM_FMT_NONE,		/* not in the table */
	UM_FMT_GROUP,		/* op is a group; ModRM.reg selects */
	UM_FMT_RM,
	UM_FMT_RM_REG,
	UM_FMT_REG_RM,
	UM_FMT_RM_ONE,		/* shifts: by one, by CL */
	UM_FMT_RM_CL,
	UM_FMT_RM_IMM,
	UM_FMT_RM_IMM8,		/* sign-extended */
	UM_FMT_ACC_MOFFS,
	UM_FMT_MOFFS_ACC,
	UM_FMT_STRING,
};

#define UM_OPF_BYTE	0x01	/* operand size is 1 */
#define UM_OPF_LOCK	0x02	/* LOCK allowed with a memory destination */
#define UM_OPF_D64	0x04	/* operand size is 8 by default in 64-bit mode */
#define UM_OPF_ONLY64	0x08
#define UM_OPF_MEM	0x10	/* register form does not exist */
#define UM_OPF_SRC8	0x20	/* source is narrower than the destination */
#define UM_OPF_SRC16	0x40
#define UM_OPF_SRC32	0x80

struct um_opcode {
	u8 op;
	u8 format;
	u8 flags;
};

extern const struct um_opcode um_opcodes_one[256];
extern const struct um_opcode um_opcodes_two[256];	/* after 0F */
extern const struct um_opcode um_opcode_groups[][8];

struct um_insn {
	struct um_opcode opcode;
	u8 byte;		/* last opcode byte: holds the condition */
	u8 len;
	u8 rex;
	u8 rep;			/* 0, F2 or F3 */
	bool lock;
	bool opsize_prefix;
	bool addrsize_prefix;
	bool mem;		/* the r/m operand is memory */
	bool rip_relative;
	u8 op_size;
	u8 src_size;
	u8 addr_size;
	u8 modrm;
	u8 reg;			/* with REX.R */
	u8 rm;			/* with REX.B; valid if !mem */
	u8 base;		/* UM_NO_REG if none */
	u8 index;
	u8 scale;
	u8 seg_override;	/* UM_NO_REG if none */
	u8 seg;
	u64 disp;
	u64 imm;
};

/* One um_emulate() call. */
struct um_emul {
	struct um_emul_ctx *ctx;
	struct um_emul_segment cs;
	enum um_emul_mode mode;
	struct um_insn insn;
};

/* A memory operand. */
struct um_mem {
	enum um_emul_sreg seg;
	u64 ea;
	unsigned int n;
	unsigned int align;
};

static inline u64 um_size_mask(unsigned int size)
{
	return size >= 8 ? ~0ULL : (1ULL << (size * 8)) - 1;
}

static inline u64 um_sign_extend(u64 val, unsigned int size)
{
	unsigned int shift = 64 - size * 8;

	return (u64)((s64)(val << shift) >> shift);
}

/* decode.c */
enum um_emul_rc um_emul_decode(struct um_emul *e);

/* exec.c */
enum um_emul_rc um_emul_exec(struct um_emul *e);
u64 um_reg_read(const struct um_emul *e, u8 reg, unsigned int size);
void um_reg_write(struct um_emul *e, u8 reg, unsigned int size, u64 val);
void um_emul_begin(struct um_emul *e, struct um_emul_ctx *ctx);
void um_emul_retire(struct um_emul *e);
enum um_emul_result um_emul_result_of(enum um_emul_rc rc);

/* string.c */
enum um_emul_rc um_emul_string(struct um_emul *e);

/* address.c */
enum um_emul_rc um_emul_raise(struct um_emul *e, u8 vector);
bool um_emul_is_canonical(const struct um_emul *e, u64 linear);
u64 um_emul_ea(const struct um_emul *e);
enum um_emul_rc um_emul_linearize(struct um_emul *e, const struct um_mem *mem,
				  unsigned int flags, u64 *linear);
enum um_emul_rc um_mem_check(struct um_emul *e, const struct um_mem *mem,
			     unsigned int flags);
enum um_emul_rc um_mem_read(struct um_emul *e, const struct um_mem *mem,
			    void *buf, unsigned int flags);
enum um_emul_rc um_mem_write(struct um_emul *e, const struct um_mem *mem,
			     const void *buf);
enum um_emul_rc um_mem_cmpxchg(struct um_emul *e, const struct um_mem *mem,
			       const void *old, const void *new);

/* alu.c */
u64 um_alu(enum um_op op, u64 dst, u64 src, unsigned int size, u64 *rflags);
u64 um_shift(enum um_op op, u64 dst, u64 count, unsigned int size,
	     u64 *rflags);
bool um_condition(u8 cc, u64 rflags);

#endif
