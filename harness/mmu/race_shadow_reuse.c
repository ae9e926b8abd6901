// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow pages are taken by a small quota and used again at once, for other
 * addresses and levels, while vCPUs run in them, faults are being fixed in
 * them, and the log is harvested through them.
 */
#include "race.h"

/* So many places that need tables of their own. */
#define PLACES 6
#define HUGE_PLACES 4

static gva_t place(int i)
{
	return RACE_VA + (1 + i) * 0x800000UL;
}

/*
 * Half of them are huge: a page below one is nobody's table, so that nothing is
 * paid when it is made.
 */
static void make_huge(struct world *world, int i)
{
	static const u64 flags[] = {
		PTE_ALL, PTE_P | PTE_W, PTE_ALL | PTE_NX, PTE_P | PTE_W | PTE_NX,
	};

	guest_poke(world, guest_entry(&race_tables, world, 2, place(i)), 8,
		   gfn_to_gpa(RACE_GFN) | flags[i] | PTE_PS | PTE_A | PTE_D);
}

static void make_places(struct world *world)
{
	int i, k;

	for (i = 0; i < HUGE_PLACES; i++)
		make_huge(world, i);
	for (; i < PLACES; i++)
		for (k = 0; k < RACE_PAGES; k++)
			guest_map(&race_tables, world,
				  place(i) + k * UM_PAGE_SIZE,
				  RACE_GFN + (i + k) % RACE_PAGES,
				  PTE_ALL | PTE_A | PTE_D);
	um_mmu_set_quota(&world->mmu, 13);
	for (i = 0; i < CPUS; i++)
		vcpu_flush(&race_vcpu[i]);
}

static void wander(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 6; i++) {
		struct vaccess a = { .kind = shim_random() % 2 ? STORE : LOAD,
				     .size = 8 };
		gva_t va = place(shim_random() % PLACES) +
			   shim_random() % RACE_PAGES * UM_PAGE_SIZE;

		vcpu_access(race_vcpu_of(cpu), va, &a, NULL);
	}
}

/* Stay in guest mode, and touch what was touched before. */
static void dwell(struct world *world, struct cpu *cpu)
{
	struct vcpu *v = race_vcpu_of(cpu);
	gpa_t gpa;
	int i, k;

	for (i = 0; i < 4; i++) {
		gva_t va = place(shim_random() % PLACES);
		struct vaccess a = { .kind = LOAD };

		vcpu_access(v, va, &a, NULL);
		if (!vcpu_enter(v))
			continue;
		for (k = 0; k < 8 && !READ_ONCE(cpu->kicked); k++) {
			shim_yield_hard();
			if (!vcpu_attempt(v, va + shim_random() % RACE_PAGES *
							  UM_PAGE_SIZE, &a, &gpa))
				break;
		}
		vcpu_leave(v);
	}
}

static void toggle(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++) {
		um_mmu_unshadow(&world->mmu, race_tables.root);
		shim_yield_hard();
	}
}

#define RACE(m, f, a, b)                                                 \
	{                                                                \
		.name = "reuse vs walk, " #m ", " #f ": " #a ", " #b,    \
		.mode = UM_FAST_##m, .format = GUEST_##f,                \
		.shadow = true, .watched = true, .logged = true,         \
		.before = make_places,                                   \
		.side = { wander, dwell, a, b },                         \
	}

static const struct race races[] = {
	RACE(TAG, 64, race_harvest, wander), RACE(TAG, 64, race_harvest, dwell),
	RACE(PAIR, PAE, race_harvest, wander), RACE(TAG, PAE, dwell, wander),
	RACE(TAG, 64, toggle, dwell),
};
RACE_MAIN(races)
