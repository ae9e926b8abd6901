// SPDX-License-Identifier: GPL-2.0
/*
 * A VM: its birth, its end, and the ioctls on its file.
 *
 * A VM lives as long as a file does that leads to it: its own, one per vCPU,
 * one per open statistics file. Each such file also holds the module, so
 * rmmod is refused meanwhile. The address space is held by mm_count only:
 * the VM outlives the process that made it when a child inherited a file,
 * but such a child may do nothing with it (um_vm_usable()).
 */
#include "internal.h"

#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include <umbra/compat.h>
#include <umbra/host.h>
#include <umbra/irq.h>
#include <umbra/vmx.h>
#include <uapi/umbra.h>

/* KVM_SET_TSS_ADDR: three pages below 4G. */
#define TSS_ADDR_MAX ((unsigned int)(-3 * PAGE_SIZE))

int um_vm_usable(const struct um_vm *vm)
{
	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;
	return 0;
}

void um_vm_kill(struct um_vm *vm)
{
	struct um_vcpu *vcpu;
	int i;

	WRITE_ONCE(vm->dead, true);
	smp_mb(); /* C4: dead before in_guest. Pairs with T2. */
	um_for_each_vcpu(i, vcpu, vm)
		um_vcpu_kick(vcpu);
}

static void vm_destroy(struct um_vm *vm)
{
	int i;

	um_debugfs_remove(vm);
	/*
	 * No vCPU can run any more. With the slots out of sight the last
	 * notifier call does not zap leaf by leaf what is freed as a whole; but
	 * reverse maps are found by the slots, so what is in them goes first.
	 */
	um_mmu_forget_tables(&vm->mmu);
	um_slots_retire(vm);
	mmu_notifier_unregister(&vm->notifier, vm->mm);
	um_irq_vm_destroy(vm);
	for (i = 0; i < vm->nr_vcpus; i++)
		um_vcpu_destroy(vm->vcpu[i]);
	um_irq_vm_free(vm);
	um_msr_filter_free(vm);
	um_io_free(vm);
	um_slots_free(vm);
	um_mmu_destroy(&vm->mmu);
	cleanup_srcu_struct(&vm->srcu);
	mmdrop(vm->mm);
	kfree(vm);
	um_vmx_put();
}

void um_vm_get(struct um_vm *vm)
{
	refcount_inc(&vm->users);
}

void um_vm_put(struct um_vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		vm_destroy(vm);
}

static void vm_init_mmu(struct um_vm *vm, bool shadow)
{
	vm->mmu.fast = um_params.fast;
	vm->mmu.ptw = um_params.ptw;
	/* Shadow tables have leaves of 4K, and no flags of the CPU's to log by. */
	vm->mmu.log = shadow ? UM_LOG_WRPROT : um_params.log;
	vm->mmu.hugepages = um_params.hugepages && !shadow;
	um_rmap_init(&vm->mmu.rmap, um_params.rmap, &vm->mmu.locks);
	vm->mmu.audit = um_params.audit;
	vm->mmu.waiting_max = READ_ONCE(um_params.waiting);
}

static int vm_init(struct um_vm *vm, bool shadow)
{
	int r;

	refcount_set(&vm->users, 1);
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	mutex_init(&vm->ring_lock);
	snprintf(vm->stat_id, sizeof(vm->stat_id), "kvm-%d",
		 task_pid_nr(current));
	/* The guest's clock starts at zero with the VM. */
	vm->tsc_offset = -rdtsc();
	vm->mm = current->mm;

	r = init_srcu_struct(&vm->srcu);
	if (r)
		return r;
	um_slots_init(vm);
	r = um_mmu_init(&vm->mmu, um_vmx_mmu_caps(), shadow);
	if (r)
		goto err_srcu;
	vm_init_mmu(vm, shadow);
	um_quota_init(vm);

	r = um_io_create(vm);
	if (r)
		goto err_mmu;
	mmgrab(vm->mm);
	r = um_notifier_register(vm);
	if (r)
		goto err_mm;
	return 0;

err_mm:
	mmdrop(vm->mm);
	um_io_free(vm);
err_mmu:
	um_mmu_destroy(&vm->mmu);
err_srcu:
	um_slots_free(vm);
	cleanup_srcu_struct(&vm->srcu);
	return r;
}

static struct um_vm *vm_alloc(bool shadow)
{
	struct um_vm *vm;
	int r = um_vmx_get();

	if (r)
		return ERR_PTR(r);
	r = -ENOMEM;
	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		goto err_vmx;
	r = vm_init(vm, shadow);
	if (r)
		goto err_free;
	return vm;

err_free:
	kfree(vm);
err_vmx:
	um_vmx_put();
	return ERR_PTR(r);
}

static int vm_set_region(struct um_vm *vm, const void __user *user)
{
	struct kvm_userspace_memory_region mem;

	if (copy_from_user(&mem, user, sizeof(mem)))
		return -EFAULT;
	return um_slot_set(vm, &mem);
}

/* What it has more is for memory that no flag here lets a slot have. */
static int vm_set_region2(struct um_vm *vm, const void __user *user)
{
	struct kvm_userspace_memory_region2 mem;
	struct kvm_userspace_memory_region old;

	if (copy_from_user(&mem, user, sizeof(mem)))
		return -EFAULT;
	old = (struct kvm_userspace_memory_region){
		.slot = mem.slot,
		.flags = mem.flags,
		.guest_phys_addr = mem.guest_phys_addr,
		.memory_size = mem.memory_size,
		.userspace_addr = mem.userspace_addr,
	};
	return um_slot_set(vm, &old);
}

static int vm_dirty_log(struct um_vm *vm, const void __user *user)
{
	struct kvm_dirty_log log;

	if (copy_from_user(&log, user, sizeof(log)))
		return -EFAULT;
	return um_slot_dirty_log(vm, &log);
}

static int vm_clear_log(struct um_vm *vm, const void __user *user)
{
	struct kvm_clear_dirty_log log;

	if (copy_from_user(&log, user, sizeof(log)))
		return -EFAULT;
	return um_slot_clear_log(vm, &log);
}

static int vm_set_tss_addr(struct um_vm *vm, unsigned long addr)
{
	if (addr > TSS_ADDR_MAX)
		return -EINVAL;
	mutex_lock(&vm->lock);
	vm->tss_addr = addr;
	mutex_unlock(&vm->lock);
	return 0;
}

static long vm_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	struct um_vm *vm = file->private_data;
	void __user *user = (void __user *)arg;
	int r = um_vm_usable(vm);

	if (r)
		return r;
	switch (nr) {
	case KVM_CREATE_VCPU:
		return um_vcpu_create(vm, arg);
	case KVM_SET_USER_MEMORY_REGION:
		return vm_set_region(vm, user);
	case KVM_SET_USER_MEMORY_REGION2:
		return vm_set_region2(vm, user);
	case KVM_GET_DIRTY_LOG:
		return vm_dirty_log(vm, user);
	case KVM_CLEAR_DIRTY_LOG:
		return vm_clear_log(vm, user);
	case KVM_SET_TSS_ADDR:
		return vm_set_tss_addr(vm, arg);
	case KVM_SET_NR_MMU_PAGES:
		return um_quota_set(vm, arg);
	case KVM_GET_NR_MMU_PAGES:
		return um_quota_get(vm);
	case KVM_CHECK_EXTENSION:
		return um_vm_check_extension(vm, arg);
	case KVM_GET_TSC_KHZ:
		return tsc_khz;
	case KVM_GET_STATS_FD:
		return um_stat_vm_fd(vm);
	case KVM_X86_SET_MSR_FILTER:
		return um_msr_filter_set(vm, user);
	case KVM_RESET_DIRTY_RINGS:
		return um_dirty_rings_reset(vm);
	case UM_AUDIT:
		return um_vm_audit(vm, arg);
	case KVM_ENABLE_CAP:
		return um_vm_enable_cap(vm, user);
	default:
		return um_irq_vm_ioctl(vm, nr, arg);
	}
}

#ifdef CONFIG_COMPAT
/* As KVM's structures, for callers with pointers of 32 bits. */
struct compat_dirty_log {
	u32 slot;
	u32 padding1;
	union {
		compat_uptr_t bitmap;
		u64 padding2;
	};
};

struct compat_clear_dirty_log {
	u32 slot;
	u32 num_pages;
	u64 first_page;
	union {
		compat_uptr_t bitmap;
		u64 padding2;
	};
};

static int vm_compat_dirty_log(struct um_vm *vm, const void __user *user)
{
	struct compat_dirty_log clog;
	struct kvm_dirty_log log = {};

	if (copy_from_user(&clog, user, sizeof(clog)))
		return -EFAULT;
	log.slot = clog.slot;
	log.dirty_bitmap = compat_ptr(clog.bitmap);
	return um_slot_dirty_log(vm, &log);
}

static int vm_compat_clear_log(struct um_vm *vm, const void __user *user)
{
	struct compat_clear_dirty_log clog;
	struct kvm_clear_dirty_log log = {};

	if (copy_from_user(&clog, user, sizeof(clog)))
		return -EFAULT;
	log.slot = clog.slot;
	log.num_pages = clog.num_pages;
	log.first_page = clog.first_page;
	log.dirty_bitmap = compat_ptr(clog.bitmap);
	return um_slot_clear_log(vm, &log);
}

static long vm_compat_ioctl(struct file *file, unsigned int nr,
			    unsigned long arg)
{
	struct um_vm *vm = file->private_data;
	const void __user *user = compat_ptr(arg);
	int r = um_vm_usable(vm);

	if (r)
		return r;
	switch (nr) {
	case KVM_GET_DIRTY_LOG:
		return vm_compat_dirty_log(vm, user);
	case KVM_CLEAR_DIRTY_LOG:
		return vm_compat_clear_log(vm, user);
	case UM_COMPAT_SET_MSR_FILTER:
		return um_msr_filter_compat_set(vm, user);
	default:
		return vm_ioctl(file, nr, arg);
	}
}
#endif

static int vm_release(struct inode *inode, struct file *file)
{
	um_irq_vm_release(file->private_data);
	um_vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = vm_compat_ioctl,
#endif
	.release = vm_release,
	.llseek = noop_llseek,
};

/* Of the engine: is it that of shadow tables? -EINVAL: no such type. */
static int vm_type_shadow(unsigned long type)
{
	switch (type) {
	case 0:
		return um_params.shadow;
	case UM_VM_TYPE_TDP:
		return false;
	case UM_VM_TYPE_SHADOW:
		return true;
	default:
		return -EINVAL;
	}
}

int um_vm_create(unsigned long type)
{
	int fd, r, shadow = vm_type_shadow(type);
	struct um_vm *vm;
	struct file *file;

	if (shadow < 0)
		return shadow;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	vm = vm_alloc(shadow);
	if (IS_ERR(vm)) {
		r = PTR_ERR(vm);
		goto err_fd;
	}
	file = anon_inode_getfile("kvm-vm", &vm_fops, vm, O_RDWR);
	if (IS_ERR(file)) {
		r = PTR_ERR(file);
		um_vm_put(vm);
		goto err_fd;
	}
	um_debugfs_add(vm, fd);
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
	return r;
}
