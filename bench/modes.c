// SPDX-License-Identifier: GPL-2.0
/*
 * The write fault on a logged page in each mode of umbra's fast path. Another
 * device has no modes, and one figure (log-write-fault) to stand beside them.
 */
#include <sys/mman.h>
#include <umbra.h>

#include "bench.h"

static const struct {
	int mode;
	const char *name;
} modes[] = {
	{ UM_FASTPATH_TAG, "write-fault-tag" },
	{ UM_FASTPATH_PAIR, "write-fault-pair" },
	{ UM_FASTPATH_MW, "write-fault-mw" },
	{ UM_FASTPATH_OFF, "write-fault-off" },
};

/* Ends with the VM freed. */
static void one_mode(struct vm *vm, const char *name, void *memory)
{
	struct bench *b = vm->bench;
	struct series fault;
	struct log log;

	series_init(&fault, vm, name);
	log_init(&log, vm, SLOT_DATA, GPA_DATA, memory, b->pages * PAGE);
	log_write(&log, 1);
	log_set(&log, true);
	for (unsigned int i = 0; i < b->rounds; i++) {
		series_guest(&fault, guest_write, log.gva, PAGE, b->pages);
		log_get(&log);
		log_check(&log, 1);
	}
	series_report(&fault);
	log_fini(&log);
	vm_free(vm);
}

static struct vm *in_mode(struct bench *b, bool paged, int mode)
{
	return paged ? paged_new(b, UM_CAP_FASTPATH, mode, 0) :
		       vm_new_cap(b, UM_CAP_FASTPATH, mode);
}

static void measure(struct bench *b, bool paged)
{
	unsigned int there = bench_has_cap(b, UM_CAP_FASTPATH);
	size_t size = b->pages * PAGE;
	void *memory = memory_new(size, HUGE);

	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (there >> modes[i].mode & 1)
			one_mode(in_mode(b, paged, modes[i].mode),
				 modes[i].name, memory);
		else
			report_skip(b, modes[i].name, "no such mode");
	}
	munmap(memory, size);
}

void modes_run(struct bench *b)
{
	measure(b, false);
}

void paged_modes_run(struct bench *b)
{
	measure(b, true);
}
