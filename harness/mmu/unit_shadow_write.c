// SPDX-License-Identifier: GPL-2.0
/* Emulated writes to guest page tables: the shadow follows at once. */
#include "unit_shadow.h"

static s64 flooded(void)
{
	return atomic64_read(&world->mmu.stat.shadow_flooded);
}

static void one_entry(void)
{
	enum guest_format f;

	for (f = GUEST_32; f < GUEST_FORMATS; f++) {
		begin(f, UM_FAST_TAG, UM_PTW_EMUL);
		LOADS(0, VA);
		LOADS(0, PAGE(VA, 1));
		edit(1, 1, VA, gfn_to_gpa(GFN + 2) | RWUD);
		CHECK(vcpu[1].outcomes[UM_PF_TABLE] == 1);
		CHECK(sspte_of(0, VA) == UM_SS_EMPTY);
		CHECK(um_sspte_is_leaf(sspte_of(0, PAGE(VA, 1))));
		LOADS(0, VA);
		CHECK(*um_sspte_twin(leaf_of(0, VA)) == GFN + 2);
		/* All of a directory's entry; 4M are two of ours. */
		edit(1, 2, VA, 0);
		CHECK(!leaf_of(0, VA));
		CHECK(!leaf_of(0, VA + 0x200000) || f != GUEST_32);
		end();
	}
}

/* A half of an entry at a time. */
static void halves(void)
{
	struct vaccess a = { .kind = STORE, .size = 4 };
	gva_t where;

	begin(GUEST_PAE, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	where = guest_window(&tables, guest_entry(&tables, world, 1, VA));
	CHECK(vcpu_access(&vcpu[1], where + 4, &a, NULL) == V_DONE);
	CHECK(sspte_of(0, VA) == UM_SS_EMPTY);
	LOADS(0, VA);
	a.value = gfn_to_gpa(GFN + 1) | RWUD;
	CHECK(vcpu_access(&vcpu[1], where, &a, NULL) == V_DONE);
	LOADS(0, VA);
	CHECK(*um_sspte_twin(leaf_of(0, VA)) == GFN + 1);
	CHECK(flooded() == 0);
	end();
}

/* Written on and on, and never used: no table any more. */
static void flood(void)
{
	int i;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	CHECK(is_wrprot(table_of(1, VA)));
	for (i = 0; i < 200 && !flooded(); i++)
		edit(1, 1, PAGE(VA, 3), gfn_to_gpa(GFN + i % 4) | RWUD);
	CHECK(i > 3 && i < 200);
	CHECK(!is_wrprot(table_of(1, VA)));
	LOADS(0, VA);
	end();
}

/* Bytes that no entry has. */
static void odd(void)
{
	gpa_t gpa;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	gpa = guest_entry(&tables, world, 1, VA);
	um_mmu_guest_wrote(&world->mmu, gpa, 8);
	CHECK(flooded() == 0 && sspte_of(0, VA) == UM_SS_EMPTY);
	LOADS(0, VA);
	um_mmu_guest_wrote(&world->mmu, gpa + 1, 1);
	CHECK(flooded() == 1 && !leaf_of(0, VA));
	/* Nothing to hear where no table is. */
	um_mmu_guest_wrote(&world->mmu, gfn_to_gpa(GFN), 1);
	um_mmu_guest_wrote(&world->mmu, gfn_to_gpa(2048), 8);
	CHECK(flooded() == 1);
	LOADS(0, VA);
	end();
}

int main(void)
{
	unit_start();
	UNIT(one_entry);
	UNIT(halves);
	UNIT(flood);
	UNIT(odd);
	return tap_done();
}
