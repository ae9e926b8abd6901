// SPDX-License-Identifier: GPL-2.0
/*
 * The table of KVM_SET_USER_MEMORY_REGION: what is refused
 * with which errno, and that a refusal changes nothing.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define PAGES(n) ((n) * PAGE_SIZE)
#define RO KVM_MEM_READONLY
#define LOG KVM_MEM_LOG_DIRTY_PAGES

FIXTURE(slots) {
	struct vm *vm;
	u8 *mem;
};

/* Two slots of 16 pages with a hole of 16 between: id 1 and id 2. */
FIXTURE_SETUP(slots)
{
	self->vm = vm_create();
	self->mem = mem_alloc(PAGES(64), HUGE_SIZE);
	vm_slot(self->vm, 1, 0, PAGES(16), PAGES(16), self->mem);
	vm_slot(self->vm, 2, 0, PAGES(48), PAGES(16), self->mem + PAGES(16));
}

FIXTURE_TEARDOWN(slots)
{
	vm_free(self->vm);
}

#define MEM (~0ul)		/* stands for the memory of slot 1 */
#define MEM2 (~1ul)		/* of slot 2 */

static const struct {
	const char *name;
	int err;
	u32 id, flags;
	u64 gpa, size, hva;
} rows[] = {
	{ "overlap below", EEXIST, 3, 0, PAGES(15), PAGES(2), MEM },
	{ "overlap above", EEXIST, 3, 0, PAGES(31), PAGES(2), MEM },
	{ "inside", EEXIST, 3, 0, PAGES(20), PAGES(1), MEM },
	{ "around both", EEXIST, 3, 0, 0, PAGES(128), MEM },
	{ "moved onto another", EEXIST, 1, 0, PAGES(40), PAGES(16), MEM },
	{ "unaligned gpa", EINVAL, 3, 0, 0x800, PAGES(1), MEM },
	{ "unaligned size", EINVAL, 3, 0, 0, 0x1800, MEM },
	{ "size one", EINVAL, 3, 0, 0, 1, MEM },
	{ "unaligned hva", EINVAL, 3, 0, 0, PAGES(1), 0x10800 },
	{ "kernel hva", EINVAL, 3, 0, 0, PAGES(1), 0xffff888000000000 },
	{ "wrapping hva", EINVAL, 3, 0, 0, PAGES(4), 0xffffffffffffe000 },
	{ "non-canonical hva", EINVAL, 3, 0, 0, PAGES(1), 1ul << 62 },
	{ "wrapping gpa", EINVAL, 3, 0, ~0xffful, PAGES(2), MEM },
	{ "gpa beyond all CPUs", EINVAL, 3, 0, 1ul << 53, PAGES(1), MEM },
	{ "too many pages", EINVAL, 3, 0, 0, PAGES(1ul << 31), 0x10000 },
	{ "all pages", EINVAL, 3, 0, 0, ~0xffful, 0x10000 },
	{ "top bit size", EINVAL, 3, 0, 0, 1ul << 63, 0x10000 },
	{ "delete none", EINVAL, 3, 0, 0, 0, MEM },
	{ "flag bit 2", EINVAL, 3, 1 << 2, 0, PAGES(1), MEM },
	{ "flag bit 31", EINVAL, 3, 1u << 31, 0, PAGES(1), MEM },
	{ "all flags", EINVAL, 3, ~0u, 0, PAGES(1), MEM },
	{ "bad flags on delete", EINVAL, 1, ~0u, 0, 0, MEM },
	{ "first id too big", EINVAL, 32764, 0, 0, PAGES(1), MEM },
	{ "id 65535", EINVAL, 65535, 0, 0, PAGES(1), MEM },
	{ "no such address space", EINVAL, 9 << 16, 0, 0, PAGES(1), MEM },
	{ "grown", EINVAL, 1, 0, PAGES(16), PAGES(17), MEM },
	{ "shrunk", EINVAL, 1, 0, PAGES(16), PAGES(15), MEM },
	{ "other memory", EINVAL, 1, 0, PAGES(16), PAGES(16), MEM2 },
	{ "moved with other memory", EINVAL, 1, 0, 0, PAGES(16), MEM2 },
	{ "made read-only", EINVAL, 1, RO, PAGES(16), PAGES(16), MEM },
	{ "same again", 0, 1, 0, PAGES(16), PAGES(16), MEM },
	{ "logging on", 0, 1, LOG, PAGES(16), PAGES(16), MEM },
	{ "logging off", 0, 1, 0, PAGES(16), PAGES(16), MEM },
	{ "moved over itself", 0, 1, 0, PAGES(17), PAGES(16), MEM },
	{ "moved back", 0, 1, 0, PAGES(16), PAGES(16), MEM },
	{ "moved, logging on", 0, 1, LOG, PAGES(8), PAGES(16), MEM },
	{ "moved back, off", 0, 1, 0, PAGES(16), PAGES(16), MEM },
	{ "between", 0, 3, 0, PAGES(32), PAGES(16), MEM },
	{ "deleted again", 0, 3, 0, 0, 0, 0 },
	{ "read-only", 0, 3, RO, 0, PAGES(16), MEM },
	{ "read-only and logging", 0, 3, RO | LOG, 0, PAGES(16), MEM },
	{ "made writable", EINVAL, 3, 0, 0, PAGES(16), MEM },
	{ "deleted read-only", 0, 3, 0, 0, 0, 0 },
	{ "last id", 0, 32763, 0, 0, PAGES(1), MEM },
	{ "last id deleted", 0, 32763, 0, 0, 0, 0 },
	{ "no memory behind hva", 0, 3, 0, 0, PAGES(1), 0x10000 },
	{ "deleted", 0, 3, 0, 0, 0, 0 },
	{ "64 GiB", 0, 3, 0, 1ul << 32, 1ul << 36, 1ul << 40 },
	{ "64 GiB logging", 0, 3, LOG, 1ul << 32, 1ul << 36, 1ul << 40 },
	{ "64 GiB gone", 0, 3, 0, 0, 0, 0 },
};

TEST_F(slots, table)
{
	u8 bitmap[8];
	int i, err;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 hva = rows[i].hva;

		if (hva == MEM)
			hva = (u64)self->mem;
		else if (hva == MEM2)
			hva = (u64)self->mem + PAGES(16);
		err = vm_set_slot(self->vm, rows[i].id, rows[i].flags,
				  rows[i].gpa, rows[i].size, (void *)hva);
		EXPECT_EQ(rows[i].err, err) {
			TH_LOG("row \"%s\"", rows[i].name);
		}
	}
	/* Both slots still stand where they stood, unlogged. */
	EXPECT_EQ(ENOENT, vm_dirty_log(self->vm, 1, bitmap));
	EXPECT_EQ(EEXIST, vm_set_slot(self->vm, 3, 0, PAGES(31), PAGES(1),
				      self->mem));
	EXPECT_EQ(0, vm_set_slot(self->vm, 1, 0, 0, 0, NULL));
	EXPECT_EQ(EINVAL, vm_set_slot(self->vm, 1, 0, 0, 0, NULL));
	EXPECT_EQ(0, vm_set_slot(self->vm, 2, 0, 0, 0, NULL));
}

/* Slots of one page, neighbours, in a scattered order of ids. */
TEST_F(slots, many)
{
	u32 i, id;

	for (i = 0; i < 200; i++) {
		id = 100 + i * 37 % 200;
		vm_slot(self->vm, id, 0, PAGES(100 + id), PAGE_SIZE, self->mem);
	}
	for (i = 0; i < 200; i++) {
		id = 100 + i * 53 % 200;
		EXPECT_EQ(EEXIST, vm_set_slot(self->vm, 3, 0, PAGES(100 + id),
					      PAGE_SIZE, self->mem));
		vm_slot(self->vm, id, 0, 0, 0, NULL);
		EXPECT_EQ(0, vm_set_slot(self->vm, 3, 0, PAGES(100 + id),
					 PAGE_SIZE, self->mem));
		vm_slot(self->vm, 3, 0, 0, 0, NULL);
	}
}

TEST_HARNESS_MAIN
