// SPDX-License-Identifier: GPL-2.0
/* What unit tests do to a world. */
#include "unit.h"

void unit_start(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(1);
}

u64 spte_at(struct world *world, gfn_t gfn, int *level)
{
	u64 spte;

	um_walk(&world->mmu, gfn, level, &spte);
	return spte;
}

void put(struct world *world, gfn_t gfn, u64 spte)
{
	u64 old;
	int level;

	um_spte_xchg(um_walk(&world->mmu, gfn, &level, &old), spte);
}

u32 touch(struct world *world, gfn_t gfn, u8 access)
{
	struct cpu *cpu = &world->cpu[0];
	u32 path = 0;
	int tries;

	for (tries = 0; tries < 5; tries++) {
		bool done;

		cpu_enter(cpu);
		done = cpu_access(cpu, gfn, access);
		cpu_leave(cpu);
		if (done)
			return path;
		cpu_fault(cpu, &path);
	}
	world_bug("the access to %llx never went through", gfn);
	return path;
}

enum um_pf fault(struct world *world, gfn_t gfn, u8 access, u32 *path)
{
	struct cpu *cpu = &world->cpu[0];

	cpu->fault_gfn = gfn;
	cpu->fault_access = access;
	cpu->fault_allowed = 0;
	return cpu_fault(cpu, path);
}

u64 locks_taken(struct world *world)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < UM_LOCK_LEVELS; i++)
		sum += atomic64_read(&world->mmu.locks.taken[i]);
	return sum;
}

void finish(struct world *world)
{
	if (!um_mmu_audit_quiet(&world->mmu))
		world_bug("audit");
	world_check_leaves(world);
	world_free(world);
}
