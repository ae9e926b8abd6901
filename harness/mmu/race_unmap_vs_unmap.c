// SPDX-License-Identifier: GPL-2.0
/*
 * Two parties unmap one page. The second finds nothing to do; but the first
 * may not have owed yet, and the TLB still grants what the host takes back.
 */
#include "race.h"

static void fill(struct world *world)
{
	gfn_t gfn;

	for (gfn = RACE_GFN; gfn < RACE_GFN + RACE_PAGES; gfn++)
		race_access(&world->cpu[0], gfn, UM_ACC_W);
}

/* Stays in the guest, so that its TLB lives. */
static void stay(struct world *world, struct cpu *cpu)
{
	int i;

	cpu_enter(cpu);
	for (i = 0; i < 400 && !READ_ONCE(cpu->kicked); i++)
		cpu_access(cpu, race_gfn(), UM_ACC_W);
	cpu_leave(cpu);
}

static void unmap(struct world *world, struct cpu *cpu)
{
	if (um_mmu_unmap(&world->mmu, world->slots[0], RACE_GFN,
			 RACE_GFN + RACE_PAGES))
		um_tlb_pay(&world->mmu);
}

static const struct race races[] = {
	{ .name = "unmap vs unmap",
	  .mode = UM_FAST_TAG,
	  .before = fill,
	  .side = { stay, unmap, race_migrate } },
};
RACE_MAIN(races)
