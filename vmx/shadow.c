// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow paging in the VMCS: which way the guest goes, EPT or shadow tables, and
 * on which root it goes the second.
 *
 * Registers may change several times before the next entry (user space sets
 * them one by one), so a change only leaves word in vmx->paging_changed, and
 * what follows from it follows when the vCPU is about to enter.
 */
#include <linux/slab.h>
#include "shadow.h"

/* Secondary controls of the way under EPT. */
#define EPT_CPU2 \
	(SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_UNRESTRICTED_GUEST)

static void free_vpids(struct um_context *ctx)
{
	int i;

	for (i = 0; i < UM_ROOTS && ctx->root[i].vpid; i++)
		um_vpid_free(ctx->root[i].vpid);
}

static int alloc_vpids(struct um_context *ctx)
{
	int i, vpid;

	for (i = 0; i < UM_ROOTS; i++) {
		vpid = um_vpid_alloc();
		if (vpid < 0)
			return vpid;
		ctx->root[i].vpid = vpid;
		ctx->root[i].tlb_seen = UM_TLB_NEVER;
	}
	return 0;
}

int um_engine_create(struct um_vmx *vmx)
{
	struct um_mmu *mmu = &vmx->vcpu.vm->mmu;
	struct um_context *ctx;
	int r;

	if (!mmu->shadow)
		return 0;
	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return -ENOMEM;
	r = um_context_init(ctx, mmu);
	if (r)
		goto err_free;
	r = alloc_vpids(ctx);
	if (r)
		goto err_vpids;
	vmx->ctx = ctx;
	return 0;

err_vpids:
	free_vpids(ctx);
	um_context_destroy(ctx);
err_free:
	kfree(ctx);
	return r;
}

void um_engine_destroy(struct um_vmx *vmx)
{
	if (!vmx->ctx)
		return;
	um_context_destroy(vmx->ctx);
	free_vpids(vmx->ctx);
	kfree(vmx->ctx);
}

/* The low two bits of a selector. */
#define RPL 3ul

static void set_rpl(struct um_vmx *vmx, unsigned long field, u32 rpl)
{
	unsigned long sel = vmx_read(vmx, field);

	if ((sel & RPL) != rpl)
		vmx_write(vmx, field, (sel & ~RPL) | rpl);
}

/*
 * Without "unrestricted guest" an entry wants segments as protected mode would
 * have loaded them (SDM, "Checks on Guest Segment Registers"). A guest that has
 * just turned on paging, and user space, may still have what real mode left:
 * code of a data type, and selectors whose low bits are no privilege level.
 * Correct those; the guest can see it only until it loads them anew.
 */
static void fix_segments(struct um_vmx *vmx)
{
	u32 cs = vmx_read(vmx, GUEST_CS_AR_BYTES);
	u32 cpl = VMX_AR_DPL(vmx_read(vmx, GUEST_SS_AR_BYTES));
	unsigned long sel;

	if (vmx_read(vmx, GUEST_RFLAGS) & X86_EFLAGS_VM)
		return;
	if (!(cs & VMX_AR_TYPE_CODE_MASK))
		vmx_write(vmx, GUEST_CS_AR_BYTES, cs | VMX_AR_TYPE_CODE_MASK);
	set_rpl(vmx, GUEST_CS_SELECTOR, cpl);
	set_rpl(vmx, GUEST_SS_SELECTOR, cpl);
	for (sel = GUEST_ES_SELECTOR; sel <= GUEST_GS_SELECTOR; sel += 2) {
		u32 ar = vmx_read(vmx, sel - GUEST_ES_SELECTOR +
					       GUEST_ES_AR_BYTES);

		if (sel == GUEST_CS_SELECTOR || sel == GUEST_SS_SELECTOR ||
		    ar & VMX_AR_UNUSABLE_MASK)
			continue;
		if (VMX_AR_DPL(ar) < (vmx_read(vmx, sel) & RPL))
			set_rpl(vmx, sel, VMX_AR_DPL(ar));
	}
}

/* Each way owes what the other paid while it was gone: flush_all. */
static void switch_way(struct um_vmx *vmx, bool shadow)
{
	vmx->shadow = shadow;
	vmx->root = NULL;
	vmx->root_pa = 0;
	vmx->flush_all = true;
	if (shadow) {
		vmx->cpu2 &= ~EPT_CPU2;
		vmx->segments_set = true;
	} else {
		vmx->cpu2 |= EPT_CPU2;
		/* Without paging nobody walks it. */
		vmx_write(vmx, GUEST_CR3, 0);
		vmx_write(vmx, VIRTUAL_PROCESSOR_ID, vmx->vpid);
	}
	vmx_write(vmx, SECONDARY_VM_EXEC_CONTROL, vmx->cpu2);
}

static void update(struct um_vmx *vmx)
{
	bool paging = vmx->cr0 & X86_CR0_PG;

	vmx->paging_changed = false;
	if (paging != vmx->shadow)
		switch_way(vmx, paging);
	if (!paging)
		return;
	if (vmx->segments_set)
		fix_segments(vmx);
	vmx->segments_set = false;
	um_paging_read(vmx, &vmx->ctx->paging);
	um_context_changed(vmx->ctx);
	/* The guest counts on its TLB being empty, of whichever root. */
	vmx->flush_guest = true;
}

static void load_root(struct um_vmx *vmx, struct um_root *root)
{
	if (root != vmx->root) {
		vmx_write(vmx, VIRTUAL_PROCESSOR_ID, root->vpid);
		vmx->root = root;
	}
	if (root->hpa != vmx->root_pa) {
		vmx_write(vmx, GUEST_CR3, root->hpa);
		vmx->root_pa = root->hpa;
	}
	WRITE_ONCE(vmx->tlb_seen, root->tlb_seen);
}

static int make_ready(struct um_vmx *vmx)
{
	/* Once for each vCPU: slots_lock orders what others did. */
	if (!vmx->has_rmaps && um_slots_shadow(vmx->vcpu.vm))
		return -ENOMEM;
	vmx->has_rmaps = true;
	switch (um_context_load(vmx->ctx)) {
	case UM_PF_NOMEM:
		return -ENOMEM;
	case UM_PF_FIXED:
		return UM_RESUME;
	default:
		return 0;
	}
}

/*
 * A root that is zapped from here on stays what it is until the next exit, but
 * empty: entered, it brings a page fault, and then a new one.
 */
int um_engine_prepare(struct um_vmx *vmx)
{
	struct um_context *ctx = vmx->ctx;

	if (unlikely(vmx->paging_changed))
		update(vmx);
	if (!vmx->shadow)
		return UM_RESUME;
	if (unlikely(!um_context_is_ready(ctx))) {
		int r = make_ready(vmx);

		if (r <= 0)
			return r;
	}
	load_root(vmx, um_context_root(ctx));
	return UM_RESUME;
}

/*
 * As for EPT, but what is flushed is the VPID of the root in use. What the CPU
 * remembers of the others is flushed when they are used: each has seen debts
 * of its own. On a new CPU, or when the guest flushed, none has.
 */
void um_engine_flush(struct um_vmx *vmx, u64 owed)
{
	struct um_root *root = vmx->root;
	int i;

	if (vmx->flush_all || vmx->flush_guest) {
		for (i = 0; i < UM_ROOTS; i++)
			vmx->ctx->root[i].tlb_seen = UM_TLB_NEVER;
		vmx->flush_all = false;
		vmx->flush_guest = false;
	}
	if (root->tlb_seen == owed)
		return;
	um_invvpid(root->vpid);
	root->tlb_seen = owed;
	WRITE_ONCE(vmx->tlb_seen, owed);
	vmx->vcpu.stat.tlb_flush++;
}
