// SPDX-License-Identifier: GPL-2.0
/*
 * UM_AUDIT: the MMU's audit when user space asks for it. The quiet form wants
 * every vCPU outside KVM_RUN and keeps it there: it holds the lock of vCPU
 * creation, slots_lock, and each vCPU's mutex, but waits for none of the last,
 * since a vCPU may run for ever. What it cannot keep out, the host's notifiers
 * and KVM_CLEAR_DIRTY_LOG, the MMU's audit notices.
 */
#include "internal.h"

#include <uapi/umbra.h>

/* How many vCPUs, from the first on, could be stopped. */
static int lock_vcpus(struct um_vm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (!mutex_trylock(&vm->vcpu[i]->mutex))
			break;
	return i;
}

static void unlock_vcpus(struct um_vm *vm, int n)
{
	while (n)
		mutex_unlock(&vm->vcpu[--n]->mutex);
}

static int audit_quiet(struct um_vm *vm)
{
	int n, r = -EBUSY;

	mutex_lock(&vm->lock);
	mutex_lock(&vm->slots_lock);
	n = lock_vcpus(vm);
	if (n == vm->nr_vcpus) {
		switch (um_mmu_audit_try_quiet(&vm->mmu)) {
		case UM_AUDIT_GOOD:
			r = 0;
			break;
		case UM_AUDIT_BROKEN:
			r = -EIO;
			break;
		case UM_AUDIT_MOVED:
			break;
		}
	}
	unlock_vcpus(vm, n);
	mutex_unlock(&vm->slots_lock);
	mutex_unlock(&vm->lock);
	return r;
}

int um_vm_audit(struct um_vm *vm, unsigned long flags)
{
	if (flags & ~(unsigned long)UM_AUDIT_QUIET)
		return -EINVAL;
	if (flags & UM_AUDIT_QUIET)
		return audit_quiet(vm);
	return um_mmu_audit(&vm->mmu) ? 0 : -EIO;
}
