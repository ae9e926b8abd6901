// SPDX-License-Identifier: GPL-2.0
/*
 * From exit reason to handler. Handlers decode; what is bigger than a screen
 * has a file of its own.
 */
#include "shadow.h"
#include <umbra/irq.h>
#include <umbra/trace.h>

static int exit_to_user(struct um_vmx *vmx, u32 reason)
{
	vmx->vcpu.run->exit_reason = reason;
	return UM_USER;
}

u64 um_gpr_get(struct um_vmx *vmx, int n)
{
	return n == UM_RSP ? vmx_read(vmx, GUEST_RSP) : vmx->world.gpr[n];
}

void um_gpr_set(struct um_vmx *vmx, int n, u64 value)
{
	if (n == UM_RSP)
		vmx_write(vmx, GUEST_RSP, value);
	else
		vmx->world.gpr[n] = value;
}

bool um_in_64bit(struct um_vmx *vmx)
{
	return (vmx->efer & EFER_LMA) &&
	       (vmx_read(vmx, GUEST_CS_AR_BYTES) & VMX_AR_L_MASK);
}

/*
 * An instruction was completed in software: the shadow of STI and MOV SS is
 * over, and who is single-stepping, the guest or a debugger, gets its trap.
 */
void um_insn_done(struct um_vmx *vmx)
{
	u32 shadow = vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO);

	if (unlikely(shadow & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)))
		vmx_write(vmx, GUEST_INTERRUPTIBILITY_INFO,
			  shadow & ~(GUEST_INTR_STATE_STI |
				     GUEST_INTR_STATE_MOV_SS));
	if (unlikely(vmx_read(vmx, GUEST_RFLAGS) & X86_EFLAGS_TF))
		um_debug_insn_done(vmx);
}

/* Advance over @len bytes of instruction. */
void um_skip_len(struct um_vmx *vmx, u32 len)
{
	u64 old = vmx_read(vmx, GUEST_RIP), rip = old + len;

	/* Crossing 4G wraps unless the code is 64-bit. */
	if (unlikely((old ^ rip) >> 32) && !um_in_64bit(vmx))
		rip = (u32)rip;
	vmx_write(vmx, GUEST_RIP, rip);
	um_insn_done(vmx);
}

void um_skip_insn(struct um_vmx *vmx)
{
	um_skip_len(vmx, vmx_read(vmx, VM_EXIT_INSTRUCTION_LEN));
}

/* KVM_EXIT_INTERNAL_ERROR without instruction bytes, data as KVM's. */
int um_exit_internal(struct um_vmx *vmx, u32 suberror)
{
	struct kvm_run *run = vmx->vcpu.run;
	u32 n = 0;

	run->internal.suberror = suberror;
	if (suberror == KVM_INTERNAL_ERROR_DELIVERY_EV)
		run->internal.data[n++] = vmx->idt_vectoring;
	run->internal.data[n++] = vmx->world.exit_reason;
	if (suberror == KVM_INTERNAL_ERROR_DELIVERY_EV)
		run->internal.data[n++] = vmx_read(vmx, EXIT_QUALIFICATION);
	run->internal.data[n++] = READ_ONCE(vmx->vcpu.cpu);
	run->internal.ndata = n;
	return exit_to_user(vmx, KVM_EXIT_INTERNAL_ERROR);
}

/* SS's DPL is the CPL. */
static bool in_user_mode(struct um_vmx *vmx)
{
	return VMX_AR_DPL(vmx_read(vmx, GUEST_SS_AR_BYTES)) == 3;
}

/*
 * An instruction nobody knows: say which (api.rst, emulation_failure). As with
 * KVM, a guest's user code does not stop its VM that way unless user space
 * wants that: it gets #UD.
 */
int um_exit_unknown_insn(struct um_vmx *vmx, const u8 *bytes, u8 len)
{
	struct kvm_run *run = vmx->vcpu.run;

	if (len && in_user_mode(vmx) &&
	    !READ_ONCE(vmx->vcpu.vm->exit_on_unknown_insn)) {
		um_inject(vmx, X86_TRAP_UD);
		return UM_RESUME;
	}
	memset(&run->emulation_failure, 0, sizeof(run->emulation_failure));
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 1; /* the flags */
	if (len) {
		/* and size and bytes, two words */
		run->emulation_failure.ndata = 3;
		run->emulation_failure.flags =
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = len;
		memset(run->emulation_failure.insn_bytes, 0x90,
		       sizeof(run->emulation_failure.insn_bytes));
		memcpy(run->emulation_failure.insn_bytes, bytes, len);
	}
	return exit_to_user(vmx, KVM_EXIT_INTERNAL_ERROR);
}

static int exit_fail_entry(struct um_vmx *vmx, u64 reason)
{
	struct kvm_run *run = vmx->vcpu.run;

	if (reason == UM_NOT_ENTERED)
		reason = um_hw_rebooting() ? 0 :
			 vmx_read(vmx, VM_INSTRUCTION_ERROR);
	run->fail_entry.hardware_entry_failure_reason = reason;
	run->fail_entry.cpu = READ_ONCE(vmx->vcpu.cpu);
	return exit_to_user(vmx, KVM_EXIT_FAIL_ENTRY);
}

static int exit_cpuid(struct um_vmx *vmx)
{
	u64 *gpr = vmx->world.gpr;
	u32 eax = gpr[UM_RAX], ebx, ecx = gpr[UM_RCX], edx;

	vmx->vcpu.stat.cpuid_exits++;
	um_cpuid(&vmx->vcpu, &eax, &ebx, &ecx, &edx);
	gpr[UM_RAX] = eax;
	gpr[UM_RBX] = ebx;
	gpr[UM_RCX] = ecx;
	gpr[UM_RDX] = edx;
	um_skip_insn(vmx);
	return UM_RESUME;
}

static int exit_hlt(struct um_vmx *vmx)
{
	vmx->vcpu.stat.halt_exits++;
	um_skip_insn(vmx);
	if (!vmx->vcpu.apic)
		return exit_to_user(vmx, KVM_EXIT_HLT);
	/* A step over HLT ends it. */
	if (!vmx->event.pending && !vmx->stepped)
		um_irq_halt(&vmx->vcpu);
	return UM_RESUME;
}

static int exit_ud(struct um_vmx *vmx)
{
	um_inject(vmx, X86_TRAP_UD);
	return UM_RESUME;
}

/* Nothing is watched: the guest finds that it need not wait. */
static int exit_monitor(struct um_vmx *vmx)
{
	struct um_vcpu *vcpu = &vmx->vcpu;

	if (!um_vm_has_quirk(vcpu->vm, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS) &&
	    !(um_cpuid_ecx1(vcpu) & BIT(X86_FEATURE_MWAIT & 31)))
		return exit_ud(vmx);
	um_skip_insn(vmx);
	return UM_RESUME;
}

static int dispatch(struct um_vmx *vmx)
{
	switch ((u16)vmx->world.exit_reason) {
	case EXIT_REASON_PML_FULL:
		return um_exit_pml_full(vmx);
	case EXIT_REASON_IO_INSTRUCTION:
		return um_exit_io(vmx);
	case EXIT_REASON_CPUID:
		return exit_cpuid(vmx);
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		return UM_RESUME; /* taken in enter() */
	case EXIT_REASON_PREEMPTION_TIMER:
		return um_exit_timer(vmx);
	case EXIT_REASON_MSR_READ:
		return um_exit_rdmsr(vmx);
	case EXIT_REASON_MSR_WRITE:
		return um_exit_wrmsr(vmx);
	case EXIT_REASON_CR_ACCESS:
		return um_exit_cr(vmx);
	case EXIT_REASON_INVLPG:
		return um_exit_invlpg(vmx);
	case EXIT_REASON_INVPCID:
		return um_exit_invpcid(vmx);
	case EXIT_REASON_DR_ACCESS:
		return um_exit_dr(vmx);
	case EXIT_REASON_HLT:
		return exit_hlt(vmx);
	case EXIT_REASON_INTERRUPT_WINDOW:
		return um_exit_irq_window(vmx);
	case EXIT_REASON_NMI_WINDOW:
		return um_exit_nmi_window(vmx);
	case EXIT_REASON_TPR_BELOW_THRESHOLD:
		return um_exit_tpr(vmx);
	case EXIT_REASON_EXCEPTION_NMI:
		return um_exit_exception(vmx);
	case EXIT_REASON_PAUSE_INSTRUCTION:
		return um_exit_pause(vmx);
	case EXIT_REASON_XSETBV:
		return um_exit_xsetbv(vmx);
	case EXIT_REASON_VMCALL:
		return um_exit_vmcall(vmx);
	case EXIT_REASON_INVD:
	case EXIT_REASON_WBINVD:
		/* All guest memory is coherent: nothing to write back. */
		um_skip_insn(vmx);
		return UM_RESUME;
	case EXIT_REASON_RDPMC:
		um_inject_error(vmx, X86_TRAP_GP, 0);
		return UM_RESUME;
	case EXIT_REASON_EPT_MISCONFIG:
		return um_exit_ept_misconfig(vmx);
	case EXIT_REASON_TRIPLE_FAULT:
		return exit_to_user(vmx, KVM_EXIT_SHUTDOWN);
	case EXIT_REASON_VMCLEAR ... EXIT_REASON_VMON:
	case EXIT_REASON_INVEPT:
	case EXIT_REASON_INVVPID:
		return exit_ud(vmx);
	case EXIT_REASON_MWAIT_INSTRUCTION:
	case EXIT_REASON_MONITOR_INSTRUCTION:
		return exit_monitor(vmx);
	case EXIT_REASON_TASK_SWITCH:
		return um_exit_unknown_insn(vmx, NULL, 0);
	}
	return um_exit_internal(vmx, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
}

int um_exit_handle(struct um_vmx *vmx)
{
	const u32 reason = vmx->world.exit_reason;
	int r;

	trace_umbra_exit(&vmx->vcpu, reason);
	if (unlikely(reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
		return exit_fail_entry(vmx, reason);
	/* What matters most is asked first. */
	if (likely((u16)reason == EXIT_REASON_EPT_VIOLATION))
		r = um_exit_ept_violation(vmx);
	else
		r = dispatch(vmx);
	if (unlikely(vmx->shutdown)) {
		vmx->shutdown = false;
		vmx->event.pending = false;
		return exit_to_user(vmx, KVM_EXIT_SHUTDOWN);
	}
	if (unlikely(vmx->stepped) && r > 0)
		return um_debug_stepped(vmx);
	return r;
}
