// SPDX-License-Identifier: GPL-2.0
/*
 * First touch: the guest writes to pages that its tables do not map yet.
 * Taking the slot away and putting it back empties the tables; the host's
 * own page stays, so that only the hypervisor's part is in the figure. The
 * "cold" one takes the host's page away as well.
 */
#include <err.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

static void forget(struct vm *vm, enum slot slot, uint64_t gpa, void *memory,
		   size_t size)
{
	vm_slot(vm, slot, gpa, memory, 0, 0);
	vm_slot(vm, slot, gpa, memory, size, 0);
	/* The routine's own page may be gone from the tables as well. */
	vm_call(vm, guest_nothing, 0, 0, 0, false);
}

void touch_4k_run(struct bench *b)
{
	static struct series warm, cold;
	struct vm *vm = vm_new(b);
	size_t size = b->pages * PAGE;
	void *memory = memory_new(size, HUGE);

	series_init(&warm, vm, "touch-4k");
	series_init(&cold, vm, "touch-4k-cold");
	vm_slot(vm, SLOT_DATA, GPA_DATA, memory, size, 0);
	for (unsigned int i = 0; i < b->rounds; i++) {
		memset(memory, 0, size);
		forget(vm, SLOT_DATA, GPA_DATA, memory, size);
		series_guest(&warm, guest_write, GPA_DATA, PAGE, b->pages);
		if (madvise(memory, size, MADV_DONTNEED))
			err(1, "madvise");
		forget(vm, SLOT_DATA, GPA_DATA, memory, size);
		series_guest(&cold, guest_write, GPA_DATA, PAGE, b->pages);
	}
	series_report(&warm);
	series_report(&cold);
	vm_free(vm);
	munmap(memory, size);
}

void touch_2m_run(struct bench *b)
{
	static struct series first, next;
	size_t size = b->huge * HUGE;
	void *memory = huge_memory_new(size);
	struct vm *vm;

	if (!memory) {
		report_skip(b, "touch-2m",
			    "the host gives neither hugetlb nor THP pages");
		return;
	}
	vm = vm_new(b);
	series_init(&first, vm, "touch-2m");
	series_init(&next, vm, "touch-2m-next-4k");
	vm_slot(vm, SLOT_HUGE, GPA_HUGE, memory, size, 0);
	for (unsigned int i = 0; i < b->rounds; i++) {
		forget(vm, SLOT_HUGE, GPA_HUGE, memory, size);
		series_guest(&first, guest_write, GPA_HUGE, HUGE, b->huge);
		series_guest(&next, guest_write, GPA_HUGE + PAGE, HUGE,
			     b->huge);
	}
	/* The second page of each 2M costs nothing where the leaf is huge. */
	series_report(&first);
	series_report(&next);
	vm_free(vm);
	munmap(memory, size);
}
