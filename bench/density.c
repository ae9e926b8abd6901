// SPDX-License-Identifier: GPL-2.0
/*
 * How the cost of a round hangs on how many of the pages are dirty: the guest
 * writes to one page in 1, 8, 64, 512, then the log is harvested. Both are
 * per page of the slot, so that they add up to the whole round, and so that a
 * log which scans the slot can be told from one that pays per dirty page.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "bench.h"

#define PAGES	4096u	/* enough for some at one in 512 */

static void one_density(struct log *log, unsigned int stride)
{
	static struct series write, get;
	char name[2][32];

	snprintf(name[0], sizeof(name[0]), "density-%u-write", stride);
	snprintf(name[1], sizeof(name[1]), "density-%u-get", stride);
	series_init(&write, log->vm, name[0]);
	series_init(&get, log->vm, name[1]);
	for (unsigned int i = 0; i < log->vm->bench->rounds; i++) {
		SERIES_TIME(&write, PAGES, (log_write(log, stride), 0));
		SERIES_TIME(&get, PAGES, log_get(log));
		log_check(log, stride);
	}
	series_report(&write);
	series_report(&get);
}

void density_run(struct bench *b)
{
	struct vm *vm = vm_new(b);
	void *memory = memory_new(PAGES * PAGE, HUGE);
	struct log log;

	log_init(&log, vm, SLOT_DATA, GPA_DATA, memory, PAGES * PAGE);
	log_write(&log, 1);
	log_set(&log, true);
	for (unsigned int stride = 1; stride <= 512; stride *= 8)
		one_density(&log, stride);
	log_fini(&log);
	vm_free(vm);
	munmap(memory, PAGES * PAGE);
}
