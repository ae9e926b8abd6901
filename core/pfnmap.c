// SPDX-License-Identifier: GPL-2.0
/*
 * The VMM's page tables, read by hand: memory that get_user_pages() refuses
 * (PFN mappings: devices, reserved memory), and the size of the host's mapping.
 */
#include "internal.h"

#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <asm/e820/api.h>
#include <asm/memtype.h>
#include <umbra/compat.h>
#include <umbra/host.h>

/* The struct page of @pfn if its reference count means anything. */
static struct page *refcounted_page(um_pfn_t pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return NULL;
	page = pfn_to_page(pfn);
	if (PageReserved(page) && !is_zero_pfn(pfn) &&
	    !is_zone_device_page(page))
		return NULL;
	return page;
}

/*
 * Is it no memory at all? Reserved pages tell nothing by themselves (NVDIMMs
 * have them), so ask how the host itself would cache them.
 */
static bool is_device(um_pfn_t pfn)
{
	hpa_t pa = pfn << PAGE_SHIFT;

	if (!pfn_valid(pfn))
		return !e820__mapped_raw_any(pa, pa + PAGE_SIZE - 1,
					     E820_TYPE_RAM);
	if (is_zero_pfn(pfn) || !PageReserved(pfn_to_page(pfn)))
		return false;
	return !pat_enabled() || pat_pfn_immune_to_uc_mtrr(pfn);
}

/*
 * The page table lock is held. A page that has a count, of zero, is a piece
 * of an allocation whose owner counts elsewhere: it could not be put.
 */
static int pfnmap_use(struct um_pfnmap *map, void *data)
{
	struct um_fault *f = data;
	struct page *page = refcounted_page(map->pfn);

	if (f->access & UM_ACC_W && !map->writable)
		return -EFAULT;
	if (page && !get_page_unless_zero(page))
		return -EFAULT;
	f->page = page;
	f->pfn = map->pfn;
	f->host_writable = map->writable;
	f->device = is_device(map->pfn);
	return 0;
}

/*
 * Nothing is mapped at @hva yet: have it faulted in, as user space would.
 * Returns -EAGAIN when mmap_lock was let go, so that the vma must be looked
 * up again.
 */
static int pfnmap_fault(struct mm_struct *mm, const struct um_fault *f,
			hva_t hva)
{
	unsigned int flags = f->access & UM_ACC_W ? FAULT_FLAG_WRITE : 0;
	bool unlocked = false;
	int r = fixup_user_fault(mm, hva, flags, &unlocked);

	return !r && unlocked ? -EAGAIN : r;
}

/* mmap_lock held for reading. */
static int pfnmap_find(struct mm_struct *mm, struct um_fault *f, hva_t hva)
{
	struct vm_area_struct *vma = vma_lookup(mm, hva);
	struct um_pfnmap map;
	int r;

	if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)))
		return -EFAULT;
	r = um_follow_pfn(vma, hva, &map, pfnmap_use, f);
	if (r != -EINVAL)
		return r;
	r = pfnmap_fault(mm, f, hva);
	if (r)
		return r;
	return um_follow_pfn(vma, hva, &map, pfnmap_use, f);
}

enum um_pf um_pin_pfnmap(struct um_fault *f, hva_t hva)
{
	struct mm_struct *mm = current->mm;
	int r;

	mmap_read_lock(mm);
	do {
		r = pfnmap_find(mm, f, hva);
	} while (r == -EAGAIN);
	mmap_read_unlock(mm);

	if (!r)
		return UM_PF_CONTINUE;
	if (r == -EINTR)
		return UM_PF_INTR;
	return r == -EHWPOISON ? UM_PF_HWPOISON : UM_PF_BAD_HVA;
}

/*
 * The level of the leaf that maps @hva in @mm.
 *
 * Interrupts are off: page tables are freed only after every CPU took an IPI
 * or an RCU grace period passed. Each entry is read once: a table that gives
 * way to a huge page meanwhile must not be walked into with the new value.
 */
static u8 mapping_level(struct mm_struct *mm, hva_t hva)
{
	unsigned long irqs;
	u8 level = UM_LEVEL_4K;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	local_irq_save(irqs);
	pgd = READ_ONCE(*pgd_offset(mm, hva));
	if (pgd_none(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (p4d_none(p4d) || !p4d_present(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (pud_none(pud) || !pud_present(pud))
		goto out;
	if (pud_leaf(pud)) {
		level = UM_LEVEL_1G;
		goto out;
	}
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (!pmd_none(pmd) && pmd_present(pmd) && pmd_leaf(pmd))
		level = UM_LEVEL_2M;
out:
	local_irq_restore(irqs);
	return level;
}

/* The largest level whose frame around @gfn lies in @slot, and evenly. */
static u8 slot_level(const struct um_slot *slot, gfn_t gfn, u8 max)
{
	u8 level;

	for (level = max; level > UM_LEVEL_4K; level--) {
		u64 pages = um_level_pages(level);
		gfn_t first = um_gfn_round_down(gfn, level);

		if (((slot->hva >> PAGE_SHIFT) ^ slot->base) & (pages - 1))
			continue;
		if (first >= slot->base &&
		    first + pages <= slot->base + slot->npages)
			break;
	}
	return level;
}

u8 um_host_level(struct um_mmu *mmu, const struct um_fault *f, hva_t hva)
{
	u8 max = UM_LEVEL_4K;

	/* A page that is no part of a compound one is not mapped huge. */
	if (!PageCompound(f->page))
		return max;
	/* Not worth a walk where no huge leaf may be. */
	if (!(mmu->hugepages || f->piece) || !mmu->caps.huge2m ||
	    um_slot_is_logged(f->slot))
		return max;
	max = mmu->caps.huge1g ? UM_LEVEL_1G : UM_LEVEL_2M;
	max = slot_level(f->slot, f->gfn, max);
	if (max == UM_LEVEL_4K)
		return max;
	return min(max, mapping_level(current->mm, hva));
}
