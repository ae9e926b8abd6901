// SPDX-License-Identifier: GPL-2.0
/*
 * Control and debug registers, XCR0, and what paging modes ask of them.
 *
 * The guest owns the CR bits that change nothing for us; it reads and writes
 * those without an exit. The others exit, are checked as the CPU would check
 * them, and live in vmx->cr0 and vmx->cr4.
 */
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <asm/msr.h>
#include <umbra/guest_walk.h>
#include "shadow.h"

/* WP only without the shadow engine, which has it always on. */
#define CR0_OWNED                                                         \
	(X86_CR0_TS | X86_CR0_WP | X86_CR0_MP | X86_CR0_EM | X86_CR0_AM)
#define CR0_KNOWN                                                         \
	(CR0_OWNED | X86_CR0_PE | X86_CR0_ET | X86_CR0_NE | X86_CR0_NW |  \
	 X86_CR0_CD | X86_CR0_PG)
/* Never on in the guest's real CR0, whatever it sees. */
#define CR0_HIDDEN (X86_CR0_CD | X86_CR0_NW)

#define CR4_OWNED                                                         \
	(X86_CR4_PVI | X86_CR4_DE | X86_CR4_PCE | X86_CR4_OSFXSR |        \
	 X86_CR4_OSXMMEXCPT | X86_CR4_TSD | X86_CR4_VME)
#define CR4_KNOWN                                                         \
	(CR4_OWNED | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE |            \
	 X86_CR4_PGE | X86_CR4_UMIP | X86_CR4_LA57 | X86_CR4_FSGSBASE |   \
	 X86_CR4_PCIDE | X86_CR4_OSXSAVE | X86_CR4_SMEP | X86_CR4_SMAP)
/* On shadow tables nothing is global, and all of ours have PAE's format. */
#define CR4_SHADOW_OFF (X86_CR4_PGE | X86_CR4_PCIDE)
/* Changing one of these flushes the TLB and reloads the PDPTEs. */
#define CR4_PAGING                                                        \
	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_SMEP |         \
	 X86_CR4_SMAP | X86_CR4_PCIDE | X86_CR4_LA57)

static unsigned long cr0_owned(struct um_vmx *vmx)
{
	return vmx->ctx ? CR0_OWNED & ~X86_CR0_WP : CR0_OWNED;
}

unsigned long um_cr0_get(struct um_vmx *vmx)
{
	unsigned long owned = cr0_owned(vmx);

	return (vmx_read(vmx, GUEST_CR0) & owned) | (vmx->cr0 & ~owned);
}

unsigned long um_cr4_get(struct um_vmx *vmx)
{
	return (vmx_read(vmx, GUEST_CR4) & CR4_OWNED) |
	       (vmx->cr4 & ~CR4_OWNED);
}

void um_efer_write(struct um_vmx *vmx, u64 efer)
{
	if (vmx->ctx && ((vmx->efer ^ efer) & (EFER_NX | EFER_LMA)))
		vmx->paging_changed = true;
	vmx->efer = efer;
	vmx->uret_loaded = false; /* SCE decides whether they are needed */
	/* Leaves of ours have NX whether or not the guest knows it. */
	vmx_write(vmx, GUEST_IA32_EFER, vmx->ctx ? efer | EFER_NX : efer);
	vmx_write(vmx, VM_ENTRY_CONTROLS,
		  efer & EFER_LMA ? um_caps.entry | VM_ENTRY_IA32E_MODE :
				    um_caps.entry);
}

/*
 * Entering long mode, the CPU would refuse a TSS of 16 bits; an entry refuses
 * any type but one. KVM mends the type, and so do we.
 */
static void fix_tr(struct um_vmx *vmx)
{
	u32 ar = vmx_read(vmx, GUEST_TR_AR_BYTES);

	if ((ar & VMX_AR_TYPE_MASK) != VMX_AR_TYPE_BUSY_64_TSS)
		vmx_write(vmx, GUEST_TR_AR_BYTES, (ar & ~VMX_AR_TYPE_MASK) |
						  VMX_AR_TYPE_BUSY_64_TSS);
}

/* LMA follows PG while LME is set. */
static void update_lma(struct um_vmx *vmx, unsigned long cr0)
{
	u64 efer = vmx->efer & ~EFER_LMA;

	if ((efer & EFER_LME) && (cr0 & X86_CR0_PG))
		efer |= EFER_LMA;
	if (efer == vmx->efer)
		return;
	um_efer_write(vmx, efer);
	if (efer & EFER_LMA)
		fix_tr(vmx);
}

/* No checks: the caller made them. */
void um_cr0_write(struct um_vmx *vmx, unsigned long cr0)
{
	unsigned long real = (cr0 & ~CR0_HIDDEN) | X86_CR0_NE;

	if ((vmx->cr0 ^ cr0) & X86_CR0_PG)
		vmx->flush_guest = true;
	if (vmx->ctx) {
		real |= X86_CR0_WP;
		if ((vmx->cr0 ^ cr0) & (X86_CR0_PG | X86_CR0_WP))
			vmx->paging_changed = true;
	}
	vmx->cr0 = cr0;
	vmx_write(vmx, CR0_GUEST_HOST_MASK, ~cr0_owned(vmx));
	vmx_write(vmx, CR0_READ_SHADOW, cr0);
	vmx_write(vmx, GUEST_CR0, real);
}

/* What a change of CR4 means to the TLB, or to the shadow tables. */
static void cr4_changed(struct um_vmx *vmx, unsigned long diff)
{
	if (!vmx->ctx)
		vmx->flush_guest = true;
	else if (diff & ~X86_CR4_PGE)
		vmx->paging_changed = true;
	else if (vmx->shadow)
		um_context_flush(vmx->ctx);
}

void um_cr4_write(struct um_vmx *vmx, unsigned long cr4)
{
	unsigned long diff = (vmx->cr4 ^ cr4) & CR4_PAGING, real = cr4;

	vmx->cr4 = cr4;
	if (diff)
		cr4_changed(vmx, diff);
	if (vmx->ctx)
		real = (cr4 & ~CR4_SHADOW_OFF) | X86_CR4_PAE;
	vmx->vcpu.cpuid_osxsave = cr4 & X86_CR4_OSXSAVE;
	vmx_write(vmx, CR4_GUEST_HOST_MASK, ~CR4_OWNED);
	vmx_write(vmx, CR4_READ_SHADOW, cr4);
	/* Machine checks are the host's while the guest runs. */
	vmx_write(vmx, GUEST_CR4,
		  (real & ~X86_CR4_MCE) | X86_CR4_VMXE |
			  (cr4_read_shadow() & X86_CR4_MCE));
}

bool um_cr0_valid(struct um_vmx *vmx, unsigned long cr0)
{
	if (cr0 >> 32)
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	return !(cr0 & X86_CR0_PG) || (cr0 & X86_CR0_PE);
}

bool um_cr4_valid(struct um_vmx *vmx, unsigned long cr4)
{
	return !(cr4 & vmx->cr4_reserved);
}

bool um_xcr0_valid(struct um_vmx *vmx, u64 xcr0)
{
	const u64 avx512 = XFEATURE_MASK_AVX512;

	if (!(xcr0 & XFEATURE_MASK_FP) || (xcr0 & ~vmx->xcr0_allowed))
		return false;
	if ((xcr0 & XFEATURE_MASK_YMM) && !(xcr0 & XFEATURE_MASK_SSE))
		return false;
	if (xcr0 & avx512)
		return (xcr0 & avx512) == avx512 && (xcr0 & XFEATURE_MASK_YMM);
	return true;
}

/* May the guest turn paging on, or off, as @cr0 says? */
static bool paging_switch_valid(struct um_vmx *vmx, unsigned long cr0,
				unsigned long cr4)
{
	bool cs_l = vmx_read(vmx, GUEST_CS_AR_BYTES) & VMX_AR_L_MASK;

	if (!(cr0 & X86_CR0_PG))
		return !(cr4 & X86_CR4_PCIDE) &&
		       !((vmx->efer & EFER_LMA) && cs_l);
	if (vmx->efer & EFER_LME)
		return (cr4 & X86_CR4_PAE) && !cs_l;
	return true;
}

static bool guest_cr0(struct um_vmx *vmx, unsigned long cr0)
{
	unsigned long old = um_cr0_get(vmx), cr4 = um_cr4_get(vmx);

	cr0 |= X86_CR0_ET;
	if (!um_cr0_valid(vmx, cr0))
		return false;
	cr0 &= CR0_KNOWN;
	if (((old ^ cr0) & X86_CR0_PG) && !paging_switch_valid(vmx, cr0, cr4))
		return false;
	if (um_is_pae(cr0, cr4, vmx->efer) &&
	    ((old ^ cr0) & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) &&
	    !um_pdptrs_load(vmx, um_cr3_get(vmx)))
		return false;
	um_cr0_write(vmx, cr0);
	update_lma(vmx, cr0);
	return true;
}

static bool guest_cr4(struct um_vmx *vmx, unsigned long cr4)
{
	unsigned long old = um_cr4_get(vmx), cr0 = um_cr0_get(vmx);
	unsigned long cr3 = um_cr3_get(vmx);

	if (!um_cr4_valid(vmx, cr4))
		return false;
	if (vmx->efer & EFER_LMA) {
		if (!(cr4 & X86_CR4_PAE) || ((old ^ cr4) & X86_CR4_LA57))
			return false;
	}
	if ((cr4 & ~old & X86_CR4_PCIDE) &&
	    (!(vmx->efer & EFER_LMA) || (cr3 & 0xfff)))
		return false;
	if (um_is_pae(cr0, cr4, vmx->efer) && ((old ^ cr4) & CR4_PAGING) &&
	    !um_pdptrs_load(vmx, cr3))
		return false;
	um_cr4_write(vmx, cr4);
	return true;
}

/* False: #GP. */
static bool cr8_set(struct um_vmx *vmx, u64 value)
{
	if (value & ~0xful)
		return false;
	um_cr8_put(vmx, value);
	return true;
}

static bool mov_to_cr(struct um_vmx *vmx, int cr, u64 value)
{
	switch (cr) {
	case 0:
		return guest_cr0(vmx, value);
	case 3:
		return um_cr3_mov(vmx, value);
	case 4:
		return guest_cr4(vmx, value);
	}
	return false;
}

/*
 * The task priority is the interrupt controller's, and that is user space's: it
 * must hear when it falls, for an interrupt may have waited.
 */
static int exit_cr8_load(struct um_vmx *vmx, u64 value)
{
	u8 old = um_cr8_get(vmx);

	if (!cr8_set(vmx, value)) {
		um_inject_error(vmx, X86_TRAP_GP, 0);
		return UM_RESUME;
	}
	um_skip_insn(vmx);
	if (vmx->vcpu.apic || vmx->cr8 >= old)
		return UM_RESUME;
	vmx->vcpu.run->exit_reason = KVM_EXIT_SET_TPR;
	return UM_USER;
}

/* LMSW sets PE, MP, EM, TS and can not clear PE. */
static bool lmsw(struct um_vmx *vmx, u16 word)
{
	unsigned long cr0 = um_cr0_get(vmx);

	return guest_cr0(vmx, (cr0 & ~0xeul) | (word & 0xf));
}

/* SDM, "Exit Qualification for Control-Register Accesses" */
int um_exit_cr(struct um_vmx *vmx)
{
	unsigned long qual = vmx_read(vmx, EXIT_QUALIFICATION);
	int cr = qual & 0xf;
	int gpr = (qual >> 8) & 0xf;
	bool ok = true;
	u64 value;

	vmx->vcpu.stat.cr_exits++;
	switch ((qual >> 4) & 3) {
	case 0:
		value = um_gpr_get(vmx, gpr);
		if (!um_in_64bit(vmx))
			value = (u32)value;
		if (cr == 8)
			return exit_cr8_load(vmx, value);
		ok = mov_to_cr(vmx, cr, value);
		break;
	case 1:
		/* No other exits when it is read. */
		um_gpr_set(vmx, gpr, cr == 3 ? um_cr3_get(vmx) : um_cr8_get(vmx));
		break;
	case 2:
		um_cr0_write(vmx, um_cr0_get(vmx) & ~X86_CR0_TS);
		break;
	case 3:
		ok = lmsw(vmx, qual >> LMSW_SOURCE_DATA_SHIFT);
		break;
	}
	if (ok)
		um_skip_insn(vmx);
	else
		um_inject_error(vmx, X86_TRAP_GP, 0);
	return UM_RESUME;
}

bool um_dr_write(struct um_vmx *vmx, int dr, u64 value)
{
	switch (dr) {
	case 0 ... 3:
		vmx->dr[dr] = value;
		return true;
	case 6:
		if (value >> 32)
			return false;
		vmx->dr6 = (value & (UM_DR6_TRAPS | UM_DR6_BD | UM_DR6_BS |
				     UM_DR6_BT)) | UM_DR6_FIXED;
		return true;
	default:
		if (value >> 32)
			return false;
		vmx->dr7 = (value & UM_DR7_KNOWN) | UM_DR7_FIXED;
		um_dr7_load(vmx);
		return true;
	}
}

static u64 dr_read(struct um_vmx *vmx, int dr)
{
	if (dr < 4)
		return vmx->dr[dr];
	return dr == 6 ? vmx->dr6 : vmx->dr7;
}

/* SDM, "Exit Qualification for MOV DR" */
int um_exit_dr(struct um_vmx *vmx)
{
	unsigned long qual = vmx_read(vmx, EXIT_QUALIFICATION);
	int dr = qual & 7, gpr = (qual >> 8) & 0xf;
	u64 value;

	if (VMX_AR_DPL(vmx_read(vmx, GUEST_SS_AR_BYTES))) {
		um_inject_error(vmx, X86_TRAP_GP, 0);
		return UM_RESUME;
	}
	/* The exit came before the #DB. */
	if (um_debug_has(vmx, KVM_GUESTDBG_USE_HW_BP) &&
	    (vmx->debug.dr7 & UM_DR7_GD))
		return um_debug_exit(vmx, X86_TRAP_DB, UM_DR6_BD);
	if (vmx->dr7 & UM_DR7_GD) {
		vmx->dr6 &= ~(unsigned long)UM_DR6_TRAPS;
		vmx->dr6 |= UM_DR6_BD;
		vmx->dr7 &= ~UM_DR7_GD;
		um_dr7_load(vmx);
		um_inject(vmx, X86_TRAP_DB);
		return UM_RESUME;
	}
	if (dr == 4 || dr == 5) {
		if (um_cr4_get(vmx) & X86_CR4_DE) {
			um_inject(vmx, X86_TRAP_UD);
			return UM_RESUME;
		}
		dr += 2;
	}
	if (qual & BIT(4)) {
		um_gpr_set(vmx, gpr, dr_read(vmx, dr));
	} else {
		value = um_gpr_get(vmx, gpr);
		if (!um_in_64bit(vmx))
			value = (u32)value;
		if (!um_dr_write(vmx, dr, value)) {
			um_inject_error(vmx, X86_TRAP_GP, 0);
			return UM_RESUME;
		}
	}
	um_skip_insn(vmx);
	return UM_RESUME;
}

void um_xcr0_write(struct um_vmx *vmx, u64 xcr0)
{
	vmx->xcr0 = xcr0;
	vmx->vcpu.cpuid_xcr0 = xcr0;
}

/* #UD without OSXSAVE was the CPU's; the rest is ours. */
int um_exit_xsetbv(struct um_vmx *vmx)
{
	u64 *gpr = vmx->world.gpr;
	u64 value = (u32)gpr[UM_RAX] | gpr[UM_RDX] << 32;

	if (VMX_AR_DPL(vmx_read(vmx, GUEST_SS_AR_BYTES)) ||
	    (u32)gpr[UM_RCX] || !um_xcr0_valid(vmx, value)) {
		um_inject_error(vmx, X86_TRAP_GP, 0);
		return UM_RESUME;
	}
	um_xcr0_write(vmx, value);
	um_skip_insn(vmx);
	return UM_RESUME;
}

/* CR4 bits that the host's CPU lacks, or that the guest's CPUID denies. */
struct cr4_feature {
	unsigned long cr4;
	u32 leaf;
	u8 reg; /* 0 ebx, 1 ecx, 2 edx */
	u8 bit;
};

static const struct cr4_feature cr4_features[] = {
	{ X86_CR4_OSXSAVE, 1, 1, 26 },	{ X86_CR4_PCIDE, 1, 1, 17 },
	{ X86_CR4_FSGSBASE, 7, 0, 0 },	{ X86_CR4_SMEP, 7, 0, 7 },
	{ X86_CR4_SMAP, 7, 0, 20 },	{ X86_CR4_UMIP, 7, 1, 2 },
	{ X86_CR4_LA57, 7, 1, 16 },
};

static const struct kvm_cpuid_entry2 *leaf(struct um_vmx *vmx, u32 function)
{
	return vmx->vcpu.ncpuid ? um_cpuid_find(&vmx->vcpu, function, 0) : NULL;
}

static bool guest_has(struct um_vmx *vmx, const struct cr4_feature *f)
{
	const struct kvm_cpuid_entry2 *e = leaf(vmx, f->leaf);
	u32 word;

	/* User space may set registers before it sets CPUID. */
	if (!vmx->vcpu.ncpuid)
		return true;
	if (!e)
		return false;
	word = f->reg == 0 ? e->ebx : f->reg == 1 ? e->ecx : e->edx;
	return word & BIT(f->bit);
}

static u64 host_cr4_missing(struct um_vmx *vmx)
{
	u64 missing = 0;

	/* A fifth level would need EPT of as many, or none. */
	if (!vmx->ctx || !um_vmx_has_la57())
		missing |= X86_CR4_LA57;
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		missing |= X86_CR4_OSXSAVE;
	if (!boot_cpu_has(X86_FEATURE_PCID))
		missing |= X86_CR4_PCIDE;
	if (!boot_cpu_has(X86_FEATURE_FSGSBASE))
		missing |= X86_CR4_FSGSBASE;
	if (!boot_cpu_has(X86_FEATURE_SMEP))
		missing |= X86_CR4_SMEP;
	if (!boot_cpu_has(X86_FEATURE_SMAP))
		missing |= X86_CR4_SMAP;
	if (!(cpuid_ecx(7) & BIT(2)))
		missing |= X86_CR4_UMIP;
	return missing;
}

/* Also once at birth, with no CPUID set. */
void um_cr_cpuid_changed(struct um_vmx *vmx)
{
	const struct kvm_cpuid_entry2 *e;
	int i;

	vmx->cr4_reserved = ~CR4_KNOWN | host_cr4_missing(vmx);
	for (i = 0; i < ARRAY_SIZE(cr4_features); i++) {
		if (!guest_has(vmx, &cr4_features[i]))
			vmx->cr4_reserved |= cr4_features[i].cr4;
	}
	e = leaf(vmx, 0xd);
	vmx->xcr0_allowed = XFEATURE_MASK_FPSSE;
	if (e)
		vmx->xcr0_allowed = (e->eax | (u64)e->edx << 32) &
				    UM_XCR0_GUEST & um_host_xcr0;
	e = leaf(vmx, 0x80000001);
	vmx->has_rdtscp = e && (e->edx & BIT(27));
	vmx->has_gbpages = e && (e->edx & BIT(26));
	vmx->uret_loaded = false;
	e = leaf(vmx, 7);
	vmx->has_invpcid = e && (e->ebx & BIT(10));
	e = leaf(vmx, 0x80000008);
	/* 52 is what an entry of any page table has room for. */
	vmx->maxphyaddr = e ? min(e->eax & 0xff, 52u) : 36;
	vmx->paging_changed = !!vmx->ctx;
}
