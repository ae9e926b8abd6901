// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory tables take: the quota of KVM_SET_NR_MMU_PAGES, and what
 * waits to be freed. However little there is, the guest sees its memory and
 * the dirty log every write.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#ifndef KVM_GET_NR_MMU_PAGES
#define KVM_GET_NR_MMU_PAGES _IO(KVMIO, 0x45)
#endif

/* One page is used of each 2M, so each has a table of its own. */
#define REGIONS 192ul
#define SIZE (REGIONS * HUGE_SIZE)
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define VCPUS 2
#define QUOTA 64ul

static volatile u64 rounds[VCPUS];

/* Each vCPU has every other region. */
static void sparse(u64 id)
{
	u64 n, i;

	for (n = 1;; n++) {
		for (i = id; i < REGIONS; i += VCPUS)
			guest_write(MEM_GPA + i * HUGE_SIZE, n << 16 | i);
		for (i = id; i < REGIONS; i += VCPUS)
			GUEST_ASSERT_EQ(guest_read(MEM_GPA + i * HUGE_SIZE),
					n << 16 | i);
		rounds[id] = n;
	}
}

static u64 page(const u8 *mem, u64 region)
{
	return *(const volatile u64 *)(mem + region * HUGE_SIZE);
}

FIXTURE(quota) {
	struct vm *vm;
	struct vcpu_thread t[VCPUS];
	u8 *mem;
	bool umbra;
	char param[128];
};

/* Tables of EPT; shadow_cve_test has a quota of shadow pages. */
FIXTURE_SETUP(quota)
{
	engine_choose(ENGINE_TDP);
	self->umbra = umbra_param("waiting", self->param, sizeof(self->param));
}

FIXTURE_TEARDOWN(quota)
{
	if (self->vm)
		vm_free(self->vm);
}

static u8 *boot(struct vm **vm, u32 flags)
{
	u8 *mem;

	*vm = vm_boot(VCPUS, (void (*)(void))sparse);
	mem = vm_add_mem(*vm, MEM_SLOT, flags, MEM_GPA, SIZE);
	madvise(mem, SIZE, MADV_NOHUGEPAGE);
	return mem;
}

static bool running(struct vm *vm, u64 upto)
{
	return GUEST_VAR(vm, rounds)[0] < upto ||
	       GUEST_VAR(vm, rounds)[1] < upto;
}

TEST_F(quota, arguments)
{
	long pages;

	self->vm = vm_create();
	EXPECT_EQ(1, KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION,
			    KVM_CAP_MMU_SHADOW_CACHE_CONTROL));
	EXPECT_EQ(EINVAL, KERR(self->vm->fd, KVM_SET_NR_MMU_PAGES, 0));
	EXPECT_EQ(EINVAL, KERR(self->vm->fd, KVM_SET_NR_MMU_PAGES, 63));
	EXPECT_EQ(0, KERR(self->vm->fd, KVM_SET_NR_MMU_PAGES, 64));
	pages = KIOCTL(self->vm->fd, KVM_GET_NR_MMU_PAGES, 0);
	if (pages < 0 && errno == ENOTTY)
		SKIP(return, "no KVM_GET_NR_MMU_PAGES here");
	EXPECT_EQ(64, pages);
	EXPECT_EQ(0, KERR(self->vm->fd, KVM_SET_NR_MMU_PAGES, 1000));
	EXPECT_EQ(1000, KIOCTL(self->vm->fd, KVM_GET_NR_MMU_PAGES, 0));
}

/* The default follows the slots, until somebody sets it. */
TEST_F(quota, by_default)
{
	u8 *mem = mem_alloc(PAGE_SIZE, PAGE_SIZE);
	struct vm *vm = self->vm = vm_create();
	u64 i;

	if (!self->umbra)
		SKIP(return, "not umbra");
	EXPECT_EQ(64, stats_get(vm->fd, "tables_quota"));
	vm_slot(vm, 0, 0, 0, 100 * HUGE_SIZE, mem_alloc(100 * HUGE_SIZE, 4096));
	EXPECT_EQ(1024, stats_get(vm->fd, "tables_quota"));
	/* Pages far apart need three tables each. */
	for (i = 1; i <= 500; i++)
		vm_slot(vm, i, 0, i << 30, PAGE_SIZE, mem);
	EXPECT_EQ(102 + 1500, stats_get(vm->fd, "tables_quota"));
	vm_slot(vm, 500, 0, 1000ul << 30, PAGE_SIZE, mem);
	EXPECT_EQ(102 + 1500, stats_get(vm->fd, "tables_quota"));
	for (i = 1; i <= 500; i++)
		vm_slot(vm, i, 0, 0, 0, NULL);
	EXPECT_EQ(1024, stats_get(vm->fd, "tables_quota"));
	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_NR_MMU_PAGES, 64));
	vm_slot(vm, 1, 0, 1ul << 30, PAGE_SIZE, mem);
	EXPECT_EQ(64, stats_get(vm->fd, "tables_quota"));
}

TEST_F(quota, default_takes_nothing)
{
	u64 tables, bytes;
	int i;

	self->mem = boot(&self->vm, 0);
	for (i = 0; i < VCPUS; i++)
		vcpu_thread_start(&self->t[i], &self->vm->vcpus[i]);
	while (running(self->vm, 3))
		sleep_ms(1);
	for (i = 0; i < VCPUS; i++)
		vcpu_thread_stop(&self->t[i]);
	if (!self->umbra)
		SKIP(return, "not umbra");
	tables = stats_get(self->vm->fd, "tables");
	EXPECT_GE(tables, REGIONS);
	EXPECT_EQ(0, stats_get(self->vm->fd, "tables_reclaimed"));
	/* With the root, and what two slots take; bitmaps come with logging. */
	bytes = stats_get(self->vm->fd, "bytes_meta");
	EXPECT_GT(bytes, (tables + 1) * PAGE_SIZE);
	EXPECT_LT(bytes, (tables + 2) * PAGE_SIZE);
	vm_slot(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE, self->mem);
	EXPECT_EQ(bytes + 2 * SIZE / PAGE_SIZE / 8,
		  stats_get(self->vm->fd, "bytes_meta"));
	vm_slot(self->vm, MEM_SLOT, 0, 0, 0, NULL);
	EXPECT_LT(stats_get(self->vm->fd, "bytes_meta"),
		  (stats_get(self->vm->fd, "tables") + 2) * PAGE_SIZE);
}

/* What the log's user has: a copy of each page whose bit was set. */
static void harvest(struct vm *vm, const u8 *mem, u64 *copy)
{
	static u64 bits[SIZE / PAGE_SIZE / 64];
	u64 i, bit;

	REQUIRE(!vm_dirty_log(vm, MEM_SLOT, bits), "GET_DIRTY_LOG");
	for (i = 0; i < REGIONS; i++) {
		bit = i * (HUGE_SIZE / PAGE_SIZE);
		if (bits[bit / 64] >> bit % 64 & 1)
			copy[i] = page(mem, i);
	}
}

TEST_F_TIMEOUT(quota, tiny_and_logged, 100)
{
	u64 copy[REGIONS] = { 0 }, tables, most = 0, i;
	struct vm *vm;

	self->mem = boot(&vm, LOG);
	self->vm = vm;
	ASSERT_EQ(0, KERR(vm->fd, KVM_SET_NR_MMU_PAGES, QUOTA));
	for (i = 0; i < VCPUS; i++)
		vcpu_thread_start(&self->t[i], &vm->vcpus[i]);
	while (running(vm, 6)) {
		harvest(vm, self->mem, copy);
		tables = self->umbra ? stats_get(vm->fd, "tables") : 0;
		most = tables > most ? tables : most;
	}
	for (i = 0; i < VCPUS; i++)
		vcpu_thread_stop(&self->t[i]);
	harvest(vm, self->mem, copy);
	for (i = 0; i < REGIONS; i++) {
		EXPECT_EQ(i, page(self->mem, i) & 0xffff);
		EXPECT_EQ(copy[i], page(self->mem, i));
	}
	if (!self->umbra)
		SKIP(return, "not umbra: no statistics of tables");
	/* Each vCPU may be making one. */
	EXPECT_LE(most, QUOTA + VCPUS);
	EXPECT_GE(most, QUOTA / 2);
	EXPECT_GE(stats_get(vm->fd, "tables_reclaimed"), 5 * REGIONS);
}

/* A quota set below what there is takes effect at once. */
TEST_F(quota, lowered)
{
	u64 i;

	if (!self->umbra)
		SKIP(return, "not umbra: no statistics of tables");
	self->mem = boot(&self->vm, 0);
	for (i = 0; i < VCPUS; i++)
		vcpu_thread_start(&self->t[i], &self->vm->vcpus[i]);
	while (running(self->vm, 2))
		sleep_ms(1);
	EXPECT_GE(stats_get(self->vm->fd, "tables"), REGIONS);
	ASSERT_EQ(0, KERR(self->vm->fd, KVM_SET_NR_MMU_PAGES, QUOTA));
	EXPECT_LE(stats_get(self->vm->fd, "tables"), QUOTA + VCPUS);
	for (i = 0; i < VCPUS; i++)
		vcpu_thread_stop(&self->t[i]);
}

#define WAITING 16ul

/* What each thread may have taken since it last looked: see mmu/README.md. */
#define STEP 33ul
#define BATCH 16ul

/* Slots go and tables are taken faster than grace periods end. */
TEST_F_TIMEOUT(quota, waiting, 100)
{
	u64 waiting, most = 0, last = 0, i, k;
	char old[32], text[32];
	struct vm *vm;

	if (!self->umbra)
		SKIP(return, "not umbra: no statistics of tables");
	file_read(self->param, old, sizeof(old));
	snprintf(text, sizeof(text), "%lu", WAITING);
	ASSERT_EQ(0, file_write(self->param, text));
	self->mem = boot(&vm, 0);
	self->vm = vm;
	file_write(self->param, old);
	ASSERT_EQ(0, KERR(vm->fd, KVM_SET_NR_MMU_PAGES, QUOTA + STEP));
	for (i = 0; i < VCPUS; i++)
		vcpu_thread_start(&self->t[i], &vm->vcpus[i]);
	for (k = 0; k < 40; k++) {
		last = stats_get(vm->fd, "tables_reclaimed");
		while (stats_get(vm->fd, "tables_reclaimed") < last + BATCH) {
			waiting = stats_get(vm->fd, "tables_waiting");
			most = waiting > most ? waiting : most;
		}
		vm_slot(vm, 9, 0, MEM_GPA + SIZE, HUGE_SIZE,
			self->mem + SIZE - HUGE_SIZE);
		vm_slot(vm, 9, 0, 0, 0, NULL);
		waiting = stats_get(vm->fd, "tables_waiting");
		most = waiting > most ? waiting : most;
	}
	for (i = 0; i < VCPUS; i++)
		vcpu_thread_stop(&self->t[i]);
	EXPECT_LE(most, WAITING + STEP + VCPUS * BATCH);
	EXPECT_GT(most, 0);
	EXPECT_GT(stats_get(vm->fd, "tables_waits"), 0);
}

TEST_HARNESS_MAIN
