// SPDX-License-Identifier: GPL-2.0
/*
 * Executes a decoded instruction.
 *
 * Each one runs in the same order: read everything, compute, write memory,
 * then registers. The memory write is the last step that can fail, so an
 * instruction that does not retire has changed nothing.
 */
#include "internal.h"

#include <linux/compiler.h>
#include <linux/string.h>

#define READS_DST	0x1
#define WRITES_DST	0x2
#define READS_SRC	0x4

static const u8 op_access[UM_OP_COUNT_GENERIC] = {
	[UM_OP_ADD]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_OR]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_ADC]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_SBB]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_AND]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_SUB]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_XOR]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_CMP]	= READS_DST | READS_SRC,
	[UM_OP_TEST]	= READS_DST | READS_SRC,
	[UM_OP_MOV]	= WRITES_DST | READS_SRC,
	[UM_OP_MOVZX]	= WRITES_DST | READS_SRC,
	[UM_OP_MOVSX]	= WRITES_DST | READS_SRC,
	[UM_OP_INC]	= READS_DST | WRITES_DST,
	[UM_OP_DEC]	= READS_DST | WRITES_DST,
	[UM_OP_NOT]	= READS_DST | WRITES_DST,
	[UM_OP_NEG]	= READS_DST | WRITES_DST,
	[UM_OP_XCHG]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_XADD]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_CMPXCHG]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_IMUL]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_ROL]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_ROR]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_RCL]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_RCR]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_SHL]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_SHR]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_SAL]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_SAR]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_BT]	= READS_DST | READS_SRC,
	[UM_OP_BTS]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_BTR]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_BTC]	= READS_DST | WRITES_DST | READS_SRC,
	[UM_OP_SETCC]	= WRITES_DST,
	[UM_OP_CMOVCC]	= READS_DST | WRITES_DST | READS_SRC,
};

/* Values of one instruction between reading and committing. */
struct um_exec {
	struct um_mem mem;	/* the r/m operand, if it is memory */
	u64 dst;
	u64 src;
	u64 result;
	u64 rflags;
	bool writes;
	u8 extra_reg;		/* second register result; UM_NO_REG if none */
	u64 extra;
};

void um_emul_begin(struct um_emul *e, struct um_emul_ctx *ctx)
{
	e->ctx = ctx;
	ctx->stop = false;
	ctx->ops->seg(ctx, UM_SREG_CS, &e->cs);
	if (!(ctx->cr0 & UM_CR0_PE))
		e->mode = UM_MODE_REAL;
	else if ((ctx->efer & UM_EFER_LMA) && (e->cs.attrs & UM_SEG_L))
		e->mode = UM_MODE_64;
	else if (ctx->regs->rflags & UM_FL_VM)
		e->mode = UM_MODE_VM86;
	else
		e->mode = UM_MODE_PROT;
}

void um_emul_retire(struct um_emul *e)
{
	struct um_emul_ctx *ctx = e->ctx;
	struct um_emul_regs *regs = ctx->regs;

	regs->rip += e->insn.len;
	if (e->mode != UM_MODE_64)
		regs->rip = (u32)regs->rip;
	regs->rflags &= ~UM_FL_RF;
	if (ctx->ops->commit)
		ctx->ops->commit(ctx);
}

/* Without REX the byte registers 4 to 7 are AH, CH, DH and BH. */
static bool is_high_byte(const struct um_emul *e, u8 reg, unsigned int size)
{
	return size == 1 && !e->insn.rex && reg >= 4;
}

u64 um_reg_read(const struct um_emul *e, u8 reg, unsigned int size)
{
	const u64 *gpr = e->ctx->regs->gpr;

	if (is_high_byte(e, reg, size))
		return gpr[reg - 4] >> 8 & 0xff;
	return gpr[reg] & um_size_mask(size);
}

void um_reg_write(struct um_emul *e, u8 reg, unsigned int size, u64 val)
{
	u64 *gpr = e->ctx->regs->gpr;
	u64 mask = um_size_mask(size);

	if (is_high_byte(e, reg, size)) {
		gpr[reg - 4] &= ~0xff00ULL;
		gpr[reg - 4] |= (val & 0xff) << 8;
	} else if (size >= 4) {
		gpr[reg] = val & mask;	/* 32-bit writes clear the top */
	} else {
		gpr[reg] = (gpr[reg] & ~mask) | (val & mask);
	}
}

/*
 * A register bit offset reaches beyond the operand: move the memory operand to
 * the word that holds the bit.
 */
static u64 bit_string_offset(const struct um_emul *e)
{
	const struct um_insn *insn = &e->insn;
	unsigned int size = insn->op_size;
	s64 bit;

	if (insn->opcode.op < UM_OP_BT || insn->opcode.op > UM_OP_BTC ||
	    insn->opcode.format != UM_FMT_RM_REG)
		return 0;
	bit = um_sign_extend(um_reg_read(e, insn->reg, size), size);
	return (u64)(bit >> 3) & ~(u64)(size - 1);
}

static struct um_mem rm_mem(const struct um_emul *e, unsigned int size)
{
	struct um_mem mem = {
		.seg = e->insn.seg,
		.ea = (um_emul_ea(e) + bit_string_offset(e)) &
		      um_size_mask(e->insn.addr_size),
		.n = size,
		.align = size,
	};

	return mem;
}

static enum um_emul_rc rm_read(struct um_emul *e, const struct um_mem *mem,
			       unsigned int size, unsigned int flags, u64 *val)
{
	*val = 0;
	if (e->insn.mem)
		return um_mem_read(e, mem, val, flags);
	*val = um_reg_read(e, e->insn.rm, size);
	return UM_EMUL_OK;
}

static bool dst_is_reg(const struct um_emul *e)
{
	u8 format = e->insn.opcode.format;

	return format == UM_FMT_REG_RM || format == UM_FMT_ACC_MOFFS;
}

/* The operand that is not r/m: register, accumulator or immediate. */
static u64 other_operand(const struct um_emul *e)
{
	const struct um_insn *insn = &e->insn;

	switch (insn->opcode.format) {
	case UM_FMT_RM_ONE:
		return 1;
	case UM_FMT_RM_CL:
		return um_reg_read(e, UM_RCX, 4) & 0xff;
	case UM_FMT_RM_IMM:
	case UM_FMT_RM_IMM8:
		return insn->imm & um_size_mask(insn->op_size);
	case UM_FMT_RM_REG:
	case UM_FMT_REG_RM:
		return um_reg_read(e, insn->reg, insn->op_size);
	case UM_FMT_ACC_MOFFS:
	case UM_FMT_MOFFS_ACC:
		return um_reg_read(e, UM_RAX, insn->op_size);
	default:
		return 0;
	}
}

static enum um_emul_rc load_operands(struct um_emul *e, struct um_exec *x)
{
	const struct um_insn *insn = &e->insn;
	u8 access = op_access[insn->opcode.op];

	if (dst_is_reg(e)) {
		x->mem = rm_mem(e, insn->src_size);
		x->dst = other_operand(e);
		return rm_read(e, &x->mem, insn->src_size, 0, &x->src);
	}
	x->mem = rm_mem(e, insn->op_size);
	x->src = other_operand(e);
	if (!(access & READS_DST))
		return UM_EMUL_OK;
	return rm_read(e, &x->mem, insn->op_size,
		       access & WRITES_DST ? UM_EMUL_WRITE : 0, &x->dst);
}

static void compute_cmpxchg(struct um_emul *e, struct um_exec *x)
{
	unsigned int size = e->insn.op_size;
	u64 acc = um_reg_read(e, UM_RAX, size);

	um_alu(UM_OP_CMP, acc, x->dst, size, &x->rflags);
	if (acc == x->dst) {
		x->result = x->src;
		return;
	}
	/* Memory gets its old value back, a register stays as it is. */
	x->result = x->dst;
	x->writes = e->insn.mem;
	x->extra_reg = UM_RAX;
	x->extra = x->dst;
}

static void compute(struct um_emul *e, struct um_exec *x)
{
	const struct um_insn *insn = &e->insn;
	enum um_op op = insn->opcode.op;

	switch (op) {
	case UM_OP_MOV:
	case UM_OP_MOVZX:
		x->result = x->src;
		break;
	case UM_OP_MOVSX:
		x->result = um_sign_extend(x->src, insn->src_size);
		break;
	case UM_OP_NOT:
		x->result = ~x->dst;
		break;
	case UM_OP_SETCC:
		x->result = um_condition(insn->byte, x->rflags);
		break;
	case UM_OP_CMOVCC:
		x->result = um_condition(insn->byte, x->rflags) ? x->src :
								  x->dst;
		break;
	case UM_OP_CMPXCHG:
		compute_cmpxchg(e, x);
		break;
	case UM_OP_XCHG:
		x->result = x->src;
		x->extra_reg = insn->reg;
		x->extra = x->dst;
		break;
	case UM_OP_ROL ... UM_OP_SAR:
		x->result = um_shift(op, x->dst, x->src, insn->op_size,
				     &x->rflags);
		break;
	case UM_OP_XADD:
		x->extra_reg = insn->reg;
		x->extra = x->dst;
		fallthrough;
	default:
		x->result = um_alu(op, x->dst, x->src, insn->op_size,
				   &x->rflags);
		break;
	}
}

static enum um_emul_rc store_mem(struct um_emul *e, struct um_exec *x)
{
	if (e->insn.lock || e->insn.opcode.op == UM_OP_XCHG)
		return um_mem_cmpxchg(e, &x->mem, &x->dst, &x->result);
	return um_mem_write(e, &x->mem, &x->result);
}

static enum um_emul_rc exec_generic(struct um_emul *e)
{
	const struct um_insn *insn = &e->insn;
	struct um_exec x = {
		.rflags = e->ctx->regs->rflags,
		.writes = op_access[insn->opcode.op] & WRITES_DST,
		.extra_reg = UM_NO_REG,
	};
	bool to_reg = dst_is_reg(e) || !insn->mem;
	enum um_emul_rc rc;

	rc = load_operands(e, &x);
	if (rc != UM_EMUL_OK)
		return rc;
	compute(e, &x);
	if (x.writes && !to_reg) {
		rc = store_mem(e, &x);
		if (rc != UM_EMUL_OK)
			return rc;
	}

	if (x.extra_reg != UM_NO_REG)
		um_reg_write(e, x.extra_reg, insn->op_size, x.extra);
	if (x.writes && to_reg) {
		u8 reg = insn->rm;

		if (insn->opcode.format == UM_FMT_REG_RM)
			reg = insn->reg;
		else if (insn->opcode.format == UM_FMT_ACC_MOFFS)
			reg = UM_RAX;
		um_reg_write(e, reg, insn->op_size, x.result);
	}
	e->ctx->regs->rflags = x.rflags;
	return UM_EMUL_OK;
}

/* CMPXCHG8B and, with REX.W, CMPXCHG16B. */
static enum um_emul_rc exec_cmpxchg8b(struct um_emul *e)
{
	unsigned int half = e->insn.op_size == 8 ? 8 : 4;
	struct um_emul_regs *regs = e->ctx->regs;
	struct um_mem mem = rm_mem(e, half * 2);
	u64 low = 0, high = 0;
	u8 old[16], new[16];
	enum um_emul_rc rc;
	u64 linear;
	bool equal;

	rc = um_emul_linearize(e, &mem, UM_EMUL_WRITE, &linear);
	if (rc != UM_EMUL_OK)
		return rc;
	if (half == 8 && (linear & 15))
		return um_emul_raise(e, UM_EXC_GP);
	rc = um_mem_read(e, &mem, old, UM_EMUL_WRITE);
	if (rc != UM_EMUL_OK)
		return rc;
	memcpy(&low, old, half);
	memcpy(&high, old + half, half);
	equal = low == um_reg_read(e, UM_RAX, half) &&
		high == um_reg_read(e, UM_RDX, half);

	memcpy(new, old, sizeof(new));
	if (equal) {
		memcpy(new, &regs->gpr[UM_RBX], half);
		memcpy(new + half, &regs->gpr[UM_RCX], half);
	}
	if (e->insn.lock)
		rc = um_mem_cmpxchg(e, &mem, old, new);
	else
		rc = um_mem_write(e, &mem, new);
	if (rc != UM_EMUL_OK)
		return rc;

	if (equal) {
		regs->rflags |= UM_FL_ZF;
	} else {
		um_reg_write(e, UM_RAX, half, low);
		um_reg_write(e, UM_RDX, half, high);
		regs->rflags &= ~UM_FL_ZF;
	}
	return UM_EMUL_OK;
}

static unsigned int stack_size(struct um_emul *e)
{
	struct um_emul_segment ss;

	if (e->mode == UM_MODE_64)
		return 8;
	e->ctx->ops->seg(e->ctx, UM_SREG_SS, &ss);
	return ss.attrs & UM_SEG_DB ? 4 : 2;
}

static enum um_emul_rc exec_push(struct um_emul *e)
{
	unsigned int size = e->insn.op_size;
	unsigned int sp_size = stack_size(e);
	struct um_mem src = rm_mem(e, size);
	struct um_mem stack = {
		.seg = UM_SREG_SS,
		.ea = (e->ctx->regs->gpr[UM_RSP] - size) &
		      um_size_mask(sp_size),
		.n = size,
		.align = size,
	};
	enum um_emul_rc rc;
	u64 val;

	rc = rm_read(e, &src, size, 0, &val);
	if (rc == UM_EMUL_OK)
		rc = um_mem_write(e, &stack, &val);
	if (rc == UM_EMUL_OK)
		um_reg_write(e, UM_RSP, sp_size, stack.ea);
	return rc;
}

static enum um_emul_rc exec_pop(struct um_emul *e)
{
	unsigned int size = e->insn.op_size;
	unsigned int sp_size = stack_size(e);
	u64 sp = um_reg_read(e, UM_RSP, sp_size);
	struct um_mem stack = {
		.seg = UM_SREG_SS,
		.ea = sp,
		.n = size,
		.align = size,
	};
	enum um_emul_rc rc;
	struct um_mem dst;
	u64 val = 0;

	/* An address based on the stack pointer sees it after the pop. */
	if (e->insn.base == UM_RSP)
		e->insn.disp += size;
	dst = rm_mem(e, size);
	rc = um_mem_read(e, &stack, &val, 0);
	if (rc == UM_EMUL_OK && e->insn.mem)
		rc = um_mem_write(e, &dst, &val);
	if (rc != UM_EMUL_OK)
		return rc;
	um_reg_write(e, UM_RSP, sp_size, sp + size);
	if (!e->insn.mem)
		um_reg_write(e, e->insn.rm, size, val);
	return UM_EMUL_OK;
}

enum um_emul_rc um_emul_exec(struct um_emul *e)
{
	enum um_emul_rc rc;

	switch (e->insn.opcode.op) {
	case UM_OP_CMPXCHG8B:
		rc = exec_cmpxchg8b(e);
		break;
	case UM_OP_PUSH:
		rc = exec_push(e);
		break;
	case UM_OP_POP:
		rc = exec_pop(e);
		break;
	default:
		rc = exec_generic(e);
		break;
	}
	if (rc == UM_EMUL_OK)
		um_emul_retire(e);
	return rc;
}

enum um_emul_result um_emul_result_of(enum um_emul_rc rc)
{
	switch (rc) {
	case UM_EMUL_OK:
		return UM_EMUL_DONE;
	case UM_EMUL_FAULT:
		return UM_EMUL_EXCEPTION;
	case UM_EMUL_IO:
		return UM_EMUL_IO_NEEDED;
	case UM_EMUL_RETRY:
		return UM_EMUL_AGAIN;
	default:
		return UM_EMUL_UNKNOWN;
	}
}

enum um_emul_result um_emulate(struct um_emul_ctx *ctx)
{
	enum um_emul_rc rc;
	struct um_emul e;

	um_emul_begin(&e, ctx);
	rc = um_emul_decode(&e);
	if (rc == UM_EMUL_OK) {
		if (e.insn.opcode.format == UM_FMT_STRING)
			rc = um_emul_string(&e);
		else
			rc = um_emul_exec(&e);
	}
	return um_emul_result_of(rc);
}
