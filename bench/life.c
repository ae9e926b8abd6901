// SPDX-License-Identifier: GPL-2.0
/*
 * A VM with one vCPU is made and thrown away. Another one lives all the
 * while, so that switching the hardware on and off is not in the figure.
 * Waiting for a grace period is: the caller waits as well.
 */
#include "bench.h"

void life_run(struct bench *b)
{
	static struct series create, destroy;
	struct vm *other = vm_new(b);
	struct vm *vm;

	series_init(&create, other, "vm-create");
	series_init(&destroy, other, "vm-destroy");
	for (unsigned int i = 0; i < b->rounds; i++) {
		vm = SERIES_TIME(&create, 1, vm_new(b));
		vm_call(vm, guest_nothing, 0, 0, 0, false);
		SERIES_TIME(&destroy, 1, (vm_free(vm), 0));
	}
	series_report(&create);
	series_report(&destroy);
	vm_free(other);
}
