// SPDX-License-Identifier: GPL-2.0
/*
 * From an operand to linear memory: effective address, segmentation, canonical
 * and alignment checks, and the split of accesses that cross a page.
 *
 * A write that crosses is checked on both pages before either is touched, so
 * no instruction is left half done.
 */
#include "internal.h"

#include <linux/kernel.h>
#include <linux/string.h>

#define PAGE_BYTES 4096u

/* All faults of the emulator itself have error code 0, if any. */
enum um_emul_rc um_emul_raise(struct um_emul *e, u8 vector)
{
	struct um_emul_exception *exc = &e->ctx->exc;

	memset(exc, 0, sizeof(*exc));
	exc->vector = vector;
	exc->has_error = vector != UM_EXC_UD && e->mode != UM_MODE_REAL;
	return UM_EMUL_FAULT;
}

bool um_emul_is_canonical(const struct um_emul *e, u64 linear)
{
	unsigned int shift = e->ctx->cr4 & UM_CR4_LA57 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(linear << shift) >> shift) == linear;
}

u64 um_emul_ea(const struct um_emul *e)
{
	const struct um_insn *insn = &e->insn;
	const struct um_emul_regs *regs = e->ctx->regs;
	u64 ea = insn->disp;

	if (insn->rip_relative)
		ea += regs->rip + insn->len;
	if (insn->base != UM_NO_REG)
		ea += regs->gpr[insn->base];
	if (insn->index != UM_NO_REG)
		ea += regs->gpr[insn->index] << insn->scale;
	return ea & um_size_mask(insn->addr_size);
}

static bool segment_allows(const struct um_emul *e,
			   const struct um_emul_segment *seg,
			   const struct um_mem *mem, unsigned int flags)
{
	bool code = seg->attrs & UM_SEG_TYPE_CODE;
	u64 last = mem->ea + mem->n - 1;

	if (e->mode == UM_MODE_PROT) {
		if ((seg->attrs & UM_SEG_UNUSABLE) || !(seg->attrs & UM_SEG_P))
			return false;
		if ((flags & UM_EMUL_WRITE) &&
		    (code || !(seg->attrs & UM_SEG_TYPE_WRITE)))
			return false;
		/* The same bit makes code readable. */
		if (code && !(seg->attrs & UM_SEG_TYPE_WRITE))
			return false;
	}
	if (!code && (seg->attrs & UM_SEG_TYPE_DOWN)) {
		u64 top = seg->attrs & UM_SEG_DB ? 0xffffffff : 0xffff;

		return mem->ea > seg->limit && last <= top;
	}
	return last <= seg->limit;
}

static bool is_misaligned(const struct um_emul *e, const struct um_mem *mem,
			  u64 linear)
{
	const struct um_emul_ctx *ctx = e->ctx;

	return ctx->cpl == 3 && (ctx->cr0 & UM_CR0_AM) &&
	       (ctx->regs->rflags & UM_FL_AC) && (linear & (mem->align - 1));
}

enum um_emul_rc um_emul_linearize(struct um_emul *e, const struct um_mem *mem,
				  unsigned int flags, u64 *linear)
{
	u8 vector = mem->seg == UM_SREG_SS ? UM_EXC_SS : UM_EXC_GP;
	struct um_emul_segment seg;

	if (e->mode == UM_MODE_64) {
		*linear = mem->ea;
		if (mem->seg >= UM_SREG_FS) {
			e->ctx->ops->seg(e->ctx, mem->seg, &seg);
			*linear += seg.base;
		}
		if (!um_emul_is_canonical(e, *linear) ||
		    !um_emul_is_canonical(e, *linear + mem->n - 1))
			return um_emul_raise(e, vector);
	} else {
		e->ctx->ops->seg(e->ctx, mem->seg, &seg);
		*linear = (u32)(seg.base + mem->ea);
		if (!segment_allows(e, &seg, mem, flags))
			return um_emul_raise(e, vector);
	}
	if (is_misaligned(e, mem, *linear))
		return um_emul_raise(e, UM_EXC_AC);
	return UM_EMUL_OK;
}

/* The bytes on the first page; the rest starts at *second. */
static unsigned int split(const struct um_emul *e, u64 linear, unsigned int n,
			  u64 *second)
{
	unsigned int first = PAGE_BYTES - (linear & (PAGE_BYTES - 1));

	*second = linear + first;
	if (e->mode != UM_MODE_64)
		*second = (u32)*second;
	return min(first, n);
}

enum um_emul_rc um_mem_check(struct um_emul *e, const struct um_mem *mem,
			     unsigned int flags)
{
	struct um_emul_ctx *ctx = e->ctx;
	enum um_emul_rc rc;
	unsigned int first;
	u64 linear, second;

	rc = um_emul_linearize(e, mem, flags, &linear);
	if (rc != UM_EMUL_OK)
		return rc;
	first = split(e, linear, mem->n, &second);
	rc = ctx->ops->check(ctx, linear, first, flags);
	if (rc == UM_EMUL_OK && first < mem->n)
		rc = ctx->ops->check(ctx, second, mem->n - first, flags);
	return rc;
}

enum um_emul_rc um_mem_read(struct um_emul *e, const struct um_mem *mem,
			    void *buf, unsigned int flags)
{
	struct um_emul_ctx *ctx = e->ctx;
	enum um_emul_rc rc;
	unsigned int first;
	u64 linear, second;

	rc = um_emul_linearize(e, mem, flags, &linear);
	if (rc != UM_EMUL_OK)
		return rc;
	first = split(e, linear, mem->n, &second);
	rc = ctx->ops->read(ctx, linear, buf, first, flags);
	if (rc == UM_EMUL_OK && first < mem->n)
		rc = ctx->ops->read(ctx, second, (u8 *)buf + first,
				    mem->n - first, flags);
	return rc;
}

enum um_emul_rc um_mem_write(struct um_emul *e, const struct um_mem *mem,
			     const void *buf)
{
	struct um_emul_ctx *ctx = e->ctx;
	enum um_emul_rc rc;
	unsigned int first;
	u64 linear, second;

	rc = um_emul_linearize(e, mem, UM_EMUL_WRITE, &linear);
	if (rc != UM_EMUL_OK)
		return rc;
	first = split(e, linear, mem->n, &second);
	if (first == mem->n)
		return ctx->ops->write(ctx, linear, buf, first);

	rc = um_mem_check(e, mem, UM_EMUL_WRITE);
	if (rc == UM_EMUL_OK)
		rc = ctx->ops->write(ctx, linear, buf, first);
	if (rc == UM_EMUL_OK)
		rc = ctx->ops->write(ctx, second, (const u8 *)buf + first,
				     mem->n - first);
	return rc;
}

/* Across a page there is no atomicity to offer: plain writes. */
enum um_emul_rc um_mem_cmpxchg(struct um_emul *e, const struct um_mem *mem,
			       const void *old, const void *new)
{
	enum um_emul_rc rc;
	u64 linear, second;

	rc = um_emul_linearize(e, mem, UM_EMUL_WRITE, &linear);
	if (rc != UM_EMUL_OK)
		return rc;
	if (split(e, linear, mem->n, &second) < mem->n)
		return um_mem_write(e, mem, new);
	return e->ctx->ops->cmpxchg(e->ctx, linear, old, new, mem->n);
}

enum um_emul_rc um_emul_load(struct um_emul_ctx *ctx, enum um_emul_sreg seg,
			     u64 ea, void *buf, unsigned int n)
{
	struct um_mem mem = { .seg = seg, .ea = ea, .n = n, .align = 1 };
	struct um_emul e;

	um_emul_begin(&e, ctx);
	return um_mem_read(&e, &mem, buf, 0);
}
