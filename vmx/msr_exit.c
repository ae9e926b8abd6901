// SPDX-License-Identifier: GPL-2.0
/*
 * RDMSR and WRMSR of the guest: which exit at all, and what becomes of those. Base
 * addresses of FS and GS and the SYSENTER registers are the guest's without an
 * exit.
 */
#include <asm/msr.h>
#include "vcpu.h"

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
	    um_msr_get(vmx, gpr[UM_RCX], &data)) {
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
	if (um_msr_set(vmx, gpr[UM_RCX], data, false)) {
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
