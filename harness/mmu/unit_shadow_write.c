// SPDX-License-Identifier: GPL-2.0
/* Emulated writes to guest page tables: the shadow follows at once. */
#include "unit_shadow.h"

static s64 flooded(void)
{
	return atomic64_read(&world->mmu.stat.shadow_flooded);
}

static void one_entry(void)
{
	enum guest_format f;

	for (f = GUEST_32; f < GUEST_FORMATS; f++) {
		begin(f, UM_FAST_TAG, UM_PTW_EMUL);
		LOADS(0, VA);
		LOADS(0, PAGE(VA, 1));
		edit(1, 1, VA, gfn_to_gpa(GFN + 2) | RWUD);
		CHECK(vcpu[1].outcomes[UM_PF_TABLE] == 1);
		CHECK(sspte_of(0, VA) == UM_SS_EMPTY);
		CHECK(um_sspte_is_leaf(sspte_of(0, PAGE(VA, 1))));
		LOADS(0, VA);
		CHECK(*um_sspte_twin(leaf_of(0, VA)) == GFN + 2);
		/* All of a directory's entry; 4M are two of ours. */
		edit(1, 2, VA, 0);
		CHECK(!leaf_of(0, VA));
		CHECK(!leaf_of(0, VA + 0x200000) || f != GUEST_32);
		end();
	}
}

/* A half of an entry at a time. */
static void halves(void)
{
	struct vaccess a = { .kind = STORE, .size = 4 };
	gva_t where;

	begin(GUEST_PAE, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	where = guest_window(&tables, guest_entry(&tables, world, 1, VA));
	CHECK(vcpu_access(&vcpu[1], where + 4, &a, NULL) == V_DONE);
	CHECK(sspte_of(0, VA) == UM_SS_EMPTY);
	LOADS(0, VA);
	a.value = gfn_to_gpa(GFN + 1) | RWUD;
	CHECK(vcpu_access(&vcpu[1], where, &a, NULL) == V_DONE);
	LOADS(0, VA);
	CHECK(*um_sspte_twin(leaf_of(0, VA)) == GFN + 1);
	CHECK(flooded() == 0);
	end();
}

/* Written on and on, and never used: no table any more. */
static void flood(void)
{
	int i;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	CHECK(is_wrprot(table_of(1, VA)));
	for (i = 0; i < 200 && !flooded(); i++)
		edit(1, 1, PAGE(VA, 3), gfn_to_gpa(GFN + i % 4) | RWUD);
	CHECK(i > 3 && i < 200);
	CHECK(!is_wrprot(table_of(1, VA)));
	LOADS(0, VA);
	end();
}

/* As if software had written these bytes, on vCPU 2. */
static void wrote(gpa_t gpa, unsigned int len)
{
	um_context_write_begin(&vcpu[2].ctx, gpa, len);
	um_context_write_end(&vcpu[2].ctx);
}

/* Bytes that no entry has. */
static void odd(void)
{
	gpa_t gpa;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	LOADS(0, VA);
	gpa = guest_entry(&tables, world, 1, VA);
	wrote(gpa, 8);
	CHECK(flooded() == 0 && sspte_of(0, VA) == UM_SS_EMPTY);
	LOADS(0, VA);
	wrote(gpa + 1, 1);
	CHECK(flooded() == 1 && !leaf_of(0, VA));
	/* Nothing to hear where no table is. */
	wrote(gfn_to_gpa(GFN), 1);
	wrote(gfn_to_gpa(2048), 8);
	CHECK(flooded() == 1);
	LOADS(0, VA);
	end();
}

static void flush_address(struct vcpu *v)
{
	vcpu_invlpg(v, VA);
}

static void flush_space(struct vcpu *v)
{
	vcpu_set_cr3(v, v->ctx.paging.cr3, false);
}

static void flush_mode(struct vcpu *v)
{
	const struct um_guest_paging *p = &v->ctx.paging;

	vcpu_set_mode(v, p->cr0, p->cr4 ^ CR4_PGE, p->efer, p->cr3);
}

/* How a guest flushes, and who does: vCPU 2 has no root of these tables. */
static const struct way {
	int vcpu;
	void (*flush)(struct vcpu *v);
} ways[] = {
	{ 0, flush_address }, { 0, flush_space }, { 2, flush_space },
	{ 0, vcpu_flush },    { 0, flush_mode },
};

static gfn_t gfn_of(int i, gva_t va)
{
	return *um_sspte_twin(leaf_of(i, va));
}

/*
 * vCPU 1 has stored an entry of @level, by software, and the shadow has not
 * heard of it. Who flushes finds what is new all the same; the oracle judges.
 */
static void under_way(enum guest_format f, int level, const struct way *way)
{
	const unsigned int size = guest_gpte_size(f);
	gva_t other = VA + 0x800000; /* same place in another table */
	gpa_t gpa;

	begin(f, UM_FAST_TAG, UM_PTW_EMUL);
	guest_map(&tables, world, other, GFN + 1, RWUD);
	LOADS(0, VA);
	gpa = guest_entry(&tables, world, level, VA);
	um_context_write_begin(&vcpu[1].ctx, gpa, size);
	CHECK(guest_write(vcpu[1].cpu, gpa, size,
			  guest_peek(world, guest_entry(&tables, world, level,
							other), size)));
	/* Until then, what was there is right as well. */
	LOADS(0, VA);
	CHECK(gfn_of(0, VA) == GFN);
	way->flush(&vcpu[way->vcpu]);
	LOADS(way->vcpu, VA);
	CHECK(gfn_of(way->vcpu, VA) == GFN + 1);
	um_context_write_end(&vcpu[1].ctx);
	LOADS(way->vcpu, VA);
	CHECK(flooded() == 0);
	end();
}

static void seen_before_heard(void)
{
	enum guest_format f;
	int i, level;

	for (f = GUEST_32; f < GUEST_FORMATS; f++)
		for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
			for (level = 1; level <= 2; level++)
				under_way(f, level, &ways[i]);
}

/* A fault that the guest gets forgets the address, too. */
static void fault_before_heard(void)
{
	const u64 flags = RWUD & ~PTE_W;
	struct vaccess a = { .kind = STORE, .size = 8 };
	gpa_t gpa;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	gpa = guest_entry(&tables, world, 1, VA);
	guest_poke(world, gpa, 8, gfn_to_gpa(GFN) | flags);
	LOADS(0, VA);
	um_context_write_begin(&vcpu[1].ctx, gpa, 8);
	CHECK(guest_write(vcpu[1].cpu, gpa, 8, gfn_to_gpa(GFN + 1) | flags));
	LOADS(0, VA);
	CHECK(gfn_of(0, VA) == GFN);
	CHECK(vcpu_access(&vcpu[0], VA, &a, NULL) == V_PF);
	LOADS(0, VA);
	CHECK(gfn_of(0, VA) == GFN + 1);
	um_context_write_end(&vcpu[1].ctx);
	end();
}

static gpa_t armed; /* the entry, once */

/* What vCPU 0 has read of the entry is old when it goes on. */
static enum um_gpte_rc read_before_store(void *priv, u64 gpa,
					 unsigned int size, u64 *value)
{
	enum um_gpte_rc rc = guest_read_gpte(priv, gpa, size, value);

	if (gpa != armed)
		return rc;
	armed = 0;
	um_context_write_begin(&vcpu[1].ctx, gpa, size);
	CHECK(guest_write(vcpu[1].cpu, gpa, size,
			  gfn_to_gpa(GFN + 1) | RWUD));
	vcpu_invlpg(&vcpu[2], VA);
	return rc;
}

/* A fault that is under way does not bring back what a flush emptied. */
static void fault_across(void)
{
	begin(GUEST_64, UM_FAST_TAG, UM_PTW_EMUL);
	/* So that the fault begins from the leaf page. */
	LOADS(0, PAGE(VA, 1));
	LOADS(2, PAGE(VA, 1));
	armed = guest_entry(&tables, world, 1, VA);
	vcpu[0].ctx.paging.read_gpte = read_before_store;
	LOADS(0, VA);
	CHECK(!armed);
	LOADS(2, VA);
	CHECK(gfn_of(2, VA) == GFN + 1);
	um_context_write_end(&vcpu[1].ctx);
	end();
}

static s64 locks(void)
{
	return atomic64_read(&world->mmu.locks.taken[UM_LOCK_SHADOW]);
}

/* Neither a flush nor a write takes it while none meets the other. */
static void no_lock(void)
{
	s64 before;

	begin(GUEST_64, UM_FAST_TAG, UM_PTW_OOS);
	LOADS(0, VA);
	before = locks();
	vcpu_invlpg(&vcpu[0], VA);
	vcpu_flush(&vcpu[0]);
	flush_space(&vcpu[0]);
	wrote(gfn_to_gpa(GFN), 8);
	CHECK(locks() == before);
	um_context_write_begin(&vcpu[1].ctx, gfn_to_gpa(GFN), 8);
	vcpu_invlpg(&vcpu[0], VA);
	CHECK(locks() == before + 1);
	um_context_write_end(&vcpu[1].ctx);
	CHECK(locks() == before + 1);
	end();
}

int main(void)
{
	unit_start();
	UNIT(one_entry);
	UNIT(halves);
	UNIT(flood);
	UNIT(odd);
	UNIT(seen_before_heard);
	UNIT(fault_before_heard);
	UNIT(fault_across);
	UNIT(no_lock);
	return tap_done();
}
