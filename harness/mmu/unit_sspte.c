// SPDX-License-Identifier: GPL-2.0
/* Entries of shadow tables: invariants, and the leaf for a fault. */
#include "unit.h"

#include "../../mmu/shadow.h"

#define SS_LEAF um_sspte_make_leaf(0x400, UM_RIGHTS_ALL, false)
#define SS_MINE (SS_LEAF | UM_SS_MW)
#define SS_TAG(n) ((u64)(n) << UM_SS_TAG_SHIFT)
#define GPTE_D BIT_ULL(6)

static void sspte_invariants(void)
{
	const struct {
		u64 sspte;
		int level, broken;
		bool pae;
	} t[] = {
		{ 0, 1, 0 },
		{ SS_LEAF, 1, 0 },
		{ SS_LEAF, 1, 0, true },
		{ um_sspte_make_leaf(0x400, 0, true), 1, 0, true },
		{ SS_MINE | UM_SS_W | UM_SS_D, 1, 0 },
		{ SS_MINE | SS_TAG(63), 1, 0 },
		{ SS_MINE | UM_SS_PF, 1, 0, true },
		{ um_sspte_wrprotected(SS_MINE | UM_SS_W | SS_TAG(1)), 1, 0 },
		{ um_sspte_make_table(0x5000), 2, 0 },
		{ um_sspte_make_table(0x5000), 5, 0 },
		{ UM_SS_LEAF, 1, 1 },
		{ SS_TAG(1), 1, 1 },
		{ SS_MINE & ~UM_SS_P, 1, 1 },
		{ SS_LEAF | UM_SS_W, 1, 2 },
		{ SS_MINE | UM_SS_W | SS_TAG(1), 1, 3 },
		{ SS_MINE | UM_SS_W | UM_SS_PF, 1, 3 },
		{ SS_MINE | UM_SS_W | UM_SS_WP, 1, 4 },
		{ SS_MINE | UM_SS_PF | SS_TAG(1), 1, 5 },
		{ SS_MINE | SS_TAG(1), 1, 6, true },
		{ SS_LEAF | 1ULL << 48, 1, 7 },
		{ um_sspte_make_table(1ULL << 46), 3, 7 },
		{ um_sspte_make_table(0x5000), 1, 8 },
		{ um_sspte_make_table(0x5000) & ~UM_SS_W, 2, 8 },
		{ um_sspte_make_table(0x5000) & ~UM_SS_A, 2, 8 },
		{ um_sspte_make_table(0x5000) | UM_SS_NX, 2, 8 },
		{ um_sspte_make_table(0x5000) | UM_SS_WP, 2, 8 },
		{ SS_LEAF, 2, 8 },
		{ SS_LEAF | BIT_ULL(7), 1, 8 },
		{ SS_LEAF | BIT_ULL(58), 1, 8 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int broken = um_sspte_check(t[i].sspte, t[i].level, t[i].pae,
					    46);

		if (broken != t[i].broken)
			printf("# row %u: I%d, not I%d\n", i, broken,
			       t[i].broken);
		CHECK(broken == t[i].broken);
	}
}

static void gpte_rights(void)
{
	CHECK(um_gpte_rights(UM_FMT_64, 0) == UM_WALK_MAY_EXEC);
	CHECK(um_gpte_rights(UM_FMT_64, UM_SS_NX) == 0);
	CHECK(um_gpte_rights(UM_FMT_PAE, UM_SS_NX) == 0);
	CHECK(um_gpte_rights(UM_FMT_32, UM_SS_NX) == UM_WALK_MAY_EXEC);
	CHECK(um_gpte_rights(UM_FMT_64, UM_SS_W | UM_SS_U) == UM_RIGHTS_ALL);
}

#define R 0
#define W UM_WALK_MAY_WRITE
#define U UM_WALK_MAY_USER
#define X UM_WALK_MAY_EXEC

/* What a fault of the one way or the other becomes. */
static void leaf_of_fault(void)
{
	enum { RO = 1, NO_D = 2, ROM = 4, LOG = 8, SMEP = 16 };
	const u64 all = UM_SS_MW | UM_SS_W | UM_SS_D;
	const struct {
		u8 rights, access;
		int how;
		u64 leaf; /* MW, W, D, U, NX of it */
	} t[] = {
		{ W | U | X, UM_ACC_W, 0, all | UM_SS_U },
		{ W | U | X, UM_ACC_R, 0, UM_SS_MW | UM_SS_W | UM_SS_U },
		{ W | U | X, UM_ACC_R, LOG, UM_SS_MW | UM_SS_U },
		{ W | U | X, UM_ACC_W, LOG, all | UM_SS_U },
		{ W | U, UM_ACC_R, NO_D, UM_SS_U | UM_SS_NX },
		{ W, UM_ACC_R, RO, UM_SS_NX },
		{ W | X, UM_ACC_R, ROM, 0 },
		{ U | X, UM_ACC_R, 0, UM_SS_U },
		/* A table that cannot have D does not keep a write out. */
		{ W | X, UM_ACC_W, NO_D, all },
		/* CR0.WP is 0. */
		{ U | X, UM_ACC_W, 0, all },
		{ U | X, UM_ACC_W, SMEP, all | UM_SS_NX },
		{ X, UM_ACC_W, SMEP, all },
		{ U, UM_ACC_W, 0, all | UM_SS_NX },
		{ W | U | X, UM_ACC_W, SMEP, all | UM_SS_U },
	};
	const u64 mask = all | UM_SS_U | UM_SS_NX | UM_SS_CLAIMS | UM_SS_WP;
	unsigned int i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int how = t[i].how;
		union um_role role = { .smep = !!(how & SMEP) };
		struct um_context ctx = {
			.role = role.word,
			.walk = { .rights = t[i].rights, .level = 2 },
		};
		struct um_slot slot = {
			.flags = (how & ROM ? KVM_MEM_READONLY : 0) |
				 (how & LOG ? KVM_MEM_LOG_DIRTY_PAGES : 0),
		};
		struct um_fault f = {
			.access = t[i].access,
			.ctx = &ctx,
			.slot = &slot,
			.host_writable = !(how & RO),
			.pfn = 0x400,
		};
		u64 leaf;

		ctx.walk.gpte[1] = how & NO_D ? 0 : GPTE_D;
		leaf = um_shadow_leaf(&f);
		if ((leaf & mask) != t[i].leaf)
			printf("# row %u: %llx\n", i, (unsigned long long)leaf);
		CHECK((leaf & mask) == t[i].leaf);
		CHECK(um_sspte_pfn(leaf) == 0x400);
		CHECK(!um_sspte_check(leaf, 1, false, 46));
	}
}

int main(void)
{
	unit_start();
	UNIT(sspte_invariants);
	UNIT(gpte_rights);
	UNIT(leaf_of_fault);
	return tap_done();
}
