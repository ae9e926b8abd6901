// SPDX-License-Identifier: GPL-2.0
/*
 * Tables are taken faster than grace periods end: no more of them wait than the
 * VM's limit, and what the taker took since it last held nothing.
 */
#include "race.h"

#include <unistd.h>

static bool taking;

static void start(struct world *world)
{
	taking = true;
}

/* Grace periods are slow until somebody waits for one. */
static void linger(struct world *world, struct cpu *cpu)
{
	u64 waits = atomic64_read(&world->mmu.stat.waits);
	int i;

	while (__atomic_load_n(&taking, __ATOMIC_SEQ_CST)) {
		rcu_read_lock();
		for (i = 0; i < 100; i++) {
			if (atomic64_read(&world->mmu.stat.waits) != waits)
				break;
			usleep(200);
		}
		rcu_read_unlock();
		usleep(100);
	}
}

static void check_waiting(struct world *world, u64 own)
{
	u64 waiting = atomic64_read(&world->mmu.stat.waiting);

	if (waiting > world->mmu.waiting_max + own)
		world_bug("%llu tables wait", waiting);
}

static void both_regions(struct cpu *cpu)
{
	race_access(cpu, RACE_GFN, UM_ACC_W);
	race_access(cpu, RACE_GFN + UM_TABLE_ENTRIES, UM_ACC_R);
}

static void delete(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 20; i++) {
		both_regions(cpu);
		slot_insert(world, 0, slot_remove(world, 0));
		check_waiting(world, 4);
	}
	__atomic_store_n(&taking, false, __ATOMIC_SEQ_CST);
}

static void merge(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 20; i++) {
		host_migrate(world, RACE_GFN);
		race_access(cpu, RACE_GFN, UM_ACC_R);
		host_collapse(world, RACE_GFN);
		race_access(cpu, RACE_GFN, UM_ACC_R);
		check_waiting(world, 1);
	}
	__atomic_store_n(&taking, false, __ATOMIC_SEQ_CST);
}

static void reclaim(struct world *world, struct cpu *cpu)
{
	int i;

	um_mmu_set_quota(&world->mmu, 3);
	for (i = 0; i < 20; i++) {
		both_regions(cpu);
		check_waiting(world, 2);
	}
	um_mmu_set_quota(&world->mmu, TABLES);
	__atomic_store_n(&taking, false, __ATOMIC_SEQ_CST);
}

static const struct race races[] = {
	{ .name = "free vs grace, slots go",
	  .mode = UM_FAST_TAG,
	  .rounds = 4,
	  .before = start,
	  .side = { delete, linger } },
	{ .name = "free vs grace, tables give way to huge leaves",
	  .mode = UM_FAST_TAG,
	  .huge = true,
	  .rounds = 4,
	  .before = start,
	  .side = { merge, linger } },
	{ .name = "free vs grace, under a quota",
	  .mode = UM_FAST_TAG,
	  .rounds = 4,
	  .before = start,
	  .side = { reclaim, linger } },
};
RACE_MAIN(races)
