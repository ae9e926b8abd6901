// SPDX-License-Identifier: GPL-2.0
/*
 * Model-specific registers: one table says what each is, for the guest's
 * RDMSR and WRMSR and for user space alike. How the guest comes here, and where
 * it need not, is in msr_exit.c.
 */
#include <linux/nospec.h>
#include <asm/apicdef.h>
#include <asm/kvm_para.h>
#include <asm/msr.h>
#include <asm/mtrr.h>
#include <asm/page.h>
#include "vcpu.h"

/* KVM_GET_MSR_INDEX_LIST: all that user space must carry over. */
static const u32 msr_list[] = {
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK, MSR_KERNEL_GS_BASE,
	MSR_TSC_AUX, MSR_IA32_TSC, MSR_IA32_TSC_ADJUST, MSR_IA32_CR_PAT,
	MSR_IA32_MISC_ENABLE, MSR_PLATFORM_INFO, MSR_IA32_TSC_DEADLINE,
	MSR_IA32_POWER_CTL,
};

/* KVM_GET_MSR_FEATURE_INDEX_LIST: what a guest may learn of its CPU by RDMSR. */
static const u32 msr_feature_list[] = {
	MSR_IA32_UCODE_REV, MSR_PLATFORM_INFO,
};

#define UCODE_REV 0x100000000ull /* what KVM says where it says nothing */

const u32 *um_vmx_msr_feature_list(unsigned int *n)
{
	*n = ARRAY_SIZE(msr_feature_list);
	return msr_feature_list;
}

int um_vmx_feature_msr(u32 index, u64 *data)
{
	switch (index) {
	case MSR_IA32_UCODE_REV:
		*data = UCODE_REV;
		return 0;
	case MSR_PLATFORM_INFO:
		*data = 0; /* CPUID does not fault, for one */
		return 0;
	}
	return 1;
}

const u32 *um_vmx_msr_list(unsigned int *n)
{
	*n = ARRAY_SIZE(msr_list);
	return msr_list;
}

/* By what the guest can have, not by what it has: as the CPU. */
static bool canonical(struct um_vmx *vmx, u64 address)
{
	int bits = vmx->cr4_reserved & X86_CR4_LA57 ? 48 : 57;

	return __is_canonical_address(address, bits);
}

/* User space may set what the CPU has, the guest what its CPUID has. */
static bool efer_valid(struct um_vmx *vmx, u64 efer, bool host)
{
	const struct kvm_cpuid_entry2 *e =
		vmx->vcpu.ncpuid ? um_cpuid_find(&vmx->vcpu, 0x80000001, 0) :
				   NULL;
	u64 allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;

	if (!boot_cpu_has(X86_FEATURE_NX))
		allowed &= ~(u64)EFER_NX;
	if (host || !vmx->vcpu.ncpuid)
		return !(efer & ~allowed);
	if (!e || !(e->edx & BIT(29)))
		allowed &= ~(u64)(EFER_LME | EFER_LMA);
	if (!e || !(e->edx & BIT(20)))
		allowed &= ~(u64)EFER_NX;
	return !(efer & ~allowed);
}

static bool guest_set_efer(struct um_vmx *vmx, u64 efer, bool host)
{
	if (!efer_valid(vmx, efer, host))
		return false;
	if (!host && ((vmx->efer ^ efer) & EFER_LME) &&
	    (vmx->cr0 & X86_CR0_PG))
		return false;
	/* LMA is the CPU's to change. */
	efer = (efer & ~EFER_LMA) | (vmx->efer & EFER_LMA);
	if ((vmx->efer ^ efer) & EFER_NX)
		vmx->flush_guest = true;
	um_efer_write(vmx, efer);
	return true;
}

static bool pat_valid(u64 pat)
{
	int i;

	for (i = 0; i < 8; i++, pat >>= 8) {
		u8 type = pat;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

/* Address bits above this guest's, as PAT, MTRR and APIC base refuse them. */
static u64 reserved_gpa(struct um_vmx *vmx)
{
	return ~0ull << vmx->maxphyaddr;
}

/* x2APIC mode is there only with a local APIC in the kernel. */
bool um_apic_base_valid(struct um_vmx *vmx, u64 base, bool host)
{
	u64 known = MSR_IA32_APICBASE_BSP | MSR_IA32_APICBASE_ENABLE |
		    PAGE_MASK;

	if (vmx->vcpu.apic)
		known |= X2APIC_ENABLE;
	if (base & (~known | reserved_gpa(vmx)))
		return false;
	return !vmx->vcpu.apic ||
	       um_apic_base_may(&vmx->vcpu, base, host);
}

/* MSRs that the local APIC has, if it is in the kernel. */
static bool is_apic_msr(const struct um_vmx *vmx, u32 msr)
{
	return vmx->vcpu.apic &&
	       (msr == MSR_IA32_APICBASE || msr == MSR_IA32_TSC_DEADLINE ||
		(msr >= APIC_BASE_MSR && msr < APIC_BASE_MSR + 0x40));
}

static bool set_apic_msr(struct um_vmx *vmx, u32 msr, u64 data, bool host)
{
	if (msr == MSR_IA32_APICBASE && !um_apic_base_valid(vmx, data, host))
		return false;
	return um_apic_set_msr(&vmx->vcpu, msr, data);
}

static bool mtrr_type_valid(u8 type)
{
	return type < 8 && (BIT(type) & 0x73);
}

/* SDM, "Memory Type Range Registers": types, and bits that are not there. */
static bool mtrr_valid(struct um_vmx *vmx, u32 msr, u64 data)
{
	int i;

	if (msr == MSR_MTRRdefType)
		return !(data & ~0xcffull) && mtrr_type_valid(data);
	if (msr > MTRRphysMask_MSR(UM_MTRR_VAR / 2 - 1)) {
		for (i = 0; i < 64; i += 8) {
			if (!mtrr_type_valid(data >> i))
				return false;
		}
		return true;
	}
	if (msr & 1)
		return !(data & (reserved_gpa(vmx) | 0x7ff));
	return !(data & (reserved_gpa(vmx) | 0xf00)) && mtrr_type_valid(data);
}

/* The guest chose @n: nothing beyond @nr, not even for a moment. */
static u64 *nth(u64 *slots, u32 n, u32 nr)
{
	return &slots[array_index_nospec(n, nr)];
}

/* Where a memory-type-range register is kept; they are stored, not obeyed. */
static u64 *mtrr_slot(struct um_vmx *vmx, u32 msr)
{
	switch (msr) {
	case MTRRphysBase_MSR(0) ... MTRRphysMask_MSR(UM_MTRR_VAR / 2 - 1):
		return nth(vmx->mtrr_var, msr - MTRRphysBase_MSR(0),
			   UM_MTRR_VAR);
	case MSR_MTRRfix64K_00000:
		return &vmx->mtrr_fix[0];
	case MSR_MTRRfix16K_80000:
	case MSR_MTRRfix16K_A0000:
		return nth(vmx->mtrr_fix, 1 + msr - MSR_MTRRfix16K_80000,
			   UM_MTRR_FIX);
	case MSR_MTRRfix4K_C0000 ... MSR_MTRRfix4K_F8000:
		return nth(vmx->mtrr_fix, 3 + msr - MSR_MTRRfix4K_C0000,
			   UM_MTRR_FIX);
	case MSR_MTRRdefType:
		return &vmx->mtrr_def;
	}
	return NULL;
}

static bool read_kept(struct um_vmx *vmx, u32 msr, u64 *data)
{
	u64 *slot = mtrr_slot(vmx, msr);
	int i = um_uret_find(msr);

	if (i >= 0) {
		*data = vmx->uret[i];
		return true;
	}
	if (slot) {
		*data = *slot;
		return true;
	}
	switch (msr) {
	case MSR_CSTAR:
		*data = vmx->cstar;
		return true;
	case MSR_IA32_APICBASE:
		*data = vmx->apic_base;
		return true;
	case MSR_IA32_MISC_ENABLE:
		*data = vmx->misc_enable;
		return true;
	case MSR_IA32_POWER_CTL:
		*data = vmx->power_ctl;
		return true;
	case MSR_MTRRcap:
		*data = 0x500 | UM_MTRR_VAR / 2;
		return true;
	case MSR_PLATFORM_INFO:
		*data = vmx->platform_info;
		return true;
	case MSR_IA32_UCODE_REV:
		*data = UCODE_REV;
		return true;
	case MSR_IA32_FEAT_CTL:
		/* Else a kernel writes it to lock it, and takes the #GP ill. */
		*data = FEAT_CTL_LOCKED;
		return true;
	case MSR_IA32_PLATFORM_ID:
	case MSR_IA32_MCG_CAP:
	case MSR_IA32_MCG_STATUS:
	case MSR_IA32_TSC_DEADLINE: /* in the list: of no APIC, as with KVM */
		*data = 0;
		return true;
	}
	return false;
}

/* Not done, and why: there is no such register, or none in this mode. */
static int unknown(u32 msr)
{
	return msr >= APIC_BASE_MSR && msr < APIC_BASE_MSR + 0x100 ?
		       KVM_MSR_EXIT_REASON_INVAL :
		       KVM_MSR_EXIT_REASON_UNKNOWN;
}

/* There is one, but it was not to have this. */
static int known(bool done)
{
	return done ? 0 : KVM_MSR_EXIT_REASON_INVAL;
}

static u64 kernel_gs_base_get(struct um_vmx *vmx)
{
	preempt_disable();
	if (vmx->guest_loaded)
		rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	preempt_enable();
	return vmx->kernel_gs_base;
}

static void kernel_gs_base_set(struct um_vmx *vmx, u64 value)
{
	preempt_disable();
	if (vmx->guest_loaded)
		wrmsrl(MSR_KERNEL_GS_BASE, value);
	vmx->kernel_gs_base = value;
	preempt_enable();
}

int um_msr_get(struct um_vmx *vmx, u32 msr, u64 *data)
{
	if (is_apic_msr(vmx, msr))
		return known(um_apic_get_msr(&vmx->vcpu, msr, data));
	switch (msr) {
	case MSR_EFER:
		*data = vmx->efer;
		return 0;
	case MSR_FS_BASE:
		*data = vmx_read(vmx, GUEST_FS_BASE);
		return 0;
	case MSR_GS_BASE:
		*data = vmx_read(vmx, GUEST_GS_BASE);
		return 0;
	case MSR_KERNEL_GS_BASE:
		*data = kernel_gs_base_get(vmx);
		return 0;
	case MSR_IA32_SYSENTER_CS:
		*data = vmx_read(vmx, GUEST_SYSENTER_CS);
		return 0;
	case MSR_IA32_SYSENTER_ESP:
		*data = vmx_read(vmx, GUEST_SYSENTER_ESP);
		return 0;
	case MSR_IA32_SYSENTER_EIP:
		*data = vmx_read(vmx, GUEST_SYSENTER_EIP);
		return 0;
	case MSR_IA32_CR_PAT:
		*data = vmx->pat;
		return 0;
	case MSR_IA32_DEBUGCTLMSR:
		*data = vmx_read(vmx, GUEST_IA32_DEBUGCTL);
		return 0;
	case MSR_IA32_TSC:
		*data = rdtsc() + vmx->tsc_offset;
		return 0;
	case MSR_IA32_TSC_ADJUST:
		*data = vmx->tsc_adjust;
		return 0;
	}
	return read_kept(vmx, msr, data) ? 0 : unknown(msr);
}

static bool set_uret(struct um_vmx *vmx, int i, u32 msr, u64 data)
{
	if (msr == MSR_LSTAR && !canonical(vmx, data))
		return false;
	if ((msr == MSR_SYSCALL_MASK || msr == MSR_TSC_AUX) && data >> 32)
		return false;
	um_uret_set(vmx, i, data);
	return true;
}

/* With the quirk CPUID takes no notice of the bit for MONITOR. */
static int set_misc_enable(struct um_vmx *vmx, u64 data)
{
	struct um_vcpu *vcpu = &vmx->vcpu;

	if ((vmx->misc_enable ^ data) & MSR_IA32_MISC_ENABLE_MWAIT &&
	    !um_vm_has_quirk(vcpu->vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT)) {
		if (!(um_cpuid_ecx1(vcpu) & BIT(X86_FEATURE_XMM3 & 31)))
			return KVM_MSR_EXIT_REASON_INVAL;
		vcpu->cpuid_mwait =
			data & MSR_IA32_MISC_ENABLE_MWAIT ? 1 : -1;
	}
	vmx->misc_enable = data;
	return 0;
}

static int write_kept(struct um_vmx *vmx, u32 msr, u64 data)
{
	u64 *slot = mtrr_slot(vmx, msr);
	int i = um_uret_find(msr);

	if (i >= 0)
		return known(set_uret(vmx, i, msr, data));
	if (slot) {
		if (!mtrr_valid(vmx, msr, data))
			return KVM_MSR_EXIT_REASON_INVAL;
		*slot = data;
		return 0;
	}
	switch (msr) {
	case MSR_CSTAR:
		if (!canonical(vmx, data))
			return KVM_MSR_EXIT_REASON_INVAL;
		vmx->cstar = data;
		return 0;
	case MSR_IA32_APICBASE:
		if (!um_apic_base_valid(vmx, data, false))
			return KVM_MSR_EXIT_REASON_INVAL;
		vmx->apic_base = data;
		return 0;
	case MSR_IA32_MISC_ENABLE:
		return set_misc_enable(vmx, data);
	case MSR_IA32_POWER_CTL:
		/* Kept, as KVM does: the host's is not the guest's to change. */
		vmx->power_ctl = data;
		return 0;
	case MSR_IA32_UCODE_REV:
	case MSR_IA32_UCODE_WRITE:
	case MSR_IA32_MCG_STATUS:
	case MSR_IA32_TSC_DEADLINE:
		/* The guest may try; nothing depends on it. */
		return 0;
	}
	return read_kept(vmx, msr, &data) ? KVM_MSR_EXIT_REASON_INVAL :
					    unknown(msr);
}

static bool set_address(struct um_vmx *vmx, unsigned long field, u64 data)
{
	if (!canonical(vmx, data))
		return false;
	vmx_write(vmx, field, data);
	return true;
}

int um_msr_set(struct um_vmx *vmx, u32 msr, u64 data, bool host)
{
	if (is_apic_msr(vmx, msr))
		return known(set_apic_msr(vmx, msr, data, host));
	switch (msr) {
	case MSR_EFER:
		return known(guest_set_efer(vmx, data, host));
	case MSR_FS_BASE:
		return known(set_address(vmx, GUEST_FS_BASE, data));
	case MSR_GS_BASE:
		return known(set_address(vmx, GUEST_GS_BASE, data));
	case MSR_KERNEL_GS_BASE:
		if (!canonical(vmx, data))
			return KVM_MSR_EXIT_REASON_INVAL;
		kernel_gs_base_set(vmx, data);
		return 0;
	case MSR_IA32_SYSENTER_CS:
		vmx_write(vmx, GUEST_SYSENTER_CS, (u32)data);
		return 0;
	case MSR_IA32_SYSENTER_ESP:
		return known(set_address(vmx, GUEST_SYSENTER_ESP, data));
	case MSR_IA32_SYSENTER_EIP:
		return known(set_address(vmx, GUEST_SYSENTER_EIP, data));
	case MSR_IA32_CR_PAT:
		if (!pat_valid(data))
			return KVM_MSR_EXIT_REASON_INVAL;
		vmx->pat = data;
		/* Entries of shadow tables mean the PAT of RESET. */
		if (!vmx->ctx)
			vmx_write(vmx, GUEST_IA32_PAT, data);
		return 0;
	case MSR_IA32_DEBUGCTLMSR:
		/* As KVM: branch records and steps may be asked for in vain. */
		return known(!(data &
			       ~(u64)(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF)));
	case MSR_IA32_TSC:
		um_tsc_write(vmx, data, host);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		um_tsc_adjust_write(vmx, data, host);
		return 0;
	case MSR_PLATFORM_INFO:
		if (host)
			vmx->platform_info = data;
		return known(host);
	}
	return write_kept(vmx, msr, data);
}

/*
 * KVM's clock is not offered: the guest's TSC is right on every host. But QEMU
 * carries its MSRs over also for a guest that does not have it, as 0.
 */
static bool is_clock(u32 msr)
{
	return msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_SYSTEM_TIME;
}

int um_vmx_get_msr(struct um_vcpu *vcpu, u32 index, u64 *data)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	int why;

	if (is_clock(index)) {
		*data = 0;
		return 0;
	}
	um_vcpu_load(vmx);
	why = um_msr_get(vmx, index, data);
	um_vcpu_put(vmx);
	return !!why;
}

int um_vmx_set_msr(struct um_vcpu *vcpu, u32 index, u64 data)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	int why;

	if (is_clock(index))
		return data ? 1 : 0;
	um_vcpu_load(vmx);
	why = um_msr_set(vmx, index, data, true);
	um_vcpu_put(vmx);
	return !!why;
}
