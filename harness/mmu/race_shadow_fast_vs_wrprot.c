// SPDX-License-Identifier: GPL-2.0
/*
 * A page of data becomes a page table, while vCPUs write it through shadow
 * leaves that the fast path gives W. While it is protected nobody may write it.
 */
#include "race.h"

/* The page @i as a table: it maps its own first page. */
static gva_t table_va(int i)
{
	return 0x40000000UL + i * 0x400000UL;
}

static void make_tables(struct world *world)
{
	struct guest_tables *t = &race_tables;
	const unsigned int size = guest_gpte_size(t->format);
	int i;

	for (i = 0; i < RACE_PAGES; i++) {
		gfn_t gfn = RACE_GFN + i;

		guest_poke(world, guest_entry(t, world, 2, table_va(i)), size,
			   gfn_to_gpa(gfn) | PTE_ALL | PTE_A);
		guest_poke(world, gfn_to_gpa(gfn), size,
			   gfn_to_gpa(ROM_BASE) | PTE_ALL | PTE_A);
	}
}

static bool is_protected(struct world *world, gfn_t gfn)
{
	return um_rmap_is_wrprot(um_rmap_head(world->slots[0], gfn, 1));
}

/* A vCPU that writes, but whose emulator does nothing. */
static void writer(struct world *world, struct cpu *cpu)
{
	struct vcpu *v = race_vcpu_of(cpu);
	struct vaccess a = { .kind = STORE, .size = 8 };
	int i;

	v->idle = true;
	for (i = 0; i < 4; i++)
		vcpu_access(v, RACE_VA + 8 + shim_random() % RACE_PAGES *
						    UM_PAGE_SIZE, &a, NULL);
}

static void protector(struct world *world, struct cpu *cpu)
{
	struct vaccess a = { .kind = LOAD };
	int k;

	for (k = 0; k < 6; k++) {
		int i = shim_random() % RACE_PAGES;

		vcpu_access(race_vcpu_of(cpu), table_va(i), &a, NULL);
		if (!is_protected(world, RACE_GFN + i))
			continue;
		race_trust(world, RACE_GFN + i);
		um_mmu_unshadow(&world->mmu, RACE_GFN + i);
	}
}

#define RACE(m, f, other)                                              \
	{                                                              \
		.name = "fast vs wrprot of shadow leaves, " #m ", " #f \
			", " #other,                                   \
		.mode = UM_FAST_##m, .format = GUEST_##f,              \
		.shadow = true, .logged = true, .before = make_tables, \
		.side = { writer, writer, protector, other },          \
	}

static const struct race races[] = {
	RACE(TAG, 64, race_harvest), RACE(PAIR, 32, race_harvest),
	RACE(TAG, PAE, race_harvest), RACE(OFF, 64, race_harvest),
	RACE(TAG, 64, race_age),
};
RACE_MAIN(races)
