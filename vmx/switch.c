// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest and the host's user space cannot have in the CPU at once.
 * It is exchanged as late as possible: KERNEL_GS_BASE and the host's FS and
 * GS when the vCPU's thread leaves KVM_RUN or the CPU, the SYSCALL MSRs when
 * the CPU goes back to user space (user-return notifier), nothing at an exit.
 */
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/user-return-notifier.h>
#include <asm/cpu_entry_area.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/segment.h>
#include "vcpu.h"

static const u32 uret_msr[UM_URETS] = {
	[UM_URET_STAR] = MSR_STAR,
	[UM_URET_LSTAR] = MSR_LSTAR,
	[UM_URET_FMASK] = MSR_SYSCALL_MASK,
	[UM_URET_TSC_AUX] = MSR_TSC_AUX,
};

/* Per CPU, interrupts off or the CPU's own preemption-off code. */
struct um_uret_cpu {
	struct user_return_notifier urn;
	bool registered;
	bool known;		 /* host[] was read */
	u64 host[UM_URETS];
	u64 now[UM_URETS];	 /* what the MSR holds */
};

static DEFINE_PER_CPU(struct um_uret_cpu, uret_cpu);

int um_uret_find(u32 msr)
{
	int i;

	for (i = 0; i < UM_URETS; i++) {
		if (uret_msr[i] == msr)
			return i;
	}
	return -1;
}

/* Does the CPU have it? */
static bool uret_known(int i)
{
	return i != UM_URET_TSC_AUX || um_caps.has_rdtscp;
}

/* Can the guest see it without an exit: SYSCALL, or RDTSCP? */
static bool uret_needed(struct um_vmx *vmx, int i)
{
	if (i == UM_URET_TSC_AUX)
		return um_caps.has_rdtscp && vmx->has_rdtscp;
	return vmx->efer & EFER_SCE;
}

/* Interrupts off. */
static void uret_restore(struct um_uret_cpu *u)
{
	int i;

	for (i = 0; i < UM_URETS; i++) {
		if (u->now[i] != u->host[i]) {
			wrmsrl(uret_msr[i], u->host[i]);
			u->now[i] = u->host[i];
		}
	}
	user_return_notifier_unregister(&u->urn);
	u->registered = false;
}

static void on_user_return(struct user_return_notifier *urn)
{
	struct um_uret_cpu *u = container_of(urn, struct um_uret_cpu, urn);
	unsigned long flags;

	/*
	 * um_uret_drop_cpu() may come by IPI or from hotplug and unregister
	 * first; interrupts are off for both.
	 */
	local_irq_save(flags);
	if (u->registered)
		uret_restore(u);
	local_irq_restore(flags);
}

/* On the CPU that is going away or when the module leaves. */
void um_uret_drop_cpu(void)
{
	struct um_uret_cpu *u;
	unsigned long flags;

	local_irq_save(flags);
	u = this_cpu_ptr(&uret_cpu);
	if (u->registered)
		uret_restore(u);
	u->known = false;
	local_irq_restore(flags);
}

static void uret_learn(struct um_uret_cpu *u)
{
	int i;

	for (i = 0; i < UM_URETS; i++) {
		if (uret_known(i))
			rdmsrl(uret_msr[i], u->host[i]);
		u->now[i] = u->host[i];
	}
	u->known = true;
}

/* Interrupts off. */
static void uret_load(struct um_vmx *vmx)
{
	struct um_uret_cpu *u = this_cpu_ptr(&uret_cpu);
	int i;

	if (!u->known)
		uret_learn(u);
	for (i = 0; i < UM_URETS; i++) {
		if (u->now[i] == vmx->uret[i] || !uret_needed(vmx, i))
			continue;
		wrmsrl(uret_msr[i], vmx->uret[i]);
		u->now[i] = vmx->uret[i];
		if (!u->registered) {
			u->urn.on_user_return = on_user_return;
			user_return_notifier_register(&u->urn);
			u->registered = true;
		}
	}
	vmx->uret_loaded = true;
}

/* Takes effect with the next entry. */
void um_uret_set(struct um_vmx *vmx, int i, u64 value)
{
	vmx->uret[i] = value;
	vmx->uret_loaded = false;
}

static void host_segments_save(struct um_vmx *vmx)
{
	struct um_host_state *h = &vmx->host;
	unsigned long gs_base = cpu_kernelmode_gs_base(smp_processor_id());
	unsigned long fs_base;
	u16 fs, gs;

	asm("sldt %0" : "=m" (h->ldt_sel));
	savesegment(ds, h->ds_sel);
	savesegment(es, h->es_sel);
	current_save_fsgs();
	fs = current->thread.fsindex;
	gs = current->thread.gsindex;
	fs_base = current->thread.fsbase;
	vmx->host_kernel_gs_base = current->thread.gsbase;

	/* A selector with RPL or TI set may not stand in the host state. */
	if (fs != h->fs_sel)
		vmx_write(vmx, HOST_FS_SELECTOR, (fs & 7) ? 0 : fs);
	if (gs != h->gs_sel)
		vmx_write(vmx, HOST_GS_SELECTOR, (gs & 7) ? 0 : gs);
	if (fs_base != h->fs_base)
		vmx_write(vmx, HOST_FS_BASE, fs_base);
	if (gs_base != h->gs_base)
		vmx_write(vmx, HOST_GS_BASE, gs_base);
	h->fs_sel = fs;
	h->gs_sel = gs;
	h->fs_base = fs_base;
	h->gs_base = gs_base;
}

/* Interrupts off, right before an entry, when something is not loaded. */
void um_switch_to_guest(struct um_vmx *vmx)
{
	if (!vmx->uret_loaded)
		uret_load(vmx);
	if (vmx->guest_loaded)
		return;
	host_segments_save(vmx);
	wrmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	vmx->guest_loaded = true;
}

static void switch_to_host(struct um_vmx *vmx)
{
	struct um_host_state *h = &vmx->host;

	vmx->uret_loaded = false;
	if (!vmx->guest_loaded)
		return;
	rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	/* A VM exit leaves LDTR, and what did not fit the VMCS, null. */
	if (h->ldt_sel || (h->gs_sel & 7)) {
		asm volatile("lldt %0" : : "m" (h->ldt_sel));
		load_gs_index(h->gs_sel);
	}
	if (h->fs_sel & 7)
		loadsegment(fs, h->fs_sel);
	if (unlikely(h->ds_sel | h->es_sel)) {
		loadsegment(ds, h->ds_sel);
		loadsegment(es, h->es_sel);
	}
	/* An exit sets TR's limit to 0x67 and GDTR's to 0xffff. */
	invalidate_tss_limit();
	wrmsrl(MSR_KERNEL_GS_BASE, vmx->host_kernel_gs_base);
	load_fixmap_gdt(smp_processor_id());
	vmx->guest_loaded = false;
}

static void load_on(struct um_vmx *vmx, int cpu)
{
	bool moved = vmx->vmcs_cpu != cpu;

	um_vmcs_load(vmx, cpu);
	if (moved) {
		vmcs_write(HOST_TR_BASE,
			   (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
		vmcs_write(HOST_GDTR_BASE,
			   (unsigned long)get_current_gdt_ro());
		vmcs_write(HOST_IA32_SYSENTER_ESP,
			   (unsigned long)(cpu_entry_stack(cpu) + 1));
		if (vmx->vcpu.timer_due)
			um_apic_moved(&vmx->vcpu);
	}
	vmx->host.debugctl = get_debugctlmsr();
	WRITE_ONCE(vmx->vcpu.cpu, cpu);
	this_cpu_write(um_running, &vmx->vcpu);
	vmx->l1d_dirty = true;
}

void um_vcpu_load(struct um_vmx *vmx)
{
	int cpu = get_cpu();

	preempt_notifier_register(&vmx->vcpu.preempt);
	load_on(vmx, cpu);
	put_cpu();
}

void um_vcpu_put(struct um_vmx *vmx)
{
	preempt_disable();
	switch_to_host(vmx);
	WRITE_ONCE(vmx->vcpu.cpu, -1);
	this_cpu_write(um_running, NULL);
	preempt_notifier_unregister(&vmx->vcpu.preempt);
	preempt_enable();
}

void um_vcpu_sched_in(struct um_vmx *vmx, int cpu)
{
	load_on(vmx, cpu);
}

void um_vcpu_sched_out(struct um_vmx *vmx)
{
	vmx->vcpu.stat.preempted++;
	switch_to_host(vmx);
	WRITE_ONCE(vmx->vcpu.cpu, -1);
	this_cpu_write(um_running, NULL);
}
