// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty rings (api.rst, KVM_CAP_DIRTY_LOG_RING): one per vCPU, chosen for a VM
 * before it has any; logged slots have no bitmap then.
 *
 * The vCPU that runs pushes what it dirties. Is its ring all but full, it goes
 * to user space before its next entry and comes back only when RESET has made
 * room; the entries held in reserve take what one exit can dirty at most.
 *
 * RESET takes what user space harvested and makes those pages clean again. It
 * has a lock of its own, which no vCPU takes, and its work is bounded by what
 * the rings hold, however fast they are filled. User space copies pages after
 * it: so it pays even if it found nothing, for a RESET beside it may have taken
 * this caller's entries and not have paid yet.
 */
#include "internal.h"

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>
#include <umbra/host.h>
#include <umbra/trace.h>
#include <umbra/vmx.h>

#define RING_ENTRIES_MAX 65536
/* What an exit may dirty beside the CPU's own log: emulated writes. */
#define RING_RESERVED 64
#define PML_ENTRIES 512

DEFINE_PER_CPU(struct um_vcpu *, um_running);

static u32 ring_reserved(void)
{
	return RING_RESERVED + (um_vmx_mmu_caps()->pml ? PML_ENTRIES : 0);
}

unsigned int um_dirty_ring_max(void)
{
	return RING_ENTRIES_MAX * sizeof(struct kvm_dirty_gfn);
}

/* slots_lock held. 0 or -EINVAL: too late, or no other way to log. */
static int rings_set(struct um_vm *vm, u32 bytes)
{
	int r = 0;

	/* A page that only a scan finds dirty is in nobody's ring. */
	if (vm->mmu.log == UM_LOG_DBIT && vm->log_begun)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (vm->ring_bytes || vm->nr_vcpus)
		r = -EINVAL;
	else
		WRITE_ONCE(vm->ring_bytes, bytes);
	mutex_unlock(&vm->lock);
	if (!r && vm->mmu.log == UM_LOG_DBIT)
		vm->mmu.log = UM_LOG_WRPROT;
	return r;
}

int um_dirty_rings_enable(struct um_vm *vm, u32 bytes)
{
	u32 least = ring_reserved() * sizeof(struct kvm_dirty_gfn);
	int r;

	if (!is_power_of_2(bytes) || bytes < least || bytes < PAGE_SIZE)
		return -EINVAL;
	if (bytes > um_dirty_ring_max())
		return -E2BIG;
	mutex_lock(&vm->slots_lock);
	r = rings_set(vm, bytes);
	mutex_unlock(&vm->slots_lock);
	return r;
}

int um_dirty_ring_init(struct um_vcpu *vcpu)
{
	struct um_ring *ring = &vcpu->ring;
	u32 bytes = vcpu->vm->ring_bytes;

	if (!bytes)
		return 0;
	ring->gfns = __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ring->gfns)
		return -ENOMEM;
	ring->size = bytes / sizeof(*ring->gfns);
	ring->soft = ring->size - ring_reserved();
	return 0;
}

void um_dirty_ring_free(struct um_vcpu *vcpu)
{
	vfree(vcpu->ring.gfns);
}

struct page *um_dirty_ring_page(const struct um_vcpu *vcpu, pgoff_t pgoff)
{
	pgoff_t page = pgoff - KVM_DIRTY_LOG_PAGE_OFFSET;

	if (pgoff < KVM_DIRTY_LOG_PAGE_OFFSET ||
	    page >= vcpu->vm->ring_bytes / PAGE_SIZE)
		return NULL;
	return vmalloc_to_page((void *)vcpu->ring.gfns + page * PAGE_SIZE);
}

bool um_dirty_ring_mapped(const struct um_vcpu *vcpu,
			  struct vm_area_struct *vma)
{
	pgoff_t pages = vcpu->vm->ring_bytes / PAGE_SIZE;

	return pages && vma->vm_pgoff < KVM_DIRTY_LOG_PAGE_OFFSET + pages &&
	       vma->vm_pgoff + vma_pages(vma) > KVM_DIRTY_LOG_PAGE_OFFSET;
}

void um_dirty_ring_push(struct um_vcpu *vcpu, const struct um_slot *slot,
			gfn_t gfn)
{
	u64 offset = gfn - slot->base;

	if (unlikely(!um_ring_push(&vcpu->ring, slot->id, offset))) {
		WARN_ONCE(1, "a dirty ring overflowed\n");
		um_vm_kill(vcpu->vm);
		return;
	}
	vcpu->stat.ring_pushed++;
	trace_umbra_ring_push(vcpu->id, slot->id, offset);
}

bool um_dirty_ring_full(struct um_vcpu *vcpu)
{
	vcpu->ring.full = um_ring_soft_full(&vcpu->ring);
	if (!vcpu->ring.full)
		return false;
	vcpu->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
	vcpu->stat.ring_full_exits++;
	return true;
}

/* SRCU held, between um_tlb_take_begin() and _end(). Nothing in @run holds. */
static void reset_run(struct um_vm *vm, const struct um_ring_run *run)
{
	struct um_slot *slot = um_slot_by_id(vm, run->slot);
	unsigned long mask = run->mask;
	u64 pages;

	if (!slot || !um_slot_is_logged(slot) || run->offset >= slot->npages)
		return;
	pages = slot->npages - run->offset;
	if (pages < UM_RING_RUN)
		mask &= BIT(pages) - 1;
	if (mask)
		um_dirty_protect_mask(&vm->mmu, slot, run->offset, mask);
}

/* As many entries as the ring has, at most. Returns how many were reset. */
static u32 ring_reset(struct um_vm *vm, struct um_vcpu *vcpu)
{
	struct um_ring *ring = &vcpu->ring;
	struct um_ring_run run;
	u32 n, left = ring->size;
	int idx;

	idx = um_host_read_lock(&vm->mmu);
	um_tlb_take_begin(&vm->mmu.tlb);
	while (left && !signal_pending(current)) {
		n = um_ring_collect(ring, left, &run);
		if (!n)
			break;
		left -= n;
		reset_run(vm, &run);
		um_host_relax();
	}
	um_tlb_take_end(&vm->mmu.tlb, left < ring->size);
	um_host_read_unlock(&vm->mmu, idx);
	trace_umbra_ring_reset(vcpu->id, ring->size - left);
	return ring->size - left;
}

int um_dirty_rings_reset(struct um_vm *vm)
{
	struct um_vcpu *vcpu;
	int i, n = 0;

	if (!READ_ONCE(vm->ring_bytes))
		return -EINVAL;
	if (mutex_lock_interruptible(&vm->ring_lock))
		return -EINTR;
	um_for_each_vcpu(i, vcpu, vm)
		n += ring_reset(vm, vcpu);
	vm->ring_reset += n;
	mutex_unlock(&vm->ring_lock);
	um_tlb_pay(&vm->mmu);
	return n;
}
