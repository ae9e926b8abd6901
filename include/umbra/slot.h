/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A memslot: a range of guest frames backed by the VMM's memory.
 *
 * Everything but the dirty bitmap's words is const after the slot was
 * published; a change of flags or place publishes a new struct. Readers hold
 * the VM's SRCU or its slots_lock (core/memslot.c).
 */
#ifndef _UMBRA_SLOT_H
#define _UMBRA_SLOT_H

#include <umbra/types.h>

#include <linux/kvm.h>

struct um_rmap_array;

struct um_slot {
	gfn_t base;	      /* first frame */
	u64 npages;	      /* > 0 */
	hva_t hva;	      /* of base */
	u32 flags;	      /* KVM_MEM_* */
	u16 id;		      /* KVM slot number, 0..UM_SLOTS_MAX - 1 */
	unsigned long *dirty; /* npages bits, or NULL when not logged;
			       * words are changed atomically only
			       */
	unsigned long *dirty_out; /* what GET_DIRTY_LOG copies from;
				   * slots_lock
				   */
	struct um_rmap_array *rmap; /* NULL while never shadowed; R7 */
};

static inline bool um_slot_covers(const struct um_slot *slot, gfn_t gfn)
{
	return gfn - slot->base < slot->npages;
}

/* Must writes be noticed? With a bitmap or without. */
static inline bool um_slot_is_logged(const struct um_slot *slot)
{
	return slot->flags & KVM_MEM_LOG_DIRTY_PAGES;
}

static inline hva_t um_slot_hva(const struct um_slot *slot, gfn_t gfn)
{
	return slot->hva + ((gfn - slot->base) << UM_PAGE_SHIFT);
}

#endif
