// SPDX-License-Identifier: GPL-2.0
/*
 * The guest that does single accesses at the test's word.
 */
#include "lib/vm.h"

struct remote remote[VM_MAX_VCPUS];

static u64 remote_fill(struct remote *r)
{
	u64 i;

	for (i = 0; i < r->count; i++)
		guest_write(r->addr + i * PAGE_SIZE, r->value + i);
	return i;
}

static u64 remote_sum(struct remote *r)
{
	u64 i, sum = 0;

	for (i = 0; i < r->count; i++)
		sum += guest_read(r->addr + i * PAGE_SIZE);
	return sum;
}

static void remote_loop(u64 id)
{
	struct remote *r = &remote[id];

	for (;;) {
		guest_sync(0);
		switch (r->op) {
		case REMOTE_READ:
			r->value = guest_read(r->addr);
			break;
		case REMOTE_WRITE:
			guest_write(r->addr, r->value);
			break;
		case REMOTE_CALL:
			r->value = ((u64 (*)(void))r->addr)();
			break;
		case REMOTE_FILL:
			r->value = remote_fill(r);
			break;
		case REMOTE_SUM:
			r->value = remote_sum(r);
			break;
		}
	}
}

struct vm *vm_boot_remote_rings(int nr_vcpus, u32 ring_bytes)
{
	struct vm *vm = vm_boot_rings(nr_vcpus, (void (*)(void))remote_loop,
				      ring_bytes);
	int i;

	for (i = 0; i < nr_vcpus; i++)
		run_to_sync(&vm->vcpus[i], 0);
	return vm;
}

struct vm *vm_boot_remote(int nr_vcpus)
{
	return vm_boot_remote_rings(nr_vcpus, 0);
}

void remote_arm(struct vcpu *vcpu, enum remote_op op, u64 addr, u64 value,
		u64 count)
{
	struct remote *r = (void *)(vcpu->vm->ram + (u64)&remote[vcpu->id]);

	*r = (struct remote){ op, addr, value, count };
}

u64 remote_do(struct vcpu *vcpu, enum remote_op op, u64 addr, u64 value,
	      u64 count)
{
	struct remote *r = (void *)(vcpu->vm->ram + (u64)&remote[vcpu->id]);

	remote_arm(vcpu, op, addr, value, count);
	run_to_sync(vcpu, 0);
	return READ_ONCE(r->value);
}

u64 remote_read(struct vcpu *vcpu, u64 addr)
{
	return remote_do(vcpu, REMOTE_READ, addr, 0, 0);
}

void remote_write(struct vcpu *vcpu, u64 addr, u64 value)
{
	remote_do(vcpu, REMOTE_WRITE, addr, value, 0);
}
