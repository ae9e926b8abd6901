// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's registers for user space: KVM_GET/SET_REGS, SREGS, FPU, XSAVE,
 * XCRS (api.rst section 4).
 */
#include <asm/fpu/api.h>
#include <asm/fpu/xstate.h>
#include <linux/string.h>
#include "shadow.h"

void um_vmx_get_regs(struct um_vcpu *vcpu, struct kvm_regs *regs)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	u64 *gpr = vmx->world.gpr;

	um_vcpu_load(vmx);
	*regs = (struct kvm_regs){
		.rax = gpr[UM_RAX], .rbx = gpr[UM_RBX],
		.rcx = gpr[UM_RCX], .rdx = gpr[UM_RDX],
		.rsi = gpr[UM_RSI], .rdi = gpr[UM_RDI],
		.rsp = vmx_read(vmx, GUEST_RSP), .rbp = gpr[UM_RBP],
		.r8 = gpr[UM_R8], .r9 = gpr[UM_R9],
		.r10 = gpr[UM_R10], .r11 = gpr[UM_R11],
		.r12 = gpr[UM_R12], .r13 = gpr[UM_R13],
		.r14 = gpr[UM_R14], .r15 = gpr[UM_R15],
		.rip = vmx_read(vmx, GUEST_RIP),
		.rflags = um_debug_rflags(vmx),
	};
	um_vcpu_put(vmx);
}

int um_vmx_set_regs(struct um_vcpu *vcpu, const struct kvm_regs *regs)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	u64 *gpr = vmx->world.gpr;

	um_vcpu_load(vmx);
	gpr[UM_RAX] = regs->rax;
	gpr[UM_RBX] = regs->rbx;
	gpr[UM_RCX] = regs->rcx;
	gpr[UM_RDX] = regs->rdx;
	gpr[UM_RSI] = regs->rsi;
	gpr[UM_RDI] = regs->rdi;
	gpr[UM_RBP] = regs->rbp;
	gpr[UM_R8] = regs->r8;
	gpr[UM_R9] = regs->r9;
	gpr[UM_R10] = regs->r10;
	gpr[UM_R11] = regs->r11;
	gpr[UM_R12] = regs->r12;
	gpr[UM_R13] = regs->r13;
	gpr[UM_R14] = regs->r14;
	gpr[UM_R15] = regs->r15;
	vmx_write(vmx, GUEST_RSP, regs->rsp);
	vmx_write(vmx, GUEST_RIP, regs->rip);
	vmx_write(vmx, GUEST_RFLAGS, regs->rflags | X86_EFLAGS_FIXED);
	vmx->debug.step_rip = um_linear_rip(vmx);
	/* An exception of the code that was left goes with it. */
	if (!vmx->event.begun)
		vmx->event.pending = false;
	um_vcpu_put(vmx);
	return 0;
}

/* Where each segment stands: its VMCS selector field, its kvm_sregs member. */
static const struct segment_place {
	u16 field;
	u16 member;
} segments[] = {
	{ GUEST_ES_SELECTOR, offsetof(struct kvm_sregs, es) },
	{ GUEST_CS_SELECTOR, offsetof(struct kvm_sregs, cs) },
	{ GUEST_SS_SELECTOR, offsetof(struct kvm_sregs, ss) },
	{ GUEST_DS_SELECTOR, offsetof(struct kvm_sregs, ds) },
	{ GUEST_FS_SELECTOR, offsetof(struct kvm_sregs, fs) },
	{ GUEST_GS_SELECTOR, offsetof(struct kvm_sregs, gs) },
	{ GUEST_LDTR_SELECTOR, offsetof(struct kvm_sregs, ldt) },
	{ GUEST_TR_SELECTOR, offsetof(struct kvm_sregs, tr) },
};

static void get_segment(struct um_vmx *vmx, unsigned long sel,
			struct kvm_segment *s)
{
	unsigned long i = sel - GUEST_ES_SELECTOR;
	u32 ar = vmx_read(vmx, GUEST_ES_AR_BYTES + i);

	memset(s, 0, sizeof(*s));
	s->selector = vmx_read(vmx, GUEST_ES_SELECTOR + i);
	s->base = vmx_read(vmx, GUEST_ES_BASE + i);
	s->limit = vmx_read(vmx, GUEST_ES_LIMIT + i);
	s->unusable = !!(ar & VMX_AR_UNUSABLE_MASK);
	s->type = ar & VMX_AR_TYPE_MASK;
	s->s = !!(ar & VMX_AR_S_MASK);
	s->dpl = VMX_AR_DPL(ar);
	/* An unusable segment reads as not present (as KVM has it). */
	s->present = !s->unusable;
	s->avl = !!(ar & BIT(12));
	s->l = !!(ar & VMX_AR_L_MASK);
	s->db = !!(ar & VMX_AR_DB_MASK);
	s->g = !!(ar & VMX_AR_G_MASK);
}

static void set_segment(struct um_vmx *vmx, unsigned long sel,
			const struct kvm_segment *s)
{
	unsigned long i = sel - GUEST_ES_SELECTOR;
	u32 ar;

	/* SS's DPL is the CPL even where SS is unusable: keep all bits. */
	ar = (s->type & VMX_AR_TYPE_MASK) | (s->s & 1) << 4 |
	     (s->dpl & 3) << VMX_AR_DPL_SHIFT | (s->present & 1) << 7 |
	     (s->avl & 1) << 12 | (s->l & 1) << 13 |
	     (s->db & 1) << 14 | (s->g & 1) << 15;
	if (s->unusable || !s->present)
		ar |= VMX_AR_UNUSABLE_MASK;
	/*
	 * The CPU wants the accessed bit of every usable code or data segment
	 * set; clients leave it out.
	 */
	if (sel < GUEST_LDTR_SELECTOR)
		ar |= VMX_AR_TYPE_ACCESSES_MASK;
	vmx_write(vmx, GUEST_ES_SELECTOR + i, s->selector);
	vmx_write(vmx, GUEST_ES_BASE + i, s->base);
	vmx_write(vmx, GUEST_ES_LIMIT + i, s->limit);
	vmx_write(vmx, GUEST_ES_AR_BYTES + i, ar);
}

void um_vmx_get_sregs(struct um_vcpu *vcpu, struct kvm_sregs *sregs)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	int i;

	memset(sregs, 0, sizeof(*sregs));
	um_vcpu_load(vmx);
	for (i = 0; i < ARRAY_SIZE(segments); i++)
		get_segment(vmx, segments[i].field,
			    (void *)sregs + segments[i].member);
	sregs->gdt.base = vmx_read(vmx, GUEST_GDTR_BASE);
	sregs->gdt.limit = vmx_read(vmx, GUEST_GDTR_LIMIT);
	sregs->idt.base = vmx_read(vmx, GUEST_IDTR_BASE);
	sregs->idt.limit = vmx_read(vmx, GUEST_IDTR_LIMIT);
	sregs->cr0 = um_cr0_get(vmx);
	sregs->cr2 = vmx->world.cr2;
	sregs->cr3 = um_cr3_get(vmx);
	sregs->cr4 = um_cr4_get(vmx);
	sregs->cr8 = um_cr8_get(vmx);
	sregs->efer = vmx->efer;
	sregs->apic_base = um_apic_base_get(vmx);
	um_event_bitmap_get(vmx, (unsigned long *)sregs->interrupt_bitmap);
	um_vcpu_put(vmx);
}

void um_vmx_vcpu_load(struct um_vcpu *vcpu)
{
	um_vcpu_load(to_vmx(vcpu));
}

void um_vmx_vcpu_put(struct um_vcpu *vcpu)
{
	um_vcpu_put(to_vmx(vcpu));
}

/* SDM, "Processor State After Reset": INIT leaves MSRs, FPU and TSC alone. */
void um_vmx_reset(struct um_vcpu *vcpu)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	unsigned long cache = vmx->cr0 & (X86_CR0_NW | X86_CR0_CD);

	memset(vmx->world.gpr, 0, sizeof(vmx->world.gpr));
	vmx->world.gpr[UM_RDX] = boot_cpu_data.x86 << 8;
	vmx->world.cr2 = 0;
	memset(vmx->dr, 0, sizeof(vmx->dr));
	um_vmcs_reset(vmx);
	um_cr0_write(vmx, cache | X86_CR0_ET);
	vmx->event.pending = false;
	vmx->event.begun = false;
	vmx->stepped = false;
	atomic_set(&vmx->nmis, 0);
	vmx->flush_guest = true;
	vmx->segments_set = true;
	vmx->paging_changed = !!vmx->ctx;
}

void um_vmx_start(struct um_vcpu *vcpu, u8 vector)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	vmx_write(vmx, GUEST_CS_SELECTOR, vector << 8);
	vmx_write(vmx, GUEST_CS_BASE, vector << 12);
	vmx_write(vmx, GUEST_RIP, 0);
}

/* What a MOV to CR3 would refuse: address bits the CPU does not have. */
static bool cr3_valid(struct um_vmx *vmx, u64 cr3)
{
	return !(cr3 >> vmx->maxphyaddr);
}

/*
 * What KVM refuses is refused whole (EINVAL, nothing changed): modes that
 * contradict each other, and bits that this guest's CR0, CR4 and APIC base do
 * not have. What it lets pass, no entry accepts: KVM_RUN then says so.
 */
static bool sregs_valid(struct um_vmx *vmx, const struct kvm_sregs *s)
{
	bool lme = s->efer & EFER_LME, lma = s->efer & EFER_LMA;

	if (!um_cr4_valid(vmx, s->cr4) || !um_cr0_valid(vmx, s->cr0) ||
	    !um_apic_base_valid(vmx, s->apic_base, true))
		return false;
	if (lme && (s->cr0 & X86_CR0_PG)) {
		if (!(s->cr4 & X86_CR4_PAE) || !lma || !cr3_valid(vmx, s->cr3))
			return false;
	} else if (lma || s->cs.l) {
		/* 64-bit code without long mode */
		return false;
	}
	return true;
}

int um_vmx_set_sregs(struct um_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	int err = -EINVAL, i;

	/* Who sets these may have written the guest's tables, too. */
	if (vmx->ctx)
		um_mmu_forget_tables(&vcpu->vm->mmu);
	um_vcpu_load(vmx);
	if (!sregs_valid(vmx, sregs))
		goto out;
	/* PDPTEs that cannot be loaded leave the old ones, as with KVM. */
	if (um_is_pae(sregs->cr0, sregs->cr4, sregs->efer))
		um_pdptrs_load(vmx, sregs->cr3);
	err = 0;
	for (i = 0; i < ARRAY_SIZE(segments); i++)
		set_segment(vmx, segments[i].field,
			    (const void *)sregs + segments[i].member);
	vmx_write(vmx, GUEST_GDTR_BASE, sregs->gdt.base);
	vmx_write(vmx, GUEST_GDTR_LIMIT, sregs->gdt.limit);
	vmx_write(vmx, GUEST_IDTR_BASE, sregs->idt.base);
	vmx_write(vmx, GUEST_IDTR_LIMIT, sregs->idt.limit);
	um_efer_write(vmx, sregs->efer);
	um_cr0_write(vmx, sregs->cr0);
	um_cr4_write(vmx, sregs->cr4);
	um_cr3_write(vmx, sregs->cr3);
	vmx->world.cr2 = sregs->cr2;
	/* As KVM: a task priority that does not exist changes nothing. */
	if (sregs->cr8 < 16)
		um_cr8_put(vmx, sregs->cr8);
	if (vcpu->apic)
		um_apic_set_msr(vcpu, MSR_IA32_APICBASE, sregs->apic_base);
	else
		vmx->apic_base = sregs->apic_base;
	um_event_bitmap_set(vmx, (const unsigned long *)sregs->interrupt_bitmap);
	vmx->flush_guest = true;
	vmx->segments_set = true;
	vmx->paging_changed = !!vmx->ctx;
out:
	um_vcpu_put(vmx);
	return err;
}

/*
 * FPU state lives in the guest's fpstate while its thread is out of KVM_RUN,
 * which holds vcpu->mutex; all callers do.
 */
void um_vmx_get_fpu(struct um_vcpu *vcpu, struct kvm_fpu *fpu)
{
	struct fxregs_state *fx = &to_vmx(vcpu)->fpu.fpstate->regs.fxsave;

	memset(fpu, 0, sizeof(*fpu));
	memcpy(fpu->fpr, fx->st_space, 128);
	fpu->fcw = fx->cwd;
	fpu->fsw = fx->swd;
	fpu->ftwx = fx->twd;
	fpu->last_opcode = fx->fop;
	fpu->last_ip = fx->rip;
	fpu->last_dp = fx->rdp;
	memcpy(fpu->xmm, fx->xmm_space, sizeof(fx->xmm_space));
	fpu->mxcsr = fx->mxcsr;
}

/* MXCSR stays what it is, as in KVM, whose clients leave it zero here. */
int um_vmx_set_fpu(struct um_vcpu *vcpu, const struct kvm_fpu *fpu)
{
	struct fpstate *fps = to_vmx(vcpu)->fpu.fpstate;
	struct fxregs_state *fx = &fps->regs.fxsave;

	memcpy(fx->st_space, fpu->fpr, 128);
	fx->cwd = fpu->fcw;
	fx->swd = fpu->fsw;
	fx->twd = fpu->ftwx;
	fx->fop = fpu->last_opcode;
	fx->rip = fpu->last_ip;
	fx->rdp = fpu->last_dp;
	memcpy(fx->xmm_space, fpu->xmm, sizeof(fx->xmm_space));
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		fps->regs.xsave.header.xfeatures |= XFEATURE_MASK_FPSSE;
	return 0;
}

void um_vmx_get_xsave(struct um_vcpu *vcpu, struct kvm_xsave *xsave)
{
	fpu_copy_guest_fpstate_to_uabi(&to_vmx(vcpu)->fpu, xsave->region,
				       sizeof(xsave->region),
				       to_vmx(vcpu)->xcr0_allowed, 0);
}

int um_vmx_set_xsave(struct um_vcpu *vcpu, const struct kvm_xsave *xsave)
{
	/*
	 * Only what some guest can have: the kernel would store PKRU through
	 * the last argument without asking whether there is one.
	 */
	return fpu_copy_uabi_to_guest_fpstate(&to_vmx(vcpu)->fpu, xsave->region,
					      um_host_xcr0 & UM_XCR0_GUEST,
					      NULL);
}

void um_vmx_get_xcrs(struct um_vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	memset(xcrs, 0, sizeof(*xcrs));
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].xcr = 0;
	xcrs->xcrs[0].value = to_vmx(vcpu)->xcr0;
}

int um_vmx_set_xcrs(struct um_vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	u32 i;

	if (xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++) {
		if (xcrs->xcrs[i].xcr)
			continue;
		if (!um_xcr0_valid(vmx, xcrs->xcrs[i].value))
			return -EINVAL;
		um_xcr0_write(vmx, xcrs->xcrs[i].value);
		break;
	}
	return 0;
}

void um_vmx_cpuid_changed(struct um_vcpu *vcpu)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	um_cr_cpuid_changed(vmx);
	if (vcpu->apic)
		um_apic_cpuid_changed(vcpu);
	/* A guest that is not offered RDTSCP must not read our TSC_AUX. */
	vmx->cpu2 |= um_caps.cpu2 & (SECONDARY_EXEC_ENABLE_RDTSCP |
				     SECONDARY_EXEC_ENABLE_INVPCID);
	if (!vmx->has_rdtscp)
		vmx->cpu2 &= ~SECONDARY_EXEC_ENABLE_RDTSCP;
	if (!vmx->has_invpcid)
		vmx->cpu2 &= ~SECONDARY_EXEC_ENABLE_INVPCID;
	um_vcpu_load(vmx);
	vmx_write(vmx, SECONDARY_VM_EXEC_CONTROL, vmx->cpu2);
	um_vcpu_put(vmx);
}
