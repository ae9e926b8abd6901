// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs enter and leave while two parties owe and pay: whoever comes out of a
 * payment may give the frame away, however late another one's debt was made.
 */
#include "race.h"

static void fill(struct world *world)
{
	gfn_t gfn;

	for (gfn = RACE_GFN; gfn < RACE_GFN + RACE_PAGES; gfn++)
		race_access(&world->cpu[0], gfn, UM_ACC_W);
}

/* In and out, on what the TLB still knows. */
static void hop(struct world *world, struct cpu *cpu)
{
	int i, k;

	for (i = 0; i < 32; i++) {
		cpu_enter(cpu);
		for (k = 0; k < 8 && !READ_ONCE(cpu->kicked); k++)
			cpu_access(cpu, race_gfn(), UM_ACC_W);
		cpu_leave(cpu);
	}
}

static void unmap_others(struct world *world, struct cpu *cpu)
{
	gfn_t gfn = RACE_GFN + RACE_PAGES;
	int i;

	for (i = 0; i < 4; i++) {
		um_tlb_take_begin(&world->mmu.tlb);
		um_tlb_take_end(&world->mmu.tlb, true);
		um_tlb_pay(&world->mmu);
		um_mmu_unmap(&world->mmu, world->slots[0], gfn, gfn + 1);
	}
}

static const struct race races[] = {
	{ .name = "debt vs entry",
	  .rounds = 2000,
	  .mode = UM_FAST_TAG,
	  .before = fill,
	  .side = { hop, hop, race_migrate, unmap_others } },
};
RACE_MAIN(races)
