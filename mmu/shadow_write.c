// SPDX-License-Identifier: GPL-2.0
/*
 * A write to a guest page table that software made for the guest: the entries
 * that it touched are mapped anew by faults.
 *
 * A frame that is written again and again while no fault came through it, or
 * in pieces that no entry has, is likely no table any more: it is not shadowed
 * then, and its writes cost nothing.
 *
 * Another vCPU can see the bytes before the shadow has heard of them. A flush
 * of its guest must not find what stood there before, and does not wait: it
 * hears of the write by itself.
 *
 *   vCPU 0, software                   vCPU 1, its guest
 *   writing++                     U6
 *   data                               sees it
 *   U5; lock; empty; owe               flush: writing?                 U7
 *   writing--                     U6     lock; empty for vCPU 0; owe
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

/* In every page of the frame. Lock held. */
static bool um_write_drop_all(struct um_mmu *mmu, gpa_t gpa, unsigned int len)
{
	unsigned int start = gpa & (UM_PAGE_SIZE - 1);
	struct um_shadow_page *sp;
	bool took = false;

	mmu->shadow->seq++;
	um_for_each_shadow(sp, mmu, gpa_to_gfn(gpa))
		took |= um_write_drop(mmu, sp, start, start + len);
	return took;
}

/* Lock held. */
static bool um_write_hear(struct um_mmu *mmu, gpa_t gpa, unsigned int len)
{
	bool flooded = false, took = um_write_drop_all(mmu, gpa, len);
	struct um_shadow_page *sp;
	gfn_t gfn = gpa_to_gfn(gpa);

	um_for_each_shadow(sp, mmu, gfn)
		flooded |= um_write_floods(sp) || um_write_is_odd(sp, gpa, len);
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

static void um_write_tell(struct um_mmu *mmu, gpa_t gpa, unsigned int len)
{
	bool took;

	if (um_write_is_plain(mmu, gpa_to_gfn(gpa)))
		return;
	atomic64_inc(&mmu->stat.table_writes);
	um_tlb_take_begin(&mmu->tlb);
	um_shadow_lock(mmu);
	took = um_write_hear(mmu, gpa, len);
	um_shadow_unlock(mmu);
	um_tlb_take_end(&mmu->tlb, took);
}

/* um_context.writing: the address, and how many bytes. */
#define UM_WRITING_SHIFT 12
#define UM_WRITING_LEN (BIT_ULL(UM_WRITING_SHIFT) - 1)

void um_context_write_begin(struct um_context *ctx, gpa_t gpa, unsigned int len)
{
	WRITE_ONCE(ctx->writing, gpa << UM_WRITING_SHIFT | len);
	atomic_inc(&ctx->mmu->shadow->writing);
	/* U6: both before the data. Pairs with U7. */
	smp_mb__after_atomic();
}

void um_context_write_end(struct um_context *ctx)
{
	const u64 writing = ctx->writing;

	um_write_tell(ctx->mmu, writing >> UM_WRITING_SHIFT,
		      writing & UM_WRITING_LEN);
	/* U6: heard, and owed for, before the word. Pairs with U7. */
	smp_store_release(&ctx->writing, 0);
	/* U6: and before the number. Pairs with U7. */
	smp_mb__before_atomic();
	atomic_dec(&ctx->mmu->shadow->writing);
}

/* Of all that are under way. Who is late finds it done. */
static void um_write_hear_all(struct um_mmu *mmu)
{
	struct um_context *ctx;
	bool took = false;

	um_tlb_take_begin(&mmu->tlb);
	um_shadow_lock(mmu);
	list_for_each_entry(ctx, &mmu->shadow->contexts, link) {
		u64 writing = READ_ONCE(ctx->writing);

		if (writing)
			took |= um_write_drop_all(mmu,
						  writing >> UM_WRITING_SHIFT,
						  writing & UM_WRITING_LEN);
	}
	um_shadow_unlock(mmu);
	um_tlb_take_end(&mmu->tlb, took);
}

void um_shadow_hear(struct um_mmu *mmu)
{
	/* U7: the exit, and so what the guest has seen, before the number. */
	if (unlikely(atomic_read(&mmu->shadow->writing)))
		um_write_hear_all(mmu);
	/*
	 * U7: number and words before all that the flush looks at: what is out
	 * of sync, what is owed. Pairs with U6.
	 */
	smp_rmb();
}
