// SPDX-License-Identifier: GPL-2.0
/*
 * Umbra's ways to give a write-protected page back: each
 * mode is correct, and the counters say which one did the work.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"
#include "uapi/umbra.h"

#define NPAGES 128ul
#define LOG KVM_MEM_LOG_DIRTY_PAGES

FIXTURE(fast) {
	struct vm *vm;
	u8 *mem;
	bool there;
};

FIXTURE_VARIANT(fast) {
	enum engine engine;
	int mode;
	bool lockless;
};

FIXTURE_VARIANT_ADD(fast, off) { ENGINE_TDP, UM_FASTPATH_OFF, false };
FIXTURE_VARIANT_ADD(fast, tag) { ENGINE_TDP, UM_FASTPATH_TAG, true };
FIXTURE_VARIANT_ADD(fast, pair) { ENGINE_TDP, UM_FASTPATH_PAIR, true };
FIXTURE_VARIANT_ADD(fast, mw) { ENGINE_TDP, UM_FASTPATH_MW, true };
/* Of four levels, whose entries have room for a tag: no other mode does it. */
FIXTURE_VARIANT_ADD(fast, shadow_tag) { ENGINE_SHADOW, UM_FASTPATH_TAG, true };
FIXTURE_VARIANT_ADD(fast, shadow_pair) {
	ENGINE_SHADOW, UM_FASTPATH_PAIR, false
};

static int set_mode(struct vm *vm, u64 mode)
{
	struct kvm_enable_cap cap = {
		.cap = UM_CAP_FASTPATH,
		.args = { mode },
	};

	return KERR(vm->fd, KVM_ENABLE_CAP, &cap);
}

/* There are no write faults to fix where the CPU logs by itself. */
static int log_by_faults(struct vm *vm)
{
	struct kvm_enable_cap cap = {
		.cap = UM_CAP_LOG_MODE,
		.args = { UM_LOG_MODE_WRPROT },
	};

	return KERR(vm->fd, KVM_ENABLE_CAP, &cap);
}

FIXTURE_SETUP(fast)
{
	ENGINE_CHOOSE();
	self->vm = vm_boot_remote(2);
	self->there = KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION,
			     UM_CAP_FASTPATH) > 0;
	if (!self->there)
		return;
	ASSERT_EQ(0, set_mode(self->vm, variant->mode));
	ASSERT_EQ(0, log_by_faults(self->vm));
	self->mem = vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA,
			       NPAGES * PAGE_SIZE);
}

FIXTURE_TEARDOWN(fast)
{
	vm_free(self->vm);
}

static u64 fast_fixes(struct vm *vm)
{
	return stats_get(vm->vcpus[0].fd, "pf_fast") +
	       stats_get(vm->vcpus[1].fd, "pf_fast");
}

TEST_F(fast, who_fixes)
{
	struct vcpu *vcpu = &self->vm->vcpus[0];
	u64 bits[NPAGES / 64], before, taken;
	int round;

	if (!self->there)
		SKIP(return, "not umbra: no UM_CAP_FASTPATH");
	remote_do(vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
	before = fast_fixes(self->vm);
	taken = stats_get(vcpu->fd, "pf_taken");
	for (round = 0; round < 3; round++) {
		remote_do(vcpu, REMOTE_FILL, MEM_GPA, round, NPAGES);
		ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
		EXPECT_EQ(~0ul, bits[0]);
		EXPECT_EQ(~0ul, bits[1]);
	}
	EXPECT_GE(stats_get(vcpu->fd, "pf_taken") - taken, 3 * NPAGES);
	if (variant->lockless) {
		EXPECT_GE(fast_fixes(self->vm) - before, 3 * NPAGES);
	} else {
		EXPECT_EQ(before, fast_fixes(self->vm));
	}
}

/* A mode may change while the VM runs; nothing is lost on the way. */
TEST_F(fast, switched_under_load)
{
	struct vcpu *vcpu = &self->vm->vcpus[0];
	u64 bits[NPAGES / 64];
	int round, i;

	if (!self->there)
		SKIP(return, "not umbra: no UM_CAP_FASTPATH");
	for (round = 0; round < 12; round++) {
		ASSERT_EQ(0, set_mode(self->vm, (variant->mode + round) % 4));
		remote_do(vcpu, REMOTE_FILL, MEM_GPA, round, NPAGES);
		ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
		EXPECT_EQ(~0ul, bits[0] & bits[1]);
		for (i = 0; i < NPAGES; i += 13)
			EXPECT_EQ(round + i,
				  *(u64 *)(self->mem + i * PAGE_SIZE));
	}
	EXPECT_EQ(EINVAL, set_mode(self->vm, 77));
	EXPECT_EQ(EINVAL, set_mode(self->vm, ~0ul));
}

/* Only what may be written is given back. */
TEST_F(fast, rights_are_kept)
{
	struct vcpu *vcpu = &self->vm->vcpus[0];
	u64 bits[NPAGES / 64];

	if (!self->there)
		SKIP(return, "not umbra: no UM_CAP_FASTPATH");
	remote_do(vcpu, REMOTE_FILL, MEM_GPA, 1, 8);
	ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
	ASSERT_EQ(0, mprotect(self->mem, PAGE_SIZE, PROT_READ));
	EXPECT_EQ(1, remote_read(vcpu, MEM_GPA));
	remote_arm(vcpu, REMOTE_WRITE, MEM_GPA, 5, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(vcpu));
	EXPECT_EQ(1, *(u64 *)self->mem);
	ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
	EXPECT_EQ(0, bits[0]);
	ASSERT_EQ(0, mprotect(self->mem, PAGE_SIZE, PROT_READ | PROT_WRITE));
	run_to_sync(vcpu, 0);
	EXPECT_EQ(5, *(u64 *)self->mem);
	ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
	EXPECT_EQ(1, bits[0]);
}

static void writer(u64 id)
{
	u64 seq = 0;

	for (;;) {
		guest_write(MEM_GPA + seq % NPAGES * PAGE_SIZE + id * 8,
			    seq + 1);
		seq++;
	}
}

/* Two vCPUs claim the same entries; the copy ends equal to the memory. */
TEST_F(fast, two_claimants)
{
	struct vm *vm = vm_boot(2, (void (*)(void))writer);
	struct vcpu_thread t[2] = { 0 };
	u64 bits[NPAGES / 64], i, k;
	u8 *mem, *copy;

	if (!self->there) {
		vm_free(vm);
		SKIP(return, "not umbra: no UM_CAP_FASTPATH");
	}
	ASSERT_EQ(0, set_mode(vm, variant->mode));
	ASSERT_EQ(0, log_by_faults(vm));
	mem = vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE);
	copy = mem_alloc(NPAGES * PAGE_SIZE, PAGE_SIZE);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	for (k = 0; k <= 40; k++) {
		if (k == 40) {
			for (i = 0; i < 2; i++)
				vcpu_thread_stop(&t[i]);
		}
		ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
		for (i = 0; i < NPAGES; i++) {
			if (bits[i / 64] >> i % 64 & 1)
				memcpy(copy + i * PAGE_SIZE,
				       mem + i * PAGE_SIZE, PAGE_SIZE);
		}
		sleep_ms(2);
	}
	EXPECT_EQ(0, memcmp(copy, mem, NPAGES * PAGE_SIZE));
	munmap(copy, NPAGES * PAGE_SIZE);
	vm_free(vm);
}

TEST(module_parameter)
{
	char path[128], value[32];

	if (!umbra_param("fastpath", path, sizeof(path)))
		SKIP(return, "no umbra parameter fastpath on this device");
	ASSERT_GT(file_read(path, value, sizeof(value)), 0);
	EXPECT_TRUE(!strcmp(value, "tag") || !strcmp(value, "mw") ||
		    !strcmp(value, "pair") || !strcmp(value, "off"));
}

TEST_HARNESS_MAIN
