// SPDX-License-Identifier: GPL-2.0
/*
 * umbra's log modes, each with automatic and with manual protection: that no
 * page is lost while vCPUs write or the host moves pages. Huge pages: split for
 * the log, joined after it without the guest's help. A device that is not
 * umbra's skips.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"
#include "uapi/umbra.h"

#define NPAGES 512ul
#define WORDS (NPAGES / 64)
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define GPAGE(n) (MEM_GPA + (n) * PAGE_SIZE)

static int modes(struct vm *vm)
{
	return KIOCTL(vm->fd, KVM_CHECK_EXTENSION, UM_CAP_LOG_MODE);
}

FIXTURE(mode) {
	struct vm *vm;
	bool there;
};

FIXTURE_VARIANT(mode) {
	int mode;
	u64 manual;
};

FIXTURE_VARIANT_ADD(mode, wrprot) { UM_LOG_MODE_WRPROT, 0 };
FIXTURE_VARIANT_ADD(mode, wrprot_manual) { UM_LOG_MODE_WRPROT, 1 };
FIXTURE_VARIANT_ADD(mode, pml) { UM_LOG_MODE_PML, 0 };
FIXTURE_VARIANT_ADD(mode, pml_manual) { UM_LOG_MODE_PML, 1 };
FIXTURE_VARIANT_ADD(mode, pml_all_set) { UM_LOG_MODE_PML, 3 };
FIXTURE_VARIANT_ADD(mode, dbit) { UM_LOG_MODE_DBIT, 0 };
FIXTURE_VARIANT_ADD(mode, dbit_manual) { UM_LOG_MODE_DBIT, 1 };
FIXTURE_VARIANT_ADD(mode, dbit_all_set) { UM_LOG_MODE_DBIT, 3 };

static void writer(u64 id)
{
	guest_write_ever(MEM_GPA, NPAGES, id);
}

FIXTURE_SETUP(mode)
{
	self->vm = vm_boot(2, (void (*)(void))writer);
	self->there = modes(self->vm) >> variant->mode & 1;
	if (!self->there)
		return;
	ASSERT_EQ(0, vm_enable_cap(self->vm, UM_CAP_LOG_MODE, variant->mode));
	ASSERT_EQ(0, vm_enable_cap(self->vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				   variant->manual));
}

FIXTURE_TEARDOWN(mode)
{
	vm_free(self->vm);
}

static void copy_dirty(u8 *copy, u8 *mem, const u64 *bits)
{
	u64 i;

	for (i = 0; i < NPAGES; i++)
		if (bits[i / 64] >> i % 64 & 1)
			memcpy(copy + i * PAGE_SIZE, mem + i * PAGE_SIZE,
			       PAGE_SIZE);
}

static void harvest(struct vm *vm, u64 manual, u8 *copy, u8 *mem)
{
	u64 bits[WORDS];

	REQUIRE(!vm_dirty_log(vm, MEM_SLOT, bits), "GET");
	REQUIRE(!manual || !vm_clear_log(vm, MEM_SLOT, 0, NPAGES, bits),
		"CLEAR");
	copy_dirty(copy, mem, bits);
}

/* The host takes the page out of the guest, and would give it back. */
static void take_page(u8 *page)
{
	REQUIRE(!mprotect(page, PAGE_SIZE, PROT_READ) &&
		!mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE), "mprotect");
}

TEST_F(mode, never_loses_a_page)
{
	struct vcpu_thread t[2] = { 0 };
	struct vm *vm = self->vm;
	u8 *mem, *copy;
	int i, k;

	if (!self->there)
		SKIP(return, "no such log mode here");
	mem = vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE);
	copy = mem_alloc(NPAGES * PAGE_SIZE, PAGE_SIZE);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	for (k = 0; k < 50; k++) {
		harvest(vm, variant->manual, copy, mem);
		sleep_ms(k % 4);
	}
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
	harvest(vm, variant->manual, copy, mem);
	EXPECT_EQ(0, memcmp(copy, mem, NPAGES * PAGE_SIZE));
	munmap(copy, NPAGES * PAGE_SIZE);
}

/* What the host takes from the guest between two harvests was dirty. */
TEST_F(mode, taken_by_the_host)
{
	struct vm *vm = vm_boot_remote(1);
	u64 bits[WORDS];
	u8 *mem;
	int i;

	if (!self->there) {
		vm_free(vm);
		SKIP(return, "no such log mode here");
	}
	ASSERT_EQ(0, vm_enable_cap(vm, UM_CAP_LOG_MODE, variant->mode));
	mem = vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE);
	remote_do(&vm->vcpus[0], REMOTE_FILL, MEM_GPA, 1, NPAGES);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	EXPECT_EQ(~0ul, bits[0]);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	EXPECT_EQ(0, bits[0]);
	for (i = 0; i < 64; i += 2)
		remote_write(&vm->vcpus[0], GPAGE(i), i);
	for (i = 0; i < 64; i++)
		take_page(mem + i * PAGE_SIZE);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	EXPECT_EQ(0x5555555555555555, bits[0]);
	remote_do(&vm->vcpus[0], REMOTE_SUM, MEM_GPA, 0, 64);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	EXPECT_EQ(0, bits[0]);
	vm_free(vm);
}

/* A slot that moves keeps its memory and what is dirty of it. */
TEST_F(mode, moved)
{
	struct vm *vm = vm_boot_remote(1);
	u64 bits[WORDS];
	u8 *mem;

	if (!self->there) {
		vm_free(vm);
		SKIP(return, "no such log mode here");
	}
	ASSERT_EQ(0, vm_enable_cap(vm, UM_CAP_LOG_MODE, variant->mode));
	mem = vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE);
	remote_do(&vm->vcpus[0], REMOTE_FILL, MEM_GPA, 1, 64);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	remote_write(&vm->vcpus[0], GPAGE(5), 1);
	vm_slot(vm, MEM_SLOT, LOG, MEM_GPA + HUGE_SIZE, NPAGES * PAGE_SIZE,
		mem);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	EXPECT_TRUE(bits[0] >> 5 & 1);
	vm_free(vm);
}

/* ---- the capability ---- */

TEST(capability)
{
	struct kvm_enable_cap cap = { .cap = UM_CAP_LOG_MODE, .flags = 1 };
	struct vm *vm;
	int i, there;
	void *mem;

	engine_choose(ENGINE_TDP);
	vm = vm_boot_remote(1);
	there = modes(vm);
	if (!there) {
		vm_free(vm);
		SKIP(return, "not umbra: no UM_CAP_LOG_MODE");
	}
	EXPECT_TRUE(there & 1 << UM_LOG_MODE_WRPROT);
	EXPECT_EQ(there, KIOCTL(vm->dev, KVM_CHECK_EXTENSION, UM_CAP_LOG_MODE));
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_ENABLE_CAP, &cap));
	for (i = 0; i < 40; i++)
		EXPECT_EQ(i < 3 && there >> i & 1 ? 0 : EINVAL,
			  vm_enable_cap(vm, UM_CAP_LOG_MODE, i));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, UM_CAP_LOG_MODE, 1ul << 32));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, UM_CAP_LOG_MODE, ~0ul));
	mem = vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, NPAGES * PAGE_SIZE);
	EXPECT_EQ(0, vm_enable_cap(vm, UM_CAP_LOG_MODE, UM_LOG_MODE_WRPROT));
	vm_slot(vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE, mem);
	EXPECT_EQ(EBUSY, vm_enable_cap(vm, UM_CAP_LOG_MODE, 0));
	vm_slot(vm, MEM_SLOT, 0, MEM_GPA, NPAGES * PAGE_SIZE, mem);
	EXPECT_EQ(EBUSY, vm_enable_cap(vm, UM_CAP_LOG_MODE, 0));
	vm_free(vm);
}

/* ---- huge pages ---- */

struct huge {
	struct vm *vm;
	u8 *mem;
	u64 size;
};

/* A VM with four huge pages, all mapped. */
static struct huge huge_vm(u64 manual, int mode)
{
	struct huge h = { .vm = vm_boot_remote(1), .size = 4 * HUGE_SIZE };

	vm_enable_cap(h.vm, UM_CAP_LOG_MODE, mode);
	vm_enable_cap(h.vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, manual);
	h.mem = vm_add_mem(h.vm, MEM_SLOT, 0, MEM_GPA, h.size);
	madvise(h.mem, h.size, MADV_HUGEPAGE);
	remote_do(&h.vm->vcpus[0], REMOTE_FILL, MEM_GPA, 1, 4 * 512);
	return h;
}

static u64 huge_leaves(struct huge *h)
{
	return stats_get(h->vm->fd, "pages_2m");
}

#define HUGE_TEST_START(h, before)				\
	do {							\
		u64 unused;					\
								\
		if (stats_read((h).vm->fd, "pages_2m", &unused) || \
		    !modes((h).vm)) {				\
			vm_free((h).vm);			\
			SKIP(return, "not umbra");		\
		}						\
		(before) = huge_leaves(&(h));			\
		if ((before) < 4) {				\
			vm_free((h).vm);			\
			SKIP(return, "the host gave no huge pages"); \
		}						\
	} while (0)

TEST(huge_pages_return_in_place)
{
	struct huge h = huge_vm(0, UM_LOG_MODE_WRPROT);
	u64 before, taken, splits;
	int i;

	HUGE_TEST_START(h, before);
	for (i = 0; i < 3; i++) {
		splits = stats_get(h.vm->fd, "splits");
		vm_slot(h.vm, MEM_SLOT, LOG, MEM_GPA, h.size, h.mem);
		EXPECT_EQ(before - 4, huge_leaves(&h));
		EXPECT_EQ(splits + 4, stats_get(h.vm->fd, "splits"));
		remote_do(&h.vm->vcpus[0], REMOTE_FILL, MEM_GPA, i, 600);
		vm_slot(h.vm, MEM_SLOT, 0, MEM_GPA, h.size, h.mem);
		EXPECT_EQ(before, huge_leaves(&h));
		/* The guest has them at once, with all rights. */
		taken = stats_get(h.vm->vcpus[0].fd, "pf_fixed") +
			stats_get(h.vm->vcpus[0].fd, "pf_fast");
		remote_do(&h.vm->vcpus[0], REMOTE_FILL, MEM_GPA, i, 2048);
		EXPECT_EQ(taken, stats_get(h.vm->vcpus[0].fd, "pf_fixed") +
				 stats_get(h.vm->vcpus[0].fd, "pf_fast"));
	}
	vm_free(h.vm);
}

/* What the host does not map huge any more stays small. */
TEST(small_pages_stay)
{
	struct huge h = huge_vm(0, UM_LOG_MODE_WRPROT);
	u64 before;

	HUGE_TEST_START(h, before);
	vm_slot(h.vm, MEM_SLOT, LOG, MEM_GPA, h.size, h.mem);
	ASSERT_EQ(0, madvise(h.mem + HUGE_SIZE, PAGE_SIZE, MADV_DONTNEED));
	vm_slot(h.vm, MEM_SLOT, 0, MEM_GPA, h.size, h.mem);
	EXPECT_EQ(before - 1, huge_leaves(&h));
	EXPECT_EQ(0, remote_read(&h.vm->vcpus[0], GPAGE(512)));
	EXPECT_EQ(514, remote_read(&h.vm->vcpus[0], GPAGE(513)));
	vm_free(h.vm);
}

/* All set at the start: nothing is split before it is cleared. */
TEST(split_at_clear)
{
	struct huge h = huge_vm(3, UM_LOG_MODE_WRPROT);
	u64 before, splits, wrprot, bits[32], mask = ~0ul;

	HUGE_TEST_START(h, before);
	splits = stats_get(h.vm->fd, "splits");
	wrprot = stats_get(h.vm->fd, "wrprot");
	vm_slot(h.vm, MEM_SLOT, LOG, MEM_GPA, h.size, h.mem);
	EXPECT_EQ(before, huge_leaves(&h));
	EXPECT_EQ(wrprot, stats_get(h.vm->fd, "wrprot"));
	ASSERT_EQ(0, vm_clear_log(h.vm, MEM_SLOT, 512 + 64, 64, &mask));
	EXPECT_EQ(before - 1, huge_leaves(&h));
	EXPECT_EQ(splits + 1, stats_get(h.vm->fd, "splits"));
	EXPECT_EQ(wrprot + 64, stats_get(h.vm->fd, "wrprot"));
	remote_write(&h.vm->vcpus[0], GPAGE(512 + 64 + 3), 7);
	remote_write(&h.vm->vcpus[0], GPAGE(512 + 3), 7);
	ASSERT_EQ(0, vm_dirty_log(h.vm, MEM_SLOT, bits));
	EXPECT_EQ(1 << 3, bits[9]);
	EXPECT_EQ(~0ul, bits[8] & bits[10] & bits[0]);
	vm_free(h.vm);
}

TEST_HARNESS_MAIN
