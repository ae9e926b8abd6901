// SPDX-License-Identifier: GPL-2.0
/*
 * The two bare exits: one that the kernel answers (CPUID, the first leaf, so
 * that no search of the table is measured), one that user space answers. A
 * system call that does nothing stands beside them: no round trip can be
 * cheaper, and with mitigations on it is most of one.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static int system_calls(unsigned int count)
{
	while (count--)
		syscall(SYS_getppid);
	return 0;
}

void exits_run(struct bench *b)
{
	struct vm *vm = vm_new(b);
	static struct series cpuid, out, bare;

	series_init(&cpuid, vm, "cpuid-exit");
	series_init(&out, vm, "pio-round-trip");
	series_init(&bare, vm, "system-call");
	vm_call(vm, guest_nothing, 0, 0, 0, false);
	for (unsigned int i = 0; i < b->rounds; i++) {
		series_guest(&cpuid, guest_cpuid, 0, 0, b->pages);
		series_guest(&out, guest_out, 0, 0, b->pages);
		SERIES_TIME(&bare, b->pages, system_calls(b->pages));
	}
	series_report(&cpuid);
	series_report(&out);
	series_report(&bare);
	vm_free(vm);
}
