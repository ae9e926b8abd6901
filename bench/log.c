// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log of the oldest kind: GET reports and takes away. What enabling
 * costs, the write fault that marks a page, the harvest of a full and of a
 * sparse log, a whole cycle of writing and harvesting, disabling, and what
 * the guest pays afterwards to have its pages back.
 */
#include <sys/mman.h>

#include "bench.h"

struct log_series {
	struct series enable, fault, full, sparse, cycle, disable, refault;
};

static int set(struct log *log, bool on)
{
	log_set(log, on);
	return 0;
}

/*
 * By the host's clock, for with PML much of a write's cost falls on exits
 * that the guest cannot time.
 */
static int write_and_get(struct log *log)
{
	log_write(log, 1);
	return log_get(log);
}

static void round_trip(struct log *log, struct log_series *s)
{
	unsigned int pages = log->pages;

	log_write(log, 1);
	SERIES_TIME(&s->enable, pages, set(log, true));

	series_guest(&s->fault, guest_write, log->gva, PAGE, pages);
	SERIES_TIME(&s->full, pages, log_get(log));
	log_check(log, 1);

	log_write(log, SPARSE);
	SERIES_TIME(&s->sparse, pages / SPARSE, log_get(log));
	log_check(log, SPARSE);

	SERIES_TIME(&s->cycle, pages, write_and_get(log));
	log_check(log, 1);

	/* Disabling is measured with every page writable, as it mostly is. */
	log_write(log, 1);
	SERIES_TIME(&s->disable, pages, set(log, false));
	series_guest(&s->refault, guest_write, log->gva, PAGE, pages);
}

/* Of the data slot; ends with the VM freed. */
static void measure(struct vm *vm)
{
	static struct log_series s;
	struct bench *b = vm->bench;
	size_t size = b->pages * PAGE;
	void *memory = memory_new(size, HUGE);
	struct log log;

	series_init(&s.enable, vm, "log-enable");
	series_init(&s.fault, vm, "log-write-fault");
	series_init(&s.full, vm, "get-dirty-log-full");
	series_init(&s.sparse, vm, "get-dirty-log-sparse");
	series_init(&s.cycle, vm, "write-get-cycle");
	series_init(&s.disable, vm, "log-disable");
	series_init(&s.refault, vm, "log-refault");
	log_init(&log, vm, SLOT_DATA, GPA_DATA, memory, size);
	for (unsigned int i = 0; i < b->rounds; i++)
		round_trip(&log, &s);
	series_report(&s.enable);
	series_report(&s.fault);
	series_report(&s.full);
	series_report(&s.sparse);
	series_report(&s.cycle);
	series_report(&s.disable);
	series_report(&s.refault);
	log_fini(&log);
	vm_free(vm);
	munmap(memory, size);
}

void log_run(struct bench *b)
{
	measure(vm_new(b));
}

void paged_log_run(struct bench *b)
{
	measure(paged_new(b, 0, 0, 0));
}

/*
 * The same of memory that was mapped by 2M pages: enabling splits them, and
 * disabling brings them back, at once or by the guest's next faults.
 */
void log_2m_run(struct bench *b)
{
	static struct log_series s;
	size_t size = b->huge * HUGE;
	void *memory = huge_memory_new(size);
	struct log log;
	struct vm *vm;

	if (!memory) {
		report_skip(b, "log-2m-enable", "the host has no huge pages");
		return;
	}
	vm = vm_new(b);
	series_init(&s.enable, vm, "log-2m-enable");
	series_init(&s.disable, vm, "log-2m-disable");
	series_init(&s.refault, vm, "log-2m-refault");
	log_init(&log, vm, SLOT_HUGE, GPA_HUGE, memory, size);
	log_write(&log, 1);
	for (unsigned int i = 0; i < b->rounds; i++) {
		SERIES_TIME(&s.enable, log.pages, set(&log, true));
		log_write(&log, 1);
		SERIES_TIME(&s.disable, log.pages, set(&log, false));
		series_guest(&s.refault, guest_write, log.gpa, PAGE, log.pages);
	}
	series_report(&s.enable);
	series_report(&s.disable);
	series_report(&s.refault);
	log_fini(&log);
	vm_free(vm);
	munmap(memory, size);
}
