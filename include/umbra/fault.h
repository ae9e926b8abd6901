/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest page fault on its way through the house: the only thing that vmx/
 * and mmu/ hand each other. Inputs are const; each stage fills its own group.
 */
#ifndef _UMBRA_FAULT_H
#define _UMBRA_FAULT_H

#include <umbra/types.h>

struct page;
struct um_context;
struct um_slot;

/* What the guest did, and what the entry it hit allowed. */
#define UM_ACC_R 0x1
#define UM_ACC_W 0x2
#define UM_ACC_X 0x4
#define UM_ACC_ALL (UM_ACC_R | UM_ACC_W | UM_ACC_X)

/* Outcome of a fault. Never mixed with errno. */
enum um_pf {
	UM_PF_CONTINUE,	 /* this stage has no opinion: go on to the next */
	UM_PF_RETRY,	 /* something moved: let the guest fault again */
	UM_PF_FIXED,	 /* the access is now mapped */
	UM_PF_SPURIOUS,	 /* it was mapped before we looked */
	UM_PF_EMULATE,	 /* no memory there (or read-only slot): MMIO */
	UM_PF_TABLE,	 /* a write to a guest page table: emulate it, and if
			  * that cannot be, um_mmu_unshadow()
			  */
	UM_PF_GUEST,	 /* the guest's own fault: ctx->walk.error_code */
	UM_PF_BAD_HVA,	 /* the VMM's mapping does not allow it: -EFAULT */
	UM_PF_HWPOISON,	 /* the host page is poisoned: -EHWPOISON */
	UM_PF_NOMEM,	 /* no page for a table: -ENOMEM */
	UM_PF_INTR,	 /* a signal interrupted the wait for a page */
	UM_PF_DEAD,	 /* an invariant broke; the VM is dead: -EIO */
};

/*
 * The path word: which branches a fault went through, reported once by the
 * umbra:fault tracepoint. One bit each, names in trace.h.
 */
enum um_path {
	UM_PATH_FAST = 1 << 0,	      /* the fast path was tried */
	UM_PATH_CLAIM_LOST = 1 << 1,  /* somebody rewrote the claimed spte */
	UM_PATH_CLAIM_TAKEN = 1 << 2, /* another vCPU held the tag */
	UM_PATH_NO_TAG = 1 << 3,      /* this vCPU has no tag of its own */
	UM_PATH_RESOLVED = 1 << 4,    /* the slow path pinned a page */
	UM_PATH_STALE = 1 << 5,	      /* an invalidation ran meanwhile */
	UM_PATH_TABLE = 1 << 6,	      /* a table was linked */
	UM_PATH_SPLIT = 1 << 7,	      /* a huge leaf was split */
	UM_PATH_MERGE = 1 << 8,	      /* a table gave way to a huge leaf */
	UM_PATH_HUGE = 1 << 9,	      /* a leaf above 4K was installed */
	UM_PATH_DIRTY = 1 << 10,      /* the gfn was marked dirty */
	UM_PATH_FROZEN = 1 << 11,     /* met a frozen entry */
	UM_PATH_RESTORE = 1 << 12,    /* rights taken for aging given back */
	UM_PATH_GIVEN_UP = 1 << 13,   /* own claim taken back, no try left */
	UM_PATH_SLOW = 1 << 14,	      /* it may have slept */
	UM_PATH_RECLAIM = 1 << 15,    /* tables were taken for the quota */
	UM_PATH_RIGHTS = 1 << 16,     /* fast: the leaf denies this access */
	UM_PATH_WRPROT = 1 << 17,     /* the frame is a guest page table */
	UM_PATH_UNSYNC = 1 << 18,     /* its shadow pages went out of sync */
};

struct um_fault {
	/* input */
	gfn_t gfn;	  /* with shadow paging filled by the guest walk */
	const u8 access;  /* UM_ACC_*: exactly what the guest tried */
	const u8 allowed; /* UM_ACC_*: what the entry it hit granted */
	const u8 tag;	  /* the vCPU's claim id, 0 when it has none */

	/* input, with shadow paging */
	struct um_context *const ctx; /* NULL: it came from EPT */
	const gva_t va;
	const u8 pfec;	  /* UM_PFEC_*: the CPU's error code */

	/* walk */
	bool piece; /* a first one of a huge page: is the host's huge, too? */

	/* resolve: slot, then the pinned host page */
	bool wide;	    /* seq covers a leaf of 1G */
	bool host_writable; /* the host's own mapping may be written */
	bool device;	    /* pfn is not RAM: map it uncached */
	u8 host_level;	    /* largest level the host maps it with */
	u8 goal_level;	    /* level of the leaf to install */
	struct um_slot *slot;
	u64 seq;	    /* um_inval_read() before pinning */
	um_pfn_t pfn;	    /* of f->gfn */
	struct page *page;  /* reference held until the commit, or NULL */

	u32 path; /* enum um_path */
};

#endif
