// SPDX-License-Identifier: GPL-2.0
/* Shadow pages, and leaves, that are taken away. */
#include "unit_shadow.h"

static s64 pages(void)
{
	return atomic64_read(&world->mmu.stat.shadow_pages);
}

static s64 leaves(void)
{
	return atomic64_read(&world->mmu.stat.shadow_leaves);
}

/* What its entry leads to goes; the rest stays, and is found again. */
static void unshadow(void)
{
	gfn_t leaf;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	leaf = table_of(1, VA);
	CHECK(is_wrprot(leaf) && leaves() == 1);
	CHECK(!um_mmu_unshadow(&world->mmu, GFN));
	CHECK(um_mmu_unshadow(&world->mmu, leaf));
	CHECK(!is_wrprot(leaf) && !leaf_of(0, VA) && leaves() == 0);
	/* The directory goes, and the leaf table it led to stays. */
	LOADS(0, VA);
	CHECK(um_mmu_unshadow(&world->mmu, table_of(2, VA)));
	CHECK(is_wrprot(leaf) && leaves() == 1);
	vcpu[0].outcomes[UM_PF_FIXED] = 0;
	LOADS(0, VA);
	CHECK(vcpu[0].outcomes[UM_PF_FIXED] == 1);
	end();
}

/* The notifier: by frame, at every address, and from EPT. */
static void notifier(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	guest_map(&tables, world, PAGE(VA, 8), GFN, RWUD);
	slot_log(world, LOG_ON);
	STORES(0, VA);
	LOADS(0, PAGE(VA, 8));
	LOADS(0, PAGE(VA, 1));
	CHECK(leaves() == 3);
	host_migrate(world, GFN);
	CHECK(leaves() == 1 && is_dirty(GFN));
	CHECK(sspte_of(0, VA) == UM_SS_EMPTY);
	CHECK(sspte_of(0, PAGE(VA, 8)) == UM_SS_EMPTY);
	CHECK(um_sspte_is_leaf(sspte_of(0, PAGE(VA, 1))));
	LOADS(0, VA);
	end();
}

static void slot_goes(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_OOS);
	STORES(0, VA);
	edit(1, 1, PAGE(VA, 1), 0);
	slot_insert(world, 0, slot_remove(world, 0));
	CHECK(pages() == 0 && leaves() == 0);
	CHECK(!um_context_is_ready(&vcpu[0].ctx));
	LOADS(0, VA);
	end();
}

/* As many as the quota has, and no more; all still works. */
static void quota(void)
{
	int i, round;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	for (i = 0; i < 8; i++)
		guest_map(&tables, world, PAGE(VA, 0) + i * 0x200000, GFN,
			  RWUD);
	um_mmu_set_quota(&world->mmu, 12);
	for (round = 0; round < 3; round++)
		for (i = 0; i < 8; i++) {
			LOADS(0, VA + i * 0x200000);
			CHECK(pages() <= 12);
		}
	CHECK(atomic64_read(&world->mmu.stat.reclaimed) > 8);
	end();
}

/*
 * A CPU in guest mode may walk through what was zapped until the debt is paid:
 * only then is the table another one's.
 */
static void reuse(void)
{
	const gva_t next = VA + 0x200000, last = VA + 0x400000;
	um_sptep_t old;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	guest_map(&tables, world, next, GFN, RWUD);
	guest_map(&tables, world, last, GFN, RWUD);
	LOADS(0, VA);
	old = leaf_of(0, VA);
	CHECK(um_mmu_unshadow(&world->mmu, table_of(1, VA)));
	LOADS(0, next);
	CHECK(leaf_of(0, next) && leaf_of(0, next) != old);
	um_tlb_pay(&world->mmu);
	LOADS(0, last);
	CHECK(leaf_of(0, last) == old);
	end();
}

/* Tables are shared where frame and role are the same, else not. */
static void sharing(void)
{
	struct um_guest_paging *p = &vcpu[1].ctx.paging;
	s64 n;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	n = pages();
	LOADS(1, VA);
	CHECK(pages() == n && leaf_of(0, VA) == leaf_of(1, VA));
	vcpu_set_mode(&vcpu[1], p->cr0 & ~CR0_WP, p->cr4, p->efer, p->cr3);
	LOADS(1, VA);
	CHECK(pages() == 2 * n && leaf_of(0, VA) != leaf_of(1, VA));
	/* The same table by a way with other rights. */
	guest_poke(world, guest_entry(&tables, world, 2, VA + 0x200000), 8,
		   gfn_to_gpa(table_of(1, VA)) | PTE_P);
	LOADS(0, VA + 0x200000);
	CHECK(leaf_of(0, VA + 0x200000) != leaf_of(0, VA));
	CHECK(!(sspte_of(0, VA + 0x200000) & UM_SS_U));
	end();
}

int main(void)
{
	unit_start();
	UNIT(unshadow);
	UNIT(notifier);
	UNIT(slot_goes);
	UNIT(quota);
	UNIT(reuse);
	UNIT(sharing);
	return tap_done();
}
