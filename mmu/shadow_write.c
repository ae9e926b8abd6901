// SPDX-License-Identifier: GPL-2.0
/*
 * A write to a guest page table that software made for the guest: the entries
 * that it touched are mapped anew by faults.
 *
 * A frame that is written again and again while no fault came through it, or
 * in pieces that no entry has, is likely no table any more: it is not shadowed
 * then, and its writes cost nothing.
 */
#include "shadow.h"

#include <umbra/trace.h>

/* Writes without use: to a table of tables, and to one of pages. */
#define UM_FLOOD_UPPER 3
#define UM_FLOOD_LEAF 64

static bool um_write_floods(struct um_shadow_page *sp)
{
	bool leaf = sp->role.level == UM_LEVEL_4K;

	return ++sp->writes > (leaf ? UM_FLOOD_LEAF : UM_FLOOD_UPPER);
}

static bool um_write_is_odd(const struct um_shadow_page *sp, gpa_t gpa,
			    unsigned int len)
{
	unsigned int size = um_role_gpte_size(sp->role);

	/* PAE guests write an entry in two halves. */
	return len < 4 || (gpa & 3) || (len > size && (gpa & (size - 1)));
}

/* Empty the entries of @sp that come from bytes [start, end) of the frame. */
static bool um_write_drop(struct um_mmu *mmu, struct um_shadow_page *sp,
			  unsigned int start, unsigned int end)
{
	unsigned int size = um_role_gpte_size(sp->role);
	unsigned int first = um_role_offset(sp->role);
	/* A directory's entry of 4M has two of ours. */
	unsigned int each = sp->role.format == UM_FMT_32 &&
			    sp->role.level == UM_LEVEL_2M ? 2 : 1;
	unsigned int bytes = size * UM_TABLE_ENTRIES / each;
	unsigned int i;
	bool took = false;

	start = max(start, first);
	end = min(end, first + bytes);
	if (start >= end)
		return false;
	for (i = (start - first) / size * each;
	     i < ((end - 1 - first) / size + 1) * each; i++)
		took |= um_shadow_drop(mmu, um_shadow_sptep(sp, i));
	return took;
}

/* Lock held. */
static bool um_write_hear(struct um_mmu *mmu, gpa_t gpa, unsigned int len)
{
	unsigned int start = gpa & (UM_PAGE_SIZE - 1);
	struct um_shadow_page *sp;
	gfn_t gfn = gpa_to_gfn(gpa);
	bool flooded = false, took = false;

	mmu->shadow->seq++;
	um_for_each_shadow(sp, mmu, gfn) {
		took |= um_write_drop(mmu, sp, start, start + len);
		flooded |= um_write_floods(sp) || um_write_is_odd(sp, gpa, len);
	}
	if (!flooded)
		return took;
	atomic64_inc(&mmu->stat.shadow_flooded);
	trace_umbra_shadow_flood(gfn, UM_LEVEL_4K);
	return um_shadow_zap_gfn(mmu, gfn);
}

/* Without the lock: is there nobody who must hear of it? */
static bool um_write_is_plain(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_rmap_head *head;
	struct um_slot *slot;
	bool plain;

	/*
	 * U5: the data before the flag. Pairs with R1: who protects the frame
	 * after this look reads the table, and in it the data.
	 */
	smp_mb();
	rcu_read_lock();
	slot = um_host_slot(mmu, gfn);
	/* No rmap: the guest never had paging on. */
	head = slot ? um_rmap_head(slot, gfn, UM_LEVEL_4K) : NULL;
	plain = !head || !um_rmap_is_wrprot(head);
	rcu_read_unlock();
	return plain;
}

void um_mmu_guest_wrote(struct um_mmu *mmu, gpa_t gpa, unsigned int len)
{
	bool took;

	if (!mmu->shadow || um_write_is_plain(mmu, gpa_to_gfn(gpa)))
		return;
	atomic64_inc(&mmu->stat.table_writes);
	um_tlb_take_begin(&mmu->tlb);
	um_shadow_lock(mmu);
	took = um_write_hear(mmu, gpa, len);
	um_shadow_unlock(mmu);
	um_tlb_take_end(&mmu->tlb, took);
}
