// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator's hands in this vCPU: segments from the VMCS, linear addresses
 * through the guest's own tables, guest memory through the slots, and MMIO
 * through user space.
 *
 * An MMIO read stops the instruction before it changed anything; user space
 * supplies the bytes (KVM_EXIT_MMIO) and the instruction runs again from its
 * start, finding them in vmx->mmio. Writes are posted: the instruction
 * retires and its writes go out one exit each before the guest goes on.
 */
#include <linux/minmax.h>
#include <linux/string.h>
#include <umbra/irq.h>
#include "emul.h"
#include "shadow.h"

static struct um_vmx *ctx_to_vmx(struct um_emul_ctx *ctx)
{
	return ctx->priv;
}

static struct um_soft *ctx_to_soft(struct um_emul_ctx *ctx)
{
	return container_of(ctx, struct um_soft, ctx);
}

static void op_seg(struct um_emul_ctx *ctx, enum um_emul_sreg which,
		   struct um_emul_segment *seg)
{
	struct um_vmx *vmx = ctx_to_vmx(ctx);
	unsigned long i = 2 * which;

	seg->selector = vmx_read(vmx, GUEST_ES_SELECTOR + i);
	seg->base = vmx_read(vmx, GUEST_ES_BASE + i);
	seg->limit = vmx_read(vmx, GUEST_ES_LIMIT + i);
	seg->attrs = vmx_read(vmx, GUEST_ES_AR_BYTES + i);
}

/* Linear to guest-physical for one access that stays within a page. */
static enum um_emul_rc translate(struct um_emul_ctx *ctx, u64 linear,
				 u32 access, gpa_t *gpa)
{
	bool user = ctx->cpl == 3;
	struct um_guest_walk walk;

	if ((access & UM_WALK_FETCH) &&
	    um_engine_fetch(ctx_to_vmx(ctx), linear, user, gpa))
		return UM_EMUL_OK;
	if (user)
		access |= UM_WALK_USER;
	switch (um_guest_walk(&ctx_to_soft(ctx)->paging, linear, access,
			      &walk)) {
	case UM_WALK_OK:
		*gpa = walk.gpa;
		return UM_EMUL_OK;
	case UM_WALK_FAULT:
	case UM_WALK_NOWHERE:
		ctx->exc = (struct um_emul_exception){
			.vector = X86_TRAP_PF,
			.has_error = true,
			.error_code = walk.error_code,
			.cr2 = linear,
		};
		return UM_EMUL_FAULT;
	case UM_WALK_RETRY:
		break;
	}
	return UM_EMUL_RETRY;
}

/*
 * Guest memory was not there although it is memory (or, for code, was not
 * there at all). If that is no longer so, a slot came or went between two
 * looks, and the instruction is run again.
 */
static enum um_emul_rc slot_moved(struct um_vmx *vmx, gpa_t gpa, bool write,
				  bool was_mmio)
{
	return um_guest_is_mmio(vmx->vcpu.vm, gpa, write) == was_mmio ?
		       UM_EMUL_UNHANDLED :
		       UM_EMUL_RETRY;
}

static enum um_emul_rc op_fetch(struct um_emul_ctx *ctx, u64 linear, void *buf,
				unsigned int n)
{
	struct um_vmx *vmx = ctx_to_vmx(ctx);
	enum um_emul_rc rc;
	gpa_t gpa;

	rc = translate(ctx, linear, UM_WALK_FETCH, &gpa);
	if (rc != UM_EMUL_OK)
		return rc;
	if (um_guest_read(vmx->vcpu.vm, gpa, buf, n))
		return slot_moved(vmx, gpa, false, true);
	return UM_EMUL_OK;
}

/* @n bytes of MMIO at @gpa in pieces of at most 8. */
static enum um_emul_rc mmio_read(struct um_vmx *vmx, gpa_t gpa, u8 *buf,
				 unsigned int n)
{
	struct um_mmio *m = &vmx->mmio;

	while (n) {
		unsigned int len = min(n, 8u);
		struct um_mmio_frag *frag;

		if (m->next == UM_MMIO_FRAGS)
			return UM_EMUL_UNHANDLED;
		frag = &m->read[m->next];
		if (m->next == m->nread) {
			frag->gpa = gpa;
			frag->len = len;
			if (!um_bus_read(&vmx->vcpu, UM_BUS_MMIO, gpa, len,
					 frag->data))
				return UM_EMUL_IO;
			m->nread++;
		}
		/* The guest changed its mind in between: ask again. */
		if (frag->gpa != gpa || frag->len != len) {
			m->nread = m->next;
			continue;
		}
		memcpy(buf, frag->data, len);
		m->next++;
		gpa += len;
		buf += len;
		n -= len;
	}
	return UM_EMUL_OK;
}

static enum um_emul_rc mmio_write(struct um_emul_ctx *ctx, gpa_t gpa,
				  const u8 *buf, unsigned int n)
{
	struct um_mmio *m = &ctx_to_vmx(ctx)->mmio;

	while (n) {
		unsigned int len = min(n, 8u);

		if (m->nwrite == UM_MMIO_FRAGS)
			return UM_EMUL_UNHANDLED;
		m->write[m->nwrite].gpa = gpa;
		m->write[m->nwrite].len = len;
		memcpy(m->write[m->nwrite].data, buf, len);
		m->nwrite++;
		gpa += len;
		buf += len;
		n -= len;
	}
	ctx->stop = true;
	return UM_EMUL_OK;
}

static enum um_emul_rc op_read(struct um_emul_ctx *ctx, u64 linear, void *buf,
			       unsigned int n, unsigned int flags)
{
	u32 access = flags & UM_EMUL_WRITE ? UM_WALK_WRITE : 0;
	struct um_vmx *vmx = ctx_to_vmx(ctx);
	enum um_emul_rc rc;
	gpa_t gpa;

	rc = translate(ctx, linear, access, &gpa);
	if (rc != UM_EMUL_OK)
		return rc;
	if (um_guest_is_mmio(vmx->vcpu.vm, gpa, false))
		return mmio_read(vmx, gpa, buf, n);
	if (um_guest_read(vmx->vcpu.vm, gpa, buf, n))
		return slot_moved(vmx, gpa, false, false);
	return UM_EMUL_OK;
}

/* Where there are shadow tables, they hear of it. As um_guest_write(). */
static int write_memory(struct um_vmx *vmx, gpa_t gpa, const void *buf,
			unsigned int n)
{
	struct um_vm *vm = vmx->vcpu.vm;
	int r;

	if (!vmx->ctx)
		return um_guest_write(vm, gpa, buf, n);
	um_context_write_begin(vmx->ctx, gpa, n);
	r = um_guest_write(vm, gpa, buf, n);
	um_context_write_end(vmx->ctx);
	return r;
}

/* As um_guest_cmpxchg(). */
static int cmpxchg_memory(struct um_vmx *vmx, gpa_t gpa, void *old,
			  const void *new, unsigned int n)
{
	struct um_vm *vm = vmx->vcpu.vm;
	int r;

	if (!vmx->ctx)
		return um_guest_cmpxchg(vm, gpa, old, new, n);
	um_context_write_begin(vmx->ctx, gpa, n);
	r = um_guest_cmpxchg(vm, gpa, old, new, n);
	um_context_write_end(vmx->ctx);
	return r;
}

static enum um_emul_rc op_write(struct um_emul_ctx *ctx, u64 linear,
				const void *buf, unsigned int n)
{
	struct um_vmx *vmx = ctx_to_vmx(ctx);
	enum um_emul_rc rc;
	gpa_t gpa;

	rc = translate(ctx, linear, UM_WALK_WRITE, &gpa);
	if (rc != UM_EMUL_OK)
		return rc;
	if (!write_memory(vmx, gpa, buf, n)) {
		/* A page that is cleared may be no table any more. */
		ctx->stop |= !!vmx->ctx;
		return UM_EMUL_OK;
	}
	if (um_guest_is_mmio(vmx->vcpu.vm, gpa, true))
		return mmio_write(ctx, gpa, buf, n);
	return slot_moved(vmx, gpa, true, false);
}

static enum um_emul_rc op_cmpxchg(struct um_emul_ctx *ctx, u64 linear,
				  const void *old, const void *new,
				  unsigned int n)
{
	struct um_vmx *vmx = ctx_to_vmx(ctx);
	enum um_emul_rc rc;
	u8 expect[16];
	gpa_t gpa;
	int r;

	rc = translate(ctx, linear, UM_WALK_WRITE, &gpa);
	if (rc != UM_EMUL_OK)
		return rc;
	if (um_guest_is_mmio(vmx->vcpu.vm, gpa, true))
		return mmio_write(ctx, gpa, new, n);
	/* Misaligned atomics do not exist on memory we share by pieces. */
	if (gpa & (n - 1))
		return op_write(ctx, linear, new, n);
	memcpy(expect, old, n);
	r = cmpxchg_memory(vmx, gpa, expect, new, n);
	if (r < 0)
		return slot_moved(vmx, gpa, true, false);
	return r ? UM_EMUL_RETRY : UM_EMUL_OK;
}

static enum um_emul_rc op_check(struct um_emul_ctx *ctx, u64 linear,
				unsigned int n, unsigned int flags)
{
	gpa_t gpa;

	return translate(ctx, linear,
			 flags & UM_EMUL_WRITE ? UM_WALK_WRITE : 0, &gpa);
}

static void op_commit(struct um_emul_ctx *ctx)
{
	struct um_vmx *vmx = ctx_to_vmx(ctx);

	ctx_to_soft(ctx)->committed = true;
	vmx->mmio.nread = 0;
	vmx->mmio.next = 0;
}

static const struct um_emul_ops ops = {
	.seg = op_seg,
	.fetch = op_fetch,
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.check = op_check,
	.commit = op_commit,
};

void um_soft_begin(struct um_vmx *vmx, struct um_soft *e)
{
	memset(&e->ctx, 0, sizeof(e->ctx));
	um_paging_read(vmx, &e->paging);
	memcpy(e->regs.gpr, vmx->world.gpr, sizeof(e->regs.gpr));
	e->regs.gpr[UM_RSP] = vmx_read(vmx, GUEST_RSP);
	e->regs.rip = vmx_read(vmx, GUEST_RIP);
	e->regs.rflags = e->paging.rflags;
	e->committed = false;
	e->ctx.ops = &ops;
	e->ctx.priv = vmx;
	e->ctx.regs = &e->regs;
	e->ctx.cr0 = e->paging.cr0;
	e->ctx.cr4 = e->paging.cr4;
	e->ctx.efer = e->paging.efer;
	e->ctx.cpl = VMX_AR_DPL(vmx_read(vmx, GUEST_SS_AR_BYTES));
	vmx->mmio.next = 0;
	vmx->mmio.rip = e->regs.rip;
	vmx->l1d_dirty = true;
	vmx->vcpu.stat.insn_emulated++;
}

static void write_back(struct um_vmx *vmx, struct um_soft *e)
{
	memcpy(vmx->world.gpr, e->regs.gpr, sizeof(e->regs.gpr));
	vmx_write(vmx, GUEST_RSP, e->regs.gpr[UM_RSP]);
	vmx_write(vmx, GUEST_RIP, e->regs.rip);
	vmx_write(vmx, GUEST_RFLAGS, e->regs.rflags);
}

static void inject(struct um_vmx *vmx, const struct um_emul_exception *exc)
{
	if (exc->vector == X86_TRAP_PF)
		vmx->world.cr2 = exc->cr2;
	if (exc->has_error)
		um_inject_error(vmx, exc->vector, exc->error_code);
	else
		um_inject(vmx, exc->vector);
}

static void to_user(struct um_vmx *vmx, struct um_mmio_frag *frag, bool write)
{
	struct kvm_run *run = vmx->vcpu.run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = frag->gpa;
	run->mmio.len = frag->len;
	run->mmio.is_write = write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (write)
		memcpy(run->mmio.data, frag->data, frag->len);
	vmx->vcpu.stat.mmio_exits++;
}

static int complete_read(struct um_vmx *vmx)
{
	struct um_mmio *m = &vmx->mmio;

	memcpy(m->read[m->nread].data, vmx->vcpu.run->mmio.data,
	       m->read[m->nread].len);
	m->nread++;
	/* User space may have moved the guest elsewhere while it had it. */
	if (vmx_read(vmx, GUEST_RIP) != m->rip) {
		m->nread = 0;
		return UM_RESUME;
	}
	return um_emulate_mmio(vmx);
}

/* Posted writes go out one by one; then the guest goes on. */
static int next_write(struct um_vmx *vmx)
{
	struct um_mmio *m = &vmx->mmio;

	while (m->written < m->nwrite) {
		struct um_mmio_frag *frag = &m->write[m->written++];

		if (um_bus_write(&vmx->vcpu, UM_BUS_MMIO, frag->gpa, frag->len,
				 frag->data))
			continue;
		to_user(vmx, frag, true);
		vmx->complete = next_write;
		return UM_USER;
	}
	m->written = 0;
	m->nwrite = 0;
	return UM_RESUME;
}

int um_soft_end(struct um_vmx *vmx, struct um_soft *e,
		enum um_emul_result res)
{
	if (e->committed)
		write_back(vmx, e);
	switch (res) {
	case UM_EMUL_DONE:
		um_insn_done(vmx);
		return next_write(vmx);
	case UM_EMUL_AGAIN:
		return next_write(vmx);
	case UM_EMUL_EXCEPTION:
		/* If it runs again it asks again. */
		vmx->mmio.nread = 0;
		inject(vmx, &e->ctx.exc);
		return next_write(vmx);
	case UM_EMUL_IO_NEEDED:
		to_user(vmx, &vmx->mmio.read[vmx->mmio.nread], false);
		vmx->complete = complete_read;
		return UM_USER;
	case UM_EMUL_UNKNOWN:
		break;
	}
	vmx->mmio.nread = 0;
	vmx->mmio.nwrite = 0;
	return um_exit_unknown_insn(vmx, e->ctx.insn, e->ctx.insn_len);
}

u64 um_vmx_mmio_rip(const struct um_vcpu *vcpu)
{
	return container_of(vcpu, struct um_vmx, vcpu)->mmio.rip;
}

int um_emulate_mmio(struct um_vmx *vmx)
{
	struct um_soft e;

	um_soft_begin(vmx, &e);
	return um_soft_end(vmx, &e, um_emulate(&e.ctx));
}
