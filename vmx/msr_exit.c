// SPDX-License-Identifier: GPL-2.0
/*
 * RDMSR and WRMSR of the guest: which exit at all, and what becomes of those. What
 * is refused is #GP, or user space's (KVM_CAP_X86_USER_SPACE_MSR); that is
 * finished at the next KVM_RUN, so that what user space sees in between is the
 * guest before the instruction.
 */
#include <asm/msr.h>
#include <umbra/msr_filter.h>
#include "vcpu.h"

/* KVM_CAP_MSR_PLATFORM_INFO takes that one from the guest, not from user space. */
static int guest_get(struct um_vmx *vmx, u32 msr, u64 *data)
{
	if (!um_msr_allowed(vmx->vcpu.vm, msr, KVM_MSR_FILTER_READ))
		return KVM_MSR_EXIT_REASON_FILTER;
	if (msr == MSR_PLATFORM_INFO &&
	    READ_ONCE(vmx->vcpu.vm->no_platform_info))
		return KVM_MSR_EXIT_REASON_INVAL;
	return um_msr_get(vmx, msr, data);
}

static int guest_set(struct um_vmx *vmx, u32 msr, u64 data)
{
	if (!um_msr_allowed(vmx->vcpu.vm, msr, KVM_MSR_FILTER_WRITE))
		return KVM_MSR_EXIT_REASON_FILTER;
	return um_msr_set(vmx, msr, data, false);
}

static void return_data(struct um_vmx *vmx, u64 data)
{
	vmx->world.gpr[UM_RAX] = (u32)data;
	vmx->world.gpr[UM_RDX] = data >> 32;
}

/* User space may have moved the guest elsewhere while it had it. */
static bool has_moved(struct um_vmx *vmx)
{
	return vmx_read(vmx, GUEST_RIP) != vmx->msr.rip;
}

static int complete_wrmsr(struct um_vmx *vmx)
{
	if (has_moved(vmx))
		return UM_RESUME;
	if (READ_ONCE(vmx->vcpu.run->msr.error))
		um_inject_error(vmx, X86_TRAP_GP, 0);
	else
		um_skip_len(vmx, vmx->msr.insn_len);
	return UM_RESUME;
}

static int complete_rdmsr(struct um_vmx *vmx)
{
	struct kvm_run *run = vmx->vcpu.run;

	if (!has_moved(vmx) && !READ_ONCE(run->msr.error))
		return_data(vmx, READ_ONCE(run->msr.data));
	return complete_wrmsr(vmx);
}

/* @why: KVM_MSR_EXIT_REASON_*. Does user space want to know? */
static int refuse(struct um_vmx *vmx, u32 exit, u32 msr, u64 data, u32 why)
{
	struct kvm_run *run = vmx->vcpu.run;

	if (!(READ_ONCE(vmx->vcpu.vm->msr_exits) & why)) {
		um_inject_error(vmx, X86_TRAP_GP, 0);
		return UM_RESUME;
	}
	vmx->msr.rip = vmx_read(vmx, GUEST_RIP);
	vmx->msr.insn_len = vmx_read(vmx, VM_EXIT_INSTRUCTION_LEN);
	vmx->complete = exit == KVM_EXIT_X86_RDMSR ? complete_rdmsr :
						     complete_wrmsr;
	run->exit_reason = exit;
	run->msr.error = 0;
	memset(run->msr.pad, 0, sizeof(run->msr.pad));
	run->msr.reason = why;
	run->msr.index = msr;
	run->msr.data = data;
	return UM_USER;
}

int um_exit_rdmsr(struct um_vmx *vmx)
{
	u32 msr = vmx->world.gpr[UM_RCX];
	u64 data;
	int why;

	vmx->vcpu.stat.msr_exits++;
	why = guest_get(vmx, msr, &data);
	if (unlikely(why))
		return refuse(vmx, KVM_EXIT_X86_RDMSR, msr, 0, why);
	return_data(vmx, data);
	um_skip_insn(vmx);
	return UM_RESUME;
}

int um_exit_wrmsr(struct um_vmx *vmx)
{
	u64 *gpr = vmx->world.gpr;
	u64 data = (u32)gpr[UM_RAX] | gpr[UM_RDX] << 32;
	u32 msr = gpr[UM_RCX];
	int why;

	vmx->vcpu.stat.msr_exits++;
	why = guest_set(vmx, msr, data);
	if (unlikely(why))
		return refuse(vmx, KVM_EXIT_X86_WRMSR, msr, data, why);
	um_skip_insn(vmx);
	return UM_RESUME;
}

/* Reads of the TSC honour the offset; writes need us. */
#define BOTH (KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)
static const struct {
	u32 msr, access;
} passed[] = {
	{ MSR_FS_BASE, BOTH },
	{ MSR_GS_BASE, BOTH },
	{ MSR_KERNEL_GS_BASE, BOTH },
	{ MSR_IA32_SYSENTER_CS, BOTH },
	{ MSR_IA32_SYSENTER_ESP, BOTH },
	{ MSR_IA32_SYSENTER_EIP, BOTH },
	{ MSR_IA32_TSC, KVM_MSR_FILTER_READ },
};

/* SDM, "MSR-Bitmap Address": reads at 0, writes at 2K; high MSRs 1K on. */
static void set_exit(struct um_vmx *vmx, u32 msr, u32 access, bool exits)
{
	u8 *map = (u8 *)vmx->msr_bitmap;

	if (access == KVM_MSR_FILTER_WRITE)
		map += 0x800;
	if (msr >= 0xc0000000)
		map += 0x400;
	__assign_bit(msr & 0x1fff, (unsigned long *)map, exits);
}

/* What else would be the guest's exits where there is a filter against it. */
static void pass_through(struct um_vmx *vmx, const struct um_msr_filter *f)
{
	u32 i, access;

	for (i = 0; i < ARRAY_SIZE(passed); i++) {
		for (access = 1; access < BOTH; access <<= 1) {
			if (passed[i].access & access)
				set_exit(vmx, passed[i].msr, access,
					 f && !um_msr_filter_allows(f,
						passed[i].msr, access));
		}
	}
}

void um_msr_bitmap_update(struct um_vmx *vmx)
{
	const struct um_msr_filter *f;

	rcu_read_lock();
	f = rcu_dereference(vmx->vcpu.vm->msr_filter);
	if (f && f->seq != vmx->msr_filter_seq) {
		pass_through(vmx, f);
		vmx->msr_filter_seq = f->seq;
	}
	rcu_read_unlock();
}

void um_msr_bitmap_setup(struct um_vmx *vmx)
{
	memset(vmx->msr_bitmap, 0xff, PAGE_SIZE);
	pass_through(vmx, NULL);
	um_msr_bitmap_update(vmx);
}
