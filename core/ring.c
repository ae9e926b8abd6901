// SPDX-License-Identifier: GPL-2.0
/*
 * The indices and entries of a dirty ring: see ring.h. Knows no kernel, so
 * that harness/ring/ can race it.
 */
#include <umbra/ring.h>

#include <linux/atomic.h>
#include <linux/compiler.h>

static u32 um_ring_used(const struct um_ring *ring)
{
	/*
	 * Q4: reset before the entry is written again: what stood there has
	 * been read. Pairs with Q3.
	 */
	return ring->dirty - smp_load_acquire(&ring->reset);
}

static struct kvm_dirty_gfn *um_ring_entry(const struct um_ring *ring, u32 i)
{
	return &ring->gfns[i & (ring->size - 1)];
}

bool um_ring_soft_full(const struct um_ring *ring)
{
	return um_ring_used(ring) >= ring->soft;
}

bool um_ring_push(struct um_ring *ring, u32 slot, u64 offset)
{
	struct kvm_dirty_gfn *gfn = um_ring_entry(ring, ring->dirty);
	u32 used = um_ring_used(ring);

	if (used >= ring->size)
		return false;
	WRITE_ONCE(gfn->slot, slot);
	WRITE_ONCE(gfn->offset, offset);
	/*
	 * Before flags: who was told of an entry by user space must find it
	 * counted.
	 */
	WRITE_ONCE(ring->dirty, ring->dirty + 1);
	/* Q1: the entry before its flag. Pairs with user space, and Q2. */
	smp_store_release(&gfn->flags, KVM_DIRTY_GFN_F_DIRTY);
	if (used + 1 >= ring->soft)
		ring->full = true;
	return true;
}

u32 um_ring_collect(struct um_ring *ring, u32 max, struct um_ring_run *run)
{
	u32 reset = ring->reset, n;

	run->mask = 0;
	for (n = 0; n < max; n++, reset++) {
		struct kvm_dirty_gfn *gfn = um_ring_entry(ring, reset);
		u64 offset, start;
		u32 slot;

		/* Q2: the flag before the rest. Pairs with user space, Q1. */
		if (!(smp_load_acquire(&gfn->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		/* User space may flag what was never pushed. */
		if (reset == READ_ONCE(ring->dirty))
			break;
		slot = READ_ONCE(gfn->slot);
		offset = READ_ONCE(gfn->offset);
		start = offset & ~(u64)(UM_RING_RUN - 1);
		if (n && (slot != run->slot || start != run->offset))
			break;
		run->slot = slot;
		run->offset = start;
		run->mask |= 1UL << (offset - start);
		WRITE_ONCE(gfn->flags, 0);
	}
	/* Q3: entries read and cleared before they are free. Pairs with Q4. */
	smp_store_release(&ring->reset, reset);
	return n;
}
