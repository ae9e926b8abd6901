// SPDX-License-Identifier: GPL-2.0
/* Tables out of sync: what was is used until the guest flushes, not longer. */
#include "unit_shadow.h"

#include "../../mmu/shadow.h"

static u64 unsync(void)
{
	return atomic64_read(&world->mmu.stat.shadow_unsync);
}

static gfn_t mapped(int i, gva_t va)
{
	return *um_sspte_twin(leaf_of(i, va));
}

static void format_loop(void (*test)(void), enum um_ptw_mode ptw)
{
	enum guest_format f;

	for (f = GUEST_32; f < GUEST_FORMATS; f++) {
		begin(f, UM_FAST_TAG, ptw);
		test();
		end();
	}
}

static void invlpg(void)
{
	LOADS(0, VA);
	LOADS(0, PAGE(VA, 1));
	edit(1, 1, VA, gfn_to_gpa(GFN + 2) | RWUD);
	CHECK(vcpu[1].path & UM_PATH_UNSYNC);
	edit(1, 1, PAGE(VA, 1), gfn_to_gpa(GFN + 3) | RWUD);
	CHECK(unsync() >= 1 && !is_wrprot(table_of(1, VA)));
	CHECK(mapped(0, VA) == GFN);
	vcpu_invlpg(&vcpu[0], VA);
	/* That address only; the page stays out of sync. */
	LOADS(0, VA);
	CHECK(mapped(0, VA) == GFN + 2);
	CHECK(mapped(0, PAGE(VA, 1)) == GFN + 1);
	CHECK(unsync() >= 1);
}

static void mov_cr3(void)
{
	LOADS(0, VA);
	LOADS(0, PAGE(VA, 1));
	edit(1, 1, VA, gfn_to_gpa(GFN + 2) | RWUD);
	edit(1, 1, PAGE(VA, 1), 0);
	vcpu_set_cr3(&vcpu[0], vcpu[0].ctx.paging.cr3, false);
	CHECK(unsync() == 0 && is_wrprot(table_of(1, VA)));
	LOADS(0, VA);
	CHECK(mapped(0, VA) == GFN + 2);
	CHECK(access_va(0, PAGE(VA, 1), LOAD) == V_PF);
}

/* Less rights, or D cleared: the leaf stays, with less. */
static void mended(void)
{
	STORES(0, VA);
	STORES(0, PAGE(VA, 1));
	edit(1, 1, VA, gfn_to_gpa(GFN) | (RWUD & ~PTE_W));
	edit(1, 1, PAGE(VA, 1), gfn_to_gpa(GFN + 1) | (RWUD & ~PTE_D));
	vcpu_flush(&vcpu[0]);
	CHECK(!(sspte_of(0, VA) & (UM_SS_W | UM_SS_MW)));
	CHECK(!(sspte_of(0, PAGE(VA, 1)) & (UM_SS_W | UM_SS_MW)));
	CHECK(access_va(0, VA, STORE) == V_PF);
	STORES(0, PAGE(VA, 1));
	CHECK(guest_peek(world, guest_entry(&tables, world, 1, PAGE(VA, 1)),
			 4) & PTE_D);
}

/* The table can not be read: all of it is mapped anew. */
static void unreadable(void)
{
	struct um_slot *slot;

	LOADS(0, VA);
	edit(1, 1, VA, gfn_to_gpa(GFN + 2) | RWUD);
	slot = world->slots[0];
	rcu_assign_pointer(world->slots[0], NULL);
	vcpu_flush(&vcpu[0]);
	rcu_assign_pointer(world->slots[0], slot);
	slot_insert(world, 0, slot_remove(world, 0));
	LOADS(0, VA);
	CHECK(mapped(0, VA) == GFN + 2);
}

/* The guest maps another page by the same entry, flushes, and looks. */
static void poke(int i)
{
	gfn_t gfn = GFN + 2 + i % 2;

	edit(1, 1, VA, gfn_to_gpa(gfn) | RWUD);
	vcpu_flush(&vcpu[0]);
	LOADS(0, VA);
	CHECK(mapped(0, VA) == gfn);
}

#define POKES 8 /* more than it takes to make a page loose */

/* Few entries, flushed over and over: no fault and no protection any more. */
static void loose(void)
{
	atomic64_t *unsyncs = &world->mmu.shadow->unsyncs;
	gfn_t root;
	s64 before;
	int i;

	LOADS(0, VA);
	for (i = 0; i < POKES; i++)
		poke(i);
	before = atomic64_read(unsyncs);
	poke(0);
	poke(1);
	CHECK(atomic64_read(unsyncs) == before);
	CHECK(unsync() >= 1 && !is_wrprot(table_of(1, VA)));
	/* Seen from another root it is in step, and of either from then on. */
	root = copy_root();
	vcpu_set_cr3(&vcpu[0], gfn_to_gpa(root), false);
	LOADS(0, VA);
	CHECK(unsync() == 0 && is_wrprot(table_of(1, VA)));
	poke(1);
	poke(2);
	vcpu_set_cr3(&vcpu[0], gfn_to_gpa(tables.root), false);
	for (i = 0; i < POKES; i++)
		poke(i);
	/* Flushes that find nothing: the table is protected again. */
	for (i = 0; i < 256 && unsync(); i++)
		vcpu_flush(&vcpu[0]);
	CHECK(unsync() == 0 && is_wrprot(table_of(1, VA)));
	LOADS(0, VA);
	CHECK(mapped(0, VA) == GFN + 2 + (POKES - 1) % 2);
	poke(0);
}

static void invlpgs(void)
{
	format_loop(invlpg, UM_PTW_OOS);
}

static void mov_cr3s(void)
{
	format_loop(mov_cr3, UM_PTW_OOS);
}

static void mends(void)
{
	format_loop(mended, UM_PTW_OOS);
}

static void loosens(void)
{
	format_loop(loose, UM_PTW_OOS);
}

static void unread(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_OOS);
	unreadable();
	end();
}

/* A directory does not go out of sync. */
static void directories(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_OOS);
	LOADS(0, VA);
	edit(1, 2, VA, 0);
	CHECK(vcpu[1].path & UM_PATH_WRPROT);
	CHECK(unsync() == 0);
	CHECK(access_va(0, VA, LOAD) == V_PF);
	end();
}

static void write_as_its_slot_goes(gva_t va)
{
	struct um_mmu *mmu = &world->mmu;
	struct um_slot *slot = world->slots[0];
	struct um_fault f = {
		.access = UM_ACC_W,
		.allowed = UM_ACC_R,
		.ctx = &vcpu[1].ctx,
		.va = va,
		.pfec = UM_PFEC_PRESENT | UM_PFEC_WRITE,
		.slot = slot,
	};
	enum um_pf ret;

	CHECK(um_shadow_walk(&f) == UM_PF_CONTINUE);
	CHECK(um_fault_resolve(mmu, &f) == UM_PF_CONTINUE);
	rcu_assign_pointer(world->slots[0], NULL);
	ret = um_shadow_map(mmu, &f);
	CHECK(ret == UM_PF_RETRY);
	um_fault_release(&f, ret);
	rcu_assign_pointer(world->slots[0], slot);
}

/* What nobody finds the flag of is not let be written. */
static void dying_slot(void)
{
	gpa_t gpa;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_OOS);
	LOADS(0, VA);
	gpa = guest_entry(&tables, world, 1, VA);
	LOADS(1, guest_window(&tables, gpa));
	write_as_its_slot_goes(guest_window(&tables, gpa));
	CHECK(is_wrprot(gpa_to_gfn(gpa)));
	CHECK(sspte_of(1, guest_window(&tables, gpa)) & UM_SS_WP);
	slot_insert(world, 0, slot_remove(world, 0));
	end();
}

int main(void)
{
	unit_start();
	UNIT(invlpgs);
	UNIT(mov_cr3s);
	UNIT(mends);
	UNIT(loosens);
	UNIT(unread);
	UNIT(directories);
	UNIT(dying_slot);
	return tap_done();
}
