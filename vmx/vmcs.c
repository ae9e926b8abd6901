// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCS of a new vCPU: controls, the host state that never changes, and
 * the guest state after RESET (SDM, "Processor State After Reset").
 */
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/segment.h>
#include "shadow.h"

/* Ticks between two PAUSEs of one loop, and how long it may spin. */
#define PLE_GAP_TICKS 128
#define PLE_WINDOW_TICKS 4096

/* What the guest may do without an exit: user space gave it a CPU for itself. */
static void drop_exits(struct um_vmx *vmx)
{
	u32 off = READ_ONCE(vmx->vcpu.vm->exits_off);

	if (off & KVM_X86_DISABLE_EXITS_HLT)
		vmx->cpu &= ~CPU_BASED_HLT_EXITING;
	if (off & KVM_X86_DISABLE_EXITS_PAUSE)
		vmx->cpu2 &= ~SECONDARY_EXEC_PAUSE_LOOP_EXITING;
}

static void setup_controls(struct um_vmx *vmx)
{
	vmcs_write(PIN_BASED_VM_EXEC_CONTROL, um_caps.pin);
	um_timer_setup(vmx);
	vmx->cpu = um_caps.cpu | (vmx->ctx ? UM_SHADOW_CPU : 0);
	vmx->cpu2 = um_caps.cpu2;
	drop_exits(vmx);
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, vmx->cpu);
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, vmx->cpu2);
	vmcs_write(VM_EXIT_CONTROLS, um_caps.exit);
	vmcs_write(VM_ENTRY_CONTROLS, um_caps.entry);
	if (um_caps.has_ple) {
		vmcs_write(PLE_GAP, PLE_GAP_TICKS);
		vmcs_write(PLE_WINDOW, PLE_WINDOW_TICKS);
	}
	if (vmx->pml)
		vmcs_write(PML_ADDRESS, __pa(vmx->pml));
	um_exceptions_load(vmx);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, __pa(vmx->perf.guest));
	vmcs_write(VM_EXIT_MSR_LOAD_ADDR, __pa(vmx->perf.host));
	vmcs_write(VMCS_LINK_POINTER, -1ull);
	vmcs_write(MSR_BITMAP, __pa(vmx->msr_bitmap));
	vmcs_write(VIRTUAL_PROCESSOR_ID, vmx->vpid);
	vmcs_write(EPT_POINTER, vmx->eptp);
	vmcs_write(TSC_OFFSET, vmx->tsc_offset);
}

/*
 * What is the same on every CPU: this thread may move at any line. What is
 * not (TR, GDTR, SYSENTER_ESP) is written whenever the VMCS is loaded.
 */
static void setup_host(struct um_vmx *vmx)
{
	struct desc_ptr idt;
	u64 msr;

	vmx->host.cr3 = __read_cr3();
	vmx->host.cr4 = cr4_read_shadow();
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CR3, vmx->host.cr3);
	vmcs_write(HOST_CR4, vmx->host.cr4);
	vmcs_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(HOST_SS_SELECTOR, __KERNEL_DS);
	/* Null, as 64-bit user code has them: nothing to restore then. */
	vmcs_write(HOST_DS_SELECTOR, 0);
	vmcs_write(HOST_ES_SELECTOR, 0);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_FS_BASE, 0);
	vmcs_write(HOST_GS_BASE, 0);
	vmcs_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	store_idt(&idt);
	vmcs_write(HOST_IDTR_BASE, idt.address);
	rdmsrl(MSR_IA32_SYSENTER_CS, msr);
	vmcs_write(HOST_IA32_SYSENTER_CS, (u32)msr);
	rdmsrl(MSR_IA32_SYSENTER_EIP, msr);
	vmcs_write(HOST_IA32_SYSENTER_EIP, msr);
	rdmsrl(MSR_IA32_CR_PAT, msr);
	vmcs_write(HOST_IA32_PAT, msr);
	rdmsrl(MSR_EFER, msr);
	vmcs_write(HOST_IA32_EFER, msr);
	vmcs_write(HOST_RIP, (unsigned long)um_vmx_exit_label);
	vmcs_write(HOST_RSP, 0UL);
}

static void setup_segment(unsigned long sel_field, u32 ar)
{
	unsigned long i = sel_field - GUEST_ES_SELECTOR;

	vmcs_write(GUEST_ES_SELECTOR + i, 0);
	vmcs_write(GUEST_ES_BASE + i, 0);
	vmcs_write(GUEST_ES_LIMIT + i, 0xffff);
	vmcs_write(GUEST_ES_AR_BYTES + i, ar);
}

void um_vmcs_reset(struct um_vmx *vmx)
{
	unsigned long seg;

	for (seg = GUEST_ES_SELECTOR; seg <= GUEST_GS_SELECTOR; seg += 2)
		setup_segment(seg, 0x93);
	setup_segment(GUEST_CS_SELECTOR, 0x9b);
	vmcs_write(GUEST_CS_SELECTOR, 0xf000);
	vmcs_write(GUEST_CS_BASE, 0xffff0000);
	setup_segment(GUEST_LDTR_SELECTOR, 0x82);
	setup_segment(GUEST_TR_SELECTOR, 0x8b);
	vmcs_write(GUEST_GDTR_BASE, 0);
	vmcs_write(GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(GUEST_IDTR_BASE, 0);
	vmcs_write(GUEST_IDTR_LIMIT, 0xffff);
	vmcs_write(GUEST_RIP, 0xfff0);
	vmcs_write(GUEST_RSP, 0);
	vmcs_write(GUEST_RFLAGS, X86_EFLAGS_FIXED);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx->dr6 = UM_DR6_FIXED;
	vmx->dr7 = UM_DR7_FIXED;
	um_dr7_load(vmx);
	um_efer_write(vmx, 0);
	um_cr3_write(vmx, 0);
	um_cr4_write(vmx, 0);
}

static void setup_guest(struct um_vmx *vmx)
{
	vmcs_write(GUEST_CR3, 0);
	um_vmcs_reset(vmx);
	vmcs_write(GUEST_SYSENTER_CS, 0);
	vmcs_write(GUEST_SYSENTER_ESP, 0);
	vmcs_write(GUEST_SYSENTER_EIP, 0);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmx->pat = 0x0007040600070406ull;
	vmcs_write(GUEST_IA32_PAT, vmx->pat);
	vmx->xcr0 = XFEATURE_MASK_FP;
	vmx->apic_base = 0xfee00000 | MSR_IA32_APICBASE_ENABLE |
			 (vmx->vcpu.id == vmx->vcpu.vm->boot_id ?
				  MSR_IA32_APICBASE_BSP : 0);
	vmx->misc_enable = MSR_IA32_MISC_ENABLE_FAST_STRING;
	um_cr0_write(vmx, X86_CR0_NW | X86_CR0_CD | X86_CR0_ET);
}

/* SDM, "Virtualizing CR8-Based TPR Accesses"; where the CPU cannot, CR8 exits. */
void um_vmx_shadow_tpr(struct um_vcpu *vcpu, void *page)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	if (!um_caps.has_tpr_shadow)
		return;
	um_vcpu_load(vmx);
	vmx->cpu |= CPU_BASED_TPR_SHADOW;
	vmx->cpu &= ~(CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING);
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, __pa(page));
	vmcs_write(TPR_THRESHOLD, 0);
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, vmx->cpu);
	um_vcpu_put(vmx);
}

/* The vCPU is loaded. */
void um_vmcs_setup(struct um_vmx *vmx)
{
	setup_controls(vmx);
	setup_host(vmx);
	setup_guest(vmx);
}
