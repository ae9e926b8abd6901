// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's page tables in any format, as the host writes them.
 */
#include "lib/gpt.h"

u64 gpt_page(struct vm *vm)
{
	u64 gpa = vm->next_pt;

	REQUIRE(gpa < PT_END, "out of table pages");
	vm->next_pt += PAGE_SIZE;
	memset(vm->ram + gpa, 0, PAGE_SIZE);
	return gpa;
}

void gpt_init(struct gpt *gpt, struct vm *vm, int levels)
{
	gpt->vm = vm;
	gpt->levels = levels;
	gpt->root = gpt_page(vm);
}

u64 gpt_get(const struct gpt *gpt, u64 gpa)
{
	u8 *at = gpt->vm->ram + gpa;

	return gpt->levels == 2 ? *(volatile u32 *)at : *(volatile u64 *)at;
}

void gpt_set(const struct gpt *gpt, u64 gpa, u64 entry)
{
	u8 *at = gpt->vm->ram + gpa;

	if (gpt->levels == 2)
		*(volatile u32 *)at = entry;
	else
		*(volatile u64 *)at = entry;
}

u64 gpt_slot(const struct gpt *gpt, u64 table, u64 va, int level)
{
	int bits = gpt->levels == 2 ? 10 : 9;
	u64 index = va >> (12 + bits * (level - 1)) & ((1 << bits) - 1);

	return (table & PT_ADDR) + index * (gpt->levels == 2 ? 4 : 8);
}

u64 gpt_entry(struct gpt *gpt, u64 va, int level)
{
	u64 table = gpt->root, at, rights;
	int i;

	for (i = gpt->levels; i > level; i--) {
		at = gpt_slot(gpt, table, va, i);
		table = gpt_get(gpt, at);
		if (table & PT_P)
			continue;
		/* A PDPTE of PAE has no rights. */
		rights = gpt->levels == 3 && i == 3 ? 0 : PT_W | PT_U;
		table = gpt_page(gpt->vm) | PT_P | rights;
		gpt_set(gpt, at, table);
	}
	return gpt_slot(gpt, table, va, level);
}

void gpt_map(struct gpt *gpt, u64 va, u64 leaf, int level)
{
	gpt_set(gpt, gpt_entry(gpt, va, level), leaf);
}

void gpt_identity(struct gpt *gpt, u64 size)
{
	u64 at;

	for (at = 0; at < size; at += PAGE_SIZE)
		gpt_map(gpt, at, at | PT_P | PT_W, 1);
}
