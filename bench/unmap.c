// SPDX-License-Identifier: GPL-2.0
/*
 * The MMU notifier: MADV_DONTNEED of pages that the guest maps, and the same
 * of pages that no guest ever mapped. The difference is the hypervisor's.
 */
#include <err.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

static void drop(struct series *s, void *memory, size_t size)
{
	if (SERIES_TIME(s, size / PAGE, madvise(memory, size, MADV_DONTNEED)))
		err(1, "madvise");
}

/* Ends with the VM freed. */
static void measure(struct vm *vm, const char *name)
{
	static struct series mapped, host;
	uint64_t gva = vm->window ? vm->window : GPA_DATA;
	struct bench *b = vm->bench;
	size_t size = b->pages * PAGE;
	void *memory = memory_new(size, HUGE);
	void *other = memory_new(size, HUGE);
	double with, without;

	series_init(&mapped, vm, "madvise-mapped");
	series_init(&host, vm, "madvise-host");
	vm_slot(vm, SLOT_DATA, GPA_DATA, memory, size, 0);
	for (unsigned int i = 0; i < b->rounds; i++) {
		memset(memory, 0, size);
		vm_call(vm, guest_write, gva, PAGE, b->pages, false);
		drop(&mapped, memory, size);
		memset(other, 0, size);
		drop(&host, other, size);
	}
	with = series_report(&mapped);
	without = series_report(&host);
	report_figure(b, name, with - without, with - without,
		      mapped.ops);
	vm_free(vm);
	munmap(memory, size);
	munmap(other, size);
}

void unmap_run(struct bench *b)
{
	measure(vm_new(b), "notifier-unmap");
}

void paged_unmap_run(struct bench *b)
{
	measure(paged_new(b, 0, 0, 0), "paged-notifier-unmap");
}
