// SPDX-License-Identifier: GPL-2.0
/*
 * A slot is deleted, and comes back, under faults. When the deletion returns,
 * no TLB and no entry grants its pages: an access that began after it fails.
 */
#include "race.h"

#include <unistd.h>

static bool gone;

/* The race before may have left it said. */
static void present(struct world *world)
{
	gone = false;
}

static void delete(struct world *world, int i)
{
	struct um_slot *slot = slot_remove(world, i);

	__atomic_store_n(&gone, true, __ATOMIC_SEQ_CST);
	usleep(shim_random() % 200);
	__atomic_store_n(&gone, false, __ATOMIC_SEQ_CST);
	slot_insert(world, i, slot);
}

static void delete_ram(struct world *world, struct cpu *cpu)
{
	delete(world, 0);
	delete(world, 0);
}

static void delete_rom(struct world *world, struct cpu *cpu)
{
	delete(world, 1);
	delete(world, 1);
}

static void access_some(struct cpu *cpu, gfn_t base, u8 access)
{
	gfn_t gfn;
	int i, k;

	for (i = 0; i < 16; i++) {
		bool fault = false;

		cpu_enter(cpu);
		for (k = 0; k < 8 && !fault && !READ_ONCE(cpu->kicked); k++) {
			bool since = __atomic_load_n(&gone, __ATOMIC_SEQ_CST);

			gfn = base + shim_random() % RACE_PAGES;
			fault = !cpu_access(cpu, gfn, access);
			if (!fault && since &&
			    __atomic_load_n(&gone, __ATOMIC_SEQ_CST))
				world_bug("a deleted slot was used");
		}
		cpu_leave(cpu);
		if (fault)
			cpu_fault(cpu, NULL);
	}
}

static void write_ram(struct world *world, struct cpu *cpu)
{
	access_some(cpu, RAM_BASE, UM_ACC_W);
}

static void read_rom(struct world *world, struct cpu *cpu)
{
	access_some(cpu, ROM_BASE, UM_ACC_R);
}

/* A slot of a few pages, whose table a neighbour's page keeps. */
static struct um_slot small;

static void fill(struct world *world)
{
	gfn_t gfn;

	small = *world->slots[0];
	small.npages = RACE_PAGES;
	gone = false;
	for (gfn = RAM_BASE; gfn <= RAM_BASE + RACE_PAGES; gfn++)
		race_access(&world->cpu[0], gfn, UM_ACC_R);
}

/* In the guest until kicked out, or until the slot is gone. */
static void stay(struct world *world, struct cpu *cpu)
{
	cpu_enter(cpu);
	while (!READ_ONCE(cpu->kicked)) {
		bool since = __atomic_load_n(&gone, __ATOMIC_SEQ_CST);

		if (cpu_access(cpu, race_gfn(), UM_ACC_R) && since)
			world_bug("a deleted slot was used");
		if (since)
			break;
		usleep(10);
	}
	cpu_leave(cpu);
}

static void zap_small(struct world *world, struct cpu *cpu)
{
	um_mmu_slot_zap(&world->mmu, &small);
	__atomic_store_n(&gone, true, __ATOMIC_SEQ_CST);
}

static const struct race races[] = {
	{ .name = "slot vs fault, whole tables",
	  .before = present,
	  .mode = UM_FAST_TAG,
	  .rounds = 60,
	  .side = { write_ram, write_ram, delete_ram } },
	{ .name = "slot vs fault, a few pages",
	  .before = present,
	  .mode = UM_FAST_TAG,
	  .rounds = 100,
	  .side = { read_rom, read_rom, delete_rom } },
	{ .name = "slot vs fault, a neighbour keeps the table",
	  .mode = UM_FAST_TAG,
	  .before = fill,
	  .side = { stay, zap_small } },
	{ .name = "slot vs fault, no A/D flags",
	  .before = present,
	  .mode = UM_FAST_TAG,
	  .noad = true,
	  .rounds = 60,
	  .side = { write_ram, write_ram, delete_ram } },
};
RACE_MAIN(races)
