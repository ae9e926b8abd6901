// SPDX-License-Identifier: GPL-2.0
/*
 * A guest with 4K page tables of its own. They lie in a slot for themselves
 * and map a window of virtual addresses above all memory to the data slot;
 * below it the low slot's tables stand as they are, so that the guest reaches
 * its tables one to one.
 *
 *   PML4 (low) [0] -> PDPT (low) [64...] -> PD -> PT -> data
 */
#include <err.h>
#include <string.h>

#include "bench.h"

#define WINDOW		(64ul << 30)

static uint64_t *at(struct vm *vm, uint64_t gpa)
{
	if (gpa >= vm->tables.gpa)
		return vm->tables.memory + (gpa - vm->tables.gpa);
	return vm->low + gpa;
}

static uint64_t new_table(struct vm *vm)
{
	struct tables *t = &vm->tables;

	if (t->used == t->pages)
		errx(1, "%u pages are too few for the guest's tables",
		     t->pages);
	return t->gpa + t->used++ * PAGE;
}

/* The entry of @level (1: a leaf) for @gva, with its table made. */
static uint64_t entry(struct vm *vm, uint64_t gva, int level)
{
	uint64_t table = GPA_PML4, *e;

	for (int l = 4;; l--) {
		table += (gva >> (3 + 9 * l) & 511) * sizeof(*e);
		if (l == level)
			return table;
		e = at(vm, table);
		/* What stands there is a 1G page, or nothing. */
		if (!*e || *e & PTE_PS)
			*e = new_table(vm) | PTE_TABLE;
		table = *e & ~(PAGE - 1);
	}
}

uint64_t paged_entry(struct vm *vm, uint64_t gva)
{
	return entry(vm, gva, 1);
}

void paged_map(struct vm *vm, uint64_t gva, uint64_t gpa, unsigned int pages,
	       uint64_t flags)
{
	for (; pages--; gva += PAGE, gpa += PAGE)
		*at(vm, entry(vm, gva, 1)) = gpa | flags;
}

uint64_t paged_root(struct vm *vm)
{
	uint64_t root = new_table(vm);

	memcpy(at(vm, root), at(vm, GPA_PML4), PAGE);
	return root;
}

struct vm *paged_new(struct bench *b, unsigned int cap, uint64_t arg,
		     unsigned int spare)
{
	struct vm *vm = vm_new_cap(b, cap, arg);
	struct tables *t = &vm->tables;

	t->gpa = GPA_TABLES;
	t->pages = 2 + b->pages / 512 + spare;
	t->memory = memory_new(t->pages * PAGE, PAGE);
	vm_slot(vm, SLOT_TABLES, t->gpa, t->memory, t->pages * PAGE, 0);
	vm->prefix = "paged-";
	vm->window = WINDOW;
	paged_map(vm, WINDOW, GPA_DATA, b->pages, PTE_USED);
	return vm;
}
