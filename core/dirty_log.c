// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log's ioctls: which slot, which part of it, and the way of a bitmap
 * to and from user space. What is protected when is mmu/'s business.
 */
#include "internal.h"

#include <linux/nospec.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <umbra/vmx.h>
#include <uapi/umbra.h>

static_assert(UM_LOG_MODE_WRPROT == (int)UM_LOG_WRPROT);
static_assert(UM_LOG_MODE_PML == (int)UM_LOG_PML);
static_assert(UM_LOG_MODE_DBIT == (int)UM_LOG_DBIT);

unsigned int um_log_modes(void)
{
	const struct um_mmu_caps *caps = um_vmx_mmu_caps();

	return BIT(UM_LOG_WRPROT) | (caps->pml ? BIT(UM_LOG_PML) : 0);
}

int um_log_choose(const char *name)
{
	static const char *const names[] = {
		[UM_LOG_WRPROT] = "wrprot",
		[UM_LOG_PML] = "pml",
		[UM_LOG_DBIT] = "dbit",
	};
	int mode = match_string(names, ARRAY_SIZE(names), name);

	if (mode < 0 && !strcmp(name, "auto"))
		mode = um_params.pml && um_log_modes() & BIT(UM_LOG_PML) ?
			       UM_LOG_PML : UM_LOG_WRPROT;
	if (mode < 0 || !(um_log_modes() & BIT(mode))) {
		pr_err("log=%s: not one of auto, wrprot, pml, dbit that this CPU can do\n",
		       name);
		return -EINVAL;
	}
	um_params.log = mode;
	return 0;
}

int um_slot_log_mode(struct um_vm *vm, u64 mode)
{
	int r = 0;

	if (mode > UM_LOG_DBIT || !(um_log_modes() & BIT(mode)))
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	if (vm->log_begun)
		r = -EBUSY;
	else if (vm->ring_bytes && mode == UM_LOG_DBIT)
		r = -EINVAL;
	else
		vm->mmu.log = mode;
	mutex_unlock(&vm->slots_lock);
	return r;
}

/* A slot with a bitmap; slots_lock held. */
static struct um_slot *logged_slot(struct um_vm *vm, u32 id)
{
	struct um_slot *slot;

	slot = xa_load(&vm->slot_ids, array_index_nospec(id, UM_SLOTS_MAX));
	return slot && slot->dirty ? slot : NULL;
}

/* What user space could not be given is dirty still. */
static void dirty_give_back(struct um_slot *slot)
{
	size_t i, n = BITS_TO_LONGS(slot->npages);

	for (i = 0; i < n; i++)
		if (slot->dirty_out[i])
			atomic_long_or(slot->dirty_out[i],
				       (atomic_long_t *)&slot->dirty[i]);
}

static int get_dirty_log(struct um_vm *vm, struct kvm_dirty_log *log)
{
	struct um_slot *slot = logged_slot(vm, log->slot);

	if (!slot)
		return -ENOENT;
	um_dirty_harvest(&vm->mmu, slot);
	if (!copy_to_user(log->dirty_bitmap, slot->dirty_out,
			  um_dirty_bytes(slot)))
		return 0;
	dirty_give_back(slot);
	return -EFAULT;
}

int um_slot_dirty_log(struct um_vm *vm, struct kvm_dirty_log *log)
{
	int r;

	if (READ_ONCE(vm->ring_bytes))
		return -ENXIO;
	if (log->slot >= UM_SLOTS_MAX)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	r = get_dirty_log(vm, log);
	mutex_unlock(&vm->slots_lock);
	return r;
}
