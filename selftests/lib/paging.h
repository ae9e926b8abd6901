/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What paging_test.c and paging_write_test.c have in common: eight pages with a
 * word each that tells which it is, mapped at TEST_VA by 4K entries.
 */
#ifndef SELFTEST_PAGING_H
#define SELFTEST_PAGING_H

#include "lib/guest_paging.h"
#include "lib/sdm.h"
#include "uapi/umbra.h"

#define MEM_SIZE (2 * HUGE_SIZE)
#define HUGE_GPA (8ul << 30)

/* Filled by the host, for guests. */
static u64 where[8];

FIXTURE(paging) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct gpt gpt;
	u8 *mem;
};

PTW_VARIANTS(paging);

FIXTURE_SETUP(paging)
{
	u64 i;

	ENGINE_CHOOSE();
	self->vm = vm_create_mem();
	if (variant->ptw >= 0)
		ASSERT_EQ(0, vm_enable_cap(self->vm, UM_CAP_PTW, variant->ptw));
	self->mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, MEM_SIZE);
	self->gpt = (struct gpt){ self->vm, 4, PML4_GPA };
	for (i = 0; i < 8; i++) {
		*(u64 *)(self->mem + i * PAGE_SIZE) = mark(i);
		gpt_map(&self->gpt, PAGE_VA(i), page_gpa(i) | PT_RIGHTS, 1);
	}
}

FIXTURE_TEARDOWN(paging)
{
	vm_free(self->vm);
}

static void boot(struct _test_data_paging *self, void (*guest)(void))
{
	self->vcpu = vcpu_add(self->vm, 0);
	vcpu_setup(self->vcpu, guest);
}

#endif
