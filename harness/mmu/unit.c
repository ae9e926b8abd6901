// SPDX-License-Identifier: GPL-2.0
/*
 * One thread: invariants of the entry, and each path of a fault once.
 */
#include "world.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#include <linux/bitops.h>
#include <linux/kvm.h>

#include <stdio.h>
#include <stdlib.h>

static int failed, tests;

#define CHECK(cond)                                                        \
	do {                                                               \
		if (!(cond)) {                                             \
			printf("# %s:%d: %s\n", __func__, __LINE__, #cond); \
			failed++;                                          \
		}                                                          \
	} while (0)

#define GFN (RAM_BASE + 3)
#define LEAF (um_spte_make_leaf(0x400, 1, false) | UM_SPTE_R | UM_SPTE_X)
#define WRITABLE (LEAF | UM_SPTE_HW | UM_SPTE_MW | UM_SPTE_W)
#define TAG(n) ((u64)(n) << UM_SPTE_TAG_SHIFT)

static u64 spte_at(struct world *world, gfn_t gfn, int *level)
{
	u64 spte;

	um_walk(&world->mmu, gfn, level, &spte);
	return spte;
}

static void put(struct world *world, gfn_t gfn, u64 spte)
{
	u64 old;
	int level;

	um_spte_xchg(um_walk(&world->mmu, gfn, &level, &old), spte);
}

/* The access, with faults until it went through; the last outcome's path. */
static u32 touch(struct world *world, gfn_t gfn, u8 access)
{
	struct cpu *cpu = &world->cpu[0];
	u32 path = 0;
	int tries;

	for (tries = 0; tries < 5; tries++) {
		bool done;

		cpu_enter(cpu);
		done = cpu_access(cpu, gfn, access);
		cpu_leave(cpu);
		if (done)
			return path;
		cpu_fault(cpu, &path);
	}
	CHECK(!"access never went through");
	return path;
}

static enum um_pf fault(struct world *world, gfn_t gfn, u8 access, u32 *path)
{
	struct cpu *cpu = &world->cpu[0];

	cpu->fault_gfn = gfn;
	cpu->fault_access = access;
	cpu->fault_allowed = 0;
	return cpu_fault(cpu, path);
}

static void finish(struct world *world)
{
	CHECK(um_mmu_audit_quiet(&world->mmu));
	CHECK(world_check_leaves(world));
	CHECK(world_free(world));
}

static void spte_invariants(void)
{
	const struct {
		u64 spte;
		int level, broken;
	} t[] = {
		{ 0, 1, 0 },
		{ UM_SPTE_FROZEN, 2, 0 },
		{ UM_SPTE_DEAD, 1, 0 },
		{ um_spte_claimed(0, 5), 1, 0 },
		{ um_spte_claimed(0, 0), 3, 0 },
		{ LEAF, 1, 0 },
		{ WRITABLE, 1, 0 },
		{ um_spte_claimed(LEAF, 63), 1, 0 },
		{ um_spte_track(WRITABLE), 1, 0 },
		{ LEAF | UM_SPTE_PF, 1, 0 },
		{ um_spte_claimed(LEAF | UM_SPTE_PF, 63), 1, 0 },
		{ um_spte_wrprotected(WRITABLE), 1, 0 },
		{ um_spte_track(um_spte_wrprotected(WRITABLE)), 1, 0 },
		{ um_spte_make_table(0x5000), 4, 0 },
		{ LEAF | UM_SPTE_HW | UM_SPTE_W, 1, 1 },
		{ LEAF | UM_SPTE_MW, 1, 2 },
		{ WRITABLE | TAG(1), 1, 3 },
		{ WRITABLE | UM_SPTE_PF, 1, 3 },
		{ 0x5000, 1, 4 },
		{ UM_SPTE_CLAIM | UM_SPTE_R, 1, 4 },
		{ UM_SPTE_FROZEN | TAG(1), 1, 4 },
		{ UM_SPTE_CLAIM | UM_SPTE_PF, 1, 4 },
		{ UM_SPTE_WP, 1, 4 },
		{ LEAF & ~UM_SPTE_R, 1, 5 },
		{ LEAF, 2, 6 },
		{ LEAF | UM_SPTE_HUGE, 1, 6 },
		{ um_spte_make_table(0x5000), 1, 6 },
		{ um_spte_make_leaf(0x201, 2, false) | UM_SPTE_R, 2, 7 },
		{ LEAF | 1ULL << 48, 1, 7 },
		{ LEAF | 1ULL << 3, 1, 8 },
		{ LEAF | UM_SPTE_PF | TAG(1), 1, 9 },
		{ LEAF | UM_SPTE_SX, 1, 10 },
		{ um_spte_make_table(0x5000) | UM_SPTE_HW, 2, 11 },
		{ um_spte_make_table(0x5000) & ~UM_SPTE_W, 2, 11 },
		{ um_spte_make_table(0x5000) | UM_SPTE_PF, 2, 11 },
		{ um_spte_make_table(0x5000) | UM_SPTE_WP, 2, 11 },
		{ WRITABLE | UM_SPTE_WP, 1, 12 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int broken = um_spte_check(t[i].spte, t[i].level, 46);

		if (broken != t[i].broken)
			printf("# row %u: I%d, not I%d\n", i, broken,
			       t[i].broken);
		CHECK(broken == t[i].broken);
	}
	CHECK(um_spte_untrack(um_spte_track(LEAF)) == LEAF);
	CHECK(um_spte_track(WRITABLE | TAG(3)) == um_spte_track(WRITABLE));
	CHECK(!(um_spte_make_split(um_spte_make_leaf(0x400, 2, false) |
				   UM_SPTE_CLAIMS, 9) & UM_SPTE_CLAIMS));
	CHECK(um_spte_pfn(um_spte_make_split(
		      um_spte_make_leaf(0x40000, 3, false), 7)) ==
	      0x40000 + 7 * 512);
}

static void populate(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	int level;
	u64 spte;

	CHECK(touch(world, GFN, UM_ACC_R) & UM_PATH_RESOLVED);
	spte = spte_at(world, GFN, &level);
	CHECK(level == 1 && (spte & UM_SPTE_RWX) == UM_SPTE_RWX);
	CHECK((spte & UM_SPTE_MT) == UM_SPTE_MT_WB);
	/* Ahead of the first write, D as W: nobody waits for it. */
	CHECK((spte & UM_SPTE_D) && (spte & UM_SPTE_A));
	touch(world, GFN + 1, UM_ACC_W);
	CHECK(spte_at(world, GFN + 1, &level) & UM_SPTE_D);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_SPURIOUS);
	CHECK(fault(world, 5, UM_ACC_R, NULL) == UM_PF_EMULATE);
	CHECK(fault(world, UM_GFN_END, UM_ACC_R, NULL) == UM_PF_EMULATE);
	CHECK(world->mmu.stat.tables.counter == 3);
	world->pin_fails = true;
	CHECK(fault(world, GFN + 9, UM_ACC_R, NULL) == UM_PF_BAD_HVA);
	finish(world);
}

static void read_only_slot(void)
{
	struct world *world = world_new(UM_FAST_MW, true, false);
	int level;
	u64 spte;

	CHECK(fault(world, ROM_BASE, UM_ACC_W, NULL) == UM_PF_EMULATE);
	CHECK(fault(world, ROM_BASE, UM_ACC_X, NULL) == UM_PF_FIXED);
	spte = spte_at(world, ROM_BASE, &level);
	CHECK(!(spte & (UM_SPTE_W | UM_SPTE_MW)) && (spte & UM_SPTE_R));
	CHECK(fault(world, ROM_BASE, UM_ACC_W, NULL) == UM_PF_EMULATE);
	finish(world);
}

static void claims(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	u32 path;
	int level;

	touch(world, GFN, UM_ACC_W);
	/* Another vCPU's claim on an empty entry: refault. */
	put(world, GFN + 1, um_spte_claimed(0, 9));
	CHECK(fault(world, GFN + 1, UM_ACC_R, &path) == UM_PF_RETRY);
	CHECK(path & UM_PATH_CLAIM_TAKEN);
	/* A zap breaks it. */
	CHECK(um_mmu_unmap(&world->mmu, world->slots[0], GFN + 1, GFN + 2));
	CHECK(spte_at(world, GFN + 1, &level) == 0);
	/* An invalidation under way: nothing is installed or left. */
	host_inval_begin(world, GFN, GFN + 1);
	CHECK(fault(world, GFN + 1, UM_ACC_R, &path) == UM_PF_RETRY);
	CHECK(path & UM_PATH_STALE);
	host_inval_end(world, GFN, GFN + 1);
	CHECK(world->cpu[0].stat.stale == 1);
	CHECK(spte_at(world, GFN + 1, &level) == 0);
	/* A vCPU without a tag populates, and upgrades. */
	world->cpu[0].tag = 0;
	CHECK(fault(world, GFN + 1, UM_ACC_R, &path) == UM_PF_FIXED);
	CHECK(path & UM_PATH_NO_TAG);
	slot_log(world, true);
	CHECK(fault(world, GFN + 1, UM_ACC_W, &path) == UM_PF_FIXED);
	CHECK(test_bit(GFN + 1 - RAM_BASE, world->dirty));
	put(world, GFN, UM_SPTE_FROZEN);
	CHECK(fault(world, GFN, UM_ACC_R, &path) == UM_PF_RETRY);
	CHECK(path & UM_PATH_FROZEN);
	put(world, GFN, 0);
	atomic64_add(-1, &world->mmu.stat.pages[0]);
	finish(world);
}

static void dirty_log(enum um_fast_mode mode)
{
	struct world *world = world_new(mode, true, false);
	const u32 fast = mode == UM_FAST_OFF ? 0 : UM_PATH_FAST;
	u64 spte;
	u32 path;
	int level;

	touch(world, GFN, UM_ACC_W);
	touch(world, GFN + 1, UM_ACC_R);
	slot_log(world, true);
	CHECK(!(spte_at(world, GFN, &level) & UM_SPTE_W));
	CHECK(!(spte_at(world, GFN + 1, &level) & UM_SPTE_W));
	CHECK(!um_dirty_harvest(&world->mmu, world->slots[0]));

	path = touch(world, GFN, UM_ACC_W);
	CHECK((path & UM_PATH_FAST) == fast && (path & UM_PATH_DIRTY));
	CHECK(!(path & UM_PATH_RESOLVED) == !!fast);
	touch(world, GFN + 2, UM_ACC_R); /* no W ahead in a logged slot */
	CHECK(!(spte_at(world, GFN + 2, &level) & UM_SPTE_W));
	CHECK(um_dirty_harvest(&world->mmu, world->slots[0]));
	CHECK(world->dirty_out[0] == BIT(GFN - RAM_BASE));
	CHECK(world->mmu.tlb.owed.counter == world->mmu.tlb.paid.counter);

	/* A stale tag is taken by the harvest though W is clear. */
	set_bit(GFN - RAM_BASE, world->dirty);
	spte = spte_at(world, GFN, &level);
	put(world, GFN, spte | (mode == UM_FAST_PAIR ? UM_SPTE_PF : TAG(7)));
	um_dirty_harvest(&world->mmu, world->slots[0]);
	CHECK(spte_at(world, GFN, &level) == spte);

	slot_log(world, false);
	touch(world, GFN, UM_ACC_W);
	finish(world);
}

/* A claim of each kind, met in @mode: nobody waits, and none is left. */
static void taken(enum um_fast_mode mode, u64 claim)
{
	struct world *world = world_new(mode, true, false);
	bool claims = mode == UM_FAST_TAG || mode == UM_FAST_PAIR;
	u32 path;
	int level;

	touch(world, GFN, UM_ACC_W);
	slot_log(world, true);
	put(world, GFN, spte_at(world, GFN, &level) | claim);
	path = touch(world, GFN, UM_ACC_W);
	CHECK(!!(path & UM_PATH_CLAIM_TAKEN) == claims);
	CHECK(!!(path & UM_PATH_GIVEN_UP) == claims);
	/* Bounded, then the slow path steals; mw steals at once. */
	CHECK(!!(path & UM_PATH_RESOLVED) == (mode != UM_FAST_MW));
	CHECK(!(spte_at(world, GFN, &level) & UM_SPTE_CLAIMS));
	CHECK(world->cpu[0].stat.given_up == claims);
	finish(world);
}

static void taken_claims(void)
{
	enum um_fast_mode mode;

	for (mode = UM_FAST_OFF; mode <= UM_FAST_PAIR; mode++) {
		taken(mode, TAG(9));
		taken(mode, UM_SPTE_PF);
	}
}

static void protect(struct world *world, gfn_t gfn)
{
	int level;

	put(world, gfn, um_spte_wrprotected(spte_at(world, gfn, &level)));
}

/* WP stands until it is taken back, whatever happens to the leaf. */
static void write_protected(enum um_fast_mode mode, bool ad)
{
	struct world *world = world_new(mode, ad, false);
	struct um_mmu *mmu = &world->mmu;
	u64 wp;
	int level;

	touch(world, GFN, UM_ACC_W);
	slot_log(world, true);
	protect(world, GFN);
	wp = spte_at(world, GFN, &level) & ~UM_SPTE_A;
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_EMULATE);
	world->cpu[0].tag = 0;
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_EMULATE);
	set_bit(GFN - RAM_BASE, world->dirty);
	um_dirty_harvest(mmu, world->slots[0]);
	um_mmu_age(mmu, world->slots[0], GFN, GFN + 1);
	um_tlb_owe(&mmu->tlb);
	touch(world, GFN, UM_ACC_R);
	CHECK((spte_at(world, GFN, &level) & ~UM_SPTE_A) == wp);
	slot_log(world, false);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_EMULATE);
	put(world, GFN, wp & ~UM_SPTE_WP);
	touch(world, GFN, UM_ACC_W);
	finish(world);
}

static void write_protected_modes(void)
{
	enum um_fast_mode mode;

	for (mode = UM_FAST_OFF; mode <= UM_FAST_PAIR; mode++) {
		write_protected(mode, true);
		write_protected(mode, false);
	}
}

static void split_and_merge(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, true);
	u64 spte;
	u32 path;
	int level;

	CHECK(touch(world, GFN, UM_ACC_W) & UM_PATH_HUGE);
	spte = spte_at(world, GFN + 100, &level);
	CHECK(level == 2 && (spte & UM_SPTE_W));
	slot_log(world, true);
	spte = spte_at(world, GFN + 100, &level);
	CHECK(level == 1 && !(spte & UM_SPTE_W) && (spte & UM_SPTE_MW));
	CHECK(um_spte_pfn(spte) == world->hpte[GFN + 100].pfn);
	CHECK(world->mmu.stat.pages[0].counter == 512);
	CHECK(touch(world, GFN, UM_ACC_W) & UM_PATH_DIRTY);
	CHECK(um_mmu_audit_quiet(&world->mmu));
	/* Logging off: the table goes, a huge leaf comes back. */
	slot_log(world, false);
	CHECK(touch(world, GFN, UM_ACC_W) & UM_PATH_HUGE);
	spte_at(world, GFN, &level);
	CHECK(level == 2);
	/* The host splits, 4K leaves come, the host collapses: merge. */
	host_migrate(world, GFN);
	touch(world, GFN, UM_ACC_R);
	touch(world, GFN + 1, UM_ACC_R);
	spte_at(world, GFN, &level);
	CHECK(level == 1);
	host_collapse(world, GFN);
	path = touch(world, GFN + 1, UM_ACC_R);
	CHECK((path & UM_PATH_MERGE) && (path & UM_PATH_HUGE));
	CHECK(world->mmu.stat.merges.counter == 1);
	finish(world);
}

#define REGION (1UL << UM_INVAL_SHIFT)

/* Which buckets [start, end) raises; none is left raised after its end. */
static u64 inval_mask(hva_t start, hva_t end)
{
	struct um_inval inval = {};
	u64 mask = 0;
	int i;

	um_inval_begin(&inval, start, end);
	for (i = 0; i < UM_INVAL_BUCKETS; i++)
		if (inval.bucket[i].counter == 1)
			mask |= BIT_ULL(i);
		else
			CHECK(!inval.bucket[i].counter);
	um_inval_end(&inval, start, end);
	for (i = 0; i < UM_INVAL_BUCKETS; i++)
		CHECK(inval.bucket[i].counter ==
		      (mask & BIT_ULL(i) ? UM_INVAL_ENDED : 0));
	return mask;
}

static void inval_buckets(void)
{
	struct um_inval inval = {};
	hva_t hva = 5 * REGION;
	u64 seq, wide;

	CHECK(inval_mask(hva, hva + 1) == BIT_ULL(5));
	CHECK(inval_mask(hva, hva + REGION) == BIT_ULL(5));
	CHECK(inval_mask(hva + REGION - 1, hva + REGION + 1) ==
	      (BIT_ULL(5) | BIT_ULL(6)));
	CHECK(inval_mask(63 * REGION, 66 * REGION) ==
	      (BIT_ULL(63) | BIT_ULL(0) | BIT_ULL(1)));
	CHECK(inval_mask(hva, hva + 63 * REGION) == ~BIT_ULL(4));
	CHECK(inval_mask(hva, hva + 64 * REGION) == ~0ULL);
	CHECK(inval_mask(hva - 1, hva + 64 * REGION + 1) == ~0ULL);
	CHECK(inval_mask(0, ~0UL) == ~0ULL);

	/* Before, during, and across; with the one before still running. */
	seq = um_inval_read(&inval, hva, false);
	wide = um_inval_read(&inval, 0, true);
	um_inval_begin(&inval, hva, hva + 1);
	CHECK(um_inval_moved(&inval, hva, false, seq));
	CHECK(um_inval_moved(&inval, 0, true, wide));
	CHECK(!um_inval_moved(&inval, hva + REGION, false, 0));
	seq = um_inval_read(&inval, hva, false);
	wide = um_inval_read(&inval, 0, true);
	CHECK(um_inval_moved(&inval, hva, false, seq));
	CHECK(um_inval_moved(&inval, 0, true, wide));
	um_inval_begin(&inval, hva - REGION, hva + 1);
	um_inval_end(&inval, hva, hva + 1);
	CHECK(um_inval_moved(&inval, hva, false, seq));
	um_inval_end(&inval, hva - REGION, hva + 1);
	CHECK(um_inval_moved(&inval, hva, false, seq));
	CHECK(um_inval_moved(&inval, 0, true, wide));
	seq = um_inval_read(&inval, hva, false);
	wide = um_inval_read(&inval, 0, true);
	CHECK(!um_inval_moved(&inval, hva, false, seq));
	CHECK(!um_inval_moved(&inval, 0, true, wide));
}

/* An invalidation disturbs its own 2M, and nobody else's. */
static void inval_elsewhere(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);

	host_inval_begin(world, GFN + 512, GFN + 513);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_FIXED);
	CHECK(fault(world, GFN + 510, UM_ACC_W, NULL) == UM_PF_RETRY);
	CHECK(fault(world, GFN + 513, UM_ACC_W, NULL) == UM_PF_RETRY);
	host_inval_end(world, GFN + 512, GFN + 513);
	CHECK(fault(world, GFN + 513, UM_ACC_W, NULL) == UM_PF_FIXED);
	CHECK(world->cpu[0].stat.stale == 2);
	finish(world);
}

/* A leaf of 1G is everybody's neighbour. */
static void inval_wide(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, true);
	struct um_slot *slot = world->slots[0];
	const struct um_slot small = *slot;
	const hva_t far = 77 * REGION;
	int level;

	slot->base = 0;
	slot->npages = um_level_pages(UM_LEVEL_1G);
	slot->hva = BIT(30);
	world->giant = true;
	um_inval_begin(&world->mmu.inval, far, far + 1);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_RETRY);
	CHECK(spte_at(world, GFN, &level) == 0);
	um_inval_end(&world->mmu.inval, far, far + 1);
	CHECK(fault(world, GFN, UM_ACC_W, NULL) == UM_PF_FIXED);
	CHECK(um_spte_is_leaf(spte_at(world, GFN, &level)));
	CHECK(level == UM_LEVEL_1G);
	um_mmu_slot_zap(&world->mmu, slot);
	*slot = small;
	finish(world);
}

/*
 * vCPU 0 claims and passes its check; the host moves the page; another vCPU
 * claims the entry; vCPU 0 commits.
 */
static struct world *stalled;
static u8 other_tag;

static void while_stalled(void)
{
	host_migrate(stalled, GFN);
	put(stalled, GFN, um_spte_claimed(0, other_tag));
}

/*
 * An entry found empty may have been emptied by another party that has not
 * owed yet: while there is one, who relies on the entry owes as well.
 */
static void unmap_while_taken(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	struct um_mmu *mmu = &world->mmu;

	touch(world, GFN, UM_ACC_W);
	CHECK(um_mmu_unmap(mmu, world->slots[0], GFN, GFN + 1));
	um_tlb_pay(mmu);
	CHECK(!um_mmu_unmap(mmu, world->slots[0], GFN, GFN + 1));
	um_tlb_take_begin(&mmu->tlb);
	CHECK(um_mmu_unmap(mmu, world->slots[0], GFN, GFN + 1));
	um_tlb_take_end(&mmu->tlb, true);
	um_tlb_pay(mmu);
	CHECK(!um_mmu_unmap(mmu, world->slots[0], GFN, GFN + 1));
	CHECK(world_free(world));
}

/* True when the leaf that results maps what the host maps. */
static bool stalled_commit(u8 tag)
{
	u32 path = 0;
	bool good;

	stalled = world_new(UM_FAST_TAG, true, false);
	other_tag = tag;
	touch(stalled, GFN + 1, UM_ACC_R);
	/* Skip the claim (M1); stop before the commit (M5). */
	shim_stall_skip = 1;
	shim_stall = while_stalled;
	fault(stalled, GFN, UM_ACC_R, &path);
	good = world_check_leaves(stalled);
	um_mmu_unmap(&stalled->mmu, stalled->slots[0], GFN, GFN + 1);
	CHECK(world_free(stalled));
	return good;
}

static void unique_tag(void)
{
	int said = shim_warnings();

	CHECK(stalled_commit(2));
	/* The control: with one id for both, the stale page is mapped. */
	CHECK(!stalled_commit(1));
	CHECK(shim_warnings() == said + 1);
	shim_forgive(shim_warnings() - said);
}

/* A huge leaf that could not be split at log start: W comes back by splits. */
static void huge_in_logged_slot(void)
{
	struct world *world = world_new(UM_FAST_MW, true, true);
	u64 huge;
	u32 path;
	int level;

	touch(world, GFN, UM_ACC_W);
	huge = spte_at(world, GFN, &level) & ~UM_SPTE_W;
	world->slots[0]->dirty = world->dirty;
	world->slots[0]->flags = KVM_MEM_LOG_DIRTY_PAGES;
	put(world, GFN, huge);
	um_tlb_owe(&world->mmu.tlb);
	path = touch(world, GFN, UM_ACC_W);
	CHECK((path & UM_PATH_SPLIT) && (path & UM_PATH_DIRTY));
	spte_at(world, GFN, &level);
	CHECK(level == 1);
	CHECK(!(spte_at(world, GFN + 1, &level) & UM_SPTE_W));
	world->slots[0]->dirty = NULL;
	world->slots[0]->flags = 0;
	finish(world);
}

static void aging(bool ad)
{
	struct world *world = world_new(UM_FAST_TAG, ad, false);
	const struct um_slot *slot = world->slots[0];
	struct um_mmu *mmu = &world->mmu;
	u32 path;

	touch(world, GFN, UM_ACC_X);
	CHECK(um_mmu_test_age(mmu, slot, GFN, GFN + 1));
	CHECK(um_mmu_age(mmu, slot, GFN, GFN + 1));
	CHECK(!um_mmu_test_age(mmu, slot, GFN, GFN + 1));
	CHECK(!um_mmu_age(mmu, slot, GFN, GFN + 1));
	um_tlb_pay(mmu);
	path = touch(world, GFN, UM_ACC_X);
	CHECK(!!(path & UM_PATH_RESTORE) == !ad);
	CHECK(!(path & UM_PATH_RESOLVED));
	if (!ad)
		CHECK(um_mmu_test_age(mmu, slot, GFN, GFN + 1));
	finish(world);
}

static void zap_slot(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	gfn_t gfn;

	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++)
		touch(world, gfn, UM_ACC_W);
	CHECK(world->mmu.stat.pages[0].counter == RAM_PAGES);
	/* Linked: level 3, level 2, and one of level 1 for each 2M. */
	CHECK(world->mmu.stat.tables.counter == 4);
	um_mmu_slot_zap(&world->mmu, world->slots[0]);
	CHECK(world->mmu.stat.pages[0].counter == 0);
	CHECK(world->mmu.stat.tables.counter == 0);
	um_table_free_barrier();
	CHECK(tables_in_use == 1);
	CHECK(world->mmu.tlb.owed.counter == world->mmu.tlb.paid.counter);
	finish(world);
}

/* The audit and the model must themselves be able to fail. */
static void audit_finds(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	int level, said = shim_warnings();
	u64 spte;

	touch(world, GFN, UM_ACC_W);
	spte = spte_at(world, GFN, &level);
	put(world, GFN, spte | TAG(4));
	CHECK(!um_mmu_audit(&world->mmu) && world->dead);
	put(world, GFN, spte);
	CHECK(um_mmu_audit_quiet(&world->mmu));
	world->slots[0]->dirty = world->dirty;
	CHECK(!um_mmu_audit_quiet(&world->mmu));
	world->slots[0]->dirty = NULL;
	atomic64_inc(&world->mmu.stat.pages[0]);
	CHECK(!um_mmu_audit_quiet(&world->mmu));
	atomic64_add(-1, &world->mmu.stat.pages[0]);
	CHECK(shim_warnings() == said + 3);
	shim_forgive(shim_warnings() - said);
	finish(world);
}

static void run(const char *name, void (*test)(void))
{
	int before = failed + shim_warnings();

	test();
	printf("%sok %d - unit %s\n",
	       failed + shim_warnings() == before ? "" : "not ", ++tests, name);
}

static void dirty_tag(void)
{
	dirty_log(UM_FAST_TAG);
}

static void dirty_mw(void)
{
	dirty_log(UM_FAST_MW);
}

static void dirty_pair(void)
{
	dirty_log(UM_FAST_PAIR);
}

static void dirty_off(void)
{
	dirty_log(UM_FAST_OFF);
}

static void aging_ad(void)
{
	aging(true);
}

static void aging_noad(void)
{
	aging(false);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(1);
	printf("TAP version 13\n1..21\n");
	run("spte_invariants", spte_invariants);
	run("populate", populate);
	run("read_only_slot", read_only_slot);
	run("claims", claims);
	run("dirty_tag", dirty_tag);
	run("dirty_mw", dirty_mw);
	run("dirty_pair", dirty_pair);
	run("dirty_off", dirty_off);
	run("taken_claims", taken_claims);
	run("write_protected", write_protected_modes);
	run("unique_tag", unique_tag);
	run("unmap_while_taken", unmap_while_taken);
	run("inval_buckets", inval_buckets);
	run("inval_elsewhere", inval_elsewhere);
	run("inval_wide", inval_wide);
	run("split_and_merge", split_and_merge);
	run("huge_in_logged_slot", huge_in_logged_slot);
	run("aging_ad", aging_ad);
	run("aging_noad", aging_noad);
	run("zap_slot", zap_slot);
	run("audit_finds", audit_finds);
	return failed || shim_warnings();
}
