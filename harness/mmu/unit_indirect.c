// SPDX-License-Identifier: GPL-2.0
/* The fast fix of shadow leaves: what it fixes, and each reason not to. */
#include "guest.h"
#include "unit.h"

#include "../../mmu/shadow.h"

#include <umbra/fastpath.h>

#include <linux/bitops.h>

#include <string.h>

#define TABLES_AT (RAM_BASE + 800)
#define VA 0x40000000UL	   /* a user's page */
#define SUPER (VA + 0x1000) /* the supervisor's own */
#define CLEAN (VA + 0x2000) /* without D in the guest's entry */
#define OTHER (VA + 0x3000)
#define PFEC (UM_PFEC_PRESENT | UM_PFEC_WRITE)

static struct world *world;
static struct vcpu v;
static struct guest_tables tables;
static struct um_fault fault_seen;

static um_sptep_t leaf_of(gva_t va)
{
	u64 sspte;

	return um_walk_shadow(um_context_root(&v.ctx), va, &sspte);
}

/* Mapped, and clean for the log. */
static void begin(enum guest_format format, enum um_fast_mode mode)
{
	const struct vaccess load = { .kind = LOAD, .size = 8 };
	static const u64 flags[] = { PTE_ALL | PTE_D, PTE_P | PTE_W | PTE_D,
				     PTE_ALL, PTE_ALL | PTE_D };
	int i;

	world = world_new_shadow(mode, UM_PTW_EMUL);
	slot_log(world, LOG_ON);
	guest_tables_init(&tables, world, format, TABLES_AT, TABLES_AT + 64);
	for (i = 0; i < 4; i++)
		guest_map(&tables, world, VA + i * UM_PAGE_SIZE, GFN + i,
			  flags[i]);
	vcpu_init(&v, &world->cpu[0]);
	vcpu_set_mode(&v, CR0_PE | CR0_WP | CR0_PG, guest_cr4(format),
		      guest_efer(format), gfn_to_gpa(tables.root));
	for (i = 0; i < 4; i++)
		CHECK(vcpu_access(&v, VA + i * UM_PAGE_SIZE, &load, NULL) ==
		      V_DONE);
	memset(world->dirty, 0, sizeof(world->dirty));
}

static void end(void)
{
	int i;

	for (i = 0; i < 4; i++)
		CHECK(!(um_spte_read(leaf_of(VA + i * UM_PAGE_SIZE)) &
			UM_SS_CLAIMS));
	CHECK(um_mmu_audit_quiet(&world->mmu));
	vcpu_destroy(&v);
	CHECK(world_free_shadow(world));
}

static enum um_pf fix(gva_t va, u8 pfec)
{
	struct um_fault f = {
		.access = UM_ACC_W,
		.allowed = UM_ACC_R,
		.tag = v.cpu->tag,
		.ctx = &v.ctx,
		.va = va,
		.pfec = pfec,
	};
	enum um_pf ret;

	rcu_read_lock();
	ret = um_fast_indirect(&world->mmu, &f);
	rcu_read_unlock();
	memcpy(&fault_seen, &f, sizeof(f));
	return ret;
}

static bool is_dirty(gfn_t gfn)
{
	return test_bit(gfn - RAM_BASE, world->dirty);
}

/* It goes slow because of @path, and nothing has changed. */
static void slow(gva_t va, u8 pfec, u32 path)
{
	um_sptep_t sptep = leaf_of(va);
	u64 old = um_spte_read(sptep);

	CHECK(fix(va, pfec) == UM_PF_CONTINUE);
	EXPECT(fault_seen.path == path, "path %x, not %x", fault_seen.path,
	       path);
	CHECK(um_spte_read(sptep) == old);
	CHECK(!is_dirty(*um_sspte_twin(sptep)));
	CHECK(!fault_seen.slot);
}

static void fixes(enum guest_format format, enum um_fast_mode mode)
{
	u64 locks;

	begin(format, mode);
	locks = locks_taken(world);
	CHECK(fix(VA, PFEC) == UM_PF_FIXED);
	CHECK(fault_seen.path == (UM_PATH_FAST | UM_PATH_DIRTY));
	CHECK(fault_seen.gfn == GFN && fault_seen.slot == world->slots[0]);
	CHECK((um_spte_read(leaf_of(VA)) & (UM_SS_W | UM_SS_D)) ==
	      (UM_SS_W | UM_SS_D));
	CHECK(is_dirty(GFN) && !is_dirty(GFN + 1));
	CHECK(fix(VA, PFEC) == UM_PF_SPURIOUS);
	/* And clean again, by the other side without a lock. */
	CHECK(um_dirty_harvest(&world->mmu, world->slots[0]));
	CHECK(!(um_spte_read(leaf_of(VA)) & UM_SS_W) && !is_dirty(GFN));
	CHECK(fix(VA, PFEC | UM_PFEC_USER) == UM_PF_FIXED);
	CHECK(um_mmu_age(&world->mmu, world->slots[0], GFN, GFN + 1));
	CHECK(!um_mmu_test_age(&world->mmu, world->slots[0], GFN, GFN + 1));
	CHECK(locks_taken(world) == locks);
	end();
}

static void every_format(void)
{
	enum guest_format format;

	for (format = 0; format < GUEST_FORMATS; format++) {
		fixes(format, UM_FAST_TAG);
		if (format <= GUEST_PAE)
			fixes(format, UM_FAST_PAIR);
	}
}

static void rights(void)
{
	const u32 denied = UM_PATH_FAST | UM_PATH_RIGHTS;
	struct um_guest_paging *p = &v.ctx.paging;

	begin(GUEST_64, UM_FAST_TAG);
	slow(SUPER, PFEC | UM_PFEC_USER, denied);
	slow(CLEAN, PFEC, denied);
	p->cr4 |= CR4_SMAP;
	slow(VA, PFEC, denied);
	CHECK(fix(SUPER, PFEC) == UM_PF_FIXED);
	p->rflags = RFLAGS_AC;
	CHECK(fix(VA, PFEC) == UM_PF_FIXED);
	p->rflags = 0;
	/* W is there, but not for this access. */
	CHECK(fix(VA, PFEC) == UM_PF_CONTINUE);
	CHECK(fault_seen.path == denied);
	CHECK(fix(VA, PFEC | UM_PFEC_USER) == UM_PF_SPURIOUS);
	end();
}

static void other_faults(void)
{
	begin(GUEST_64, UM_FAST_TAG);
	slow(VA, UM_PFEC_WRITE, 0);
	slow(VA, UM_PFEC_PRESENT, 0);
	slow(VA, PFEC | UM_PFEC_RSVD, 0);
	slow(VA, PFEC | UM_PFEC_FETCH, 0);
	world->mmu.fast = UM_FAST_MW;
	slow(VA, PFEC, 0);
	world->mmu.fast = UM_FAST_OFF;
	slow(VA, PFEC, 0);
	/* Four levels have room for a tag. */
	world->mmu.fast = UM_FAST_PAIR;
	slow(VA, PFEC, UM_PATH_FAST | UM_PATH_NO_TAG);
	end();
}

static void page_table(void)
{
	const u32 wrprot = UM_PATH_FAST | UM_PATH_WRPROT;
	struct um_rmap_head *head;
	u64 *leaf;

	begin(GUEST_64, UM_FAST_TAG);
	leaf = (u64 *)leaf_of(VA);
	*leaf |= UM_SS_WP;
	slow(VA, PFEC, wrprot);
	*leaf &= ~UM_SS_WP;
	/* The flag is set, and the walk has not come to the leaf yet. */
	head = um_rmap_head(world->slots[0], GFN, 1);
	um_rmap_wrprot_set(&world->mmu.rmap, head);
	slow(VA, PFEC, wrprot);
	um_rmap_wrprot_clear(&world->mmu.rmap, head);
	CHECK(fix(VA, PFEC) == UM_PF_FIXED);
	end();
}

static void claims(void)
{
	const u32 taken = UM_PATH_FAST | UM_PATH_CLAIM_TAKEN | UM_PATH_GIVEN_UP;
	u64 *leaf, claim[] = { UM_SS_PF, 9ULL << UM_SS_TAG_SHIFT };
	int i;

	begin(GUEST_64, UM_FAST_TAG);
	leaf = (u64 *)leaf_of(VA);
	for (i = 0; i < 2; i++) {
		*leaf |= claim[i];
		slow(VA, PFEC, taken);
		*leaf &= ~UM_SS_CLAIMS;
	}
	v.cpu->tag = 0;
	slow(VA, PFEC, UM_PATH_FAST | UM_PATH_NO_TAG);
	end();
	begin(GUEST_PAE, UM_FAST_TAG);
	leaf = (u64 *)leaf_of(VA);
	*leaf |= UM_SS_PF;
	slow(VA, PFEC, taken);
	*leaf &= ~UM_SS_CLAIMS;
	v.cpu->tag = 0;
	CHECK(fix(VA, PFEC) == UM_PF_FIXED);
	end();
}

/* A slot on its way out; and one whose log is a ring of its writer's. */
static void slots(void)
{
	struct um_slot *slot;

	begin(GUEST_PAE, UM_FAST_TAG);
	slot = world->slots[0];
	world->slots[0] = NULL;
	CHECK(fix(VA, PFEC) == UM_PF_CONTINUE);
	CHECK(fault_seen.path == UM_PATH_FAST);
	world->slots[0] = slot;
	slot->dirty = NULL;
	CHECK(fix(VA, PFEC) == UM_PF_CONTINUE);
	CHECK(fault_seen.path == (UM_PATH_FAST | UM_PATH_NO_TAG));
	slot->dirty = world->dirty;
	CHECK(fix(VA, PFEC) == UM_PF_FIXED);
	end();
}

/* The leaf of VA comes to map what OTHER maps, which is the same frame. */
static void refill(void)
{
	um_sptep_t sptep = leaf_of(VA);
	struct um_slot *slot = world->slots[0];
	u64 leaf = um_spte_read(sptep);

	um_spte_xchg(sptep, UM_SS_EMPTY);
	um_rmap_remove(&world->mmu.rmap, um_rmap_head(slot, GFN, 1), sptep);
	*um_sspte_twin(sptep) = GFN + 3;
	um_rmap_add(&world->mmu.rmap, &v.ctx.pool,
		    um_rmap_head(slot, GFN + 3, 1), sptep);
	um_spte_xchg(sptep, leaf & ~UM_SS_TAG);
}

/* Before F1, or between F1 and F2: a PF stands there then, another's. */
static void refilled(enum guest_format format, bool claimed)
{
	bool tag = format == GUEST_64;
	enum um_pf ret;

	begin(format, UM_FAST_TAG);
	CHECK(!um_rmap_topup(&v.ctx.pool));
	shim_stall = refill;
	shim_stall_skip = claimed;
	ret = fix(VA, PFEC);
	CHECK(!shim_stall && ret == UM_PF_FIXED);
	CHECK(!!(fault_seen.path & UM_PATH_CLAIM_LOST) == (tag && claimed));
	/* It was the other gfn's already, or both are marked. */
	CHECK(is_dirty(GFN) == (!tag && claimed) && is_dirty(GFN + 3));
	CHECK(um_spte_read(leaf_of(VA)) & UM_SS_W);
	/* Its place is wrong: gone before anybody looks. */
	rcu_read_lock();
	um_shadow_drop(&world->mmu, leaf_of(VA));
	rcu_read_unlock();
	end();
}

static void refilled_meanwhile(void)
{
	refilled(GUEST_64, true);
	refilled(GUEST_PAE, true);
	refilled(GUEST_64, false);
	refilled(GUEST_PAE, false);
}

static void harvest(void)
{
	rcu_read_unlock();
	um_dirty_harvest(&world->mmu, world->slots[0]);
	rcu_read_lock();
}

/* Whatever a harvest takes meanwhile, W and the mark come together. */
static void harvested(enum guest_format format, bool claimed)
{
	begin(format, UM_FAST_TAG);
	set_bit(GFN - RAM_BASE, world->dirty);
	shim_stall = harvest;
	shim_stall_skip = claimed;
	CHECK(fix(VA, PFEC) == UM_PF_FIXED && !shim_stall);
	CHECK(is_dirty(GFN));
	CHECK(um_spte_read(leaf_of(VA)) & UM_SS_W);
	end();
}

static void harvested_meanwhile(void)
{
	harvested(GUEST_64, true);
	harvested(GUEST_PAE, true);
	harvested(GUEST_64, false);
	harvested(GUEST_PAE, false);
}

static void no_table(void)
{
	begin(GUEST_64, UM_FAST_TAG);
	CHECK(fix(0x7000000000, PFEC) == UM_PF_CONTINUE);
	CHECK(fix(VA + 0x10000, PFEC) == UM_PF_CONTINUE);
	CHECK(fault_seen.path == UM_PATH_FAST);
	um_context_root(&v.ctx)->table[0] = NULL;
	CHECK(fix(VA, PFEC) == UM_PF_CONTINUE);
	um_context_root(&v.ctx)->table[0] =
		um_context_root(&v.ctx)->page[0]->table;
	end();
}

int main(void)
{
	unit_start();
	UNIT(every_format);
	UNIT(rights);
	UNIT(other_faults);
	UNIT(page_table);
	UNIT(claims);
	UNIT(slots);
	UNIT(refilled_meanwhile);
	UNIT(harvested_meanwhile);
	UNIT(no_table);
	return tap_done();
}
