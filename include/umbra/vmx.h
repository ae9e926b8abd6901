/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The face of vmx/ towards main.c and core/. Nobody else knows the VMCS.
 */
#ifndef _UMBRA_VMX_H
#define _UMBRA_VMX_H

#include <linux/kvm.h>
#include <umbra/mmu.h>

struct um_vcpu;
struct um_vm;

/*
 * um_vmx_init() - check every CPU, allocate VMXON regions, prepare hooks.
 * Returns 0, -ENODEV naming what is missing, or -EBUSY when VMX is in use.
 */
int um_vmx_init(void);
void um_vmx_exit(void);
/*
 * VMXON everywhere for the first VM, VMXOFF after the last. Returns 0, -EBUSY
 * when VMX is in use, or -EIO when a CPU refused. Both sleep.
 */
int um_vmx_get(void);
void um_vmx_put(void);
const struct um_mmu_caps *um_vmx_mmu_caps(void);
/* Can a guest have paging of five levels, on shadow tables? */
bool um_vmx_has_la57(void);
/* May a guest execute INVPCID? */
bool um_vmx_has_invpcid(void);
/* Does the CPU end a stretch in the guest at vcpu->timer_due? */
bool um_vmx_has_timer(void);

/*
 * A vCPU is allocated by vmx/ because its own struct contains ours; the
 * common part is zeroed but for what vmx/ owns. core/ has set vcpu->vm, id,
 * idx through the arguments. Returns ERR_PTR(-ENOMEM), never NULL. Sleeps.
 */
struct um_vcpu *um_vmx_vcpu_create(struct um_vm *vm, int id, int idx);
void um_vmx_vcpu_free(struct um_vcpu *vcpu);
/* The debts it flushed for last, as struct um_tlb counts. Any context. */
u64 um_vmx_tlb_seen(const struct um_vcpu *vcpu);

/*
 * All below: vcpu->mutex held, no preempt-off, may sleep. Setters return 0 or
 * -EINVAL and then have changed nothing. errno as KVM.
 *
 * um_vmx_run() returns 0 with run->exit_reason set, -EINTR (signal, immediate
 * exit), or what a fault ended with: see docs/fault-path.md.
 */
int um_vmx_run(struct um_vcpu *vcpu);
void um_vmx_get_regs(struct um_vcpu *vcpu, struct kvm_regs *regs);
int um_vmx_set_regs(struct um_vcpu *vcpu, const struct kvm_regs *regs);
void um_vmx_get_sregs(struct um_vcpu *vcpu, struct kvm_sregs *sregs);
int um_vmx_set_sregs(struct um_vcpu *vcpu, const struct kvm_sregs *sregs);
/* One MSR on behalf of user space: 0, or 1 when it is unknown or refused. */
int um_vmx_get_msr(struct um_vcpu *vcpu, u32 index, u64 *data);
int um_vmx_set_msr(struct um_vcpu *vcpu, u32 index, u64 data);
/* MSRs of KVM_GET_MSR_INDEX_LIST, and of KVM_GET_MSR_FEATURE_INDEX_LIST. */
const u32 *um_vmx_msr_list(unsigned int *n);
const u32 *um_vmx_msr_feature_list(unsigned int *n);
/* What a guest finds in such an MSR: 0, or 1 when it is none of them. */
int um_vmx_feature_msr(u32 index, u64 *data);
void um_vmx_get_fpu(struct um_vcpu *vcpu, struct kvm_fpu *fpu);
int um_vmx_set_fpu(struct um_vcpu *vcpu, const struct kvm_fpu *fpu);
void um_vmx_get_xsave(struct um_vcpu *vcpu, struct kvm_xsave *xsave);
int um_vmx_set_xsave(struct um_vcpu *vcpu, const struct kvm_xsave *xsave);
void um_vmx_get_xcrs(struct um_vcpu *vcpu, struct kvm_xcrs *xcrs);
int um_vmx_set_xcrs(struct um_vcpu *vcpu, const struct kvm_xcrs *xcrs);
/*
 * Events: of KVM_INTERRUPT, -EINVAL for no vector, -EEXIST when one is queued; of
 * KVM_GET/SET_VCPU_EVENTS. An NMI: um_vcpu_nmi() in event.h.
 */
int um_vmx_queue_irq(struct um_vcpu *vcpu, u32 vector);
void um_vmx_get_events(struct um_vcpu *vcpu, struct kvm_vcpu_events *ev);
int um_vmx_set_events(struct um_vcpu *vcpu, const struct kvm_vcpu_events *ev);
/*
 * For a vCPU in HLT, loaded: is there an NMI that it would take, or, given an
 * interrupt (@irq), would it take that?
 */
bool um_vmx_may_wake(struct um_vcpu *vcpu, bool irq);
/* Have the vCPU on this CPU, wherever the thread goes; not in KVM_RUN. */
void um_vmx_vcpu_load(struct um_vcpu *vcpu);
void um_vmx_vcpu_put(struct um_vcpu *vcpu);
/*
 * INIT, and the start at page @vector by SIPI: the vCPU's own thread, loaded.
 */
void um_vmx_reset(struct um_vcpu *vcpu);
void um_vmx_start(struct um_vcpu *vcpu, u8 vector);
/* The APIC's registers are in @page: the guest may have CR8 there. At birth. */
void um_vmx_shadow_tpr(struct um_vcpu *vcpu, void *page);
/* The vCPU's own thread, in um_bus_read() or um_bus_write() of memory. */
u64 um_vmx_mmio_rip(const struct um_vcpu *vcpu);
int um_vmx_set_debugregs(struct um_vcpu *vcpu,
			 const struct kvm_debugregs *regs);
void um_vmx_get_debugregs(struct um_vcpu *vcpu, struct kvm_debugregs *regs);
/*
 * KVM_SET_GUEST_DEBUG, and what it knows. -EINVAL for what it does not know, -EBUSY
 * for an exception when one is on its way.
 */
#define UM_GUESTDBG_KNOWN                                             \
	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |              \
	 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |            \
	 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |            \
	 KVM_GUESTDBG_BLOCKIRQ)
int um_vmx_set_guest_debug(struct um_vcpu *vcpu,
			   const struct kvm_guest_debug *dbg);
/* Where tr->linear_address leads now; as data of the supervisor. */
void um_vmx_translate(struct um_vcpu *vcpu, struct kvm_translation *tr);
/* The guest's TSC less the host's: KVM_VCPU_TSC_OFFSET. */
u64 um_vmx_get_tsc_offset(const struct um_vcpu *vcpu);
void um_vmx_set_tsc_offset(struct um_vcpu *vcpu, u64 offset);
/* CPUID changed: recompute what follows from it. */
void um_vmx_cpuid_changed(struct um_vcpu *vcpu);

#endif
