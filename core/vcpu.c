// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU: its birth, its end, its file and its mapping.
 *
 * vCPUs are freed with their VM and never before, so whoever holds the VM may
 * keep a pointer to one.
 */
#include "internal.h"

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <umbra/event.h>
#include <umbra/irq.h>
#include <umbra/spte.h>
#include <umbra/vmx.h>

static vm_fault_t vcpu_mmap_fault(struct vm_fault *vmf)
{
	struct um_vcpu *vcpu = vmf->vma->vm_file->private_data;

	struct page *page;

	if (vmf->pgoff == KVM_COALESCED_MMIO_PAGE_OFFSET)
		page = um_io_ring_page(vcpu->vm);
	else if (vmf->pgoff < UM_RUN_PAGES)
		page = virt_to_page((void *)vcpu->run +
				    vmf->pgoff * PAGE_SIZE);
	else
		page = um_dirty_ring_page(vcpu, vmf->pgoff);
	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_mmap_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	/* What user space harvests it must tell the kernel, not a copy. */
	if (um_dirty_ring_mapped(file->private_data, vma) &&
	    (vma->vm_flags & VM_EXEC || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct um_vcpu *vcpu = file->private_data;

	um_vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = um_vcpu_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = um_vcpu_compat_ioctl,
#endif
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

void um_vcpu_destroy(struct um_vcpu *vcpu)
{
	um_irq_vcpu_free(vcpu);
	um_dirty_ring_free(vcpu);
	free_pages_exact(vcpu->run, UM_RUN_PAGES * PAGE_SIZE);
	kvfree(vcpu->cpuid);
	um_vmx_vcpu_free(vcpu);
}

static struct um_vcpu *vcpu_alloc(struct um_vm *vm, int id, int idx)
{
	struct um_vcpu *vcpu;
	void *pages;

	pages = alloc_pages_exact(UM_RUN_PAGES * PAGE_SIZE,
				  GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!pages)
		return ERR_PTR(-ENOMEM);
	vcpu = um_vmx_vcpu_create(vm, id, idx);
	if (IS_ERR(vcpu)) {
		free_pages_exact(pages, UM_RUN_PAGES * PAGE_SIZE);
		return vcpu;
	}
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->idx = idx;
	vcpu->tag = idx < UM_TAGS ? idx + 1 : 0;
	vcpu->cpu = -1;
	vcpu->run = pages;
	vcpu->pio_data = pages + UM_PIO_PAGE * PAGE_SIZE;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	vcpu->user_irq = UM_NO_IRQ;
	rcuwait_init(&vcpu->wait);
	mutex_init(&vcpu->mutex);
	um_cpuid_init(vcpu);
	snprintf(vcpu->stat_id, sizeof(vcpu->stat_id), "kvm-%d/vcpu-%d",
		 task_pid_nr(current), id);
	return vcpu;
}

static bool vcpu_id_taken(struct um_vm *vm, int id)
{
	struct um_vcpu *vcpu;
	int i;

	um_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return true;
	return false;
}

static struct file *vcpu_file(struct um_vcpu *vcpu)
{
	char name[24];

	snprintf(name, sizeof(name), "kvm-vcpu:%d", vcpu->id);
	return anon_inode_getfile(name, &vcpu_fops, vcpu, O_RDWR);
}

/* vm->lock held. Returns the vCPU's file, with the vCPU published. */
static struct file *vcpu_add(struct um_vm *vm, u32 id)
{
	struct um_vcpu *vcpu;
	struct file *file;
	int r, idx = vm->nr_vcpus;

	if (idx >= UM_VCPUS_MAX || (vm->max_vcpu_id && id >= vm->max_vcpu_id))
		return ERR_PTR(-EINVAL);
	if (vcpu_id_taken(vm, id))
		return ERR_PTR(-EEXIST);
	vcpu = vcpu_alloc(vm, id, idx);
	if (IS_ERR(vcpu))
		return ERR_CAST(vcpu);
	r = um_dirty_ring_init(vcpu);
	if (!r)
		r = um_irq_vcpu_create(vcpu);
	file = r ? ERR_PTR(r) : vcpu_file(vcpu);
	if (IS_ERR(file)) {
		um_vcpu_destroy(vcpu);
		return file;
	}
	um_vm_get(vm); /* the file's */
	vm->vcpu[idx] = vcpu;
	/*
	 * C1: those who kick must find a vCPU before it can run, hence
	 * before its file can be used. Pairs with C2 in um_vcpu_count().
	 */
	smp_store_release(&vm->nr_vcpus, idx + 1);
	um_irq_vcpu_publish(vcpu);
	return file;
}

int um_vcpu_create(struct um_vm *vm, unsigned long id)
{
	struct file *file;
	int fd;

	if (id >= UM_VCPU_IDS_MAX)
		return -EINVAL;
	fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fd;
	mutex_lock(&vm->lock);
	file = vcpu_add(vm, id);
	mutex_unlock(&vm->lock);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}
