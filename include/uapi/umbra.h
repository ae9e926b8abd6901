/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What umbra adds to the KVM ABI of <linux/kvm.h>. Every number stands in a
 * range of its own, from UM_BASE on, so that no KVM client meets one by
 * accident.
 */
#ifndef _UAPI_UMBRA_H
#define _UAPI_UMBRA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define UM_BASE 0x756d0000

/*
 * Machine types: the argument of KVM_CREATE_VM. Type 0 takes the engine that
 * the module parameter engine= names.
 *
 * EINVAL: no such type. EBUSY: another hypervisor uses VMX.
 *
 * A VM with the shadow engine runs under EPT while its guest has paging off. Its
 * log mode is UM_LOG_MODE_WRPROT. Who writes a guest's page tables into its
 * memory from user space calls KVM_SET_SREGS before the guest goes on: until then
 * it may still run by what they said before. Its guest may have paging of five levels (LA57)
 * where the CPU has it; KVM_GET_SUPPORTED_CPUID, which knows no VM, says so when
 * the shadow engine is that of type 0.
 */
#define UM_VM_TYPE_TDP (UM_BASE + 1)	/* EPT maps guest memory */
#define UM_VM_TYPE_SHADOW (UM_BASE + 2) /* shadow page tables map it */

/*
 * KVM_CHECK_EXTENSION, on the device or a VM: bit n is set when type
 * UM_BASE + n can be created; 0 where the device is not umbra's.
 */
#define UM_CAP_VM_TYPES (UM_BASE + 1)

/*
 * How a write fault that needs only the W bit back is fixed.
 *
 * KVM_CHECK_EXTENSION: bit n is set when mode n is there. KVM_ENABLE_CAP on a
 * VM: args[0] is the mode, flags is 0, the other args are ignored. Allowed at
 * any time, while vCPUs run too; each fault reads the mode once. A new VM has
 * the mode of the module parameter fastpath=.
 *
 * EINVAL: no such mode, or flags. EFAULT: the argument cannot be read.
 */
#define UM_CAP_FASTPATH (UM_BASE + 2)
#define UM_FASTPATH_OFF 0 /* by the slow path */
#define UM_FASTPATH_TAG 1 /* claim the entry with the vCPU's id, then commit */
#define UM_FASTPATH_MW 2  /* one compare-and-exchange */
#define UM_FASTPATH_PAIR 3 /* claim the entry by one bit, then commit */

/*
 * How a write to a page of a slot with KVM_MEM_LOG_DIRTY_PAGES is noticed.
 *
 * KVM_CHECK_EXTENSION: bit n is set when mode n is there. KVM_ENABLE_CAP on a
 * VM: args[0] is the mode, flags is 0, the other args are ignored. A new VM has
 * the mode of the module parameter log=.
 *
 * EINVAL: no such mode, or one that this CPU cannot do, or flags. EBUSY: the VM
 * has, or had, a slot that is logged. EFAULT: the argument cannot be read.
 */
#define UM_CAP_LOG_MODE (UM_BASE + 3)
#define UM_LOG_MODE_WRPROT 0 /* write-protect: each first write faults */
#define UM_LOG_MODE_PML 1    /* page-modification logging by the CPU */
#define UM_LOG_MODE_DBIT 2   /* scan the dirty flags of the EPT entries */

/*
 * What becomes of a guest's write to a page table of its own, with the shadow
 * engine.
 *
 * KVM_CHECK_EXTENSION: bit n is set when mode n is there; on a VM of another
 * engine 0. KVM_ENABLE_CAP on a VM: args[0] is the mode, flags is 0, the other
 * args are ignored. Allowed at any time, while vCPUs run too. A new VM has the
 * mode of the module parameter ptw=.
 *
 * EINVAL: no such mode, or flags, or the VM has no shadow engine. EFAULT: the
 * argument cannot be read.
 */
#define UM_CAP_PTW (UM_BASE + 4)
#define UM_PTW_MODE_EMUL 0 /* each write exits and is emulated */
#define UM_PTW_MODE_OOS 1  /* leaf tables are out of sync till a flush */

/*
 * On a VM: check every entry of its tables against the MMU's invariants. The
 * argument is flags. UM_AUDIT_QUIET also checks what holds only while nothing
 * moves: no claims left behind, nothing writable that the dirty log does not
 * know, statistics equal to a count.
 *
 * 0: they hold. EIO: one is broken; the kernel log says which, and the VM is
 * dead. EINVAL: flags. EBUSY: quiet was asked for, and a vCPU is in an ioctl or
 * the host changed the VM's memory meanwhile.
 */
#define UM_AUDIT _IO(0x75, 0x01)
#define UM_AUDIT_QUIET 1

#endif
