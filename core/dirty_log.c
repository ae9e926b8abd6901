// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log's ioctls: which slot, which part of it, and the way of a bitmap
 * to and from user space. What is protected when is mmu/'s business.
 */
#include "internal.h"

#include <linux/string.h>
#include <linux/uaccess.h>
#include <umbra/host.h>
#include <umbra/trace.h>
#include <umbra/vmx.h>
#include <uapi/umbra.h>

static_assert(UM_LOG_MODE_WRPROT == (int)UM_LOG_WRPROT);
static_assert(UM_LOG_MODE_PML == (int)UM_LOG_PML);
static_assert(UM_LOG_MODE_DBIT == (int)UM_LOG_DBIT);

unsigned int um_log_modes(void)
{
	const struct um_mmu_caps *caps = um_vmx_mmu_caps();

	return BIT(UM_LOG_WRPROT) | (caps->pml ? BIT(UM_LOG_PML) : 0) |
	       (caps->ad ? BIT(UM_LOG_DBIT) : 0);
}

unsigned int um_vm_log_modes(const struct um_vm *vm)
{
	return vm->mmu.shadow ? BIT(UM_LOG_WRPROT) : um_log_modes();
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

	if (mode > UM_LOG_DBIT || !(um_vm_log_modes(vm) & BIT(mode)))
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

int um_slot_manual_protect(struct um_vm *vm, u64 flags)
{
	if (flags & ~UM_MANUAL_PROTECT_FLAGS ||
	    flags == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	vm->manual_protect = flags;
	mutex_unlock(&vm->slots_lock);
	return 0;
}

/* A slot that has a bitmap, or NULL. SRCU or slots_lock held. */
static struct um_slot *logged_slot(struct um_vm *vm, u32 id)
{
	struct um_slot *slot = um_slot_by_id(vm, id);

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

/* Tell what is dirty; nothing is protected before KVM_CLEAR_DIRTY_LOG. */
static int peek_dirty_log(struct um_vm *vm, struct um_slot *slot,
			  void __user *user)
{
	um_dirty_sync(&vm->mmu, slot);
	if (copy_to_user(user, slot->dirty, um_dirty_bytes(slot)))
		return -EFAULT;
	return 0;
}

static int take_dirty_log(struct um_vm *vm, struct um_slot *slot,
			  void __user *user)
{
	um_dirty_harvest(&vm->mmu, slot);
	if (!copy_to_user(user, slot->dirty_out, um_dirty_bytes(slot)))
		return 0;
	dirty_give_back(slot);
	return -EFAULT;
}

int um_slot_dirty_log(struct um_vm *vm, struct kvm_dirty_log *log)
{
	struct um_slot *slot;
	int r;

	if (READ_ONCE(vm->ring_bytes))
		return -ENXIO;
	if (log->slot >= UM_SLOTS_MAX)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slot = logged_slot(vm, log->slot);
	if (!slot)
		r = -ENOENT;
	else if (vm->manual_protect)
		r = peek_dirty_log(vm, slot, log->dirty_bitmap);
	else
		r = take_dirty_log(vm, slot, log->dirty_bitmap);
	mutex_unlock(&vm->slots_lock);
	atomic64_inc(&vm->mmu.stat.log_gets);
	trace_umbra_get_log(log->slot, r);
	return r;
}

/* Whole words, but for the one in which the slot ends. */
static bool clear_range_fits(const struct um_slot *slot,
			     const struct kvm_clear_dirty_log *log)
{
	u64 rest;

	if (log->first_page > slot->npages)
		return false;
	rest = slot->npages - log->first_page;
	return log->num_pages == rest ||
	       (log->num_pages < rest && !(log->num_pages % BITS_PER_LONG));
}

/* So many words of user space's bitmap at a time. */
#define CLEAR_WORDS 64

static int clear_range(struct um_vm *vm, struct um_slot *slot,
		       const struct kvm_clear_dirty_log *log, bool *owing)
{
	const unsigned long __user *user = log->dirty_bitmap;
	size_t first = log->first_page / BITS_PER_LONG;
	size_t words = BITS_TO_LONGS(log->num_pages);
	unsigned long mask[CLEAR_WORDS];
	size_t i, n;

	for (i = 0; i < words; i += n) {
		n = min_t(size_t, words - i, CLEAR_WORDS);
		if (copy_from_user(mask, user + i, n * sizeof(*mask)))
			return -EFAULT;
		*owing |= um_dirty_clear(&vm->mmu, slot, first + i, n, mask);
		um_host_relax();
	}
	return 0;
}

/*
 * No lock but SRCU: any number of threads may clear at once. What they clear of
 * the same page is taken by one of them, and that page is clean when the call
 * of that one returns.
 */
int um_slot_clear_log(struct um_vm *vm, const struct kvm_clear_dirty_log *log)
{
	struct um_slot *slot;
	bool owing = false;
	int idx, r;

	if (READ_ONCE(vm->ring_bytes))
		return -ENXIO;
	if (log->slot >= UM_SLOTS_MAX || log->first_page % BITS_PER_LONG)
		return -EINVAL;
	idx = um_host_read_lock(&vm->mmu);
	slot = logged_slot(vm, log->slot);
	if (!slot)
		r = -ENOENT;
	else if (!clear_range_fits(slot, log))
		r = -EINVAL;
	else
		r = clear_range(vm, slot, log, &owing);
	um_host_read_unlock(&vm->mmu, idx);
	if (owing)
		um_tlb_pay(&vm->mmu); /* H4 */
	atomic64_inc(&vm->mmu.stat.log_clears);
	trace_umbra_clear_log(log->slot, log->first_page, log->num_pages, r);
	return r;
}

/* A slot that is being deleted, or moved, was written to all the same. */
static struct um_slot *noted_slot(struct um_slots *slots, gfn_t gfn)
{
	struct um_slot *dying = READ_ONCE(slots->dying);

	if (dying && um_slot_covers(dying, gfn))
		return dying;
	return um_slot_find(slots, gfn);
}

void um_dirty_log_gpas(struct um_vm *vm, const u64 *gpas, unsigned int n)
{
	struct um_slots *slots;
	struct um_slot *slot = NULL;
	int idx = um_host_read_lock(&vm->mmu);

	slots = srcu_dereference(vm->slots, &vm->srcu);
	while (n--) {
		gfn_t gfn = gpa_to_gfn(gpas[n]);

		if (!slot || !um_slot_covers(slot, gfn))
			slot = noted_slot(slots, gfn);
		if (slot && um_slot_is_logged(slot))
			um_host_mark_dirty(&vm->mmu, slot, gfn);
	}
	um_host_read_unlock(&vm->mmu, idx);
}
