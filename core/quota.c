// SPDX-License-Identifier: GPL-2.0
/*
 * What memory costs memory: bytes for each slot, and the quota of table pages.
 * That goes by the slots, as KVM's, until user space sets it.
 *
 * KVM gives a fiftieth of the slots' pages. Slots that are small and far apart
 * need more than that: for them the default is what maps every page of them by
 * a leaf of its own, so that by default nothing is ever taken.
 */
#include "internal.h"

#include <linux/kernel.h>
#include <umbra/slot.h>

#define QUOTA_MIN 64ULL /* KVM_MIN_ALLOC_MMU_PAGES */
#define QUOTA_RATIO 50	/* KVM_MEMSLOT_PAGES_TO_MMU_PAGES_RATIO */

/* Tables, of all levels but the root, above the pages of @slot. */
static u64 slot_tables(const struct um_slot *slot)
{
	gfn_t last = slot->base + slot->npages - 1;
	u64 tables = 0;
	int level;

	for (level = UM_LEVEL_2M; level <= UM_LEVEL_ROOT; level++)
		tables += (um_gfn_round_down(last, level) -
			   um_gfn_round_down(slot->base, level)) /
			  um_level_pages(level) + 1;
	return tables;
}

static s64 slot_bytes(const struct um_slot *slot)
{
	s64 bytes = sizeof(*slot) + sizeof(struct um_slot *) +
		    sizeof(struct um_slot_hva);

	bytes += um_rmap_slot_bytes(slot);
	return bytes + (slot->dirty ? 2 * um_dirty_bytes(slot) : 0);
}

static void quota_update(struct um_vm *vm)
{
	if (!vm->quota_set)
		um_mmu_set_quota(&vm->mmu,
				 max3(vm->slot_pages / QUOTA_RATIO,
				      vm->slot_tables, QUOTA_MIN));
}

void um_quota_init(struct um_vm *vm)
{
	quota_update(vm);
}

void um_quota_add(struct um_vm *vm, const struct um_slot *slot)
{
	vm->slot_pages += slot->npages;
	vm->slot_tables += slot_tables(slot);
	atomic64_add(slot_bytes(slot), &vm->mmu.stat.bytes_meta);
	quota_update(vm);
}

void um_quota_remove(struct um_vm *vm, const struct um_slot *slot)
{
	vm->slot_pages -= slot->npages;
	vm->slot_tables -= slot_tables(slot);
	atomic64_sub(slot_bytes(slot), &vm->mmu.stat.bytes_meta);
	quota_update(vm);
}

int um_quota_set(struct um_vm *vm, unsigned long tables)
{
	if (tables < QUOTA_MIN)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	vm->quota_set = true;
	/* No more than KVM_GET_NR_MMU_PAGES can tell. */
	um_mmu_set_quota(&vm->mmu, min_t(unsigned long, tables, INT_MAX));
	mutex_unlock(&vm->slots_lock);
	return 0;
}

int um_quota_get(const struct um_vm *vm)
{
	return min_t(u64, READ_ONCE(vm->mmu.tables_max), INT_MAX);
}
