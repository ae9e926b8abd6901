// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile bytes: random code, registers, segments and modes. Nothing may
 * crash, loop, or reach outside; an instruction that did not retire must have
 * left the registers alone, and no callback may see an access it was promised
 * not to see. The sanitizers watch the rest.
 */
#include "umbra/emulate.h"

#include "random.h"
#include "tap.h"

#include <string.h>

#define ROUNDS 1000000

struct victim {
	struct um_emul_ctx ctx;
	struct um_emul_regs regs;
	u8 code[16];
	bool wide;		/* 64-bit mode */
	unsigned int nr_callbacks;
	unsigned int nr_commits;
	unsigned int broken;	/* promises not kept */
};

static unsigned long counts[UM_EMUL_UNKNOWN + 1];

static void any_seg(struct um_emul_ctx *ctx, enum um_emul_sreg which,
		    struct um_emul_segment *seg)
{
	struct victim *v = ctx->priv;

	if (which > UM_SREG_GS)
		v->broken++;
	memset(seg, 0, sizeof(*seg));
	seg->base = random_operand();
	seg->limit = which == UM_SREG_CS ? ~0u : random_operand();
	seg->attrs = random_u64() & 0xf0ff;
	if (which == UM_SREG_CS)
		seg->attrs &= ~UM_SEG_L;
	if (which == UM_SREG_CS && v->wide)
		seg->attrs |= UM_SEG_L;
}

static enum um_emul_rc any_fetch(struct um_emul_ctx *ctx, u64 linear,
				 void *buf, unsigned int n)
{
	struct victim *v = ctx->priv;

	if (!n || n > 15 || (linear & 4095) + n > 4096)
		v->broken++;
	/* Code has no fixed place: what is asked for comes in order. */
	memcpy(buf, v->code + ctx->insn_len, n);
	return UM_EMUL_OK;
}

static enum um_emul_rc any_access(struct um_emul_ctx *ctx, u64 linear,
				  unsigned int n)
{
	struct victim *v = ctx->priv;

	v->nr_callbacks++;
	if (!n || n > 16 || (linear & 4095) + n > 4096)
		v->broken++;
	if (random_below(16))
		return UM_EMUL_OK;
	return random_below(UM_EMUL_UNHANDLED + 1);
}

static enum um_emul_rc any_read(struct um_emul_ctx *ctx, u64 linear, void *buf,
				unsigned int n, unsigned int flags)
{
	u64 val[2] = { random_operand(), random_operand() };
	enum um_emul_rc rc = any_access(ctx, linear, n);

	(void)flags;
	if (rc == UM_EMUL_OK)
		memcpy(buf, val, n);
	return rc;
}

static enum um_emul_rc any_write(struct um_emul_ctx *ctx, u64 linear,
				 const void *buf, unsigned int n)
{
	u8 sink[16];
	enum um_emul_rc rc = any_access(ctx, linear, n);

	memcpy(sink, buf, n < 16 ? n : 16);
	return rc;
}

static enum um_emul_rc any_cmpxchg(struct um_emul_ctx *ctx, u64 linear,
				   const void *old, const void *new,
				   unsigned int n)
{
	struct victim *v = ctx->priv;

	if (n & (n - 1))
		v->broken++;
	any_write(ctx, linear, old, n);
	return any_write(ctx, linear, new, n);
}

static enum um_emul_rc any_check(struct um_emul_ctx *ctx, u64 linear,
				 unsigned int n, unsigned int flags)
{
	(void)flags;
	return any_access(ctx, linear, n);
}

static void any_commit(struct um_emul_ctx *ctx)
{
	struct victim *v = ctx->priv;

	v->nr_commits++;
	if (!random_below(64))
		ctx->stop = true;
}

static const struct um_emul_ops any_ops = {
	.seg = any_seg,
	.fetch = any_fetch,
	.read = any_read,
	.write = any_write,
	.cmpxchg = any_cmpxchg,
	.check = any_check,
	.commit = any_commit,
};

static void pick_victim(struct victim *v)
{
	unsigned int i;

	memset(v, 0, sizeof(*v));
	for (i = 0; i < 16; i++) {
		v->regs.gpr[i] = random_operand();
		v->code[i] = random_u64();
	}
	v->regs.rip = random_operand() & 0xffffffff;
	v->regs.rflags = random_u64();
	v->ctx.ops = &any_ops;
	v->ctx.priv = v;
	v->ctx.regs = &v->regs;
	v->ctx.cr0 = random_u64();
	v->ctx.cr4 = random_u64();
	v->ctx.efer = random_u64();
	v->ctx.cpl = random_below(4);
	v->wide = random_below(2);
	/* Enough prefixes and escapes to get behind them. */
	if (!random_below(3))
		v->code[0] = 0xf2 + random_below(2);
	if (!random_below(4))
		v->code[1] = 0x0f;
}

static void random_code(void)
{
	struct um_emul_regs before;
	struct victim v;
	unsigned int i;

	for (i = 0; i < ROUNDS && tap_bad < TAP_SHOWN; i++) {
		enum um_emul_result result;

		pick_victim(&v);
		before = v.regs;
		result = um_emulate(&v.ctx);
		counts[result]++;
		EXPECT(!v.broken, "round %u: a promise was broken", i);
		EXPECT(v.nr_callbacks < 5000, "round %u: endless", i);
		EXPECT(v.ctx.insn_len <= 15, "round %u: length", i);
		EXPECT(v.nr_commits || !memcmp(&before, &v.regs,
					       sizeof(before)),
		       "round %u: registers changed without a commit", i);
		EXPECT((result == UM_EMUL_DONE) ==
		       (v.regs.rip != before.rip),
		       "round %u: result %d but rip 0x%llx -> 0x%llx", i,
		       result, before.rip, v.regs.rip);
	}
	printf("# done %lu, again %lu, exception %lu, io %lu, unknown %lu\n",
	       counts[UM_EMUL_DONE], counts[UM_EMUL_AGAIN],
	       counts[UM_EMUL_EXCEPTION], counts[UM_EMUL_IO_NEEDED],
	       counts[UM_EMUL_UNKNOWN]);
	/* A fuzzer whose inputs all end early proves nothing. */
	for (i = 0; i <= UM_EMUL_UNKNOWN; i++)
		EXPECT(counts[i] > ROUNDS / 1000, "result %u is rare", i);
}

static enum um_emul_rc page_read(struct um_emul_ctx *ctx, u64 linear, void *buf,
				 unsigned int n, unsigned int flags)
{
	struct victim *v = ctx->priv;

	(void)flags;
	if (!n || (linear & 4095) + n > 4096)
		v->broken++;
	memset(buf, 0x5a, n);
	return UM_EMUL_OK;
}

static enum um_emul_rc page_write(struct um_emul_ctx *ctx, u64 linear,
				  const void *buf, unsigned int n)
{
	u8 sink[4096];
	struct victim *v = ctx->priv;

	if (!n || (linear & 4095) + n > 4096)
		v->broken++;
	else
		memcpy(sink, buf, n);
	return UM_EMUL_OK;
}

static enum um_emul_rc page_check(struct um_emul_ctx *ctx, u64 linear,
				  unsigned int n, unsigned int flags)
{
	struct victim *v = ctx->priv;

	(void)flags;
	if (!n || (linear & 4095) + n > 4096)
		v->broken++;
	return UM_EMUL_OK;
}

static const struct um_emul_ops page_ops = {
	.seg = any_seg,
	.read = page_read,
	.write = page_write,
	.check = page_check,
};

/* String I/O of any shape into a buffer that fits exactly. */
static void random_pio(void)
{
	struct victim v;
	unsigned int i;

	for (i = 0; i < ROUNDS / 10 && tap_bad < TAP_SHOWN; i++) {
		struct um_emul_pio pio = {
			.in = random_below(2),
			.rep = random_below(2),
			.size = 1 << random_below(3),
			.addr_size = 2 << random_below(3),
			.seg = random_below(6),
			.insn_len = 1 + random_below(15),
		};
		unsigned int max = 1 + random_below(4096 / pio.size);
		enum um_emul_result result;
		unsigned int count, moved;
		u8 *data;

		pick_victim(&v);
		v.ctx.ops = &page_ops;
		result = um_emul_pio_prepare(&v.ctx, &pio, max, &count);
		if (result != UM_EMUL_AGAIN)
			continue;
		EXPECT(count >= 1 && count <= max, "round %u: count %u", i,
		       count);
		data = malloc(count * pio.size);
		memset(data, 0, count * pio.size);
		um_emul_pio_move(&v.ctx, &pio, data, count, &moved);
		EXPECT(moved == 0 || moved == count, "round %u: moved %u", i,
		       moved);
		free(data);
		EXPECT(!v.broken, "round %u: a promise was broken", i);
	}
}

int main(void)
{
	random_start(0x6d756872);
	TEST(random_code);
	TEST(random_pio);
	return tap_done();
}
