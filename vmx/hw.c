// SPDX-License-Identifier: GPL-2.0
/*
 * VMX operation per CPU, and which VMCSs each CPU holds.
 *
 * VMXON is executed on every online CPU when the first VM is made, on CPUs
 * that come online later, and after resume; VMXOFF when the last VM is gone
 * and when a CPU leaves. A VMCS must be VMCLEARed on the CPU that holds it
 * before another CPU loads it, and before its CPU leaves VMX.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <asm/perf_event.h>
#include <asm/reboot.h>
#include <asm/tlbflush.h>
#include <umbra/compat.h>
#include "vcpu.h"

struct um_cpu {
	struct um_vmcs *vmxon;	  /* const after init */
	bool on;		  /* this CPU only, interrupts off */
	hpa_t current_pa;	  /* of the VMCS last loaded, or 0 */
	struct list_head loaded;  /* interrupts off; crash path walks it */
};

static DEFINE_PER_CPU(struct um_cpu, um_cpu);
static DEFINE_MUTEX(hw_lock); /* protects users; above cpus_read_lock */
static int users;	      /* VMs alive; also read by hotplug callbacks */
static enum cpuhp_state hp_check_state;
static bool rebooting;	      /* VMX instructions may fault from now on */

bool um_hw_rebooting(void)
{
	return READ_ONCE(rebooting);
}

void um_vmread_error(unsigned long field)
{
	if (!um_hw_rebooting())
		WARN_ONCE(1, "vmread of field %lx failed\n", field);
}

void um_vmwrite_error(unsigned long field, unsigned long value)
{
	if (!um_hw_rebooting())
		WARN_ONCE(1, "vmwrite of %lx to field %lx failed\n", value,
			  field);
}

/* Interrupts off, on the CPU that holds the VMCS. */
static void vmcs_clear_here(struct um_vmx *vmx)
{
	struct um_cpu *c = this_cpu_ptr(&um_cpu);

	um_vmclear(vmx->vmcs_pa);
	if (c->current_pa == vmx->vmcs_pa)
		c->current_pa = 0;
	list_del(&vmx->vmcs_link);
	vmx->world.launched = 0;
	/*
	 * V1: off the list before vmcs_cpu says so. Pairs with V2 in
	 * um_vmcs_load(), which puts it on another CPU's list.
	 */
	smp_wmb();
	WRITE_ONCE(vmx->vmcs_cpu, -1);
}

static void vmcs_clear_ipi(void *data)
{
	struct um_vmx *vmx = data;

	/* The CPU may have gone through hotplug, which cleared it. */
	if (vmx->vmcs_cpu == smp_processor_id())
		vmcs_clear_here(vmx);
}

/* The vCPU is not running. Waits for the CPU that holds the VMCS. */
void um_vmcs_clear(struct um_vmx *vmx)
{
	int cpu = READ_ONCE(vmx->vmcs_cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, vmcs_clear_ipi, vmx, 1);
}

/* Preemption off on @cpu. Makes @vmx's VMCS current there. */
void um_vmcs_load(struct um_vmx *vmx, int cpu)
{
	struct um_cpu *c = per_cpu_ptr(&um_cpu, cpu);
	unsigned long flags;

	if (vmx->vmcs_cpu != cpu) {
		um_vmcs_clear(vmx);
		local_irq_save(flags);
		smp_rmb(); /* V2: pairs with V1 in vmcs_clear_here() */
		list_add(&vmx->vmcs_link, &c->loaded);
		vmx->vmcs_cpu = cpu;
		local_irq_restore(flags);
		vmx->flush_all = true;
	}
	if (c->current_pa != vmx->vmcs_pa) {
		c->current_pa = vmx->vmcs_pa;
		if (!um_vmptrld(vmx->vmcs_pa) && !um_hw_rebooting())
			WARN_ONCE(1, "vmptrld failed\n");
		indirect_branch_prediction_barrier();
	}
}

/* Interrupts off. Returns 0, -EBUSY when VMX is on already, -EIO. */
static int cpu_on(void)
{
	struct um_cpu *c = this_cpu_ptr(&um_cpu);

	if (c->on)
		return 0;
	if (cr4_read_shadow() & X86_CR4_VMXE)
		return -EBUSY;
	cr4_set_bits(X86_CR4_VMXE);
	c->vmxon->revision = um_caps.revision;
	/* Processor trace must not run where the CPU cannot have both. */
	intel_pt_handle_vmx(1);
	if (!um_vmxon(__pa(c->vmxon))) {
		intel_pt_handle_vmx(0);
		cr4_clear_bits(X86_CR4_VMXE);
		return -EIO;
	}
	c->on = true;
	return 0;
}

/* Interrupts off. Any context, the crash path too: takes no lock. */
static void cpu_off(void)
{
	struct um_cpu *c = this_cpu_ptr(&um_cpu);
	struct um_vmx *vmx, *next;

	if (!c->on)
		return;
	list_for_each_entry_safe(vmx, next, &c->loaded, vmcs_link)
		vmcs_clear_here(vmx);
	c->on = false;
	um_vmxoff();
	intel_pt_handle_vmx(0);
	cr4_clear_bits(X86_CR4_VMXE);
}

static void cpu_on_ipi(void *failed)
{
	int err = cpu_on();

	if (err)
		atomic_set(failed, err);
}

static void cpu_off_ipi(void *unused)
{
	cpu_off();
}

/* Refuse a CPU that cannot do what the others can. */
static int hp_check(unsigned int cpu)
{
	return um_caps_check_cpu();
}

/*
 * The slot of KVM itself, which is free while kvm_intel is not loaded and
 * keeps it from being loaded meanwhile. It alone is torn down after the
 * last thread has left the CPU, so that no vCPU finds itself without VMX.
 * On older kernels it is called with interrupts off and may not fail.
 */
static int hp_starting(unsigned int cpu)
{
	unsigned long flags;
	int err = 0;

	local_irq_save(flags);
	if (READ_ONCE(users))
		err = cpu_on();
	local_irq_restore(flags);
	if (err)
		pr_err("CPU %u cannot enter VMX operation: %d\n", cpu, err);
	return UM_CPUHP_MAY_FAIL ? err : 0;
}

static int hp_dying(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	cpu_off();
	local_irq_restore(flags);
	um_uret_drop_cpu();
	return 0;
}

/*
 * Crash or reset: an NMI that may have come while the list changed, so it
 * is walked and not written. A vCPU's VMX instructions may fault from now on.
 */
static void emergency_off(void)
{
	struct um_cpu *c = this_cpu_ptr(&um_cpu);
	struct um_vmx *vmx;

	WRITE_ONCE(rebooting, true);
	if (!c->on)
		return;
	list_for_each_entry(vmx, &c->loaded, vmcs_link)
		um_vmclear(vmx->vmcs_pa);
	um_vmxoff();
	cr4_clear_bits(X86_CR4_VMXE);
}

static void vmxe_ipi(void *busy)
{
	if (cr4_read_shadow() & X86_CR4_VMXE)
		atomic_set(busy, 1);
}

/*
 * Is another hypervisor using VMX, or about to? kvm_intel of some kernels
 * enters VMX operation only with its first VM, but owns the crash callback
 * from its load on.
 */
static bool vmx_taken(void)
{
	struct kobject *kvm = kset_find_obj(THIS_MODULE->mkobj.kobj.kset,
					    "kvm_intel");
	atomic_t busy = ATOMIC_INIT(!!kvm);

	kobject_put(kvm);
	on_each_cpu(vmxe_ipi, &busy, 1);
	if (!atomic_read(&busy))
		return false;
	pr_err("VMX is in use, by kvm_intel most likely: unload it first\n");
	return true;
}

static int all_on(void)
{
	atomic_t failed = ATOMIC_INIT(0);

	if (vmx_taken())
		return -EBUSY;
	on_each_cpu(cpu_on_ipi, &failed, 1);
	if (atomic_read(&failed))
		on_each_cpu(cpu_off_ipi, NULL, 1);
	else
		cpu_emergency_register_virt_callback(emergency_off);
	return atomic_read(&failed);
}

int um_vmx_get(void)
{
	int err = 0;

	if (um_hw_rebooting())
		return -EBUSY;
	mutex_lock(&hw_lock);
	cpus_read_lock();
	if (!users)
		err = all_on();
	if (!err) {
		WRITE_ONCE(users, users + 1);
		preempt_notifier_inc();
	}
	cpus_read_unlock();
	mutex_unlock(&hw_lock);
	return err;
}

void um_vmx_put(void)
{
	mutex_lock(&hw_lock);
	cpus_read_lock();
	preempt_notifier_dec();
	WRITE_ONCE(users, users - 1);
	if (!users) {
		cpu_emergency_unregister_virt_callback(emergency_off);
		on_each_cpu(cpu_off_ipi, NULL, 1);
	}
	cpus_read_unlock();
	mutex_unlock(&hw_lock);
}

/* Suspend and resume of the boot CPU; the others go through hotplug. */
static int hw_suspend(UM_SYSCORE_ARG)
{
	cpu_off();
	return 0;
}

static void hw_resume(UM_SYSCORE_ARG)
{
	if (users && cpu_on())
		pr_err("VMX did not come back after resume\n");
}

UM_DEFINE_SYSCORE(hw_syscore, hw_suspend, hw_resume);

static int hw_reboot(struct notifier_block *nb, unsigned long action, void *p)
{
	WRITE_ONCE(rebooting, true);
	on_each_cpu(cpu_off_ipi, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_nb = { .notifier_call = hw_reboot };

static void free_regions(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_page((unsigned long)per_cpu(um_cpu, cpu).vmxon);
		per_cpu(um_cpu, cpu).vmxon = NULL;
	}
}

static int alloc_regions(void)
{
	struct um_cpu *c;
	int cpu;

	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(&um_cpu, cpu);
		INIT_LIST_HEAD(&c->loaded);
		c->vmxon = (void *)get_zeroed_page(GFP_KERNEL);
		if (!c->vmxon) {
			free_regions();
			return -ENOMEM;
		}
	}
	return 0;
}

int um_hw_init(void)
{
	int err;

	if (vmx_taken())
		return -EBUSY;
	err = alloc_regions();
	if (err)
		return err;
	err = cpuhp_setup_state_nocalls(UM_CPUHP_VMX, "umbra:vmx", hp_starting,
					hp_dying);
	if (err < 0)
		goto err_regions;
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "umbra:check", hp_check,
				NULL);
	if (err < 0)
		goto err_vmx;
	hp_check_state = err;
	um_register_syscore(&hw_syscore);
	register_reboot_notifier(&reboot_nb);
	return 0;

err_vmx:
	cpuhp_remove_state_nocalls(UM_CPUHP_VMX);
err_regions:
	free_regions();
	return err;
}

void um_hw_exit(void)
{
	unregister_reboot_notifier(&reboot_nb);
	um_unregister_syscore(&hw_syscore);
	cpuhp_remove_state(hp_check_state);
	cpuhp_remove_state_nocalls(UM_CPUHP_VMX);
	free_regions();
}
