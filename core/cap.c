// SPDX-License-Identifier: GPL-2.0
/*
 * Capabilities: what is there, on the device and on a VM, and what a VM may
 * turn on.
 */
#include "internal.h"

#include <linux/cpumask.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <umbra/compat.h>
#include <umbra/irq.h>
#include <umbra/vmx.h>
#include <uapi/umbra.h>

/*
 * Quirks of KVM's that user space may turn off. One always is: a slot that goes
 * takes along what maps it, and nothing else.
 */
#define UM_QUIRKS                                                       \
	(KVM_X86_QUIRK_SLOT_ZAP_ALL | KVM_X86_QUIRK_OUT_7E_INC_RIP |    \
	 KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT |                           \
	 KVM_X86_QUIRK_FIX_HYPERCALL_INSN |                             \
	 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)

/* Exits that a guest with a CPU for itself may do without (api.rst 7.13). */
#define UM_EXITS_OFF (KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE)

/* What is there or not, and is. */
static bool is_plain(unsigned long cap)
{
	switch (cap) {
	case KVM_CAP_USER_MEMORY:
	case KVM_CAP_USER_MEMORY2:
	case KVM_CAP_SET_TSS_ADDR:
	case KVM_CAP_EXT_CPUID:
	case KVM_CAP_MP_STATE:
	case KVM_CAP_SYNC_MMU:
	case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
	case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
	case KVM_CAP_READONLY_MEM:
	case KVM_CAP_CHECK_EXTENSION_VM:
	case KVM_CAP_IMMEDIATE_EXIT:
	case KVM_CAP_BINARY_STATS_FD:
	case KVM_CAP_GET_TSC_KHZ:
	case KVM_CAP_MMU_SHADOW_CACHE_CONTROL:
	case KVM_CAP_HLT:
	case KVM_CAP_USER_NMI:
	case KVM_CAP_VCPU_EVENTS:
	case KVM_CAP_INTR_SHADOW:
	case KVM_CAP_DEBUGREGS:
	case KVM_CAP_DISABLE_QUIRKS:
	case KVM_CAP_SET_GUEST_DEBUG:
	case KVM_CAP_X86_ROBUST_SINGLESTEP:
	case KVM_CAP_VCPU_ATTRIBUTES:
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
	case KVM_CAP_GET_MSR_FEATURES:
	case KVM_CAP_MSR_PLATFORM_INFO:
	case KVM_CAP_X86_USER_SPACE_MSR:
	case KVM_CAP_X86_MSR_FILTER:
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_IRQ_INJECT_STATUS:
	case KVM_CAP_SIGNAL_MSI:
	case KVM_CAP_SPLIT_IRQCHIP:
	case KVM_CAP_SET_BOOT_CPU_ID:
	case KVM_CAP_PIT2:
	case KVM_CAP_PIT_STATE2:
	case KVM_CAP_REINJECT_CONTROL:
	case KVM_CAP_TSC_DEADLINE_TIMER:
	case KVM_CAP_X86_APIC_BUS_CYCLES_NS: /* 1: those of a VM's at birth */
	case KVM_CAP_IRQFD:
	case KVM_CAP_IRQFD_RESAMPLE:
	case KVM_CAP_IOEVENTFD:
	case KVM_CAP_IOEVENTFD_NO_LENGTH:
	case KVM_CAP_IOEVENTFD_ANY_LENGTH:
	case KVM_CAP_COALESCED_PIO:
	case KVM_CAP_VAPIC:
	case KVM_CAP_ENABLE_CAP:
	case KVM_CAP_ENABLE_CAP_VM:
	case KVM_CAP_ENFORCE_PV_FEATURE_CPUID:
		return true;
	}
	return false;
}

int um_check_extension(unsigned long cap)
{
	switch (cap) {
	case KVM_CAP_COALESCED_MMIO:
		return KVM_COALESCED_MMIO_PAGE_OFFSET;
	case KVM_CAP_IRQ_ROUTING:
		return UM_IRQ_ROUTES_MAX;
	case KVM_CAP_XSAVE:
	case KVM_CAP_XCRS:
		return boot_cpu_has(X86_FEATURE_XSAVE);
	case KVM_CAP_SYNC_REGS:
		return KVM_SYNC_X86_VALID_FIELDS;
	case KVM_CAP_PRE_FAULT_MEMORY: /* asked of the device: of VM type 0 */
		return !um_params.shadow;
	case KVM_CAP_XSAVE2:
		return sizeof(struct kvm_xsave);
	case KVM_CAP_DISABLE_QUIRKS2:
		return UM_QUIRKS;
	case KVM_CAP_X2APIC_API:
		return UM_X2APIC_API;
	case KVM_CAP_X86_DISABLE_EXITS:
		return UM_EXITS_OFF;
	case KVM_CAP_SET_GUEST_DEBUG2:
		return UM_GUESTDBG_KNOWN;
	case KVM_CAP_NR_VCPUS:
		return min_t(unsigned int, num_online_cpus(), UM_VCPUS_MAX);
	case KVM_CAP_MAX_VCPUS:
		return UM_VCPUS_MAX;
	case KVM_CAP_MAX_VCPU_ID:
		return UM_VCPU_IDS_MAX;
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return um_dirty_ring_max();
	case KVM_CAP_NR_MEMSLOTS:
		return UM_SLOTS_MAX;
	case UM_CAP_VM_TYPES:
		return 1 << (UM_VM_TYPE_TDP - UM_BASE) |
		       1 << (UM_VM_TYPE_SHADOW - UM_BASE);
	case UM_CAP_FASTPATH:
		return 1 << UM_FASTPATH_OFF | 1 << UM_FASTPATH_TAG |
		       1 << UM_FASTPATH_MW | 1 << UM_FASTPATH_PAIR;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return UM_MANUAL_PROTECT_FLAGS;
	case UM_CAP_LOG_MODE:
		return um_log_modes();
	case UM_CAP_PTW:
		return 1 << UM_PTW_MODE_EMUL | 1 << UM_PTW_MODE_OOS;
	default:
		return is_plain(cap);
	}
}

int um_vm_check_extension(const struct um_vm *vm, unsigned long cap)
{
	switch (cap) {
	case KVM_CAP_PRE_FAULT_MEMORY:
		return !vm->mmu.shadow;
	case UM_CAP_LOG_MODE:
		return um_vm_log_modes(vm);
	case UM_CAP_PTW:
		return vm->mmu.shadow ? um_check_extension(cap) : 0;
	default:
		return um_check_extension(cap);
	}
}

static int vm_fast_mode(struct um_vm *vm, u64 mode)
{
	static const enum um_fast_mode modes[] = {
		[UM_FASTPATH_OFF] = UM_FAST_OFF,
		[UM_FASTPATH_TAG] = UM_FAST_TAG,
		[UM_FASTPATH_MW] = UM_FAST_MW,
		[UM_FASTPATH_PAIR] = UM_FAST_PAIR,
	};

	if (mode >= ARRAY_SIZE(modes))
		return -EINVAL;
	WRITE_ONCE(vm->mmu.fast,
		   modes[array_index_nospec(mode, ARRAY_SIZE(modes))]);
	return 0;
}

static int vm_ptw_mode(struct um_vm *vm, u64 mode)
{
	if (!vm->mmu.shadow || mode > UM_PTW_MODE_OOS)
		return -EINVAL;
	WRITE_ONCE(vm->mmu.ptw,
		   mode == UM_PTW_MODE_OOS ? UM_PTW_OOS : UM_PTW_EMUL);
	return 0;
}

/* Once, and before the first vCPU (api.rst 7.32). */
static int vm_max_vcpu_id(struct um_vm *vm, u64 max)
{
	int r = -EINVAL;

	if (max > UM_VCPU_IDS_MAX)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (vm->max_vcpu_id == max) {
		r = 0;
	} else if (!vm->max_vcpu_id && !vm->nr_vcpus && vm->boot_id <= max) {
		vm->max_vcpu_id = max;
		r = 0;
	}
	mutex_unlock(&vm->lock);
	return r;
}

static int vm_msr_exits(struct um_vm *vm, u64 reasons)
{
	if (reasons & ~(u64)(KVM_MSR_EXIT_REASON_INVAL |
			     KVM_MSR_EXIT_REASON_UNKNOWN |
			     KVM_MSR_EXIT_REASON_FILTER))
		return -EINVAL;
	WRITE_ONCE(vm->msr_exits, reasons);
	return 0;
}

/* For good; what is known but not offered does no harm, as on KVM. */
static int vm_disable_exits(struct um_vm *vm, u64 exits)
{
	if (exits & ~(u64)KVM_X86_DISABLE_VALID_EXITS)
		return -EINVAL;
	mutex_lock(&vm->lock);
	WRITE_ONCE(vm->exits_off, vm->exits_off | (exits & UM_EXITS_OFF));
	mutex_unlock(&vm->lock);
	return 0;
}

int um_vm_enable_cap(struct um_vm *vm, const void __user *user)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, user, sizeof(cap)))
		return -EFAULT;
	/* As KVM, which does not look at the flags of these two. */
	if (cap.cap == KVM_CAP_DIRTY_LOG_RING ||
	    cap.cap == KVM_CAP_DIRTY_LOG_RING_ACQ_REL)
		return um_dirty_rings_enable(vm, cap.args[0]);
	if (cap.flags)
		return -EINVAL;
	switch (cap.cap) {
	case UM_CAP_FASTPATH:
		return vm_fast_mode(vm, cap.args[0]);
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return um_slot_manual_protect(vm, cap.args[0]);
	case UM_CAP_LOG_MODE:
		return um_slot_log_mode(vm, cap.args[0]);
	case UM_CAP_PTW:
		return vm_ptw_mode(vm, cap.args[0]);
	case KVM_CAP_SPLIT_IRQCHIP:
		return um_irq_enable_split(vm, &cap);
	case KVM_CAP_X2APIC_API:
		return um_irq_x2apic_api(vm, cap.args[0]);
	case KVM_CAP_X86_APIC_BUS_CYCLES_NS:
		return um_irq_bus_cycle(vm, cap.args[0]);
	case KVM_CAP_MAX_VCPU_ID:
		return vm_max_vcpu_id(vm, cap.args[0]);
	case KVM_CAP_DISABLE_QUIRKS2:
		if (cap.args[0] & ~(u64)UM_QUIRKS)
			return -EINVAL;
		fallthrough;
	case KVM_CAP_DISABLE_QUIRKS: /* whatever else is named */
		WRITE_ONCE(vm->quirks_off, cap.args[0]);
		return 0;
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
		if (cap.args[0] & ~1ull)
			return -EINVAL;
		WRITE_ONCE(vm->exit_on_unknown_insn, cap.args[0]);
		return 0;
	case KVM_CAP_MSR_PLATFORM_INFO:
		WRITE_ONCE(vm->no_platform_info, !cap.args[0]);
		return 0;
	case KVM_CAP_X86_USER_SPACE_MSR:
		return vm_msr_exits(vm, cap.args[0]);
	case KVM_CAP_X86_DISABLE_EXITS:
		return vm_disable_exits(vm, cap.args[0]);
	default:
		return -EINVAL;
	}
}

int um_vcpu_enable_cap(struct um_vcpu *vcpu, const void __user *user)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, user, sizeof(cap)))
		return -EFAULT;
	if (cap.flags || cap.cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	vcpu->pv_enforced = cap.args[0];
	return 0;
}
