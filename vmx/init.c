// SPDX-License-Identifier: GPL-2.0
/*
 * Bring vmx/ up and down, and make and free vCPUs.
 */
#include <linux/idr.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include "shadow.h"

static DEFINE_IDA(vpids); /* 1..65535; 0 is the host */

int um_vpid_alloc(void)
{
	int vpid = ida_alloc_range(&vpids, 1, U16_MAX, GFP_KERNEL_ACCOUNT);

	return vpid < 0 ? -ENOMEM : vpid;
}

void um_vpid_free(u16 vpid)
{
	ida_free(&vpids, vpid);
}

static void on_sched_in(struct preempt_notifier *n, int cpu)
{
	um_vcpu_sched_in(to_vmx(container_of(n, struct um_vcpu, preempt)), cpu);
}

static void on_sched_out(struct preempt_notifier *n, struct task_struct *next)
{
	um_vcpu_sched_out(to_vmx(container_of(n, struct um_vcpu, preempt)));
}

static struct preempt_ops preempt_ops = {
	.sched_in = on_sched_in,
	.sched_out = on_sched_out,
};

static void vcpu_init(struct um_vmx *vmx, struct um_vm *vm, int id, int idx)
{
	struct um_vcpu *vcpu = &vmx->vcpu;

	vcpu->id = id;
	vcpu->idx = idx;
	vcpu->cpu = -1;
	preempt_notifier_init(&vcpu->preempt, &preempt_ops);
	vmx->vmcs_cpu = -1;
	vmx->debug.bp_len = 1;
	vmx->eptp = vm->mmu.root_pa | um_mmu_eptp(&vm->mmu);
	vmx->tsc_offset = vm->tsc_offset;
	vmx->vmcs_pa = __pa(vmx->vmcs);
	vmx->world.gpr[UM_RDX] = boot_cpu_data.x86 << 8;
	um_msr_bitmap_setup(vmx);
	um_cr_cpuid_changed(vmx);
	um_xcr0_write(vmx, XFEATURE_MASK_FP);
	um_vcpu_load(vmx);
	um_vmcs_setup(vmx);
	um_vcpu_put(vmx);
}

struct um_vcpu *um_vmx_vcpu_create(struct um_vm *vm, int id, int idx)
{
	struct um_vmx *vmx;
	int vpid;

	vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	if (!vmx)
		return ERR_PTR(-ENOMEM);
	vmx->vcpu.vm = vm;
	vpid = um_vpid_alloc();
	if (vpid < 0)
		goto err_vmx;
	vmx->vpid = vpid;
	vmx->vmcs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs)
		goto err_vpid;
	vmx->msr_bitmap = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->msr_bitmap)
		goto err_vmcs;
	if (um_caps.mmu.pml) {
		vmx->pml = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
		if (!vmx->pml)
			goto err_bitmap;
	}
	if (um_engine_create(vmx))
		goto err_pml;
	if (!fpu_alloc_guest_fpstate(&vmx->fpu))
		goto err_shadow;
	/* A VMCS is cleared before its first use on any CPU (SDM). */
	vmx->vmcs->revision = um_caps.revision;
	um_vmclear(__pa(vmx->vmcs));
	vcpu_init(vmx, vm, id, idx);
	return &vmx->vcpu;

err_shadow:
	um_engine_destroy(vmx);
err_pml:
	free_page((unsigned long)vmx->pml);
err_bitmap:
	free_page((unsigned long)vmx->msr_bitmap);
err_vmcs:
	free_page((unsigned long)vmx->vmcs);
err_vpid:
	um_vpid_free(vmx->vpid);
err_vmx:
	kfree(vmx);
	return ERR_PTR(-ENOMEM);
}

void um_vmx_vcpu_free(struct um_vcpu *vcpu)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	um_vmcs_clear(vmx);
	fpu_free_guest_fpstate(&vmx->fpu);
	um_engine_destroy(vmx);
	free_page((unsigned long)vmx->pml);
	free_page((unsigned long)vmx->msr_bitmap);
	free_page((unsigned long)vmx->vmcs);
	um_vpid_free(vmx->vpid);
	kfree(vmx);
}

const struct um_mmu_caps *um_vmx_mmu_caps(void)
{
	return &um_caps.mmu;
}

/* Not what the host uses: a guest's CR4 is its own. */
bool um_vmx_has_la57(void)
{
	return cpuid_ecx(7) & BIT(16);
}

bool um_vmx_has_invpcid(void)
{
	return um_caps.cpu2 & SECONDARY_EXEC_ENABLE_INVPCID;
}

static void drop_uret(void *unused)
{
	um_uret_drop_cpu();
}

int um_vmx_init(void)
{
	int err;

	err = um_caps_init();
	if (err)
		return err;
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		um_host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	um_perf_init();
	err = um_l1d_init();
	if (err)
		return err;
	err = um_hw_init();
	if (err)
		um_l1d_exit();
	return err;
}

/* No VM is left. */
void um_vmx_exit(void)
{
	um_hw_exit();
	on_each_cpu(drop_uret, NULL, 1);
	um_l1d_exit();
	ida_destroy(&vpids);
}
