// SPDX-License-Identifier: GPL-2.0
/*
 * Guests edit one leaf table, out of sync or by emulation, flush, and access:
 * what was flushed is not used again, by whomever the table was brought in step
 * meanwhile. The oracle judges each access.
 */
#include "race.h"

static gpa_t entry_of(int i)
{
	return guest_entry(&race_tables, world_newest, 1,
			   RACE_VA + i * UM_PAGE_SIZE);
}

/* Let an entry map another of the pages, or none. */
static void edit(struct vcpu *v, int i)
{
	u64 r = shim_random() % 8;
	u64 gpte = gfn_to_gpa(RACE_GFN + r % RACE_PAGES) | PTE_ALL | PTE_A;

	gpte |= r & 4 ? PTE_D : 0;
	if (shim_random() % 16 == 0)
		gpte = 0;
	race_edit(v, entry_of(i), gpte);
}

static void flush(struct vcpu *v, int i)
{
	u64 r = shim_random() % 8;

	if (r < 4)
		vcpu_invlpg(v, RACE_VA + i * UM_PAGE_SIZE);
	else if (r < 7)
		vcpu_set_cr3(v, v->ctx.paging.cr3, false);
	else
		vcpu_flush(v);
}

static void touch(struct vcpu *v, int i)
{
	struct vaccess a = { .kind = shim_random() % 2 ? STORE : LOAD,
			     .size = 8 };

	vcpu_access(v, RACE_VA + i * UM_PAGE_SIZE + 16, &a, NULL);
}

static void edit_one_of(int n, struct vcpu *v)
{
	int i = shim_random() % n;

	edit(v, i);
	touch(v, i);
	edit(v, i);
	flush(v, i);
	touch(v, i);
}

static void use_one_of(int n, struct vcpu *v)
{
	int i = shim_random() % n, k;

	for (k = 0; k < 3; k++) {
		touch(v, i);
		flush(v, i);
		touch(v, i);
	}
}

static void editor(struct world *world, struct cpu *cpu)
{
	edit_one_of(RACE_PAGES, race_vcpu_of(cpu));
}

static void user(struct world *world, struct cpu *cpu)
{
	use_one_of(RACE_PAGES, race_vcpu_of(cpu));
}

/* As many entries as a page may have that is loose. */
static void poker(struct world *world, struct cpu *cpu)
{
	edit_one_of(2, race_vcpu_of(cpu));
}

static void poked(struct world *world, struct cpu *cpu)
{
	use_one_of(2, race_vcpu_of(cpu));
}

static void dropper(struct world *world, struct cpu *cpu)
{
	gfn_t leaf = gpa_to_gfn(entry_of(0));

	um_mmu_unshadow(&world->mmu, leaf);
}

#define RACE_OF(e, p, f, c, d)                                      \
	{                                                           \
		.name = "sync vs fault, " #p ", " #f ": " #c ", " #d, \
		.mode = UM_FAST_TAG, .format = GUEST_##f,           \
		.shadow = true, .watched = true, .logged = true,    \
		.ptw = UM_PTW_##p,                                  \
		.side = { e, e, c, d },                             \
	}
#define RACE(p, f, c, d) RACE_OF(editor, p, f, c, d)

static const struct race races[] = {
	RACE(OOS, 64, user, race_migrate), RACE(OOS, 64, user, dropper),
	RACE(OOS, PAE, user, race_harvest), RACE(OOS, 32, user, editor),
	RACE(EMUL, 64, user, race_migrate), RACE(EMUL, 32, user, dropper),
	RACE_OF(poker, OOS, 64, poked, race_migrate),
	RACE_OF(poker, OOS, 32, poked, poker),
};
RACE_MAIN(races)
