// SPDX-License-Identifier: GPL-2.0
/*
 * Model-specific registers: one table says what each is, for the guest's
 * RDMSR and WRMSR and for user space alike. Base addresses of FS and GS and the
 * SYSENTER registers are the guest's without an exit.
 */
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

u64 um_vmx_guest_tsc(const struct um_vcpu *vcpu)
{
	return rdtsc() + container_of(vcpu, struct um_vmx, vcpu)->tsc_offset;
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

/* Where a memory-type-range register is kept; they are stored, not obeyed. */
static u64 *mtrr_slot(struct um_vmx *vmx, u32 msr)
{
	switch (msr) {
	case MTRRphysBase_MSR(0) ... MTRRphysMask_MSR(UM_MTRR_VAR / 2 - 1):
		return &vmx->mtrr_var[msr - MTRRphysBase_MSR(0)];
	case MSR_MTRRfix64K_00000:
		return &vmx->mtrr_fix[0];
	case MSR_MTRRfix16K_80000:
	case MSR_MTRRfix16K_A0000:
		return &vmx->mtrr_fix[1 + msr - MSR_MTRRfix16K_80000];
	case MSR_MTRRfix4K_C0000 ... MSR_MTRRfix4K_F8000:
		return &vmx->mtrr_fix[3 + msr - MSR_MTRRfix4K_C0000];
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

static bool get_msr(struct um_vmx *vmx, u32 msr, u64 *data)
{
	if (is_apic_msr(vmx, msr))
		return um_apic_get_msr(&vmx->vcpu, msr, data);
	switch (msr) {
	case MSR_EFER:
		*data = vmx->efer;
		return true;
	case MSR_FS_BASE:
		*data = vmx_read(vmx, GUEST_FS_BASE);
		return true;
	case MSR_GS_BASE:
		*data = vmx_read(vmx, GUEST_GS_BASE);
		return true;
	case MSR_KERNEL_GS_BASE:
		*data = kernel_gs_base_get(vmx);
		return true;
	case MSR_IA32_SYSENTER_CS:
		*data = vmx_read(vmx, GUEST_SYSENTER_CS);
		return true;
	case MSR_IA32_SYSENTER_ESP:
		*data = vmx_read(vmx, GUEST_SYSENTER_ESP);
		return true;
	case MSR_IA32_SYSENTER_EIP:
		*data = vmx_read(vmx, GUEST_SYSENTER_EIP);
		return true;
	case MSR_IA32_CR_PAT:
		*data = vmx->pat;
		return true;
	case MSR_IA32_DEBUGCTLMSR:
		*data = vmx_read(vmx, GUEST_IA32_DEBUGCTL);
		return true;
	case MSR_IA32_TSC:
		*data = rdtsc() + vmx->tsc_offset;
		return true;
	case MSR_IA32_TSC_ADJUST:
		*data = vmx->tsc_adjust;
		return true;
	}
	return read_kept(vmx, msr, data);
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

static bool write_kept(struct um_vmx *vmx, u32 msr, u64 data)
{
	u64 *slot = mtrr_slot(vmx, msr);
	int i = um_uret_find(msr);

	if (i >= 0)
		return set_uret(vmx, i, msr, data);
	if (slot) {
		if (!mtrr_valid(vmx, msr, data))
			return false;
		*slot = data;
		return true;
	}
	switch (msr) {
	case MSR_CSTAR:
		if (!canonical(vmx, data))
			return false;
		vmx->cstar = data;
		return true;
	case MSR_IA32_APICBASE:
		if (!um_apic_base_valid(vmx, data, false))
			return false;
		vmx->apic_base = data;
		return true;
	case MSR_IA32_MISC_ENABLE:
		vmx->misc_enable = data;
		return true;
	case MSR_IA32_UCODE_REV:
	case MSR_IA32_UCODE_WRITE:
	case MSR_IA32_MCG_STATUS:
	case MSR_IA32_TSC_DEADLINE:
		/* The guest may try; nothing depends on it. */
		return true;
	}
	return false;
}

static bool set_address(struct um_vmx *vmx, unsigned long field, u64 data)
{
	if (!canonical(vmx, data))
		return false;
	vmx_write(vmx, field, data);
	return true;
}

static bool set_msr(struct um_vmx *vmx, u32 msr, u64 data, bool host)
{
	if (is_apic_msr(vmx, msr))
		return set_apic_msr(vmx, msr, data, host);
	switch (msr) {
	case MSR_EFER:
		return guest_set_efer(vmx, data, host);
	case MSR_FS_BASE:
		return set_address(vmx, GUEST_FS_BASE, data);
	case MSR_GS_BASE:
		return set_address(vmx, GUEST_GS_BASE, data);
	case MSR_KERNEL_GS_BASE:
		if (!canonical(vmx, data))
			return false;
		kernel_gs_base_set(vmx, data);
		return true;
	case MSR_IA32_SYSENTER_CS:
		vmx_write(vmx, GUEST_SYSENTER_CS, (u32)data);
		return true;
	case MSR_IA32_SYSENTER_ESP:
		return set_address(vmx, GUEST_SYSENTER_ESP, data);
	case MSR_IA32_SYSENTER_EIP:
		return set_address(vmx, GUEST_SYSENTER_EIP, data);
	case MSR_IA32_CR_PAT:
		if (!pat_valid(data))
			return false;
		vmx->pat = data;
		/* Entries of shadow tables mean the PAT of RESET. */
		if (!vmx->ctx)
			vmx_write(vmx, GUEST_IA32_PAT, data);
		return true;
	case MSR_IA32_DEBUGCTLMSR:
		/* As KVM: branch records and steps may be asked for in vain. */
		return !(data & ~(u64)(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF));
	case MSR_IA32_TSC:
		um_tsc_write(vmx, data, host);
		return true;
	case MSR_IA32_TSC_ADJUST:
		um_tsc_adjust_write(vmx, data, host);
		return true;
	case MSR_PLATFORM_INFO:
		if (host)
			vmx->platform_info = data;
		return host;
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
	bool ok;

	if (is_clock(index)) {
		*data = 0;
		return 0;
	}
	um_vcpu_load(vmx);
	ok = get_msr(vmx, index, data);
	um_vcpu_put(vmx);
	return !ok;
}

int um_vmx_set_msr(struct um_vcpu *vcpu, u32 index, u64 data)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	bool ok;

	if (is_clock(index))
		return data ? 1 : 0;
	um_vcpu_load(vmx);
	ok = set_msr(vmx, index, data, true);
	um_vcpu_put(vmx);
	return !ok;
}

/* KVM_CAP_MSR_PLATFORM_INFO takes that one from the guest, not from user space. */
static bool guest_may_read(struct um_vmx *vmx, u32 msr)
{
	return msr != MSR_PLATFORM_INFO ||
	       !READ_ONCE(vmx->vcpu.vm->no_platform_info);
}

int um_exit_rdmsr(struct um_vmx *vmx)
{
	u64 *gpr = vmx->world.gpr, data;

	vmx->vcpu.stat.msr_exits++;
	if (!guest_may_read(vmx, gpr[UM_RCX]) ||
	    !get_msr(vmx, gpr[UM_RCX], &data)) {
		um_inject_error(vmx, X86_TRAP_GP, 0);
		return UM_RESUME;
	}
	gpr[UM_RAX] = (u32)data;
	gpr[UM_RDX] = data >> 32;
	um_skip_insn(vmx);
	return UM_RESUME;
}

int um_exit_wrmsr(struct um_vmx *vmx)
{
	u64 *gpr = vmx->world.gpr;
	u64 data = (u32)gpr[UM_RAX] | gpr[UM_RDX] << 32;

	vmx->vcpu.stat.msr_exits++;
	if (!set_msr(vmx, gpr[UM_RCX], data, false)) {
		um_inject_error(vmx, X86_TRAP_GP, 0);
		return UM_RESUME;
	}
	um_skip_insn(vmx);
	return UM_RESUME;
}

/* SDM, "MSR-Bitmap Address": reads at 0, writes at 2K; high MSRs 1K on. */
static void pass_through(struct um_vmx *vmx, u32 msr, bool write)
{
	u8 *map = (u8 *)vmx->msr_bitmap + (write ? 0x800 : 0);

	if (msr >= 0xc0000000)
		map += 0x400;
	clear_bit(msr & 0x1fff, (unsigned long *)map);
}

void um_msr_bitmap_setup(struct um_vmx *vmx)
{
	static const u32 free[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
	};
	int i;

	memset(vmx->msr_bitmap, 0xff, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(free); i++) {
		pass_through(vmx, free[i], false);
		pass_through(vmx, free[i], true);
	}
	/* Reads of the TSC honour the offset; writes need us. */
	pass_through(vmx, MSR_IA32_TSC, false);
}
