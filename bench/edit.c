// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest pays for its own page tables: the first touch of a page that
 * they map, an entry written anew, INVLPG, and CR3.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <umbra.h>

#include "bench.h"

/* The tables of one more window of @pages pages, wherever it begins. */
#define TABLES(pages)	(2 + ((pages) + 511) / 512)

#define GIB		(1ul << 30)

/* Windows that the guest has not used yet follow a GiB apart. */
static uint64_t window(struct vm *vm, unsigned int i)
{
	return vm->window + (1 + i) * GIB;
}

/*
 * Each round has entries of its own, without A and D, and the slot was taken
 * away meanwhile, so that nothing is left of the round before.
 */
void paged_touch_run(struct bench *b)
{
	static struct series touch;
	size_t size = b->pages * PAGE;
	void *memory = memory_new(size, HUGE);
	struct vm *vm = paged_new(b, 0, 0, b->rounds * TABLES(b->pages));

	series_init(&touch, vm, "touch");
	for (unsigned int i = 0; i < b->rounds; i++)
		paged_map(vm, window(vm, i), GPA_DATA, b->pages, PTE_BLANK);
	vm_slot(vm, SLOT_DATA, GPA_DATA, memory, size, 0);
	for (unsigned int i = 0; i < b->rounds; i++) {
		vm_slot(vm, SLOT_DATA, GPA_DATA, memory, 0, 0);
		vm_slot(vm, SLOT_DATA, GPA_DATA, memory, size, 0);
		vm_call(vm, guest_nothing, 0, 0, 0, false);
		series_guest(&touch, guest_write, window(vm, i), PAGE,
			     b->pages);
	}
	series_report(&touch);
	vm_free(vm);
	munmap(memory, size);
}

/*
 * Each round maps every page to the frame behind the one it had. @name[0] with
 * A and D clear, for the walk to set; @name[1] with both set.
 */
static void rewrite(struct vm *vm, void *memory, const char *const name[2])
{
	static struct series s[2];
	static const uint64_t flags[] = { PTE_BLANK, PTE_USED };
	unsigned int pages = vm->bench->pages;
	uint64_t frame = GPA_DATA;

	vm_slot(vm, SLOT_DATA, GPA_DATA, memory,
		(pages + 2 * ROUNDS_MAX) * PAGE, 0);
	vm_call(vm, guest_write, vm->window, PAGE, pages, false);
	vm->arg[0] = paged_entry(vm, vm->window);
	for (int i = 0; i < 2; i++)
		series_init(&s[i], vm, name[i]);
	for (unsigned int i = 0; i < 2 * vm->bench->rounds; i++) {
		frame += PAGE;
		vm->arg[1] = frame | flags[i % 2];
		series_guest(&s[i % 2], guest_rewrite, vm->window, PAGE, pages);
	}
	for (int i = 0; i < 2; i++)
		series_report(&s[i]);
	vm_free(vm);
}

static void rewrite_modes(struct bench *b, void *memory)
{
	static const char *const plain[] = { "rewrite", "rewrite-used" };
	static const char *const names[][2] = {
		[UM_PTW_MODE_EMUL] = { "rewrite-emul", "rewrite-used-emul" },
		[UM_PTW_MODE_OOS] = { "rewrite-oos", "rewrite-used-oos" },
	};

	if (!b->type) {
		rewrite(paged_new(b, 0, 0, 0), memory, plain);
		return;
	}
	for (int mode = 0; mode <= UM_PTW_MODE_OOS; mode++) {
		if (bench_has_cap(b, UM_CAP_PTW) >> mode & 1)
			rewrite(paged_new(b, UM_CAP_PTW, mode, 0), memory,
				names[mode]);
		else
			report_skip(b, names[mode][0], "no such mode");
	}
}

/* Of pages that the tables map and nobody has touched. */
static void invlpg(struct bench *b)
{
	static struct series s;
	struct vm *vm = paged_new(b, 0, 0, TABLES(b->pages));

	series_init(&s, vm, "invlpg-untouched");
	paged_map(vm, window(vm, 0), GPA_DATA, b->pages, PTE_BLANK);
	vm_call(vm, guest_nothing, 0, 0, 0, false);
	for (unsigned int i = 0; i < b->rounds; i++)
		series_guest(&s, guest_invlpg, window(vm, 0), PAGE, b->pages);
	series_report(&s);
	vm_free(vm);
}

void paged_edit_run(struct bench *b)
{
	size_t size = (b->pages + 2 * ROUNDS_MAX) * PAGE;
	void *memory = memory_new(size, HUGE);

	rewrite_modes(b, memory);
	invlpg(b);
	munmap(memory, size);
}

/* CR3: between two roots that are warm, and to ones never seen. */
void paged_roots_run(struct bench *b)
{
	static struct series bare, touch, first;
	unsigned int fresh = b->pages / 16;
	struct vm *vm = paged_new(b, 0, 0, 1 + fresh * b->rounds);
	void *memory = memory_new(b->pages * PAGE, HUGE);

	series_init(&bare, vm, "cr3-warm");
	series_init(&touch, vm, "cr3-warm-touch");
	series_init(&first, vm, "cr3-first");
	vm_slot(vm, SLOT_DATA, GPA_DATA, memory, b->pages * PAGE, 0);
	vm_call(vm, guest_write, vm->window, PAGE, b->pages, false);
	vm->arg[0] = GPA_PML4;
	vm->arg[1] = paged_root(vm);
	vm_call(vm, guest_switch_touch, vm->window, 0, 2, false);
	for (unsigned int i = 0; i < b->rounds; i++) {
		series_guest(&bare, guest_switch, 0, 0, b->pages);
		series_guest(&touch, guest_switch_touch, vm->window, 0,
			     b->pages);
	}
	for (unsigned int i = 0; i < b->rounds; i++) {
		vm->arg[0] = paged_root(vm);
		for (unsigned int n = 1; n < fresh; n++)
			paged_root(vm);
		series_guest(&first, guest_load, 0, 0, fresh);
	}
	series_report(&bare);
	series_report(&touch);
	series_report(&first);
	vm_free(vm);
	munmap(memory, b->pages * PAGE);
}
