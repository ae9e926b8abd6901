// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log with manual protection: GET only reports, CLEAR takes away
 * what it is told. With INITIALLY_SET every page begins dirty, enabling does
 * nothing, and the first CLEAR protects (and splits) in its place.
 */
#include <sys/mman.h>

#include "bench.h"

#define MANUAL		KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
#define ENABLE		KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
#define INITIALLY_SET	(ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)

struct clear_series {
	struct series get, full, sparse;
};

static int set(struct log *log, bool on)
{
	log_set(log, on);
	return 0;
}

/* The log is empty, and a write comes to be seen again. */
static void check_clear(struct log *log)
{
	log_get(log);
	log_check(log, 0);
	log_write(log, SPARSE);
	log_get(log);
	log_check(log, SPARSE);
}

static void round_trip(struct log *log, struct clear_series *s)
{
	log_write(log, 1);
	SERIES_TIME(&s->get, log->pages, log_get(log));
	log_check(log, 1);
	SERIES_TIME(&s->full, log->pages, log_clear(log));
	check_clear(log);
	SERIES_TIME(&s->sparse, log->pages / SPARSE, log_clear(log));
	log_get(log);
	log_check(log, 0);
}

/* Ends with the VM freed. */
static void measure(struct vm *vm)
{
	static struct clear_series s;
	struct bench *b = vm->bench;
	size_t size = b->pages * PAGE;
	void *memory = memory_new(size, HUGE);
	struct log log;

	series_init(&s.get, vm, "get-manual");
	series_init(&s.full, vm, "clear-dirty-log-full");
	series_init(&s.sparse, vm, "clear-dirty-log-sparse");
	log_init(&log, vm, SLOT_DATA, GPA_DATA, memory, size);
	log_write(&log, 1);
	log_set(&log, true);
	for (unsigned int i = 0; i < b->rounds; i++)
		round_trip(&log, &s);
	series_report(&s.get);
	series_report(&s.full);
	series_report(&s.sparse);
	log_fini(&log);
	vm_free(vm);
	munmap(memory, size);
}

void clear_run(struct bench *b)
{
	if (bench_has_cap(b, MANUAL))
		measure(vm_new_cap(b, MANUAL, ENABLE));
	else
		report_skip(b, "clear-dirty-log-full", "no manual protection");
}

void paged_clear_run(struct bench *b)
{
	if (bench_has_cap(b, MANUAL))
		measure(paged_new(b, MANUAL, ENABLE, 0));
	else
		report_skip(b, "paged-clear-dirty-log-full",
			    "no manual protection");
}

/* Enabling and the first CLEAR of a slot that is mapped and writable. */
static void first_clear(struct bench *b, enum slot slot, uint64_t gpa,
			void *memory, size_t size, const char *name[2])
{
	struct vm *vm = vm_new_cap(b, MANUAL, INITIALLY_SET);
	static struct series enable, clear;
	struct log log;

	series_init(&enable, vm, name[0]);
	series_init(&clear, vm, name[1]);
	log_init(&log, vm, slot, gpa, memory, size);
	for (unsigned int i = 0; i < b->rounds; i++) {
		log_write(&log, 1);
		SERIES_TIME(&enable, log.pages, set(&log, true));
		log_get(&log);
		log_check(&log, 1);
		SERIES_TIME(&clear, log.pages, log_clear(&log));
		check_clear(&log);
		log_set(&log, false);
	}
	series_report(&enable);
	series_report(&clear);
	log_fini(&log);
	vm_free(vm);
}

void clear_first_run(struct bench *b)
{
	static const char *small[] = { "log-enable-set", "clear-first" };
	static const char *huge[] = { "log-2m-enable-set", "clear-first-2m" };
	size_t size = b->pages * PAGE;
	void *memory;

	if (!bench_has_cap(b, MANUAL)) {
		report_skip(b, small[1], "no manual protection");
		report_skip(b, huge[1], "no manual protection");
		return;
	}
	memory = memory_new(size, HUGE);
	first_clear(b, SLOT_DATA, GPA_DATA, memory, size, small);
	munmap(memory, size);

	size = b->huge * HUGE;
	memory = huge_memory_new(size);
	if (!memory) {
		report_skip(b, huge[1], "the host has no huge pages");
		return;
	}
	first_clear(b, SLOT_HUGE, GPA_HUGE, memory, size, huge);
	munmap(memory, size);
}
