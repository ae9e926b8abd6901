// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that do with their page tables what a guest may do.
 *
 * Each changes tables, tells the CPU where the architecture asks for it, and
 * looks whether the next access goes where the tables now say.
 */
#include "kselftest_harness.h"
#include "lib/paging.h"

/* ---- aliases ---- */

/* The leaf table of TEST_VA is mapped twice more, among the pages it maps. */
#define ALIAS(n) (TEST_VA + HUGE_SIZE * (n))

static void guest_aliases(void)
{
	u64 index = (u64)guest_entry(TEST_VA, 1) & (PAGE_SIZE - 1), i;
	u64 *entry[3] = {
		guest_entry(TEST_VA, 1), (u64 *)(ALIAS(1) + index),
		(u64 *)(ALIAS(2) + index),
	};

	for (i = 0; i < 60; i++) {
		WRITE_ONCE(*entry[i % 3], page_gpa(i % 8) | PT_RIGHTS);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i % 8));
		GUEST_ASSERT_EQ(READ_ONCE(*entry[(i + 1) % 3]) & PT_ADDR,
				page_gpa(i % 8));
		GUEST_ASSERT(READ_ONCE(*entry[(i + 2) % 3]) & PT_A);
	}
	guest_done();
}

TEST_F(paging, table_at_three_addresses)
{
	u64 table;

	boot(self, guest_aliases);
	table = gpt_entry(&self->gpt, TEST_VA, 1) & PT_ADDR;
	gpt_map(&self->gpt, ALIAS(1), table | PT_RIGHTS, 1);
	gpt_map(&self->gpt, ALIAS(2), table | PT_RIGHTS, 1);
	run_to_done(self->vcpu);
}

/* A page that is written to, then becomes a table, then none again. */
static void guest_becomes_table(void)
{
	u64 *pde = guest_entry(TEST_VA, 2), *page = (u64 *)PAGE_VA(7);
	u64 old = *pde, i, round;

	for (round = 0; round < 10; round++) {
		for (i = 0; i < 6; i++)
			page[i] = page_gpa(5 - i) | PT_RIGHTS;
		WRITE_ONCE(*pde, page_gpa(7) | PT_RIGHTS);
		write_cr3(read_cr3());
		for (i = 0; i < 6; i++)
			GUEST_ASSERT_EQ(guest_read(PAGE_VA(i)), mark(5 - i));
		/* Through an address that no table in use has. */
		((u64 *)(MEM_GPA + 7 * PAGE_SIZE))[2] = page_gpa(6) | PT_RIGHTS;
		invlpg(PAGE_VA(2));
		GUEST_ASSERT_EQ(guest_read(PAGE_VA(2)), mark(6));
		WRITE_ONCE(*pde, old);
		write_cr3(read_cr3());
		for (i = 0; i < 7; i++)
			GUEST_ASSERT_EQ(guest_read(PAGE_VA(i)), mark(i));
		for (i = 0; i < 512; i++)
			page[i] = round;
	}
	guest_done();
}

TEST_F(paging, page_becomes_table)
{
	boot(self, guest_becomes_table);
	run_to_done(self->vcpu);
}

/*
 * One page is the leaf table at TEST_VA and the directory at 1G from it; what
 * it maps as a page there is a leaf table here.
 */
#define OTHER_VA (TEST_VA + (1ul << 30))

static void guest_two_levels(void)
{
	u64 *both = (u64 *)((u64)guest_entry(TEST_VA, 1) & PT_ADDR);
	u64 *inner = (u64 *)PAGE_VA(0), i, j;

	/* Entry 0 of both maps page 0, which becomes the inner table. */
	for (i = 0; i < 8; i++)
		inner[i] = page_gpa(7 - i) | PT_RIGHTS;
	for (j = 0; j < 20; j++) {
		for (i = 0; i < 7; i++)
			GUEST_ASSERT_EQ(guest_read(OTHER_VA + i * PAGE_SIZE),
					mark(7 - i));
		/* Written as a page of one, seen as a table of the other. */
		i = j % 6 + 1;
		inner[0] = page_gpa(i) | PT_RIGHTS;
		invlpg(OTHER_VA);
		GUEST_ASSERT_EQ(guest_read(OTHER_VA), mark(i));
		inner[0] = page_gpa(7) | PT_RIGHTS;
		invlpg(OTHER_VA);
		/* One entry changed is a leaf of one, a table of the other. */
		WRITE_ONCE(both[0], page_gpa(i) | PT_RIGHTS);
		write_cr3(read_cr3());
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i));
		WRITE_ONCE(both[0], page_gpa(0) | PT_RIGHTS);
		write_cr3(read_cr3());
		GUEST_ASSERT_EQ(guest_read(TEST_VA) & PT_ADDR, page_gpa(7));
	}
	guest_done();
}

TEST_F(paging, table_at_two_levels)
{
	u64 table;

	boot(self, guest_two_levels);
	table = gpt_entry(&self->gpt, TEST_VA, 1) & PT_ADDR;
	gpt_map(&self->gpt, OTHER_VA, table | PT_RIGHTS, 3);
	run_to_done(self->vcpu);
}

/* ---- tables that map themselves ---- */

#define SELF_SLOT 510ul

static u64 saved[5];		/* entries on the way to TEST_VA */

static u64 *self_entry(u64 va, int level)
{
	u64 at = va & ((1ul << 48) - 1);
	int i;

	for (i = 0; i < level; i++)
		at = at >> 9 | SELF_SLOT << 39;
	return (u64 *)((at & ~7ul) | 0xffff000000000000);
}

static void guest_self_map(void)
{
	u64 i, old;
	int level;

	for (level = 1; level <= 4; level++)
		GUEST_ASSERT_EQ(*self_entry(TEST_VA, level) & PT_ADDR,
				*guest_entry(TEST_VA, level) & PT_ADDR);
	for (i = 0; i < 40; i++) {
		WRITE_ONCE(*self_entry(TEST_VA, 1),
			   page_gpa(i % 8) | PT_RIGHTS);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i % 8));
	}
	for (i = 0; i < 12; i++) {
		/* Each level by way of the others. */
		level = i % 3 + 2;
		old = *self_entry(TEST_VA, level);
		WRITE_ONCE(*self_entry(TEST_VA, level), 0);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(try_read(TEST_VA, &old), PF_TRAP);
		GUEST_ASSERT_EQ(old, 0);
		WRITE_ONCE(*self_entry(TEST_VA, level), saved[level]);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(7));
	}
	guest_done();
}

TEST_F(paging, self_map)
{
	int level;

	boot(self, guest_self_map);
	gpt_set(&self->gpt, PML4_GPA + 8 * SELF_SLOT, PML4_GPA | PT_P | PT_W);
	for (level = 2; level <= 4; level++)
		GUEST_VAR(self->vm, saved[level]) = gpt_get(&self->gpt,
			gpt_entry(&self->gpt, TEST_VA, level));
	run_to_done(self->vcpu);
}

/* ---- address spaces ---- */

#define SPACES 6

static u64 roots[SPACES];	/* each maps another page at TEST_VA */
static u64 leaf_at[SPACES];	/* by this entry */

static void guest_spaces(void)
{
	u64 rand = 1, i, n, to;

	for (i = 0; i < 300; i++) {
		n = rand_next(&rand) % SPACES;
		write_cr3(roots[n]);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(where[n]));
		if (i % 4)
			continue;
		/* The entry of another; its next load of CR3 is enough. */
		n = (n + 1 + (rand >> 50) % (SPACES - 1)) % SPACES;
		to = rand >> 40 & 7;
		WRITE_ONCE(*(u64 *)leaf_at[n], page_gpa(to) | PT_RIGHTS);
		where[n] = to;
	}
	guest_done();
}

/* A copy of the library's root with tables of its own for TEST_VA. */
static u64 new_space(struct gpt *gpt, u64 page, u64 *leaf)
{
	struct gpt other = *gpt;

	other.root = gpt_page(gpt->vm);
	memcpy(gpt->vm->ram + other.root, gpt->vm->ram + PML4_GPA, PAGE_SIZE);
	gpt_set(&other, gpt_slot(&other, other.root, TEST_VA, 4), 0);
	gpt_map(&other, TEST_VA, page_gpa(page) | PT_RIGHTS, 1);
	*leaf = gpt_entry(&other, TEST_VA, 1);
	return other.root;
}

static void make_spaces(struct _test_data_paging *self, int nr)
{
	u64 leaf;
	int i;

	for (i = 0; i < nr; i++) {
		GUEST_VAR(self->vm, roots[i]) = new_space(&self->gpt, i, &leaf);
		GUEST_VAR(self->vm, leaf_at[i]) = leaf;
		GUEST_VAR(self->vm, where[i]) = i;
	}
}

TEST_F(paging, warm_address_spaces)
{
	boot(self, guest_spaces);
	make_spaces(self, SPACES);
	run_to_done(self->vcpu);
}

/* ---- what stays in a TLB, and what must not ---- */

static void guest_global(void)
{
	u64 cr4 = read_cr4() | CR4_PGE, i;
	u64 *pte = guest_entry(TEST_VA, 1);

	write_cr4(cr4);
	for (i = 0; i < 24; i++) {
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i % 8));
		WRITE_ONCE(*pte, page_gpa((i + 1) % 8) | PT_RIGHTS | PT_G);
		/* Stays, or goes: both are right. */
		write_cr3(read_cr3());
		GUEST_ASSERT(guest_read(TEST_VA) == mark(i % 8) ||
			     guest_read(TEST_VA) == mark((i + 1) % 8));
		if (i & 1) {
			invlpg(TEST_VA);
		} else {
			write_cr4(cr4 & ~CR4_PGE);
			GUEST_ASSERT_EQ(guest_read(TEST_VA),
					mark((i + 1) % 8));
			write_cr4(cr4);
		}
	}
	guest_done();
}

TEST_F(paging, global_pages)
{
	boot(self, guest_global);
	run_to_done(self->vcpu);
}

/* CR0.WP counts at once, and what it allowed a supervisor no user gets. */
static void guest_wp(void)
{
	u64 *pte = guest_entry(TEST_VA, 1), error, i;

	for (i = 0; i < 20; i++) {
		WRITE_ONCE(*pte, page_gpa(i % 8) | PT_P | (i & 1 ? PT_U : 0));
		invlpg(TEST_VA);
		write_cr0(read_cr0() & ~CR0_WP);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i % 8));
		GUEST_ASSERT_EQ(READ_ONCE(*pte) & PT_D, 0);
		guest_write(TEST_VA + 8, i);
		GUEST_ASSERT(READ_ONCE(*pte) & PT_D);
		write_cr0(read_cr0() | CR0_WP);
		GUEST_ASSERT_EQ(try_write(TEST_VA, 1, &error), PF_TRAP);
		GUEST_ASSERT_EQ(error, PF_P | PF_W);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i % 8));
		write_cr0(read_cr0() & ~CR0_WP);
		guest_write(TEST_VA + 8, i + 1);
		GUEST_ASSERT_EQ(guest_read(MEM_GPA + i % 8 * PAGE_SIZE + 8),
				i + 1);
	}
	guest_done();
}

TEST_F(paging, write_protection_toggled)
{
	boot(self, guest_wp);
	run_to_done(self->vcpu);
}

/* ---- PCIDs ---- */

#define NO_FLUSH (1ul << 63)

static bool guest_has(u32 function, u32 reg, u32 bit)
{
	u32 r[4] = { function, 0, 0, 0 };

	guest_cpuid(&r[0], &r[1], &r[2], &r[3]);
	return r[reg] >> bit & 1;
}

/* Wherever nothing was flushed, old and new are right. */
static void see(u64 space, u64 now, u64 was, u64 line)
{
	u64 v;

	write_cr3(roots[space] | (space + 1) | NO_FLUSH);
	v = guest_read(TEST_VA);
	if (v != mark(now) && v != mark(was))
		ucall(UCALL_FAIL, (u64)__FILE__, line, (u64)"a page of PCIDs",
		      v, mark(now));
}

static void guest_pcid(void)
{
	u64 i, n, was, type;

	if (!guest_has(1, 2, 17) || !guest_has(7, 1, 10))
		guest_sync(9);
	write_cr3(roots[0]);
	GUEST_ASSERT_EQ(write_cr3(roots[0] | NO_FLUSH), TRAPPED | 13);
	GUEST_ASSERT_EQ(write_cr4(read_cr4() | CR4_PCIDE), 0);
	for (i = 0; i < 120; i++) {
		n = i % 4;
		see(n, where[n], where[n], __LINE__);
		see((n + 1) % 4, where[(n + 1) % 4], where[(n + 1) % 4],
		    __LINE__);
		was = where[n];
		where[n] = (was + i) % 8;
		WRITE_ONCE(*(u64 *)leaf_at[n], page_gpa(where[n]) | PT_RIGHTS);
		see(n, where[n], was, __LINE__);
		type = i % 5;
		if (type < 4)
			GUEST_ASSERT_EQ(guest_invpcid(type, type < 2 ? n + 1 : 0,
						      type ? 0 : TEST_VA), 0);
		else
			write_cr3(roots[n] | (n + 1));
		see((n + 2) % 4, where[(n + 2) % 4], where[(n + 2) % 4],
		    __LINE__);
		see(n, where[n], where[n], __LINE__);
	}
	guest_done();
}

TEST_F(paging, pcid)
{
	struct ucall *call;

	boot(self, guest_pcid);
	make_spaces(self, 4);
	call = run_ucall(self->vcpu);
	if (call->cmd == UCALL_SYNC)
		SKIP(return, "no PCID or INVPCID here");
	EXPECT_EQ(UCALL_DONE, call->cmd);
}

static void guest_pcid_refused(void)
{
	u64 cr4 = read_cr4(), root = read_cr3();

	if (!guest_has(1, 2, 17) || !guest_has(7, 1, 10))
		guest_sync(9);
	/* Without PCIDE there is but PCID 0. */
	GUEST_ASSERT_EQ(guest_invpcid(0, 1, TEST_VA), TRAPPED | 13);
	GUEST_ASSERT_EQ(guest_invpcid(1, 1, 0), TRAPPED | 13);
	GUEST_ASSERT_EQ(guest_invpcid(0, 0, TEST_VA), 0);
	GUEST_ASSERT_EQ(guest_invpcid(1, 0, 0), 0);
	GUEST_ASSERT_EQ(guest_invpcid(2, 0, 0), 0);
	GUEST_ASSERT_EQ(guest_invpcid(3, 0, 0), 0);
	GUEST_ASSERT_EQ(guest_invpcid(4, 0, 0), TRAPPED | 13);
	GUEST_ASSERT_EQ(guest_invpcid(~0ul, 0, 0), TRAPPED | 13);
	GUEST_ASSERT_EQ(guest_invpcid(1, 1 << 12, 0), TRAPPED | 13);
	GUEST_ASSERT_EQ(guest_invpcid(0, 0, 1ul << 63), TRAPPED | 13);
	/* A PCID in CR3 before PCIDE, and PCIDE before paging goes. */
	write_cr3(root | 1 << 3);
	GUEST_ASSERT_EQ(write_cr4(cr4 | CR4_PCIDE), TRAPPED | 13);
	write_cr3(root);
	GUEST_ASSERT_EQ(write_cr4(cr4 | CR4_PCIDE), 0);
	GUEST_ASSERT_EQ(write_cr0(read_cr0() & ~CR0_PG), TRAPPED | 13);
	GUEST_ASSERT_EQ(guest_invpcid(0, 0xfff, 0x1000), 0);
	GUEST_ASSERT_EQ(guest_invpcid(2, 0xfff, 1ul << 63), 0);
	GUEST_ASSERT_EQ(write_cr4(cr4), 0);
	GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(0));
	guest_done();
}

TEST_F(paging, pcid_refused)
{
	struct ucall *call;

	boot(self, guest_pcid_refused);
	call = run_ucall(self->vcpu);
	if (call->cmd == UCALL_SYNC)
		SKIP(return, "no PCID or INVPCID here");
	EXPECT_EQ(UCALL_DONE, call->cmd);
}

/* ---- huge guest pages over small host pages ---- */

static void guest_splinters(void)
{
	u64 size[2] = { HUGE_SIZE, 1ul << 30 }, va, i;
	int k, nr = guest_has(0x80000001, 3, 26) ? 2 : 1;

	for (k = 0; k < nr; k++) {
		va = k ? OTHER_VA : ALIAS(4);
		for (i = 0; i < 512; i += 13)
			GUEST_ASSERT_EQ(guest_read(va + i * PAGE_SIZE),
					i < 8 ? mark(i) : 0);
		for (i = 8; i < 512; i += 7)
			guest_write(va + i * PAGE_SIZE, size[k] + i);
		guest_sync2(1, va, size[k]);
		for (i = 8; i < 512; i += 7)
			GUEST_ASSERT_EQ(guest_read(va + i * PAGE_SIZE),
					i < 256 ? size[k] + i : 0);
		guest_sync(2);
		for (i = 8; i < 512; i += 7)
			GUEST_ASSERT_EQ(guest_read(va + i * PAGE_SIZE), 0);
		GUEST_ASSERT(*guest_entry(va, k + 2) & PT_D);
	}
	guest_done();
}

TEST_F(paging, splintered_huge_pages)
{
	struct ucall *call;
	u64 i;
	int k;

	boot(self, guest_splinters);
	madvise(self->mem, MEM_SIZE, MADV_NOHUGEPAGE);
	gpt_map(&self->gpt, ALIAS(4), MEM_GPA | PT_RIGHTS | PT_PS, 2);
	gpt_map(&self->gpt, OTHER_VA, HUGE_GPA | PT_RIGHTS | PT_PS, 3);
	vm_slot(self->vm, 5, 0, HUGE_GPA, HUGE_SIZE, self->mem);
	for (k = 0; k < 2; k++) {
		call = run_ucall(self->vcpu);
		if (k && call->cmd == UCALL_DONE)
			SKIP(return, "no 1G pages here: 2M only");
		ASSERT_EQ(1, call->arg[0]);
		for (i = 8; i < 512; i += 7)
			EXPECT_EQ((k ? 1ul << 30 : HUGE_SIZE) + i,
				  *(u64 *)(self->mem + i * PAGE_SIZE));
		ASSERT_EQ(0, madvise(self->mem + HUGE_SIZE / 2, HUGE_SIZE / 2,
				     MADV_DONTNEED));
		run_to_sync(self->vcpu, 2);
		ASSERT_EQ(0, madvise(self->mem + 8 * PAGE_SIZE, HUGE_SIZE / 2,
				     MADV_DONTNEED));
	}
	run_to_done(self->vcpu);
}

TEST_HARNESS_MAIN
