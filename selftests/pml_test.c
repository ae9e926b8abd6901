// SPDX-License-Identifier: GPL-2.0
/*
 * Umbra's log mode PML: the CPU lists the pages that it wrote. No write
 * faults, nothing lost when the list is full, off when nobody wants it.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"
#include "uapi/umbra.h"

#define NPAGES 2048ul
#define WORDS (NPAGES / 64)
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define GPAGE(n) (MEM_GPA + (n) * PAGE_SIZE)
#define ELSEWHERE (MEM_GPA + (64ul << 20))
#define RING 65536u

/* -1: no such capability on this device. */
static int log_modes(struct vm *vm)
{
	int modes = KIOCTL(vm->dev, KVM_CHECK_EXTENSION, UM_CAP_LOG_MODE);

	return modes > 0 ? modes : -1;
}

static int set_mode(struct vm *vm, u64 mode)
{
	struct kvm_enable_cap cap = {
		.cap = UM_CAP_LOG_MODE,
		.args = { mode },
	};

	return KERR(vm->fd, KVM_ENABLE_CAP, &cap);
}

FIXTURE(pml) {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
	u64 bits[WORDS];
	bool there;
};

FIXTURE_SETUP(pml)
{
	engine_choose(ENGINE_TDP);
	self->vm = vm_boot_remote(2);
	self->vcpu = &self->vm->vcpus[0];
	self->there = log_modes(self->vm) > 0 &&
		      log_modes(self->vm) & 1 << UM_LOG_MODE_PML;
	if (!self->there)
		return;
	ASSERT_EQ(0, set_mode(self->vm, UM_LOG_MODE_PML));
	self->mem = vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA,
			       NPAGES * PAGE_SIZE);
}

FIXTURE_TEARDOWN(pml)
{
	vm_free(self->vm);
}

#define NEEDS_PML							\
	if (!self->there)						\
		SKIP(return, "no UM_LOG_MODE_PML: not umbra, or a CPU without")
#define FETCH() ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, self->bits))

static u64 count(const u64 *bits)
{
	u64 i, n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountl(bits[i]);
	return n;
}

static u64 stat_of(struct vcpu *vcpu, const char *name)
{
	return stats_get(vcpu->fd, name);
}

/* Every write is listed, none faults, and the full list costs an exit. */
TEST_F(pml, no_write_faults)
{
	u64 faults, listed, full, i;

	NEEDS_PML;
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	FETCH();
	EXPECT_EQ(NPAGES, count(self->bits));
	faults = stat_of(self->vcpu, "pf_taken");
	listed = stat_of(self->vcpu, "pml_logged");
	full = stat_of(self->vcpu, "pml_full_exits");
	for (i = 1; i <= 3; i++) {
		remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, i, NPAGES);
		EXPECT_LE(i * NPAGES, stat_of(self->vcpu, "pml_logged") -
			  listed);
		FETCH();
		EXPECT_EQ(NPAGES, count(self->bits));
		FETCH();
		EXPECT_EQ(0, count(self->bits));
	}
	EXPECT_EQ(faults, stat_of(self->vcpu, "pf_taken"));
	EXPECT_LE(3 * (NPAGES / 512 - 1),
		  stat_of(self->vcpu, "pml_full_exits") - full);
	/* Reads are none of its business. */
	listed = stat_of(self->vcpu, "pml_logged");
	remote_do(self->vcpu, REMOTE_SUM, MEM_GPA, 0, NPAGES);
	EXPECT_EQ(listed, stat_of(self->vcpu, "pml_logged"));
	FETCH();
	EXPECT_EQ(0, count(self->bits));
}

/* Any number of entries, around the ends of the list. */
TEST_F(pml, every_length)
{
	static const u64 lengths[] = { 1, 2, 510, 511, 512, 513, 1024, 1025 };
	u64 i;

	NEEDS_PML;
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	FETCH();
	for (i = 0; i < 8; i++) {
		remote_do(self->vcpu, REMOTE_FILL, GPAGE(i), 1, lengths[i]);
		FETCH();
		EXPECT_EQ(lengths[i], count(self->bits));
		EXPECT_EQ(1, self->bits[0] >> i & 1);
	}
}

/* Without a logged slot nothing is listed. */
TEST_F(pml, off_without_a_log)
{
	u64 listed;
	int i;

	NEEDS_PML;
	for (i = 0; i < 3; i++) {
		vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, NPAGES * PAGE_SIZE,
			self->mem);
		remote_read(self->vcpu, MEM_GPA);
		listed = stat_of(self->vcpu, "pml_logged");
		remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
		EXPECT_EQ(listed, stat_of(self->vcpu, "pml_logged"));
		vm_slot(self->vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE,
			self->mem);
		/* The host may have unmapped it: a write fault lists nothing. */
		remote_read(self->vcpu, GPAGE(5));
		remote_write(self->vcpu, GPAGE(5), 1);
		remote_write(&self->vm->vcpus[1], GPAGE(6), 1);
		EXPECT_LT(listed, stat_of(self->vcpu, "pml_logged"));
		FETCH();
		EXPECT_EQ(3 << 5, self->bits[0]);
	}
	/* A slot that could not be made leaves it as it was. */
	EXPECT_EQ(EEXIST, vm_set_slot(self->vm, 9, LOG, MEM_GPA, PAGE_SIZE,
				      self->mem));
	vm_slot(self->vm, MEM_SLOT, LOG, MEM_GPA, 0, self->mem);
	listed = stat_of(self->vcpu, "pml_logged");
	remote_write(self->vcpu, STACK_GPA - 8, 1);
	EXPECT_EQ(listed, stat_of(self->vcpu, "pml_logged"));
}

/* ---- a guest that writes and then does not leave ---- */

static volatile u64 written;

static void write_and_spin(void)
{
	u64 i;

	for (i = 0; i < 100; i++)
		guest_write(GPAGE(i * 3), i);
	for (;;) {
		WRITE_ONCE(written, written + 1);
		cpu_pause();
	}
}

static void start_spinner(struct vm *vm, struct vcpu_thread *t)
{
	vcpu_thread_start(t, &vm->vcpus[0]);
	while (!GUEST_VAR(vm, written))
		sleep_ms(1);
}

/* The slot moves while its pages are in a running vCPU's list. */
TEST(slot_moves_under_the_list)
{
	struct vcpu_thread t = { 0 };
	struct ring ring;
	u32 slot, n = 0;
	struct vm *vm;
	u64 page;
	u8 *mem;

	engine_choose(ENGINE_TDP);
	vm = vm_create();
	if (log_modes(vm) < 0 || !(log_modes(vm) & 1 << UM_LOG_MODE_PML))
		SKIP(vm_free(vm); return, "no UM_LOG_MODE_PML");
	vm_free(vm);
	vm = vm_boot_rings(1, write_and_spin, RING);
	ASSERT_EQ(0, set_mode(vm, UM_LOG_MODE_PML));
	ring_map(&ring, &vm->vcpus[0], RING);
	mem = vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, 512 * PAGE_SIZE);
	start_spinner(vm, &t);
	vm_slot(vm, MEM_SLOT, LOG, ELSEWHERE, 512 * PAGE_SIZE, mem);
	vcpu_thread_stop(&t);
	while (ring_harvest(&ring, &slot, &page)) {
		EXPECT_EQ(MEM_SLOT, slot);
		EXPECT_EQ(0, page % 3);
		n++;
	}
	EXPECT_LE(100, n);
	ring_unmap(&ring);
	vm_free(vm);
}

/* What the CPU cannot do is refused, and the log works without it. */
TEST(cpu_without_it)
{
	u64 bits[WORDS];
	struct vm *vm;

	engine_choose(ENGINE_TDP);
	vm = vm_boot_remote(1);
	if (log_modes(vm) < 0)
		SKIP(vm_free(vm); return, "not umbra: no UM_CAP_LOG_MODE");
	if (log_modes(vm) & 1 << UM_LOG_MODE_PML)
		SKIP(vm_free(vm); return, "this CPU has PML");
	EXPECT_EQ(EINVAL, set_mode(vm, UM_LOG_MODE_PML));
	vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE);
	remote_do(&vm->vcpus[0], REMOTE_FILL, MEM_GPA, 1, 600);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	EXPECT_EQ(600, count(bits));
	EXPECT_EQ(0, stat_of(&vm->vcpus[0], "pml_logged"));
	vm_free(vm);
}

TEST_HARNESS_MAIN
