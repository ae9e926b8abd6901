// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: what enabling costs, the write fault that marks a page, the
 * harvest of a full and of a sparse log (one page in 64), and disabling.
 * Each harvest is compared with what the guest wrote: a log that loses a page
 * has no speed.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"

#define SPARSE		64u

static int harvest(struct vm *vm, uint64_t *bitmap)
{
	struct kvm_dirty_log log = {
		.slot = SLOT_DATA, .dirty_bitmap = bitmap,
	};

	return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

/* Every @stride-th page was written, and no other. */
static void check(const uint64_t *bitmap, unsigned int pages,
		  unsigned int stride)
{
	for (unsigned int i = 0; i < pages; i++)
		if ((bitmap[i / 64] >> i % 64 & 1) != (i % stride == 0))
			errx(1, "page %u is %s in the dirty log", i,
			     i % stride ? "too much" : "missing");
}

static void logging(struct vm *vm, void *memory, size_t size,
		    struct series *s, uint32_t flags)
{
	SERIES_TIME(s, size / PAGE,
		    (vm_slot(vm, SLOT_DATA, GPA_DATA, memory, size, flags), 0));
}

struct log_series {
	struct series enable, fault, full, sparse, disable;
};

static void round_trip(struct vm *vm, struct log_series *s, void *memory,
		       uint64_t *bitmap)
{
	unsigned int pages = vm->bench->pages, few = pages / SPARSE;
	size_t size = pages * PAGE;

	vm_call(vm, guest_write, GPA_DATA, PAGE, pages, false);
	logging(vm, memory, size, &s->enable, KVM_MEM_LOG_DIRTY_PAGES);

	series_guest(&s->fault, guest_write, GPA_DATA, PAGE, pages);
	if (SERIES_TIME(&s->full, pages, harvest(vm, bitmap)))
		err(1, "KVM_GET_DIRTY_LOG");
	check(bitmap, pages, 1);

	vm_call(vm, guest_write, GPA_DATA, SPARSE * PAGE, few, false);
	if (SERIES_TIME(&s->sparse, few, harvest(vm, bitmap)))
		err(1, "KVM_GET_DIRTY_LOG");
	check(bitmap, pages, SPARSE);

	/* Disabling is measured with every page writable, as it mostly is. */
	vm_call(vm, guest_write, GPA_DATA, PAGE, pages, false);
	logging(vm, memory, size, &s->disable, 0);
}

void log_run(struct bench *b)
{
	static struct log_series s;
	struct vm *vm = vm_new(b);
	size_t size = b->pages * PAGE;
	void *memory = memory_new(size, HUGE);
	uint64_t *bitmap = memory_new(PAGE, PAGE);

	series_init(&s.enable, vm, "log-enable");
	series_init(&s.fault, vm, "log-write-fault");
	series_init(&s.full, vm, "get-dirty-log-full");
	series_init(&s.sparse, vm, "get-dirty-log-sparse");
	series_init(&s.disable, vm, "log-disable");
	vm_slot(vm, SLOT_DATA, GPA_DATA, memory, size, 0);
	for (unsigned int i = 0; i < b->rounds; i++)
		round_trip(vm, &s, memory, bitmap);
	series_report(&s.enable);
	series_report(&s.fault);
	series_report(&s.full);
	series_report(&s.sparse);
	series_report(&s.disable);
	vm_free(vm);
	munmap(bitmap, PAGE);
	munmap(memory, size);
}
