// SPDX-License-Identifier: GPL-2.0
/* The audit and the model must themselves be able to fail. */
#include "unit.h"

static void audit_finds(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	int level, said = shim_warnings();
	u64 spte;

	touch(world, GFN, UM_ACC_W);
	spte = spte_at(world, GFN, &level);
	put(world, GFN, spte | TAG(4));
	CHECK(!um_mmu_audit(&world->mmu) && world->dead);
	put(world, GFN, spte);
	CHECK(um_mmu_audit_quiet(&world->mmu));
	world->slots[0]->dirty = world->dirty;
	CHECK(!um_mmu_audit_quiet(&world->mmu));
	world->slots[0]->dirty = NULL;
	atomic64_inc(&world->mmu.stat.pages[0]);
	CHECK(!um_mmu_audit_quiet(&world->mmu));
	atomic64_add(-1, &world->mmu.stat.pages[0]);
	CHECK(shim_warnings() == said + 3);
	shim_forgive(shim_warnings() - said);
	finish(world);
}

int main(void)
{
	unit_start();
	UNIT(audit_finds);
	return tap_done();
}
