// SPDX-License-Identifier: GPL-2.0
/*
 * The guest walk against a model of the SDM that knows no tables: rights are
 * written out again as the SDM's sentences, reserved bits as literal masks.
 * Every combination of rights bits on two levels, control bits and access
 * kinds is tried in every paging mode and page size.
 */
#include "umbra/guest_walk.h"

#include "random.h"
#include "tap.h"

#include <linux/kernel.h>

#include <string.h>

#define P	0x01ULL
#define W	0x02ULL
#define U	0x04ULL
#define A	0x20ULL
#define D	0x40ULL
#define PS	0x80ULL
#define NX	(1ULL << 63)

#define WP	(1ULL << 16)
#define PG	(1ULL << 31)
#define PSE	(1ULL << 4)
#define PAE	(1ULL << 5)
#define LA57	(1ULL << 12)
#define SMEP	(1ULL << 20)
#define SMAP	(1ULL << 21)
#define LMA	(1ULL << 10)
#define NXE	(1ULL << 11)
#define AC	(1ULL << 18)

struct kind {
	const char *name;
	u64 cr4, efer;
	unsigned int top;	/* level of the root table */
	unsigned int leaf;	/* level of the page under test */
	unsigned int size;	/* of an entry */
	unsigned int shift[5];	/* by level - 1 */
};

#define SHIFT64 { 12, 21, 30, 39, 48 }

static const struct kind kinds[] = {
	{ "32-bit 4K", PSE, 0, 2, 1, 4, { 12, 22 } },
	{ "32-bit 4M", PSE, 0, 2, 2, 4, { 12, 22 } },
	{ "PAE 4K", PAE, 0, 2, 1, 8, SHIFT64 },
	{ "PAE 2M", PAE, 0, 2, 2, 8, SHIFT64 },
	{ "4-level 4K", PAE, LMA, 4, 1, 8, SHIFT64 },
	{ "4-level 2M", PAE, LMA, 4, 2, 8, SHIFT64 },
	{ "4-level 1G", PAE, LMA, 4, 3, 8, SHIFT64 },
	{ "5-level 4K", PAE | LA57, LMA, 5, 1, 8, SHIFT64 },
	{ "5-level 2M", PAE | LA57, LMA, 5, 2, 8, SHIFT64 },
	{ "5-level 1G", PAE | LA57, LMA, 5, 3, 8, SHIFT64 },
};

#define NR_KINDS ARRAY_SIZE(kinds)

/* Guest memory: one entry per level, nothing else exists. */
struct tables {
	const struct kind *kind;
	u64 linear;
	u64 gpa[5];
	u64 gpte[5];
	bool readonly[5];
	unsigned int change[5];	/* lose this many cmpxchg */
	unsigned int nr_cmpxchg;
	struct um_guest_paging paging;
};

static int level_at(const struct tables *t, u64 gpa)
{
	unsigned int i;

	for (i = t->kind->leaf; i <= t->kind->top; i++)
		if (t->gpa[i - 1] == gpa)
			return i;
	return 0;
}

static enum um_gpte_rc read_gpte(void *priv, u64 gpa, unsigned int size,
				 u64 *val)
{
	struct tables *t = priv;
	int level = level_at(t, gpa);

	if (!level || size != t->kind->size)
		return UM_GPTE_NOWHERE;
	*val = t->gpte[level - 1];
	return UM_GPTE_OK;
}

static enum um_gpte_rc cmpxchg_gpte(void *priv, u64 gpa, unsigned int size,
				    u64 old, u64 new)
{
	struct tables *t = priv;
	int level = level_at(t, gpa);

	t->nr_cmpxchg++;
	if (!level || size != t->kind->size)
		return UM_GPTE_NOWHERE;
	if (t->readonly[level - 1])
		return UM_GPTE_READONLY;
	if (t->change[level - 1]) {
		t->change[level - 1]--;
		return UM_GPTE_CHANGED;
	}
	if (t->gpte[level - 1] != old)
		return UM_GPTE_CHANGED;
	t->gpte[level - 1] = new;
	return UM_GPTE_OK;
}

static u64 table_page(unsigned int level)
{
	return 0x10000ULL * level;
}

/* All rights everywhere; the page at an address with low bits set. */
static void build(struct tables *t, const struct kind *k, u64 linear)
{
	unsigned int i, bits = k->size == 4 ? 10 : 9;
	u64 page = (0x8c0000000ULL >> (k->size == 4 ? 4 : 0)) &
		   ~((1ULL << k->shift[k->leaf - 1]) - 1);

	memset(t, 0, sizeof(*t));
	t->kind = k;
	t->linear = linear;
	for (i = k->leaf; i <= k->top; i++) {
		u64 index = (linear >> k->shift[i - 1]) & ((1 << bits) - 1);

		t->gpa[i - 1] = table_page(i) + index * k->size;
		t->gpte[i - 1] = P | W | U |
				 (i == k->leaf ? page : table_page(i - 1));
	}
	if (k->leaf > 1)
		t->gpte[k->leaf - 1] |= PS;
	t->paging.cr0 = PG | WP | 1;
	t->paging.cr3 = table_page(k->top);
	t->paging.cr4 = k->cr4;
	t->paging.efer = k->efer | (k->size == 8 ? NXE : 0);
	t->paging.maxphyaddr = 46;
	for (i = 0; i < 4; i++)
		t->paging.pdpte[i] = i == (linear >> 30 & 3) ?
				     table_page(2) | P : 0;
	t->paging.read_gpte = read_gpte;
	t->paging.cmpxchg_gpte = cmpxchg_gpte;
	t->paging.priv = t;
}

static u64 some_linear(const struct kind *k)
{
	u64 linear = random_u64();

	return k->efer ? linear : linear & 0xffffffff;
}

/* Determination of Access Rights, sentence by sentence. */
static bool model_allows(u64 upper, u64 leaf, const struct um_guest_paging *p,
			 u32 access)
{
	bool user_page = (upper & U) && (leaf & U);
	bool writable = (upper & W) && (leaf & W);
	bool xd = ((upper | leaf) & NX) && (p->efer & NXE);
	bool fetch = access & UM_WALK_FETCH;
	bool write = access & UM_WALK_WRITE;

	if (access & UM_WALK_USER) {
		if (!user_page)
			return false;
		if (fetch)
			return !xd;
		return write ? writable : true;
	}
	if (fetch) {
		if (user_page && (p->cr4 & SMEP))
			return false;
		return !xd;
	}
	if (user_page && (p->cr4 & SMAP)) {
		if (access & UM_WALK_IMPLICIT)
			return false;
		if (!(p->rflags & AC))
			return false;
	}
	if (write && (p->cr0 & WP))
		return writable;
	return true;
}

static u32 model_error(const struct um_guest_paging *p, u32 access, u32 why)
{
	u32 code = why;

	if (access & UM_WALK_WRITE)
		code |= 2;
	if (access & UM_WALK_USER)
		code |= 4;
	if ((access & UM_WALK_FETCH) &&
	    ((p->cr4 & SMEP) || ((p->cr4 & PAE) && (p->efer & NXE))))
		code |= 16;
	return code;
}

static const u32 accesses[] = {
	0, UM_WALK_WRITE, UM_WALK_FETCH,
	UM_WALK_USER, UM_WALK_USER | UM_WALK_WRITE,
	UM_WALK_USER | UM_WALK_FETCH,
	UM_WALK_IMPLICIT, UM_WALK_IMPLICIT | UM_WALK_WRITE,
};

#define NR_ACCESSES ARRAY_SIZE(accesses)

static unsigned long nr_walks;

static void check_walk(struct tables *t, u64 upper, u64 leaf, u32 access)
{
	const struct kind *k = t->kind;
	u64 *leafp = &t->gpte[k->leaf - 1];
	enum um_walk_result result;
	struct um_guest_walk walk;
	struct tables before = *t;
	u64 marks = A | (access & UM_WALK_WRITE ? D : 0);
	unsigned int i;

	nr_walks++;
	result = um_guest_walk(&t->paging, t->linear, access, &walk);
	if (!model_allows(upper, leaf, &t->paging, access)) {
		EXPECT(result == UM_WALK_FAULT, "%s: upper 0x%llx leaf 0x%llx "
		       "access 0x%x allowed", k->name, upper, leaf, access);
		EXPECT_EQ(walk.error_code,
			  model_error(&t->paging, access, 1));
		EXPECT(!memcmp(before.gpte, t->gpte, sizeof(t->gpte)),
		       "%s: marked by a fault", k->name);
		return;
	}
	EXPECT(result == UM_WALK_OK, "%s: upper 0x%llx leaf 0x%llx access 0x%x "
	       "gives %d", k->name, upper, leaf, access, result);
	EXPECT_EQ(walk.level, k->leaf);
	EXPECT_EQ(walk.rights, (upper & leaf & W ? UM_WALK_MAY_WRITE : 0) |
			       (upper & leaf & U ? UM_WALK_MAY_USER : 0) |
			       ((upper | leaf) & NX ? 0 : UM_WALK_MAY_EXEC));
	EXPECT_EQ(walk.gpa & ((1ULL << k->shift[k->leaf - 1]) - 1),
		  t->linear & ((1ULL << k->shift[k->leaf - 1]) - 1));
	EXPECT_EQ(*leafp, before.gpte[k->leaf - 1] | marks);
	for (i = k->leaf + 1; i <= k->top; i++)
		EXPECT_EQ(t->gpte[i - 1], before.gpte[i - 1] | A);
	EXPECT_EQ(walk.gpte[k->leaf - 1], *leafp);
	EXPECT_EQ(walk.gpte_gpa[k->leaf - 1], t->gpa[k->leaf - 1]);
}

static u64 rights_bits(unsigned int i, bool nx)
{
	return (i & 1 ? W : 0) | (i & 2 ? U : 0) | (nx && (i & 4) ? NX : 0);
}

/* The control bits that matter, one combination. */
static void set_controls(struct tables *t, unsigned int i)
{
	const struct kind *k = t->kind;

	t->paging.cr0 = PG | 1 | (i & 1 ? WP : 0);
	t->paging.cr4 = k->cr4 | (i & 2 ? SMEP : 0) | (i & 4 ? SMAP : 0);
	t->paging.rflags = i & 8 ? AC : 0;
	t->paging.efer = k->efer | (i & 16 ? NXE : 0);
}

static void permissions_of(const struct kind *k, unsigned int controls,
			   unsigned int upper_level)
{
	bool nx = k->size == 8 && (controls & 16);
	unsigned int i, rights = nx ? 8 : 4;
	struct tables base, t;

	build(&base, k, some_linear(k));
	set_controls(&base, controls);
	for (i = 0; i < rights * rights * NR_ACCESSES; i++) {
		u64 leaf = rights_bits(i / NR_ACCESSES % rights, nx);
		u64 upper = rights_bits(i / NR_ACCESSES / rights, nx);
		u64 *gpte;

		t = base;
		t.paging.priv = &t;
		gpte = t.gpte;
		gpte[k->leaf - 1] = (gpte[k->leaf - 1] & ~(W | U)) | leaf;
		if (upper_level == k->leaf)
			upper = leaf;
		else
			gpte[upper_level - 1] =
				(gpte[upper_level - 1] & ~(W | U)) | upper;
		check_walk(&t, upper, leaf, accesses[i % NR_ACCESSES]);
	}
}

static void permissions(void)
{
	unsigned int i, controls, level;

	for (i = 0; i < NR_KINDS; i++)
		for (controls = 0; controls < 32; controls++)
			for (level = kinds[i].leaf; level <= kinds[i].top;
			     level++)
				permissions_of(&kinds[i], controls, level);
	printf("# %lu walks\n", nr_walks);
}

static void not_present_at(const struct kind *k, unsigned int level, u32 access)
{
	struct um_guest_walk walk;
	struct tables t;

	build(&t, k, some_linear(k));
	/* Whatever else is set does not matter. */
	t.gpte[level - 1] = random_u64() & ~P;
	if (k->size == 4)
		t.gpte[level - 1] &= 0xffffffff;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, access, &walk),
		  UM_WALK_FAULT);
	EXPECT_EQ(walk.error_code, model_error(&t.paging, access, 0));
	EXPECT_EQ(walk.level, level);
	EXPECT_EQ(t.nr_cmpxchg, 0);
}

static void not_present(void)
{
	unsigned int i, level, a;

	for (i = 0; i < NR_KINDS; i++)
		for (level = kinds[i].leaf; level <= kinds[i].top; level++)
			for (a = 0; a < NR_ACCESSES; a++)
				not_present_at(&kinds[i], level, accesses[a]);
}

/* Reserved bits of a present entry: the SDM's figures as masks, M = 46. */
static u64 model_reserved(const struct kind *k, unsigned int level, bool nxe)
{
	bool large = level == k->leaf && level > 1;
	u64 rsvd;

	if (k->size == 4)
		return large ? 0x200000 : 0;
	rsvd = k->efer ? 0x000fc00000000000ULL : 0x7fffc00000000000ULL;
	if (!nxe)
		rsvd |= NX;
	if (large && level == 2)
		rsvd |= 0x1fe000;
	if (large && level == 3)
		rsvd |= 0x3fffe000;
	if (level >= 4)
		rsvd |= PS;
	return rsvd;
}

static void reserved_bits_of(const struct kind *k, unsigned int level, bool nxe)
{
	struct um_guest_walk walk;
	struct tables t;
	unsigned int bit;

	for (bit = 1; bit < k->size * 8; bit++) {
		u64 mask = 1ULL << bit;
		enum um_walk_result result;

		build(&t, k, 0x12345678);
		if (!nxe)
			t.paging.efer &= ~NXE;
		if (t.gpte[level - 1] & mask)
			continue;
		/* Bits that lead elsewhere are no rights question. */
		if (level > k->leaf && bit >= 12 &&
		    !(model_reserved(k, level, nxe) & mask))
			continue;
		/* PS turns a table into a page: other reserved bits. */
		if (bit == 7 && level > k->leaf && level <= 3)
			continue;
		t.gpte[level - 1] |= mask;
		result = um_guest_walk(&t.paging, t.linear, UM_WALK_PEEK,
				       &walk);
		if (model_reserved(k, level, nxe) & mask) {
			EXPECT(result == UM_WALK_FAULT &&
			       walk.error_code == 9,
			       "%s level %u bit %u: %d, 0x%x", k->name, level,
			       bit, result, walk.error_code);
		} else {
			EXPECT(result == UM_WALK_OK, "%s level %u bit %u: %d",
			       k->name, level, bit, result);
		}
	}
}

static void reserved_bits(void)
{
	unsigned int i, level;

	for (i = 0; i < NR_KINDS; i++)
		for (level = kinds[i].leaf; level <= kinds[i].top; level++) {
			reserved_bits_of(&kinds[i], level, true);
			reserved_bits_of(&kinds[i], level, false);
		}
}

static void widths_of_physical_addresses(void)
{
	const struct kind *k = &kinds[4];
	struct um_guest_walk walk;
	unsigned int width, bit;
	struct tables t;

	for (width = 36; width <= 52; width++)
		for (bit = 30; bit < 52; bit++) {
			build(&t, k, 0x12345678);
			t.paging.maxphyaddr = width;
			t.gpte[0] = P | W | U | 1ULL << bit;
			EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk),
				  bit < width ? UM_WALK_OK : UM_WALK_FAULT);
		}
}

static void gigabyte_pages_absent(void)
{
	struct um_guest_walk walk;
	struct tables t;

	build(&t, &kinds[6], 0x12345678);
	t.paging.no_gbpages = true;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_FAULT);
	EXPECT_EQ(walk.error_code, 9);
}

static void addresses(void)
{
	struct um_guest_walk walk;
	struct tables t;

	build(&t, &kinds[0], 0xfedcba98);
	t.gpte[0] = P | 0xabcde000;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_OK);
	EXPECT_EQ(walk.gpa, 0xabcdea98);

	/* PSE-36: bits 20:13 of the entry are address bits 39:32. */
	build(&t, &kinds[1], 0xfedcba98);
	t.gpte[1] = P | PS | 0xabc00000 | 0x5a << 13 | 0x1000;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_OK);
	EXPECT_EQ(walk.gpa, 0x5aabdcba98);
	t.paging.maxphyaddr = 36;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_FAULT);
	EXPECT_EQ(walk.error_code, 9);

	/* Without CR4.PSE the bit means nothing: it leads to a table. */
	build(&t, &kinds[0], 0xfedcba98);
	t.gpte[1] |= PS;
	t.paging.cr4 &= ~PSE;
	t.gpte[0] = P | 0xabcde000;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_OK);
	EXPECT_EQ(walk.gpa, 0xabcdea98);

	build(&t, &kinds[5], 0xffff8000fedcba98);
	t.gpte[1] = P | PS | NX | 0x3abcde00000 | 0x1000;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_OK);
	EXPECT_EQ(walk.gpa, 0x3abcdfcba98);

	build(&t, &kinds[9], 0xff80000123456789);
	t.gpte[2] = P | PS | 0x12340000000;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_OK);
	EXPECT_EQ(walk.gpa, 0x12363456789);
	EXPECT_EQ(walk.top, 5);
}

static void paging_off(void)
{
	struct um_guest_paging p = { .cr0 = 1 };
	struct um_guest_walk walk;

	EXPECT_EQ(um_guest_walk(&p, 0x1fedcba98, UM_WALK_USER | UM_WALK_WRITE,
				&walk), UM_WALK_OK);
	EXPECT_EQ(walk.gpa, 0xfedcba98);
	EXPECT_EQ(walk.level, 0);
	EXPECT_EQ(walk.rights, UM_WALK_MAY_WRITE | UM_WALK_MAY_USER |
			       UM_WALK_MAY_EXEC);
}

static void pdptes(void)
{
	struct um_guest_walk walk;
	struct tables t;

	build(&t, &kinds[2], 0x80001000);
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_OK);
	t.paging.pdpte[2] &= ~P;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, UM_WALK_WRITE, &walk),
		  UM_WALK_FAULT);
	EXPECT_EQ(walk.error_code, 2);

	EXPECT_EQ(um_guest_pdpte_is_valid(0xffffffffffffffe, 46), true);
	EXPECT_EQ(um_guest_pdpte_is_valid(0x3ffffffff000 | P, 46), true);
	EXPECT_EQ(um_guest_pdpte_is_valid(0x3ffffffffe19, 46), true);
	EXPECT_EQ(um_guest_pdpte_is_valid(1ULL << 46 | P, 46), false);
	EXPECT_EQ(um_guest_pdpte_is_valid(NX | P, 46), false);
	EXPECT_EQ(um_guest_pdpte_is_valid(W | P, 46), false);
	EXPECT_EQ(um_guest_pdpte_is_valid(U | P, 46), false);
	EXPECT_EQ(um_guest_pdpte_is_valid(A | P, 46), false);
	EXPECT_EQ(um_guest_pdpte_is_valid(PS | P, 46), false);
	EXPECT_EQ(um_guest_pdpte_is_valid(0x100 | P, 46), false);
}

static void tables_outside_memory(void)
{
	struct um_guest_walk walk;
	struct tables t;

	build(&t, &kinds[4], 0x12345678);
	t.gpte[2] = P | W | U | 0xdead000;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, UM_WALK_USER, &walk),
		  UM_WALK_NOWHERE);
	EXPECT_EQ(walk.error_code, 4);
	EXPECT_EQ(walk.gpte_gpa[1], 0xdead000 + (0x12345678 >> 21 & 511) * 8);
	EXPECT_EQ(t.nr_cmpxchg, 0);
}

static void marking(void)
{
	struct um_guest_walk walk;
	struct tables t;

	/* What is marked already is not written again. */
	build(&t, &kinds[4], 0x12345678);
	um_guest_walk(&t.paging, t.linear, 0, &walk);
	EXPECT_EQ(t.nr_cmpxchg, 4);
	um_guest_walk(&t.paging, t.linear, 0, &walk);
	EXPECT_EQ(t.nr_cmpxchg, 4);
	um_guest_walk(&t.paging, t.linear, UM_WALK_WRITE, &walk);
	EXPECT_EQ(t.nr_cmpxchg, 5);

	build(&t, &kinds[4], 0x12345678);
	um_guest_walk(&t.paging, t.linear, UM_WALK_WRITE | UM_WALK_PEEK,
		      &walk);
	EXPECT_EQ(t.nr_cmpxchg, 0);

	/* A table on a read-only slot is left alone. */
	build(&t, &kinds[4], 0x12345678);
	t.readonly[1] = true;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, UM_WALK_WRITE, &walk),
		  UM_WALK_OK);
	EXPECT_EQ(t.gpte[1] & A, 0);
	EXPECT_EQ(walk.gpte[1] & A, 0);
	EXPECT_EQ(t.gpte[0] & (A | D), A | D);
	EXPECT_EQ(t.gpte[2] & A, A);

	/* Lost races: the walk starts over, but not for ever. */
	build(&t, &kinds[4], 0x12345678);
	t.change[0] = 3;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_OK);
	EXPECT_EQ(t.gpte[0] & A, A);
	build(&t, &kinds[4], 0x12345678);
	t.change[0] = 1000;
	EXPECT_EQ(um_guest_walk(&t.paging, t.linear, 0, &walk), UM_WALK_RETRY);
	EXPECT_EQ(t.gpte[0] & A, 0);
}

/* Control registers and entries of no known shape must do no harm. */
static void hostile(void)
{
	struct um_guest_walk walk;
	unsigned int i, j;
	struct tables t;

	for (i = 0; i < 200000; i++) {
		const struct kind *k = &kinds[random_below(NR_KINDS)];

		build(&t, k, some_linear(k));
		t.paging.cr0 = random_u64() | PG;
		t.paging.cr4 = random_u64();
		t.paging.efer = random_u64();
		t.paging.maxphyaddr = random_u64();
		for (j = 0; j < 5; j++)
			t.gpte[j] ^= 1ULL << random_below(64);
		um_guest_walk(&t.paging, t.linear, random_u64() & 0x1f, &walk);
		EXPECT(walk.level <= walk.top && walk.top <= 5,
		       "level %u of %u", walk.level, walk.top);
	}
}

int main(void)
{
	random_start(0x77616c6b);
	TEST(permissions);
	TEST(not_present);
	TEST(reserved_bits);
	TEST(widths_of_physical_addresses);
	TEST(gigabyte_pages_absent);
	TEST(addresses);
	TEST(paging_off);
	TEST(pdptes);
	TEST(tables_outside_memory);
	TEST(marking);
	TEST(hostile);
	return tap_done();
}
