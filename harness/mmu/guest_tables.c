// SPDX-License-Identifier: GPL-2.0
/*
 * Builds a guest's page tables, in each format, while nothing runs.
 */
#include "guest.h"

const char *const guest_format_name[GUEST_FORMATS] = {
	"32-bit", "PAE", "4 levels", "5 levels",
};

int guest_levels(enum guest_format format)
{
	return format + 2;
}

unsigned int guest_gpte_size(enum guest_format format)
{
	return format == GUEST_32 ? 4 : 8;
}

static unsigned int level_shift(enum guest_format format, int level)
{
	return 12 + (level - 1) * (format == GUEST_32 ? 10 : 9);
}

unsigned int guest_index(enum guest_format format, int level, gva_t va)
{
	unsigned int bits = format == GUEST_32 ? 10 : 9;

	if (format == GUEST_PAE && level == 3)
		bits = 2;
	return va >> level_shift(format, level) & ((1U << bits) - 1);
}

u64 guest_cr4(enum guest_format format)
{
	switch (format) {
	case GUEST_32:
		return CR4_PSE;
	case GUEST_57:
		return CR4_PAE | CR4_LA57;
	default:
		return CR4_PAE;
	}
}

u64 guest_efer(enum guest_format format)
{
	u64 efer = format == GUEST_32 ? 0 : EFER_NXE;

	return format >= GUEST_64 ? efer | EFER_LME | EFER_LMA : efer;
}

gfn_t guest_table_page(struct guest_tables *t, struct world *world)
{
	gfn_t gfn = t->next++;
	int i;

	if (gfn >= t->end)
		world_bug("no page for a guest table is left");
	for (i = 0; i < UM_TABLE_ENTRIES; i++)
		guest_poke(world, gfn_to_gpa(gfn) + i * 8, 8, 0);
	return gfn;
}

gpa_t guest_entry(struct guest_tables *t, struct world *world, int level,
		  gva_t va)
{
	const unsigned int size = guest_gpte_size(t->format);
	gpa_t table = gfn_to_gpa(t->root), gpa;
	int l = guest_levels(t->format);
	u64 entry, flags;

	for (;; l--) {
		gpa = table + guest_index(t->format, l, va) * size;
		if (l == level)
			return gpa;
		entry = guest_peek(world, gpa, size);
		flags = t->format == GUEST_PAE && l == 3 ? PTE_P : PTE_ALL;
		if (!(entry & PTE_P)) {
			entry = gfn_to_gpa(guest_table_page(t, world)) | flags;
			guest_poke(world, gpa, size, entry);
		}
		table = entry & GENMASK_ULL(51, 12);
	}
}

void guest_map(struct guest_tables *t, struct world *world, gva_t va, gfn_t gfn,
	       u64 flags)
{
	gpa_t gpa = guest_entry(t, world, 1, va);

	guest_poke(world, gpa, guest_gpte_size(t->format),
		   gfn_to_gpa(gfn) | flags);
}

void guest_tables_init(struct guest_tables *t, struct world *world,
		       enum guest_format format, gfn_t next, gfn_t end)
{
	static const gva_t window[GUEST_FORMATS] = {
		0xc0000000, 0xc0000000, 0xffff800000000000, 0xff00000000000000,
	};
	gfn_t gfn;

	t->format = format;
	t->window = window[format];
	t->next = next;
	t->end = end;
	t->root = guest_table_page(t, world);
	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++)
		guest_map(t, world, guest_window(t, gfn_to_gpa(gfn)), gfn,
			  PTE_P | PTE_W);
}
