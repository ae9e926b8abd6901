// SPDX-License-Identifier: GPL-2.0
/*
 * String instructions, one element at a time, and the memory side of INS and
 * OUTS.
 *
 * Every iteration commits on its own: a fault, a stop or an exit to user space
 * leaves the registers as after the last whole iteration, with rip still at
 * the instruction, just as an interrupt would.
 */
#include "internal.h"

#include <linux/kernel.h>
#include <linux/string.h>

#define PAGE_BYTES 4096u

/* Bounds how long a guest can keep the host in one call. */
#define REP_BATCH 1024

static struct um_mem string_mem(const struct um_emul *e, u8 reg)
{
	const struct um_insn *insn = &e->insn;
	struct um_mem mem = {
		.seg = reg == UM_RDI ? UM_SREG_ES : insn->seg,
		.ea = um_reg_read(e, reg, insn->addr_size),
		.n = insn->op_size,
		.align = insn->op_size,
	};

	return mem;
}

static void advance(struct um_emul *e, u8 reg, unsigned int count)
{
	unsigned int size = e->insn.addr_size;
	u64 step = e->insn.op_size * count;

	if (e->ctx->regs->rflags & UM_FL_DF)
		step = -step;
	um_reg_write(e, reg, size, um_reg_read(e, reg, size) + step);
}

/* What is left to do; an instruction without REP does one element. */
static u64 remaining(const struct um_emul *e)
{
	if (!e->insn.rep)
		return 1;
	return um_reg_read(e, UM_RCX, e->insn.addr_size);
}

static void count_down(struct um_emul *e, unsigned int count)
{
	if (e->insn.rep)
		um_reg_write(e, UM_RCX, e->insn.addr_size,
			     remaining(e) - count);
}

static bool op_reads_si(u8 op)
{
	return op == UM_OP_MOVS || op == UM_OP_LODS || op == UM_OP_CMPS;
}

static bool op_uses_di(u8 op)
{
	return op != UM_OP_LODS;
}

/* One element; on OK all registers but the counter are updated. */
static enum um_emul_rc string_once(struct um_emul *e)
{
	struct um_emul_regs *regs = e->ctx->regs;
	unsigned int size = e->insn.op_size;
	struct um_mem si = string_mem(e, UM_RSI);
	struct um_mem di = string_mem(e, UM_RDI);
	u8 op = e->insn.opcode.op;
	u64 src = um_reg_read(e, UM_RAX, size);
	enum um_emul_rc rc = UM_EMUL_OK;
	u64 dst = 0;

	/* The accumulator's value has no bits beyond the element either. */
	if (op_reads_si(op))
		rc = um_mem_read(e, &si, &src, 0);
	if (rc != UM_EMUL_OK)
		return rc;
	if (op == UM_OP_CMPS || op == UM_OP_SCAS)
		rc = um_mem_read(e, &di, &dst, 0);
	else if (op_uses_di(op))
		rc = um_mem_write(e, &di, &src);
	if (rc != UM_EMUL_OK)
		return rc;

	if (op == UM_OP_LODS)
		um_reg_write(e, UM_RAX, size, src);
	if (op == UM_OP_CMPS || op == UM_OP_SCAS)
		um_alu(UM_OP_CMP, src, dst, size, &regs->rflags);
	if (op_reads_si(op))
		advance(e, UM_RSI, 1);
	if (op_uses_di(op))
		advance(e, UM_RDI, 1);
	return UM_EMUL_OK;
}

/* REPE ends at the first difference, REPNE at the first match. */
static bool comparison_ends(const struct um_emul *e)
{
	u8 op = e->insn.opcode.op;
	bool equal = e->ctx->regs->rflags & UM_FL_ZF;

	if (op != UM_OP_CMPS && op != UM_OP_SCAS)
		return false;
	return equal != (e->insn.rep == 0xf3);
}

enum um_emul_rc um_emul_string(struct um_emul *e)
{
	struct um_emul_ctx *ctx = e->ctx;
	enum um_emul_rc rc;
	unsigned int i;

	if (!remaining(e)) {
		um_emul_retire(e);
		return UM_EMUL_OK;
	}
	for (i = 0; i < REP_BATCH && !ctx->stop; i++) {
		rc = string_once(e);
		if (rc != UM_EMUL_OK)
			return rc;
		count_down(e, 1);
		if (!e->insn.rep || !remaining(e) || comparison_ends(e)) {
			um_emul_retire(e);
			return UM_EMUL_OK;
		}
		/* No second code breakpoint when it goes on. */
		ctx->regs->rflags |= UM_FL_RF;
		if (ctx->ops->commit)
			ctx->ops->commit(ctx);
	}
	return UM_EMUL_RETRY;
}

static void pio_begin(struct um_emul *e, struct um_emul_ctx *ctx,
		      const struct um_emul_pio *pio)
{
	um_emul_begin(e, ctx);
	memset(&e->insn, 0, sizeof(e->insn));
	e->insn.op_size = pio->size;
	e->insn.addr_size = pio->addr_size;
	e->insn.seg = pio->seg;
	e->insn.rep = pio->rep ? 0xf3 : 0;
	e->insn.len = pio->insn_len;
}

static struct um_mem pio_mem(const struct um_emul *e, bool in,
			     unsigned int count)
{
	struct um_mem mem = string_mem(e, in ? UM_RDI : UM_RSI);

	mem.n *= count;
	return mem;
}

/*
 * Elements that lie on one page, in upward order and without a wrap of the
 * address register. One that crosses goes alone.
 */
static unsigned int pio_chunk(const struct um_emul *e, const struct um_mem *mem,
			      u64 linear, unsigned int max)
{
	u64 room = PAGE_BYTES - (linear & (PAGE_BYTES - 1));
	u64 count;

	if (e->ctx->regs->rflags & UM_FL_DF)
		return 1;
	if (e->insn.addr_size < 8)
		room = min(room, (1ULL << e->insn.addr_size * 8) - mem->ea);
	count = min(room / e->insn.op_size, remaining(e));
	return clamp_t(u64, count, 1, max);
}

enum um_emul_result um_emul_pio_prepare(struct um_emul_ctx *ctx,
					const struct um_emul_pio *pio,
					unsigned int max, unsigned int *count)
{
	unsigned int flags = pio->in ? UM_EMUL_WRITE : 0;
	enum um_emul_rc rc;
	struct um_emul e;
	struct um_mem mem;
	u64 linear;

	pio_begin(&e, ctx, pio);
	*count = 0;
	if (!remaining(&e)) {
		um_emul_retire(&e);
		return UM_EMUL_DONE;
	}
	mem = pio_mem(&e, pio->in, 1);
	rc = um_emul_linearize(&e, &mem, flags, &linear);
	if (rc != UM_EMUL_OK)
		return um_emul_result_of(rc);
	*count = pio_chunk(&e, &mem, linear, max);
	mem = pio_mem(&e, pio->in, *count);
	rc = um_mem_check(&e, &mem, flags);
	if (rc == UM_EMUL_FAULT && *count > 1) {
		/* A segment may end within the chunk. */
		*count = 1;
		mem = pio_mem(&e, pio->in, 1);
		rc = um_mem_check(&e, &mem, flags);
	}
	return rc == UM_EMUL_OK ? UM_EMUL_AGAIN : um_emul_result_of(rc);
}

enum um_emul_result um_emul_pio_move(struct um_emul_ctx *ctx,
				     const struct um_emul_pio *pio, void *data,
				     unsigned int count, unsigned int *moved)
{
	enum um_emul_rc rc;
	struct um_emul e;
	struct um_mem mem;

	pio_begin(&e, ctx, pio);
	*moved = 0;
	/* User space had the registers since: never count below zero. */
	count = min_t(u64, count, remaining(&e));
	if (!count) {
		um_emul_retire(&e);
		return UM_EMUL_DONE;
	}
	mem = pio_mem(&e, pio->in, count);
	if (pio->in)
		rc = um_mem_write(&e, &mem, data);
	else
		rc = um_mem_read(&e, &mem, data, 0);
	if (rc != UM_EMUL_OK)
		return um_emul_result_of(rc);

	*moved = count;
	advance(&e, pio->in ? UM_RDI : UM_RSI, count);
	count_down(&e, count);
	if (!pio->rep || !remaining(&e)) {
		um_emul_retire(&e);
		return UM_EMUL_DONE;
	}
	ctx->regs->rflags |= UM_FL_RF;
	if (ctx->ops->commit)
		ctx->ops->commit(ctx);
	return UM_EMUL_AGAIN;
}
