// SPDX-License-Identifier: GPL-2.0
/* Leaves for faults: huge guest pages, CR0.WP=0, SMAP, what cannot be mapped. */
#include "unit_shadow.h"

#define HUGE 0x80000000UL

/* A huge page of the guest, in pieces; rights are its own. */
static void huge(void)
{
	enum guest_format f;

	for (f = GUEST_32; f < GUEST_FORMATS; f++) {
		u64 base = f == GUEST_32 ? 0 : gfn_to_gpa(RAM_BASE);
		int at = f == GUEST_32 ? GFN : GFN - RAM_BASE;
		gpa_t gpa;

		begin(f, UM_FAST_TAG, UM_PTW_EMUL);
		gpa = guest_entry(&tables, world, 2, HUGE);
		guest_poke(world, gpa, guest_gpte_size(f),
			   base | PTE_ALL | PTE_PS);
		if (f == GUEST_PAE)
			start_vcpu(0, tables.root);
		LOADS(0, PAGE(HUGE, at));
		CHECK(*um_sspte_twin(leaf_of(0, PAGE(HUGE, at))) == GFN);
		/* D of the guest's entry is clear: no W ahead of a write. */
		CHECK(!(sspte_of(0, PAGE(HUGE, at)) & UM_SS_MW));
		CHECK((guest_peek(world, gpa, 4) & (PTE_A | PTE_D)) == PTE_A);
		STORES(0, PAGE(HUGE, at));
		CHECK(guest_peek(world, gpa, 4) & PTE_D);
		LOADS(0, PAGE(HUGE, at + 1));
		CHECK(sspte_of(0, PAGE(HUGE, at + 1)) & UM_SS_W);
		end();
	}
}

static u64 piece(int i)
{
	return sspte_of(0, PAGE(HUGE, i)) &
	       (UM_SS_LEAF | UM_SS_MW | UM_SS_W | UM_SS_A | UM_SS_D | UM_SS_WP);
}

/* The host has a huge page as well: a fault maps all of it. */
static void around(void)
{
	const u64 base = gfn_to_gpa(TABLES_AT) | PTE_ALL | PTE_PS;
	int table;
	gpa_t gpa;

	world_shadow_huge = true;
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	gpa = guest_entry(&tables, world, 2, HUGE);
	table = table_of(1, VA) - TABLES_AT;
	LOADS(0, VA);
	guest_poke(world, gpa, 8, base);
	LOADS(0, PAGE(HUGE, 100));
	CHECK(piece(100) == (UM_SS_LEAF | UM_SS_A));
	CHECK(piece(511) == UM_SS_LEAF);
	STORES(0, PAGE(HUGE, 100));
	/* The others are mapped by the page that has no D. */
	CHECK(!piece(101));
	CHECK(piece(table) == 0);
	end();
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	guest_poke(world, guest_entry(&tables, world, 2, HUGE), 8,
		   base | PTE_D);
	LOADS(0, PAGE(HUGE, 100));
	CHECK(*um_sspte_twin(leaf_of(0, PAGE(HUGE, 101))) == TABLES_AT + 101);
	CHECK(piece(101) == (UM_SS_LEAF | UM_SS_MW | UM_SS_W));
	/* A page table is protected from birth. */
	CHECK(piece(table) == (UM_SS_LEAF | UM_SS_MW | UM_SS_WP));
	end();
	world_shadow_huge = false;
}

/* The supervisor writes what a user may read: W, but not for users. */
static void write_protection_off(void)
{
	struct um_guest_paging *p = &vcpu[0].ctx.paging;
	struct vaccess user = { .kind = LOAD, .user = true };

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	guest_map(&tables, world, VA, GFN, RWUD & ~PTE_W);
	CHECK(access_va(0, VA, STORE) == V_PF);
	vcpu_set_mode(&vcpu[0], CR0_PE | CR0_PG, p->cr4 | CR4_SMEP, p->efer,
		      p->cr3);
	STORES(0, VA);
	CHECK((sspte_of(0, VA) & (UM_SS_W | UM_SS_U | UM_SS_NX)) ==
	      (UM_SS_W | UM_SS_NX));
	CHECK(vcpu_access(&vcpu[0], VA, &user, NULL) == V_DONE);
	CHECK((sspte_of(0, VA) & (UM_SS_W | UM_SS_U)) == UM_SS_U);
	/* With SMAP the shadow could not tell: software writes. */
	vcpu_set_mode(&vcpu[0], CR0_PE | CR0_PG, p->cr4 | CR4_SMAP, p->efer,
		      p->cr3);
	CHECK(access_va(0, VA, STORE) == V_PF);
	user = (struct vaccess){ .kind = STORE, .ac = true, .size = 4 };
	CHECK(vcpu_access(&vcpu[0], VA, &user, NULL) == V_DONE);
	CHECK(vcpu[0].outcomes[UM_PF_EMULATE] == 1);
	end();
}

static void nowhere(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	guest_map(&tables, world, VA, 2048, RWUD);
	guest_map(&tables, world, PAGE(VA, 1), ROM_BASE, RWUD);
	CHECK(access_va(0, VA, LOAD) == V_MMIO);
	LOADS(0, PAGE(VA, 1));
	CHECK(!(sspte_of(0, PAGE(VA, 1)) & (UM_SS_W | UM_SS_MW)));
	CHECK(access_va(0, PAGE(VA, 1), STORE) == V_MMIO);
	end();
}

/* A is not set in a table that is read-only, and nobody minds. */
static void tables_in_rom(void)
{
	gpa_t rom = gfn_to_gpa(ROM_BASE + 1);

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	guest_poke(world, rom, 8, gfn_to_gpa(GFN) | PTE_ALL);
	guest_poke(world, guest_entry(&tables, world, 2, HUGE), 8,
		   rom | PTE_ALL);
	STORES(0, HUGE);
	CHECK(guest_peek(world, rom, 8) == (gfn_to_gpa(GFN) | PTE_ALL));
	end();
}

static void out_of_memory(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	CHECK(vcpu_enter(&vcpu[0]));
	vcpu_leave(&vcpu[0]);
	shim_alloc_fail = 1024;
	CHECK(access_va(0, VA, LOAD) == V_STUCK);
	shim_alloc_fail = 0;
	CHECK(vcpu[0].outcomes[UM_PF_NOMEM] > 0);
	LOADS(0, VA);
	end();
}

int main(void)
{
	unit_start();
	UNIT(huge);
	UNIT(around);
	UNIT(write_protection_off);
	UNIT(nowhere);
	UNIT(tables_in_rom);
	UNIT(out_of_memory);
	return tap_done();
}
