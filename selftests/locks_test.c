// SPDX-License-Identifier: GPL-2.0
/*
 * The statistic mmu_lock counts each lock that umbra's MMU takes. It stays at
 * zero where the MMU claims to take none, and it does count where one is.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"
#include "uapi/umbra.h"

#define NPAGES 64ul
#define SIZE (NPAGES * PAGE_SIZE)
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define VCPUS 2
#define ROUNDS 60
#define RING_BYTES 65536
#define TAGS 63 /* ids that claims have: docs/spte.md */

/* Everybody writes every page, each a word of its own. */
static void writer(u64 id)
{
	u64 i, n;

	for (n = 1;; n++) {
		for (i = 0; i < NPAGES; i++)
			guest_write(MEM_GPA + i * PAGE_SIZE + id * 8, n);
		guest_sync(n);
	}
}

static bool umbra(void)
{
	char path[128];

	return umbra_param("fastpath", path, sizeof(path));
}

/* What each vCPU's faults came to, in one name. */
static u64 faults(struct vm *vm, const char *name)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		sum += stats_get(vm->vcpus[i].fd, name);
	return sum;
}

FIXTURE(locks) {
	struct vm *vm;
	struct vcpu_thread t[VCPUS];
	u8 *mem;
	u64 bits[NPAGES / 64];
};

FIXTURE_VARIANT(locks) {
	int mode;
};

FIXTURE_VARIANT_ADD(locks, off) { .mode = UM_FASTPATH_OFF };
FIXTURE_VARIANT_ADD(locks, tag) { .mode = UM_FASTPATH_TAG };
FIXTURE_VARIANT_ADD(locks, pair) { .mode = UM_FASTPATH_PAIR };
FIXTURE_VARIANT_ADD(locks, mw) { .mode = UM_FASTPATH_MW };

/* Shadow paging takes one to link; harness/ shows that a fix takes none. */
FIXTURE_SETUP(locks)
{
	engine_choose(ENGINE_TDP);
}

FIXTURE_TEARDOWN(locks)
{
	if (self->vm)
		vm_free(self->vm);
}

/* Before there is a slot: with PML no write to a logged page faults. */
static void choose(struct vm *vm, int mode)
{
	REQUIRE(!vm_enable_cap(vm, UM_CAP_FASTPATH, mode), "mode %d", mode);
	REQUIRE(!vm_enable_cap(vm, UM_CAP_LOG_MODE, UM_LOG_MODE_WRPROT),
		"log mode");
}

static void begin(struct vm *vm, struct vcpu_thread *t)
{
	int i;

	for (i = 0; i < VCPUS; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
}

static void end(struct vcpu_thread *t)
{
	int i;

	for (i = 0; i < VCPUS; i++)
		vcpu_thread_stop(&t[i]);
}

/* Populate, fix, GET_DIRTY_LOG, notifiers, logging off and on. */
TEST_F(locks, none_taken)
{
	u64 i;

	if (!umbra())
		SKIP(return, "not umbra: no statistic mmu_lock");
	self->vm = vm_boot(VCPUS, (void (*)(void))writer);
	choose(self->vm, variant->mode);
	self->mem = vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE);
	begin(self->vm, self->t);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, self->bits));
		ASSERT_EQ(0, madvise(self->mem + i % 8 * SIZE / 8, SIZE / 8,
				     MADV_DONTNEED));
		if (i % 16 == 15) {
			vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, SIZE,
				self->mem);
			vm_slot(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE,
				self->mem);
		}
		sleep_ms(2);
	}
	end(self->t);
	EXPECT_GE(faults(self->vm, "pf_fixed"), NPAGES / 2);
	if (variant->mode == UM_FASTPATH_OFF) {
		EXPECT_EQ(0, faults(self->vm, "pf_fast"));
	} else {
		EXPECT_GE(faults(self->vm, "pf_fast"), NPAGES / 2);
	}
	EXPECT_GE(stats_get(self->vm->fd, "zapped"), SIZE / 8 / PAGE_SIZE);
	EXPECT_GE(stats_get(self->vm->fd, "wrprot"), NPAGES / 2);
	EXPECT_EQ(0, stats_get(self->vm->fd, "mmu_lock"));
}

static int clear_log(struct vm *vm, void *bits)
{
	struct kvm_clear_dirty_log log = {
		.slot = MEM_SLOT,
		.num_pages = NPAGES,
		.dirty_bitmap = bits,
	};

	return KERR(vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

TEST_F(locks, none_taken_by_clear)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
	};
	int i;

	if (!umbra())
		SKIP(return, "not umbra: no statistic mmu_lock");
	self->vm = vm_boot(VCPUS, (void (*)(void))writer);
	if (KERR(self->vm->fd, KVM_ENABLE_CAP, &cap))
		SKIP(return, "no KVM_CLEAR_DIRTY_LOG");
	choose(self->vm, variant->mode);
	self->mem = vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE);
	begin(self->vm, self->t);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, self->bits));
		ASSERT_EQ(0, clear_log(self->vm, self->bits));
		sleep_ms(2);
	}
	end(self->t);
	EXPECT_GE(stats_get(self->vm->fd, "wrprot"), NPAGES / 2);
	EXPECT_EQ(0, stats_get(self->vm->fd, "mmu_lock"));
}

TEST_F(locks, none_taken_by_reset)
{
	struct ring ring[VCPUS];
	u64 offset, reset = 0;
	int i, k, n;
	u32 slot;

	if (!umbra())
		SKIP(return, "not umbra: no statistic mmu_lock");
	self->vm = vm_boot_rings(VCPUS, (void (*)(void))writer, RING_BYTES);
	for (i = 0; i < VCPUS; i++)
		ring_map(&ring[i], &self->vm->vcpus[i], RING_BYTES);
	choose(self->vm, variant->mode);
	self->mem = vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE);
	begin(self->vm, self->t);
	for (k = 0; k < ROUNDS; k++) {
		for (i = 0; i < VCPUS; i++)
			while (ring_harvest(&ring[i], &slot, &offset))
				;
		n = rings_reset(self->vm);
		ASSERT_GE(n, 0);
		reset += n;
		sleep_ms(2);
	}
	end(self->t);
	EXPECT_GE(reset, NPAGES / 2);
	EXPECT_EQ(0, stats_get(self->vm->fd, "mmu_lock"));
	for (i = 0; i < VCPUS; i++)
		ring_unmap(&ring[i]);
}

/* The 64th vCPU has no id to claim with: it goes slow, by a lock. */
TEST(counted_where_taken)
{
	struct vm *vm;
	struct vcpu *last;
	u64 before;
	int i, fd[TAGS];

	if (!umbra())
		SKIP(return, "not umbra: no statistic mmu_lock");
	engine_choose(ENGINE_TDP);
	vm = vm_boot(1, (void (*)(void))writer);
	for (i = 1; i < TAGS; i++) {
		fd[i] = KIOCTL(vm->fd, KVM_CREATE_VCPU, VM_MAX_VCPUS + i);
		ASSERT_GE(fd[i], 0);
	}
	last = vcpu_add(vm, 1);
	vcpu_setup(last, (void (*)(void))writer);
	vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, SIZE);
	run_to_sync(&vm->vcpus[0], 1);
	EXPECT_EQ(0, stats_get(vm->fd, "mmu_lock"));
	EXPECT_EQ(0, stats_get(vm->vcpus[0].fd, "pf_no_tag"));

	vm_slot(vm, MEM_SLOT, 0, MEM_GPA, 0, NULL);
	vm_add_mem(vm, MEM_SLOT + 1, LOG, MEM_GPA, SIZE);
	before = stats_get(vm->fd, "mmu_lock");
	run_to_sync(last, 1);
	EXPECT_GE(stats_get(vm->fd, "mmu_lock") - before, NPAGES);
	EXPECT_GE(stats_get(last->fd, "pf_no_tag"), NPAGES);
	for (i = 1; i < TAGS; i++)
		close(fd[i]);
	vm_free(vm);
}

TEST_HARNESS_MAIN
