/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty ring of one vCPU: which pages it wrote, in the order it did.
 *
 *        vCPU: push            user space: harvest        RESET: collect
 *   00 ------------> 01 DIRTY ------------> 1x RESET ------------> 00
 *
 * The entries lie in memory that user space has mapped writable. Whatever
 * stands there is read once and believed in nothing: the indices that matter
 * are kept here, where user space does not reach.
 *
 * One thread pushes (the vCPU's, in KVM_RUN), one collects at a time (under
 * the VM's ring_lock); neither waits for the other.
 *
 *   push                               collect
 *   reset                  Q4          flags                    Q2
 *   slot, offset; dirty++              dirty; slot, offset
 *   flags = DIRTY          Q1          flags = 0
 *                                      reset++                  Q3
 */
#ifndef _UMBRA_RING_H
#define _UMBRA_RING_H

#include <umbra/types.h>

#include <linux/kvm.h>

/* Pages of one run that um_ring_collect() hands out at most. */
#define UM_RING_RUN 64

struct um_ring {
	struct kvm_dirty_gfn *gfns; /* shared with user space; NULL: none */
	u32 size;  /* entries, a power of two; const */
	u32 soft;  /* so many are used: to user space; const */
	u32 dirty; /* entries ever pushed; written by the vCPU */
	u32 reset; /* entries ever collected; written under ring_lock */
	bool full; /* the soft limit was met; the vCPU's own */
};

/* Harvested entries of one slot that lie in UM_RING_RUN frames. */
struct um_ring_run {
	u32 slot;	    /* address space << 16 | id, not checked */
	u64 offset;	    /* in the slot, a multiple of UM_RING_RUN; not checked */
	unsigned long mask; /* which of the frames from there on */
};

/*
 * um_ring_push() - log frame @offset of @slot. The vCPU's thread only. False:
 * not one entry is free, which the soft limit has to prevent.
 */
bool um_ring_push(struct um_ring *ring, u32 slot, u64 offset);

/* May the vCPU not enter the guest? The vCPU's thread only. */
bool um_ring_soft_full(const struct um_ring *ring);

/*
 * um_ring_collect() - take harvested entries from the front of the ring, @max
 * of them at most, as far as they make one run. Returns how many; 0 when
 * nothing there was harvested. One caller at a time.
 */
u32 um_ring_collect(struct um_ring *ring, u32 max, struct um_ring_run *run);

#endif
