/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that umbra builds on, and nothing else.
 *
 * UM_HAVE_* come from Kbuild, which looks for the names in the kernel's
 * headers: functions and enumerators cannot be tested by the preprocessor.
 */
#ifndef _UMBRA_COMPAT_H
#define _UMBRA_COMPAT_H

#include <linux/eventfd.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <umbra/types.h>

/* Numbers that 6.1 does not know, and one that came within 6.12's time. */
#ifndef KVM_X86_QUIRK_SLOT_ZAP_ALL
#define KVM_X86_QUIRK_SLOT_ZAP_ALL BIT(7)
#endif

/* Parts of KVM's ABI that 6.1 does not know. */
#ifndef KVM_CAP_X86_APIC_BUS_CYCLES_NS
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
#endif

#ifndef KVM_SET_USER_MEMORY_REGION2
#define KVM_CAP_USER_MEMORY2 231

/* Begins as kvm_userspace_memory_region. */
struct kvm_userspace_memory_region2 {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 guest_memfd_offset;
	__u32 guest_memfd;
	__u32 pad1;
	__u64 pad2[14];
};

#define KVM_SET_USER_MEMORY_REGION2 \
	_IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif

#ifndef KVM_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236

struct kvm_pre_fault_memory {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 padding[5];
};

#define KVM_PRE_FAULT_MEMORY _IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

/* User space may change it at any time: read it once per KVM_RUN. */
static inline bool um_immediate_exit(const struct kvm_run *run)
{
#ifdef HINT_UNSAFE_IN_KVM
	return READ_ONCE(run->HINT_UNSAFE_IN_KVM(immediate_exit));
#else
	return READ_ONCE(run->immediate_exit);
#endif
}

/*
 * A page that a guest wants: let a signal end the wait where GUP can do so,
 * and let NUMA balancing see the access.
 */
#ifdef UM_HAVE_FOLL_INTERRUPTIBLE
#define UM_FOLL_GUEST (FOLL_HWPOISON | FOLL_INTERRUPTIBLE)
#else
#define UM_FOLL_GUEST FOLL_HWPOISON
#endif
#ifdef UM_HAVE_FOLL_NUMA
#define UM_FOLL_NUMA FOLL_HONOR_NUMA_FAULT
#else
#define UM_FOLL_NUMA 0
#endif

/*
 * um_follow_pfn() - the pfn that @vma, a PFN mapping, has at @hva, and
 * whether it is writable. mmap_lock held. -errno when nothing is mapped.
 * @use runs before the entry may change, and may refuse the pfn.
 */
struct um_pfnmap {
	um_pfn_t pfn;
	bool writable;
};

static inline int um_follow_pfn(struct vm_area_struct *vma, unsigned long hva,
				struct um_pfnmap *map,
				int (*use)(struct um_pfnmap *map, void *data),
				void *data)
{
#ifdef UM_HAVE_FOLLOW_PFNMAP
	struct follow_pfnmap_args args = { .vma = vma, .address = hva };
	int r = follow_pfnmap_start(&args);

	if (r)
		return r;
	map->pfn = args.pfn;
	map->writable = args.writable;
	r = use(map, data);
	follow_pfnmap_end(&args);
	return r;
#else
	spinlock_t *ptl; /* of the page table */
	pte_t *ptep;
	int r = follow_pte(vma->vm_mm, hva, &ptep, &ptl);

	if (r)
		return r;
	__acquire(ptl); /* follow_pte() took it, but does not say so */
	map->pfn = pte_pfn(*ptep);
	map->writable = pte_write(*ptep);
	r = use(map, data);
	pte_unmap_unlock(ptep, ptl);
	return r;
#endif
}

/* Add one to an eventfd's count. Any context. */
static inline void um_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef UM_HAVE_EVENTFD_SIGNAL_N
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/* Suspend and resume hooks of the boot CPU: an object with a data word, or not. */
#ifdef UM_HAVE_SYSCORE
#define UM_SYSCORE_ARG void *unused
#define UM_DEFINE_SYSCORE(name, on_suspend, on_resume)              \
	static const struct syscore_ops name##_ops = {              \
		.suspend = on_suspend,                              \
		.resume = on_resume,                                \
	};                                                          \
	static struct syscore name = { .ops = &name##_ops }
#define um_register_syscore(x) register_syscore(x)
#define um_unregister_syscore(x) unregister_syscore(x)
#else
#define UM_SYSCORE_ARG void
#define UM_DEFINE_SYSCORE(name, on_suspend, on_resume)              \
	static struct syscore_ops name = {                          \
		.suspend = on_suspend,                              \
		.resume = on_resume,                                \
	}
#define um_register_syscore(x) register_syscore_ops(x)
#define um_unregister_syscore(x) unregister_syscore_ops(x)
#endif

/* KVM's CPU hotplug state; the older one is atomic and may not fail. */
#ifdef UM_HAVE_CPUHP_KVM_ONLINE
#define UM_CPUHP_VMX CPUHP_AP_KVM_ONLINE
#define UM_CPUHP_MAY_FAIL true
#else
#define UM_CPUHP_VMX CPUHP_AP_KVM_STARTING
#define UM_CPUHP_MAY_FAIL false
#endif

#endif
