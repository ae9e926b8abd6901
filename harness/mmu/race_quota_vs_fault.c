// SPDX-License-Identifier: GPL-2.0
/*
 * Fewer tables than the pages in use want: each fault takes away what another
 * vCPU is just using, and its own next.
 */
#include "race.h"

#define QUOTA 3 /* one way down the tree; RAM is below two of level 1 */

static void few_tables(struct world *world)
{
	world->mmu.waiting_max = 256; /* this race is not about waiting */
	um_mmu_set_quota(&world->mmu, QUOTA);
}

static void few_tables_dbit(struct world *world)
{
	world->mmu.log = UM_LOG_DBIT;
	few_tables(world);
}

/* The first pages of both 2M of RAM. */
static gfn_t some_gfn(void)
{
	return race_gfn() + shim_random() % 2 * UM_TABLE_ENTRIES;
}

/* One above the quota for each that is just making one. */
static void check_tables(struct world *world)
{
	s64 tables = atomic64_read(&world->mmu.stat.tables);

	if (tables > QUOTA + RACE_SIDES)
		world_bug("%lld tables, the quota is %d", tables, QUOTA);
}

static void write_some(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 6; i++) {
		race_access(cpu, some_gfn(), UM_ACC_W);
		check_tables(world);
	}
}

static void read_some(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 6; i++)
		race_access(cpu, some_gfn(), UM_ACC_R);
}

static void migrate_some(struct world *world, struct cpu *cpu)
{
	host_migrate(world, some_gfn());
	host_migrate(world, some_gfn());
}

static void lower(struct world *world, struct cpu *cpu)
{
	um_mmu_set_quota(&world->mmu, QUOTA);
	race_harvest(world, cpu);
}

static const struct race races[] = {
	{ .name = "quota vs fault",
	  .mode = UM_FAST_TAG,
	  .rounds = 100,
	  .before = few_tables,
	  .side = { write_some, write_some, read_some, migrate_some } },
	{ .name = "quota vs fault, logged",
	  .mode = UM_FAST_TAG,
	  .logged = true,
	  .rounds = 100,
	  .before = few_tables,
	  .side = { write_some, write_some, lower } },
	{ .name = "quota vs fault, logged by D flags",
	  .mode = UM_FAST_TAG,
	  .logged = true,
	  .rounds = 100,
	  .before = few_tables_dbit,
	  .side = { write_some, write_some, lower } },
	{ .name = "quota vs fault, huge pages and no A/D flags",
	  .mode = UM_FAST_MW,
	  .noad = true,
	  .huge = true,
	  .rounds = 100,
	  .before = few_tables,
	  .side = { write_some, read_some, migrate_some } },
};
RACE_MAIN(races)
