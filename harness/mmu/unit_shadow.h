/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest of two or three vCPUs on one set of tables, for unit tests of the
 * shadow engine. A program that includes this has one.
 */
#ifndef _HARNESS_UNIT_SHADOW_H
#define _HARNESS_UNIT_SHADOW_H

#include "guest.h"
#include "unit.h"

#include <umbra/walk_shadow.h>

#include <linux/bitops.h>

#define VA 0x400000UL /* maps GFN, all rights, D set; the next GFN + 1, ... */
#define PAGES 4
#define RWUD (PTE_ALL | PTE_A | PTE_D)
#define TABLES_AT (RAM_BASE + 512)
#define PAGE(va, i) ((va) + (i) * UM_PAGE_SIZE)

static struct world *world;
static struct vcpu vcpu[3];
static struct guest_tables tables;

static inline void start_vcpu(int i, gfn_t root)
{
	vcpu_set_mode(&vcpu[i], CR0_PE | CR0_WP | CR0_PG,
		      guest_cr4(tables.format), guest_efer(tables.format),
		      gfn_to_gpa(root));
}

static inline void begin(enum guest_format format, enum um_fast_mode mode,
			 enum um_ptw_mode ptw)
{
	int i;

	world = world_new_shadow(mode, ptw);
	guest_tables_init(&tables, world, format, TABLES_AT, TABLES_AT + 64);
	for (i = 0; i < PAGES; i++)
		guest_map(&tables, world, PAGE(VA, i), GFN + i, RWUD);
	for (i = 0; i < 3; i++) {
		vcpu_init(&vcpu[i], &world->cpu[i]);
		vcpu[i].watched = true;
		start_vcpu(i, tables.root);
	}
}

static inline void end(void)
{
	int i;

	world_check_shadow(world);
	if (!um_mmu_audit_quiet(&world->mmu))
		world_bug("audit");
	for (i = 0; i < 3; i++)
		vcpu_destroy(&vcpu[i]);
	world_free_shadow(world);
}

/* Another top table that says the same. */
static inline gfn_t copy_root(void)
{
	gfn_t root = guest_table_page(&tables, world);
	int i;

	for (i = 0; i < 512; i++)
		guest_poke(world, gfn_to_gpa(root) + i * 8, 8,
			   guest_peek(world, gfn_to_gpa(tables.root) + i * 8,
				      8));
	return root;
}

static inline enum vresult access_va(int i, gva_t va, enum vkind kind)
{
	struct vaccess a = { .kind = kind, .size = 4 };

	return vcpu_access(&vcpu[i], va, &a, NULL);
}

#define LOADS(i, va) CHECK(access_va(i, va, LOAD) == V_DONE)
#define STORES(i, va) CHECK(access_va(i, va, STORE) == V_DONE)

/* By vCPU @i, through the window: the entry of @level for @va. */
static inline void edit(int i, int level, gva_t va, u64 gpte)
{
	gpa_t gpa = guest_entry(&tables, world, level, va);
	struct vaccess a = {
		.kind = STORE,
		.size = guest_gpte_size(tables.format),
		.value = gpte,
	};

	CHECK(vcpu_access(&vcpu[i], guest_window(&tables, gpa), &a, NULL) ==
	      V_DONE);
}

/* The shadow leaf of @va on vCPU @i; NULL: none. */
static inline um_sptep_t leaf_of(int i, gva_t va)
{
	struct um_root *root = um_context_root(&vcpu[i].ctx);
	u64 sspte;

	return root->hpa ? um_walk_shadow(root, va, &sspte) : NULL;
}

static inline u64 sspte_of(int i, gva_t va)
{
	um_sptep_t sptep = leaf_of(i, va);

	return sptep ? um_spte_read(sptep) : 0;
}

static inline bool is_dirty(gfn_t gfn)
{
	return test_bit(gfn - RAM_BASE, world->dirty);
}

static inline bool is_wrprot(gfn_t gfn)
{
	return um_rmap_is_wrprot(um_rmap_head(world->slots[0], gfn, 1));
}

static inline gfn_t table_of(int level, gva_t va)
{
	return gpa_to_gfn(guest_entry(&tables, world, level, va));
}

#endif
