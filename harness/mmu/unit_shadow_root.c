// SPDX-License-Identifier: GPL-2.0
/* Roots: warm ones cost nothing, zapped ones are made anew. */
#include "unit_shadow.h"

static void switch_to(gfn_t root)
{
	vcpu_set_cr3(&vcpu[0], gfn_to_gpa(root), false);
	LOADS(0, VA);
}

static void warm(void)
{
	enum guest_format f;

	for (f = GUEST_32; f < GUEST_FORMATS; f++) {
		gfn_t root[UM_ROOTS + 1];
		u64 owed, pages;
		int i;

		begin(f, UM_FAST_TAG, UM_PTW_EMUL);
		root[0] = tables.root;
		for (i = 1; i <= UM_ROOTS; i++)
			root[i] = copy_root();
		for (i = 0; i < UM_ROOTS; i++)
			switch_to(root[i]);
		owed = um_tlb_owed(&world->mmu.tlb);
		pages = atomic64_read(&world->mmu.stat.shadow_pages);
		vcpu[0].outcomes[UM_PF_FIXED] = 0;
		for (i = 0; i < 4 * UM_ROOTS; i++)
			switch_to(root[i % UM_ROOTS]);
		CHECK(um_tlb_owed(&world->mmu.tlb) == owed);
		CHECK(atomic64_read(&world->mmu.stat.shadow_pages) == pages);
		CHECK(vcpu[0].outcomes[UM_PF_FIXED] == 0);
		/* One more takes the place of the oldest. */
		switch_to(root[UM_ROOTS]);
		switch_to(root[UM_ROOTS - 1]);
		switch_to(root[0]);
		end();
	}
}

/* It is not ready until it was loaded again. */
static void zapped(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	CHECK(um_context_is_ready(&vcpu[0].ctx));
	CHECK(um_mmu_unshadow(&world->mmu, tables.root));
	CHECK(!um_context_is_ready(&vcpu[0].ctx));
	CHECK(!um_mmu_unshadow(&world->mmu, tables.root));
	LOADS(0, VA);
	CHECK(um_context_is_ready(&vcpu[0].ctx));
	end();
}

/* The four pointers are registers: what memory says comes with MOV to CR3. */
static void pdptes(void)
{
	gpa_t gpa;
	u64 old;

	begin(GUEST_PAE, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	gpa = gfn_to_gpa(tables.root);
	old = guest_peek(world, gpa, 8);
	guest_poke(world, gpa, 8, 0);
	LOADS(0, VA);
	vcpu_set_cr3(&vcpu[0], gpa, false);
	CHECK(access_va(0, VA, LOAD) == V_PF);
	CHECK(!leaf_of(0, VA));
	guest_poke(world, gpa, 8, old);
	vcpu_set_cr3(&vcpu[0], gpa, false);
	LOADS(0, VA);
	guest_poke(world, gpa, 8, old | BIT_ULL(1)); /* reserved: #GP */
	CHECK(!vcpu_set_cr3(&vcpu[0], gpa, false));
	guest_poke(world, gpa, 8, old);
	end();
}

static void no_memory(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	shim_alloc_fail = 1024;
	CHECK(um_context_load(&vcpu[0].ctx) == UM_PF_NOMEM);
	CHECK(!vcpu_enter(&vcpu[0]));
	shim_alloc_fail = 0;
	LOADS(0, VA);
	end();
}

int main(void)
{
	unit_start();
	UNIT(warm);
	UNIT(zapped);
	UNIT(pdptes);
	UNIT(no_memory);
	return tap_done();
}
