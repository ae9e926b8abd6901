// SPDX-License-Identifier: GPL-2.0
/*
 * From bytes at cs:rip to struct um_insn: prefixes, opcode, ModRM, SIB,
 * displacement, immediate.
 *
 * Code is fetched page by page and only as far as the instruction reaches, so
 * an unmapped page behind it does no harm. Everything that is wrong about the
 * encoding itself (too long, LOCK where it may not stand) is found here.
 */
#include "internal.h"

#include <linux/kernel.h>
#include <linux/string.h>

#define PAGE_BYTES 4096u

#define REX_B 0x1
#define REX_X 0x2
#define REX_R 0x4
#define REX_W 0x8

/* Read more code; at least one byte unless it answers other than OK. */
static enum um_emul_rc fetch_more(struct um_emul *e)
{
	struct um_emul_ctx *ctx = e->ctx;
	u64 linear = ctx->regs->rip + ctx->insn_len;
	u64 room = UM_EMUL_INSN_MAX - ctx->insn_len;
	enum um_emul_rc rc;

	if (!room)
		return um_emul_raise(e, UM_EXC_GP);
	if (e->mode == UM_MODE_64) {
		if (!um_emul_is_canonical(e, linear))
			return um_emul_raise(e, UM_EXC_GP);
	} else {
		u64 offset = (u32)ctx->regs->rip + (u64)ctx->insn_len;

		if (offset > e->cs.limit)
			return um_emul_raise(e, UM_EXC_GP);
		room = min(room, (u64)e->cs.limit - offset + 1);
		linear = (u32)(e->cs.base + offset);
	}
	room = min(room, PAGE_BYTES - (linear & (PAGE_BYTES - 1)));
	rc = ctx->ops->fetch(ctx, linear, ctx->insn + ctx->insn_len, room);
	if (rc == UM_EMUL_OK)
		ctx->insn_len += room;
	return rc;
}

static enum um_emul_rc next(struct um_emul *e, unsigned int n, u64 *val)
{
	enum um_emul_rc rc;

	while (e->ctx->insn_len < e->insn.len + n) {
		rc = fetch_more(e);
		if (rc != UM_EMUL_OK)
			return rc;
	}
	*val = 0;
	memcpy(val, e->ctx->insn + e->insn.len, n);
	e->insn.len += n;
	return UM_EMUL_OK;
}

static enum um_emul_rc next_signed(struct um_emul *e, unsigned int n, u64 *val)
{
	enum um_emul_rc rc = next(e, n, val);

	if (rc == UM_EMUL_OK)
		*val = um_sign_extend(*val, n);
	return rc;
}

/* ES, CS, SS and DS overrides mean nothing in 64-bit mode. */
static void override_segment(struct um_emul *e, enum um_emul_sreg seg)
{
	if (e->mode != UM_MODE_64 || seg >= UM_SREG_FS)
		e->insn.seg_override = seg;
}

static bool legacy_prefix(struct um_emul *e, u8 byte)
{
	struct um_insn *insn = &e->insn;

	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		override_segment(e, (byte >> 3) & 3);
		return true;
	case 0x64:
	case 0x65:
		override_segment(e, byte & 7);
		return true;
	case 0x66:
		insn->opsize_prefix = true;
		return true;
	case 0x67:
		insn->addrsize_prefix = true;
		return true;
	case 0xf0:
		insn->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		insn->rep = byte;
		return true;
	default:
		return false;
	}
}

/* Leaves the first opcode byte in insn->byte. */
static enum um_emul_rc decode_prefixes(struct um_emul *e)
{
	enum um_emul_rc rc;
	u64 byte;

	for (;;) {
		rc = next(e, 1, &byte);
		if (rc != UM_EMUL_OK)
			return rc;
		if (e->mode == UM_MODE_64 && (byte & 0xf0) == 0x40) {
			e->insn.rex = byte;
			continue;
		}
		if (!legacy_prefix(e, byte))
			break;
		e->insn.rex = 0;	/* only counts right before the opcode */
	}
	e->insn.byte = byte;
	return UM_EMUL_OK;
}

static bool format_has_modrm(u8 format)
{
	return format >= UM_FMT_GROUP && format <= UM_FMT_RM_IMM8;
}

static enum um_emul_rc decode_opcode(struct um_emul *e)
{
	const struct um_opcode *table = um_opcodes_one;
	struct um_insn *insn = &e->insn;
	struct um_opcode opcode;
	enum um_emul_rc rc;
	u64 byte;

	if (insn->byte == 0x0f) {
		rc = next(e, 1, &byte);
		if (rc != UM_EMUL_OK)
			return rc;
		insn->byte = byte;
		table = um_opcodes_two;
		/* Under these prefixes MOVNTI is another instruction. */
		if (byte == 0xc3 && (insn->rep || insn->opsize_prefix))
			return UM_EMUL_UNHANDLED;
	}
	opcode = table[insn->byte];
	if (format_has_modrm(opcode.format)) {
		rc = next(e, 1, &byte);
		if (rc != UM_EMUL_OK)
			return rc;
		insn->modrm = byte;
	}
	if (opcode.format == UM_FMT_GROUP) {
		u8 flags = opcode.flags;

		opcode = um_opcode_groups[opcode.op][(insn->modrm >> 3) & 7];
		opcode.flags |= flags;
	}
	insn->opcode = opcode;
	if (opcode.format == UM_FMT_NONE)
		return UM_EMUL_UNHANDLED;
	if ((opcode.flags & UM_OPF_ONLY64) && e->mode != UM_MODE_64)
		return UM_EMUL_UNHANDLED;
	return UM_EMUL_OK;
}

static void decode_sizes(struct um_emul *e)
{
	struct um_insn *insn = &e->insn;
	u8 flags = insn->opcode.flags;
	bool wide = e->mode == UM_MODE_64 ||
		    (e->mode == UM_MODE_PROT && (e->cs.attrs & UM_SEG_DB));

	insn->op_size = wide != insn->opsize_prefix ? 4 : 2;
	if (e->mode == UM_MODE_64) {
		insn->addr_size = insn->addrsize_prefix ? 4 : 8;
		if (insn->rex & REX_W)
			insn->op_size = 8;
		else if ((flags & UM_OPF_D64) && !insn->opsize_prefix)
			insn->op_size = 8;
	} else {
		insn->addr_size = wide != insn->addrsize_prefix ? 4 : 2;
	}
	if (flags & UM_OPF_BYTE)
		insn->op_size = 1;

	insn->src_size = insn->op_size;
	if (flags & UM_OPF_SRC8)
		insn->src_size = 1;
	else if (flags & UM_OPF_SRC16)
		insn->src_size = 2;
	else if ((flags & UM_OPF_SRC32) && insn->op_size == 8)
		insn->src_size = 4;
}

static enum um_emul_rc decode_mem16(struct um_emul *e)
{
	static const u8 base[8] = { UM_RBX, UM_RBX, UM_RBP, UM_RBP,
				    UM_RSI, UM_RDI, UM_RBP, UM_RBX };
	static const u8 index[8] = { UM_RSI, UM_RDI, UM_RSI, UM_RDI,
				     UM_NO_REG, UM_NO_REG, UM_NO_REG,
				     UM_NO_REG };
	struct um_insn *insn = &e->insn;
	unsigned int mod = insn->modrm >> 6;
	unsigned int rm = insn->modrm & 7;

	insn->base = base[rm];
	insn->index = index[rm];
	if (mod == 0 && rm == 6) {
		insn->base = UM_NO_REG;
		return next(e, 2, &insn->disp);
	}
	if (insn->base == UM_RBP)
		insn->seg = UM_SREG_SS;
	return mod ? next_signed(e, mod, &insn->disp) : UM_EMUL_OK;
}

static enum um_emul_rc decode_sib(struct um_emul *e)
{
	struct um_insn *insn = &e->insn;
	enum um_emul_rc rc;
	u64 sib;

	rc = next(e, 1, &sib);
	if (rc != UM_EMUL_OK)
		return rc;
	insn->scale = sib >> 6;
	insn->index = ((sib >> 3) & 7) | (insn->rex & REX_X ? 8 : 0);
	if (insn->index == UM_RSP)
		insn->index = UM_NO_REG;
	insn->base = sib & 7;
	return UM_EMUL_OK;
}

/* 32-bit and 64-bit addressing. */
static enum um_emul_rc decode_mem32(struct um_emul *e)
{
	struct um_insn *insn = &e->insn;
	unsigned int mod = insn->modrm >> 6;
	bool has_sib = (insn->modrm & 7) == 4;
	enum um_emul_rc rc = UM_EMUL_OK;

	insn->base = insn->modrm & 7;
	if (has_sib)
		rc = decode_sib(e);
	if (rc != UM_EMUL_OK)
		return rc;
	if (mod == 0 && insn->base == 5) {
		insn->base = UM_NO_REG;
		insn->rip_relative = !has_sib && e->mode == UM_MODE_64;
		return next_signed(e, 4, &insn->disp);
	}
	if (insn->rex & REX_B)
		insn->base |= 8;
	if (insn->base == UM_RSP || insn->base == UM_RBP)
		insn->seg = UM_SREG_SS;
	if (mod)
		rc = next_signed(e, mod == 1 ? 1 : 4, &insn->disp);
	return rc;
}

static enum um_emul_rc decode_modrm(struct um_emul *e)
{
	struct um_insn *insn = &e->insn;

	insn->reg = ((insn->modrm >> 3) & 7) | (insn->rex & REX_R ? 8 : 0);
	if (insn->modrm >> 6 == 3) {
		insn->rm = (insn->modrm & 7) | (insn->rex & REX_B ? 8 : 0);
		return UM_EMUL_OK;
	}
	insn->mem = true;
	return insn->addr_size == 2 ? decode_mem16(e) : decode_mem32(e);
}

static enum um_emul_rc decode_operands(struct um_emul *e)
{
	struct um_insn *insn = &e->insn;
	u8 format = insn->opcode.format;
	enum um_emul_rc rc = UM_EMUL_OK;

	insn->base = UM_NO_REG;
	insn->index = UM_NO_REG;
	insn->seg = UM_SREG_DS;
	if (format_has_modrm(format)) {
		rc = decode_modrm(e);
	} else if (format != UM_FMT_STRING) {
		insn->mem = true;
		rc = next(e, insn->addr_size, &insn->disp);
	}
	if (insn->seg_override != UM_NO_REG)
		insn->seg = insn->seg_override;
	if (rc != UM_EMUL_OK)
		return rc;

	if (format == UM_FMT_RM_IMM)
		return next_signed(e, min_t(u8, insn->op_size, 4), &insn->imm);
	if (format == UM_FMT_RM_IMM8)
		return next_signed(e, 1, &insn->imm);
	return UM_EMUL_OK;
}

/* #UD for encodings of a known opcode that do not exist. */
static bool is_undefined(const struct um_insn *insn)
{
	u8 flags = insn->opcode.flags;
	bool mem_dst = insn->mem && insn->opcode.format != UM_FMT_REG_RM;

	if (insn->lock && !((flags & UM_OPF_LOCK) && mem_dst))
		return true;
	return (flags & UM_OPF_MEM) && !insn->mem;
}

enum um_emul_rc um_emul_decode(struct um_emul *e)
{
	enum um_emul_rc rc;

	memset(&e->insn, 0, sizeof(e->insn));
	e->insn.seg_override = UM_NO_REG;
	e->ctx->insn_len = 0;

	rc = decode_prefixes(e);
	if (rc != UM_EMUL_OK)
		return rc;
	rc = decode_opcode(e);
	if (rc != UM_EMUL_OK)
		return rc;
	decode_sizes(e);
	rc = decode_operands(e);
	if (rc != UM_EMUL_OK)
		return rc;
	return is_undefined(&e->insn) ? um_emul_raise(e, UM_EXC_UD) :
					UM_EMUL_OK;
}
