// SPDX-License-Identifier: GPL-2.0
/* The emulator's callbacks on one array: see flat.h. */
#include "flat.h"

#include <string.h>

#define PF_VECTOR 14

static struct flat *flat_of(struct um_emul_ctx *ctx)
{
	return ctx->priv;
}

static void flat_seg(struct um_emul_ctx *ctx, enum um_emul_sreg which,
		     struct um_emul_segment *seg)
{
	*seg = flat_of(ctx)->seg[which];
}

static enum um_emul_rc page_fault(struct um_emul_ctx *ctx, u64 linear,
				  u32 error_code)
{
	memset(&ctx->exc, 0, sizeof(ctx->exc));
	ctx->exc.vector = PF_VECTOR;
	ctx->exc.has_error = true;
	ctx->exc.error_code = error_code;
	ctx->exc.cr2 = linear;
	return UM_EMUL_FAULT;
}

/* On OK *ptr is the memory, or NULL if it is MMIO. */
static enum um_emul_rc flat_access(struct um_emul_ctx *ctx, u64 linear,
				   unsigned int n, unsigned int flags,
				   u8 **ptr)
{
	struct flat *f = flat_of(ctx);
	u64 offset = linear - f->base;
	enum flat_page page;

	if (!(f->seg[UM_SREG_CS].attrs & UM_SEG_L) || !ctx->efer) {
		if (linear >> 32)
			f->stray++;
		offset = (u32)offset;	/* the array may wrap at 4 GiB */
	}
	if (offset >= FLAT_SIZE || n > 4096 - (offset & 4095)) {
		f->stray++;
		return UM_EMUL_UNHANDLED;
	}
	page = f->page[offset / 4096];
	if (page == FLAT_ABSENT)
		return page_fault(ctx, linear, flags & UM_EMUL_WRITE ? 2 : 0);
	if (page == FLAT_READONLY && (flags & UM_EMUL_WRITE))
		return page_fault(ctx, linear, 3);
	*ptr = page == FLAT_MMIO ? NULL : f->mem + offset;
	return UM_EMUL_OK;
}

static enum um_emul_rc flat_fetch(struct um_emul_ctx *ctx, u64 linear,
				  void *buf, unsigned int n)
{
	struct flat *f = flat_of(ctx);
	u64 offset = linear - f->code_base;

	if ((linear & 4095) + n > 4096)
		f->stray++;
	if (offset >= f->code_size)
		return page_fault(ctx, linear, 0x10);
	memset(buf, 0xcc, n);
	memcpy(buf, f->code + offset,
	       n < f->code_size - offset ? n : f->code_size - offset);
	return UM_EMUL_OK;
}

u8 flat_device_byte(u64 linear)
{
	return linear * 37 + 0x5a;
}

static enum um_emul_rc mmio_read(struct flat *f, u64 linear, void *buf,
				 unsigned int n)
{
	struct flat_io *io;

	if (f->next_read < f->nr_reads) {
		io = &f->reads[f->next_read++];
		if (io->linear != linear || io->n != n)
			f->stray++;
		memcpy(buf, io->data, n);
		return UM_EMUL_OK;
	}
	io = &f->reads[f->nr_reads];
	io->linear = linear;
	io->n = n;
	f->read_pending = true;
	return UM_EMUL_IO;
}

static enum um_emul_rc flat_read(struct um_emul_ctx *ctx, u64 linear, void *buf,
				 unsigned int n, unsigned int flags)
{
	enum um_emul_rc rc;
	u8 *ptr;

	rc = flat_access(ctx, linear, n, flags, &ptr);
	if (rc != UM_EMUL_OK)
		return rc;
	if (!ptr)
		return mmio_read(flat_of(ctx), linear, buf, n);
	memcpy(buf, ptr, n);
	return UM_EMUL_OK;
}

static enum um_emul_rc flat_write(struct um_emul_ctx *ctx, u64 linear,
				  const void *buf, unsigned int n)
{
	struct flat *f = flat_of(ctx);
	enum um_emul_rc rc;
	u8 *ptr;

	rc = flat_access(ctx, linear, n, UM_EMUL_WRITE, &ptr);
	if (rc != UM_EMUL_OK)
		return rc;
	if (ptr) {
		memcpy(ptr, buf, n);
		return UM_EMUL_OK;
	}
	if (f->nr_writes < FLAT_QUEUE && n <= 16) {
		struct flat_io *io = &f->writes[f->nr_writes++];

		io->linear = linear;
		io->n = n;
		memcpy(io->data, buf, n);
	} else {
		f->stray++;
	}
	if (f->stop_on_write)
		ctx->stop = true;
	return UM_EMUL_OK;
}

static enum um_emul_rc flat_cmpxchg(struct um_emul_ctx *ctx, u64 linear,
				    const void *old, const void *new,
				    unsigned int n)
{
	struct flat *f = flat_of(ctx);
	enum um_emul_rc rc;
	u8 *ptr;

	f->nr_cmpxchg++;
	rc = flat_access(ctx, linear, n, UM_EMUL_WRITE, &ptr);
	if (rc != UM_EMUL_OK)
		return rc;
	if (!ptr)
		return flat_write(ctx, linear, new, n);
	if (f->fail_cmpxchg) {
		f->fail_cmpxchg--;
		return UM_EMUL_RETRY;
	}
	if (memcmp(ptr, old, n))
		return UM_EMUL_RETRY;
	memcpy(ptr, new, n);
	return UM_EMUL_OK;
}

static enum um_emul_rc flat_check(struct um_emul_ctx *ctx, u64 linear,
				  unsigned int n, unsigned int flags)
{
	u8 *ptr;

	return flat_access(ctx, linear, n, flags, &ptr);
}

static void flat_commit(struct um_emul_ctx *ctx)
{
	struct flat *f = flat_of(ctx);

	f->nr_commits++;
	f->nr_reads = 0;
	f->next_read = 0;
}

static const struct um_emul_ops flat_ops = {
	.seg = flat_seg,
	.fetch = flat_fetch,
	.read = flat_read,
	.write = flat_write,
	.cmpxchg = flat_cmpxchg,
	.check = flat_check,
	.commit = flat_commit,
};

void flat_init(struct flat *f, enum flat_mode mode, u64 base)
{
	static const u32 limit[] = { 0xffff, 0xffff, 0xffff, ~0u, ~0u };
	u32 size = mode == FLAT_32 ? UM_SEG_DB : 0;
	unsigned int i;

	memset(f, 0, sizeof(*f));
	f->base = base;
	for (i = 0; i < 6; i++) {
		f->seg[i].limit = limit[mode];
		f->seg[i].attrs = UM_SEG_P | UM_SEG_S | UM_SEG_TYPE_WRITE |
				  size | 1;
	}
	f->seg[UM_SREG_CS].attrs |= UM_SEG_TYPE_CODE;
	if (mode == FLAT_64)
		f->seg[UM_SREG_CS].attrs |= UM_SEG_L;
	f->regs.rflags = 2;
	if (mode == FLAT_VM86)
		f->regs.rflags |= 1 << 17;
	f->ctx.ops = &flat_ops;
	f->ctx.priv = f;
	f->ctx.regs = &f->regs;
	f->ctx.cr0 = mode == FLAT_REAL ? 0 : 0x80000001;
	f->ctx.efer = mode == FLAT_64 ? 0x500 : 0;
}

void flat_code(struct flat *f, u64 linear, const void *code, unsigned int n)
{
	f->code_base = linear;
	f->code = code;
	f->code_size = n;
	f->regs.rip = linear - f->seg[UM_SREG_CS].base;
}

enum um_emul_result flat_run(struct flat *f)
{
	enum um_emul_result result;
	unsigned int i;

	for (;;) {
		f->next_read = 0;
		f->read_pending = false;
		result = um_emulate(&f->ctx);
		if (result != UM_EMUL_IO_NEEDED || !f->read_pending ||
		    f->nr_reads == FLAT_QUEUE - 1)
			return result;
		for (i = 0; i < f->reads[f->nr_reads].n; i++)
			f->reads[f->nr_reads].data[i] = flat_device_byte(
				f->reads[f->nr_reads].linear + i);
		f->nr_reads++;
	}
}

u64 flat_get(const struct flat *f, u64 offset, unsigned int n)
{
	u64 val = 0;

	memcpy(&val, f->mem + offset, n);
	return val;
}

void flat_set(struct flat *f, u64 offset, u64 val, unsigned int n)
{
	memcpy(f->mem + offset, &val, n);
}
