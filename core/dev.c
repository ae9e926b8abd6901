// SPDX-License-Identifier: GPL-2.0
/*
 * The device node and its ioctls: what can be asked before there is a VM.
 *
 * Nothing here has state, so nothing here takes a lock.
 */
#include "internal.h"

#include <linux/cpumask.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <umbra/host.h>
#include <umbra/vmx.h>
#include <uapi/umbra.h>

static int dev_msr_list(struct kvm_msr_list __user *user, const u32 *msrs,
			unsigned int n)
{
	struct kvm_msr_list list;
	unsigned int room;

	if (copy_from_user(&list, user, sizeof(list)))
		return -EFAULT;
	room = list.nmsrs;
	list.nmsrs = n;
	if (copy_to_user(user, &list, sizeof(list)))
		return -EFAULT;
	if (room < n)
		return -E2BIG;
	if (copy_to_user(user->indices, msrs, n * sizeof(*msrs)))
		return -EFAULT;
	return 0;
}

static long dev_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	unsigned int n;
	const u32 *msrs;

	switch (nr) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return um_vm_create(arg);
	case KVM_CHECK_EXTENSION:
		return um_check_extension(arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : UM_MMAP_PAGES * PAGE_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return um_cpuid_supported((void __user *)arg);
	case KVM_GET_MSR_INDEX_LIST:
		msrs = um_vmx_msr_list(&n);
		return dev_msr_list((void __user *)arg, msrs, n);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		msrs = um_vmx_msr_feature_list(&n);
		return dev_msr_list((void __user *)arg, msrs, n);
	case KVM_GET_MSRS:
		return um_msrs(NULL, (void __user *)arg, false);
	default:
		return -EINVAL; /* and not ENOTTY: as KVM on x86 */
	}
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.fops = &dev_fops,
};

int um_dev_register(const char *node)
{
	int r = um_host_init();

	if (r)
		return r;
	um_debugfs_init();
	dev.name = node;
	r = misc_register(&dev);
	if (r) {
		um_debugfs_exit();
		um_host_exit();
	}
	return r;
}

void um_dev_unregister(void)
{
	misc_deregister(&dev);
	um_debugfs_exit();
	um_table_free_barrier();
	um_host_exit();
}
