// SPDX-License-Identifier: GPL-2.0
/*
 * Random tables for a guest: a pool of pages that are tables at any level, in
 * any format, at two places at once; few indices, so that accesses and edits
 * meet.
 */
#include "guest_random.h"

#include <string.h>

u64 below(u64 n)
{
	return shim_random() % n;
}

bool chance(int percent)
{
	return below(100) < percent;
}

gfn_t any_data(void)
{
	return below(2) * 512 + RAM_BASE + below(DATA);
}

/* Where random entries lie: few indices, so that accesses meet edits. */
gva_t any_va(enum guest_format format)
{
	static const u16 leaf[] = { 0, 1, 2, 3, 4, 5, 256, 511 };
	gva_t va = below(4096) & ~7ULL;
	unsigned int bits = format == GUEST_32 ? 10 : 9;
	int level;

	va |= (gva_t)leaf[below(8)] << 12;
	for (level = 2; level <= guest_levels(format); level++)
		va |= below(2) << (12 + bits * (level - 1));
	return va;
}

static u64 any_flags(enum guest_format format, int level, bool tidy)
{
	u64 flags = chance(tidy ? 98 : 92) ? PTE_P : 0;

	flags |= chance(tidy ? 90 : 75) ? PTE_W : 0;
	flags |= chance(tidy ? 90 : 75) ? PTE_U : 0;
	flags |= chance(50) ? PTE_A : 0;
	flags |= chance(40) ? PTE_D : 0;
	flags |= chance(5) ? BIT_ULL(3) : 0;
	flags |= chance(5) ? BIT_ULL(4) : 0;
	flags |= below(8) << 9;
	if (format != GUEST_32) {
		flags |= chance(tidy ? 4 : 12) ? PTE_NX : 0;
		flags |= chance(tidy ? 0 : 2) ? BIT_ULL(50) : 0;
		if (format != GUEST_PAE)
			flags |= chance(10) ? BIT_ULL(55) : 0;
	}
	if (level == 1)
		flags |= chance(10) ? PTE_PS : 0; /* PAT */
	flags |= chance(10) ? BIT_ULL(8) : 0;
	return flags;
}

gfn_t any_target(const struct random_tables *r)
{
	u64 n = below(32);

	if (n < 22)
		return any_data();
	if (n < 28)
		return r->pool[below(POOL)];
	if (n < 30)
		return ROM_BASE + below(ROM_PAGES);
	return n < 31 ? 2048 : RAM_BASE + below(RAM_PAGES);
}

static u64 any_huge(enum guest_format format, int level)
{
	static const gfn_t two[] = { 512, 1024, 512, 1024, 0, 3072 };
	u64 bits = chance(4) ? BIT_ULL(13 + below(8)) : 0;

	if (level == 3)
		return PTE_PS | bits; /* all there is */
	if (format == GUEST_32)
		return PTE_PS | bits | gfn_to_gpa(below(2) * 1024);
	return PTE_PS | bits | gfn_to_gpa(two[below(6)]);
}

/* For an entry of @level. Tidy: leaf tables are leaf tables. */
static gfn_t any_table(const struct random_tables *r, int level)
{
	int n = POOL / 4;

	if (level == 2 && r->tidy)
		return r->pool[n + below(2 * n)];
	if (r->tidy)
		return r->pool[3 * n + (level & 1) * n / 2 + below(n / 2)];
	return r->pool[chance(80) ? (level * 5 + below(5)) % POOL :
				    below(POOL)];
}

u64 any_gpte(const struct random_tables *r, enum guest_format format, int level)
{
	u64 flags = any_flags(format, level, r->tidy);

	if (level == 1)
		return gfn_to_gpa(any_target(r)) | flags;
	if (level <= 3 && chance(level == 2 ? 20 : 10))
		return any_huge(format, level) | flags;
	if (level > 3 && !r->tidy && chance(1))
		flags |= PTE_PS;
	if (!r->tidy && chance(2))
		return gfn_to_gpa(2048) | flags; /* no memory */
	/* A table that is seldom shared, or any. */
	return gfn_to_gpa(any_table(r, level)) | flags;
}

u64 any_pdpte(const struct random_tables *r)
{
	return chance(90) ? gfn_to_gpa(any_table(r, 3)) | PTE_P : 0;
}

static u64 top_entry(const struct random_tables *r, enum guest_format format)
{
	if (format == GUEST_PAE)
		return any_pdpte(r);
	return any_gpte(r, format, guest_levels(format));
}

/* Random entries at the indices that random addresses have. */
static int level_of(const struct random_tables *r, enum guest_format format,
		    int i)
{
	int level = 1 + i / 5;

	if (r->tidy && i < 3 * POOL / 4)
		return 1;
	if (r->tidy)
		level = i < 7 * POOL / 8 ? 3 : 2;
	if (level > guest_levels(format) || format <= GUEST_PAE)
		level = 1 + (r->tidy || i % 2);
	return level;
}

static void fill_pool(struct random_tables *r, enum guest_format format)
{
	unsigned int size = guest_gpte_size(format);
	int i, k;

	for (i = 0; i < POOL; i++)
		for (k = 0; k < 6; k++) {
			int level = level_of(r, format, i);

			guest_poke(r->world, gfn_to_gpa(r->pool[i]) + k * size,
				   size, any_gpte(r, format, level));
		}
}

static void make_roots(struct random_tables *r, enum guest_format format)
{
	struct guest_tables *t = &r->tables[format];
	unsigned int size = guest_gpte_size(format);
	int i, k, n = format == GUEST_PAE ? 4 : 4096 / size;

	for (i = 0; i < ROOTS; i++) {
		gfn_t root = i ? guest_table_page(t, r->world) : t->root;
		gpa_t gpa = gfn_to_gpa(root);

		r->root[format][i] = root;
		for (k = 0; k < n; k++)
			guest_poke(r->world, gpa + k * size, size,
				   guest_peek(r->world, gfn_to_gpa(t->root) +
						      k * size, size));
		for (k = 0; k < 2; k++)
			guest_poke(r->world, gpa + k * size, size,
				   top_entry(r, format));
	}
}

void random_tables_init(struct random_tables *r, struct world *world,
			enum guest_format first, enum guest_format last, bool tidy)
{
	gfn_t next = POOL_GFN + POOL;
	enum guest_format f;
	int i;

	memset(r, 0, sizeof(*r));
	r->world = world;
	r->first = first;
	r->last = last;
	r->tidy = tidy;
	for (i = 0; i < POOL; i++)
		r->pool[i] = i < ROM_POOL ? ROM_BASE + i : POOL_GFN + i;
	for (f = first; f <= last; f++) {
		guest_tables_init(&r->tables[f], world, f, next, next + 16);
		next += 16;
		fill_pool(r, f);
		make_roots(r, f);
	}
}

enum guest_format format_of(const struct um_guest_paging *p)
{
	if (p->efer & EFER_LMA)
		return p->cr4 & CR4_LA57 ? GUEST_57 : GUEST_64;
	return p->cr4 & CR4_PAE ? GUEST_PAE : GUEST_32;
}

void random_mode(const struct random_tables *r, struct um_guest_paging *p)
{
	enum guest_format format = r->first + below(r->last - r->first + 1);

	p->cr0 = CR0_PE | CR0_PG | (chance(70) ? CR0_WP : 0);
	p->cr4 = guest_cr4(format);
	p->cr4 |= chance(40) ? CR4_SMEP : 0;
	p->cr4 |= chance(40) ? CR4_SMAP : 0;
	if (format == GUEST_32 && chance(20))
		p->cr4 &= ~CR4_PSE;
	if (format >= GUEST_64 && chance(50))
		p->cr4 |= CR4_PCIDE;
	p->efer = guest_efer(format);
	if (chance(15))
		p->efer &= ~EFER_NXE;
	p->no_gbpages = chance(10);
	p->cr3 = gfn_to_gpa(r->root[format][below(ROOTS)]);
}
