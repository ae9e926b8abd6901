// SPDX-License-Identifier: GPL-2.0
/*
 * The two bare exits: one that the kernel answers (CPUID, the first leaf, so
 * that no search of the table is measured), one that user space answers.
 */
#include "bench.h"

void exits_run(struct bench *b)
{
	struct vm *vm = vm_new(b);
	static struct series cpuid, out;

	series_init(&cpuid, vm, "cpuid-exit");
	series_init(&out, vm, "pio-round-trip");
	vm_call(vm, guest_nothing, 0, 0, 0, false);
	for (unsigned int i = 0; i < b->rounds; i++) {
		series_guest(&cpuid, guest_cpuid, 0, 0, b->pages);
		series_guest(&out, guest_out, 0, 0, b->pages);
	}
	series_report(&cpuid);
	series_report(&out);
	vm_free(vm);
}
