// SPDX-License-Identifier: GPL-2.0
/*
 * The host changes its mind about the VMM's memory: unmaps, write-protects,
 * migrates, swaps it, or asks whether it is in use.
 *
 * Callbacks come in any thread, some with a page table lock held or from the
 * OOM killer, so nothing here sleeps: leaves change by atomic operations, debts
 * are paid by IPI. On return from range_start no vCPU can reach the range.
 */
#include "internal.h"

#include <linux/mm.h>
#include <umbra/host.h>

static struct um_vm *mn_to_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct um_vm, notifier);
}

typedef bool (*gfn_range_fn)(struct um_mmu *mmu, const struct um_slot *slot,
			     gfn_t start, gfn_t end);

/* @fn on what [start, end) of host addresses is of @slot. */
static bool slot_range(struct um_mmu *mmu, const struct um_slot *slot,
		       hva_t start, hva_t end, gfn_range_fn fn)
{
	hva_t slot_end = slot->hva + (slot->npages << PAGE_SHIFT);

	start = max(start, slot->hva);
	end = min(end, slot_end);
	if (start >= end)
		return false;
	return fn(mmu, slot,
		  slot->base + ((start - slot->hva) >> PAGE_SHIFT),
		  slot->base + ((PAGE_ALIGN(end) - slot->hva) >> PAGE_SHIFT));
}

/* Index of the first slot, by host address, that may reach above @hva. */
static int slots_upper_hva(const struct um_slots *slots, hva_t hva)
{
	int lo = 0, hi = slots->n;

	while (lo < hi) {
		int mid = (lo + hi) / 2;

		if (hva < slots->by_hva[mid].end_max)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* @fn on every piece of every slot. Returns whether any said true. */
static bool for_range(struct um_vm *vm, hva_t start, hva_t end,
		      gfn_range_fn fn)
{
	int i, idx = srcu_read_lock(&vm->srcu);
	const struct um_slots *slots = srcu_dereference(vm->slots, &vm->srcu);
	struct um_slot *dying = READ_ONCE(slots->dying);
	bool any = false;

	for (i = slots_upper_hva(slots, start);
	     i < slots->n && slots->by_hva[i].start < end; i++)
		any |= slot_range(&vm->mmu, slots->by_hva[i].slot, start, end,
				  fn);
	if (dying)
		any |= slot_range(&vm->mmu, dying, start, end, fn);
	srcu_read_unlock(&vm->srcu, idx);
	return any;
}

static int invalidate_start(struct mmu_notifier *mn,
			    const struct mmu_notifier_range *range)
{
	struct um_vm *vm = mn_to_vm(mn);

	/* Before the slots are looked at: see memslot.c. */
	um_inval_begin(&vm->mmu.inval, range->start, range->end);
	if (for_range(vm, range->start, range->end, um_mmu_unmap))
		um_tlb_pay(&vm->mmu);
	return 0;
}

static void invalidate_end(struct mmu_notifier *mn,
			   const struct mmu_notifier_range *range)
{
	um_inval_end(&mn_to_vm(mn)->mmu.inval, range->start, range->end);
}

static int clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	struct um_vm *vm = mn_to_vm(mn);
	bool young = for_range(vm, start, end, um_mmu_age);

	if (young)
		um_tlb_pay(&vm->mmu);
	return young;
}

/* A stale TLB entry costs at most one wrong answer to test_young(). */
static int clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
		       unsigned long start, unsigned long end)
{
	return for_range(mn_to_vm(mn), start, end, um_mmu_age);
}

static int test_young(struct mmu_notifier *mn, struct mm_struct *mm,
		      unsigned long addr)
{
	return for_range(mn_to_vm(mn), addr, addr + PAGE_SIZE,
			 um_mmu_test_age);
}

/* The address space goes. Its threads are gone, so no vCPU runs. */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct um_vm *vm = mn_to_vm(mn);

	um_inval_begin(&vm->mmu.inval, 0, ULONG_MAX);
	if (for_range(vm, 0, ULONG_MAX, um_mmu_unmap))
		um_tlb_pay(&vm->mmu);
	um_inval_end(&vm->mmu.inval, 0, ULONG_MAX);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
};

int um_notifier_register(struct um_vm *vm)
{
	vm->notifier.ops = &notifier_ops;
	return mmu_notifier_register(&vm->notifier, vm->mm);
}
