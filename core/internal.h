/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of core/ share among themselves.
 */
#ifndef _UMBRA_CORE_INTERNAL_H
#define _UMBRA_CORE_INTERNAL_H

#include <linux/fs.h>
#include <umbra/vm.h>

/* cap.c: KVM_CHECK_EXTENSION on the device, and on a VM; KVM_ENABLE_CAP */
int um_check_extension(unsigned long cap);
int um_vm_check_extension(const struct um_vm *vm, unsigned long cap);
int um_vm_enable_cap(struct um_vm *vm, const void __user *user);
int um_vcpu_enable_cap(struct um_vcpu *vcpu, const void __user *user);

/* vm.c */
int um_vm_create(unsigned long type);
/* Whether a caller may speak to this VM at all: 0 or -EIO. */
int um_vm_usable(const struct um_vm *vm);

/* KVM_CAP_IRQ_ROUTING: clients ask for it even if they route nothing. */
#define UM_IRQ_ROUTES_MAX 4096

/* vcpu.c */
int um_vcpu_create(struct um_vm *vm, unsigned long id);
void um_vcpu_destroy(struct um_vcpu *vcpu);

/* vcpu_ioctl.c */
long um_vcpu_ioctl(struct file *file, unsigned int nr, unsigned long arg);
/*
 * KVM_GET_MSRS, KVM_SET_MSRS: how many were done, or -errno. Without a vCPU, what
 * the device says of feature MSRs; only get.
 */
int um_msrs(struct um_vcpu *vcpu, struct kvm_msrs __user *user, bool set);
long um_vcpu_compat_ioctl(struct file *file, unsigned int nr,
			  unsigned long arg);

/*
 * sync_regs.c: KVM_SYNC_X86_* out of kvm_run, 0 or -EINVAL; and into it.
 * vcpu->mutex held.
 */
int um_sync_regs_take(struct um_vcpu *vcpu, u64 dirty);
void um_sync_regs_give(struct um_vcpu *vcpu, u64 valid);

/*
 * pre_fault.c: KVM_PRE_FAULT_MEMORY, vcpu->mutex held. Returns 0, or when no page
 * was mapped -EINVAL, -ENOENT (no slot), -EINTR, -EFAULT, -ENOMEM, -EOPNOTSUPP
 * (shadow paging).
 */
struct kvm_pre_fault_memory;
int um_pre_fault(struct um_vcpu *vcpu,
		 struct kvm_pre_fault_memory __user *user);

/* msr_filter.c: KVM_X86_SET_MSR_FILTER; 0, -EINVAL, -EFAULT, -ENOMEM */
int um_msr_filter_set(struct um_vm *vm, const void __user *user);
void um_msr_filter_free(struct um_vm *vm);
#ifdef CONFIG_COMPAT
struct compat_msr_filter {
	u32 flags;
	struct {
		u32 flags, nmsrs, base, bitmap;
	} ranges[KVM_MSR_FILTER_MAX_RANGES];
};

#define UM_COMPAT_SET_MSR_FILTER _IOW(KVMIO, 0xc6, struct compat_msr_filter)
int um_msr_filter_compat_set(struct um_vm *vm, const void __user *user);
#endif

/* stat.c */
int um_stat_vm_fd(struct um_vm *vm);
int um_stat_vcpu_fd(struct um_vcpu *vcpu);

/*
 * debugfs.c: the VM's directory, named by the caller's pid and @fd. Removal
 * waits for running reads; it comes before the VM is torn down.
 */
void um_debugfs_init(void);
void um_debugfs_exit(void);
void um_debugfs_add(struct um_vm *vm, int fd);
void um_debugfs_remove(struct um_vm *vm);

/*
 * audit.c: UM_AUDIT. Returns 0, -EINVAL, -EIO (an invariant is broken, the VM
 * dead), -EBUSY (quiet asked for, and it is not).
 */
int um_vm_audit(struct um_vm *vm, unsigned long flags);

/* dump.c: debugfs files, i_private is the VM */
extern const struct file_operations um_tables_fops;
extern const struct file_operations um_claims_fops;

/* memslot.c */
void um_slots_init(struct um_vm *vm);
/* Make every slot invisible; the notifier may still run. */
void um_slots_retire(struct um_vm *vm);
/* Nobody is left who could see a slot. */
void um_slots_free(struct um_vm *vm);

/* All of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2's. */
#define UM_MANUAL_PROTECT_FLAGS \
	(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)

/* dirty_log.c: bit UM_LOG_MODE_x for each mode that the CPU can do */
unsigned int um_log_modes(void);
/* and that this VM can have */
unsigned int um_vm_log_modes(const struct um_vm *vm);

/* Of a slot's bitmap, as user space sees it. */
static inline size_t um_dirty_bytes(const struct um_slot *slot)
{
	return BITS_TO_LONGS(slot->npages) * sizeof(long);
}

/* The slot of KVM's number @id, or NULL; SRCU or slots_lock held. */
struct um_slot *um_slot_by_id(struct um_vm *vm, u32 id);

/*
 * dirty_ring.c: KVM_CAP_DIRTY_LOG_RING, KVM_RESET_DIRTY_RINGS, and the pages
 * of a vCPU's ring; sizes in bytes.
 */
unsigned int um_dirty_ring_max(void);
int um_dirty_rings_enable(struct um_vm *vm, u32 bytes);
int um_dirty_rings_reset(struct um_vm *vm);
int um_dirty_ring_init(struct um_vcpu *vcpu);
void um_dirty_ring_free(struct um_vcpu *vcpu);
struct page *um_dirty_ring_page(const struct um_vcpu *vcpu, pgoff_t pgoff);
bool um_dirty_ring_mapped(const struct um_vcpu *vcpu,
			  struct vm_area_struct *vma);

/*
 * quota.c: count a slot in, or out; the quota of table pages. slots_lock held
 * to init, add and remove. set returns 0 or -EINVAL.
 */
void um_quota_init(struct um_vm *vm);
void um_quota_add(struct um_vm *vm, const struct um_slot *slot);
void um_quota_remove(struct um_vm *vm, const struct um_slot *slot);
int um_quota_set(struct um_vm *vm, unsigned long tables);
int um_quota_get(const struct um_vm *vm);

/* notifier.c */
int um_notifier_register(struct um_vm *vm);

/* pfnmap.c */
enum um_pf um_pin_pfnmap(struct um_fault *f, hva_t hva);
u8 um_host_level(struct um_mmu *mmu, const struct um_fault *f, hva_t hva);

/* host.c: make a vCPU leave the guest, if it is there. Any context. */
void um_vcpu_kick(struct um_vcpu *vcpu);
int um_host_init(void);
void um_host_exit(void);

#endif
