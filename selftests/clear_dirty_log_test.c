// SPDX-License-Identifier: GPL-2.0
/*
 * Manual protection of the dirty log: KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 and
 * KVM_CLEAR_DIRTY_LOG, by refusal, by result, and under load.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define NPAGES 200ul		/* no multiple of 64 on purpose */
#define WORDS 4
#define LAST (~0ul >> (256 - NPAGES)) /* of the last word */
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define MANUAL KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
#define ALL_SET (MANUAL | KVM_DIRTY_LOG_INITIALLY_SET)
#define GPAGE(n) (MEM_GPA + (n) * PAGE_SIZE)

static int manual(struct vm *vm, u64 flags)
{
	return vm_enable_cap(vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, flags);
}

static bool dirty(const u64 *bits, u64 page)
{
	return bits[page / 64] >> page % 64 & 1;
}

FIXTURE(clear) {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
	u64 bits[WORDS], mask[WORDS];
};

FIXTURE_SETUP(clear)
{
	self->vm = vm_boot_remote(1);
	self->vcpu = &self->vm->vcpus[0];
	ASSERT_EQ(0, manual(self->vm, MANUAL));
	self->mem = vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA,
			       NPAGES * PAGE_SIZE);
	memset(self->mask, 0xff, sizeof(self->mask));
}

FIXTURE_TEARDOWN(clear)
{
	vm_free(self->vm);
}

#define GET() ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, self->bits))
#define CLEAR(first, n)						\
	vm_clear_log(self->vm, MEM_SLOT, first, n, self->mask)

TEST_F(clear, capability)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .flags = 1,
	};
	const u64 bad[] = { 2, 4, 5, 7, 1ul << 32, 1ul << 63 };
	int i;

	EXPECT_EQ(3, KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION,
			    KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2));
	EXPECT_EQ(3, KIOCTL(self->vm->fd, KVM_CHECK_EXTENSION,
			    KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2));
	EXPECT_EQ(EINVAL, KERR(self->vm->fd, KVM_ENABLE_CAP, &cap));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(EINVAL, manual(self->vm, bad[i]));
	EXPECT_EQ(0, manual(self->vm, ALL_SET));
	EXPECT_EQ(0, manual(self->vm, 0));
}

TEST_F(clear, refusals)
{
	const struct {
		u64 first;
		u32 n;
		int err;
	} t[] = {
		{ 0, 0, 0 }, { 64, 0, 0 }, { 0, 64, 0 }, { 64, 128, 0 },
		{ 0, NPAGES, 0 }, { 192, NPAGES - 192, 0 },
		{ 1, 64, EINVAL }, { 63, 64, EINVAL }, { 0, 1, EINVAL },
		{ 0, 65, EINVAL }, { 0, NPAGES - 1, EINVAL },
		{ 0, NPAGES + 1, EINVAL }, { 0, 256, EINVAL },
		{ 192, 64, EINVAL }, { 256, 0, EINVAL }, { 256, 64, EINVAL },
		{ 64, NPAGES, EINVAL }, { 0, ~0u, EINVAL },
		{ 64, ~0u - 63, EINVAL }, { ~63ul, 64, EINVAL },
		{ ~63ul, 0, EINVAL }, { 1ul << 63, 64, EINVAL },
	};
	struct vm *vm = self->vm;
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		EXPECT_EQ(t[i].err, CLEAR(t[i].first, t[i].n)) {
			TH_LOG("row %d", i);
		}
	EXPECT_EQ(EINVAL, vm_clear_log(vm, 32764, 0, 64, self->mask));
	EXPECT_EQ(EINVAL, vm_clear_log(vm, ~0u, 0, 64, self->mask));
	EXPECT_EQ(ENOENT, vm_clear_log(vm, 32763, 0, 64, self->mask));
	EXPECT_EQ(ENOENT, vm_clear_log(vm, 0, 0, 64, self->mask));
	/* The alignment is looked at before the slot. */
	EXPECT_EQ(EINVAL, vm_clear_log(vm, 32763, 1, 64, self->mask));
	EXPECT_EQ(EFAULT, vm_clear_log(vm, MEM_SLOT, 0, 64, NULL));
	EXPECT_EQ(EFAULT, vm_clear_log(vm, MEM_SLOT, 0, 64,
				       (void *)(1ul << 63)));
	EXPECT_EQ(EFAULT, KERR(vm->fd, KVM_CLEAR_DIRTY_LOG, NULL));
}

TEST_F(clear, only_what_is_asked)
{
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	GET();
	EXPECT_EQ(~0ul, self->bits[0] & self->bits[1] & self->bits[2]);
	EXPECT_EQ(LAST, self->bits[3]);
	/* Asking clears nothing. */
	GET();
	EXPECT_EQ(LAST, self->bits[3]);
	self->mask[0] = 0xf0;
	EXPECT_EQ(0, CLEAR(64, 64));
	GET();
	EXPECT_EQ(~0ul, self->bits[0]);
	EXPECT_EQ(~0xf0ul, self->bits[1]);
	/* The last word: bits beyond the slot are ignored. */
	self->mask[0] = ~0ul;
	EXPECT_EQ(0, CLEAR(192, NPAGES - 192));
	GET();
	EXPECT_EQ(0, self->bits[3]);
	EXPECT_EQ(~0ul, self->bits[2]);
	/* What was cleared is logged again, what was not stays. */
	remote_write(self->vcpu, GPAGE(64 + 5), 2);
	remote_write(self->vcpu, GPAGE(199), 2);
	GET();
	EXPECT_EQ(~0xd0ul, self->bits[1]);
	EXPECT_EQ(1ul << 7, self->bits[3]);
}

/* Pages that were not dirty stay as they are. */
TEST_F(clear, a_clean_page)
{
	remote_do(self->vcpu, REMOTE_SUM, MEM_GPA, 0, NPAGES);
	remote_write(self->vcpu, GPAGE(3), 2);
	EXPECT_EQ(0, CLEAR(0, NPAGES));
	GET();
	EXPECT_EQ(0, self->bits[0] | self->bits[1] | self->bits[2]);
	remote_write(self->vcpu, GPAGE(4), 2);
	GET();
	EXPECT_EQ(1 << 4, self->bits[0]);
}

/* CLEAR works without manual protection too. */
TEST_F(clear, with_automatic_protection)
{
	ASSERT_EQ(0, manual(self->vm, 0));
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	EXPECT_EQ(0, CLEAR(0, 64));
	GET();
	EXPECT_EQ(0, self->bits[0]);
	EXPECT_EQ(~0ul, self->bits[1]);
	GET();
	EXPECT_EQ(0, self->bits[1]);
	remote_write(self->vcpu, GPAGE(4), 2);
	GET();
	EXPECT_EQ(1 << 4, self->bits[0]);
}

TEST_F(clear, initially_set)
{
	struct vm *vm = self->vm;
	u64 size = NPAGES * PAGE_SIZE;

	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	vm_slot(vm, MEM_SLOT, 0, MEM_GPA, size, self->mem);
	ASSERT_EQ(0, manual(vm, ALL_SET));
	vm_slot(vm, MEM_SLOT, LOG, MEM_GPA, size, self->mem);
	GET();
	EXPECT_EQ(~0ul, self->bits[0] & self->bits[1] & self->bits[2]);
	EXPECT_EQ(LAST, self->bits[3]);
	EXPECT_EQ(0, CLEAR(64, 64));
	GET();
	EXPECT_EQ(0, self->bits[1]);
	EXPECT_EQ(~0ul, self->bits[0] & self->bits[2]);
	remote_write(self->vcpu, GPAGE(66), 3);
	remote_write(self->vcpu, GPAGE(130), 3);
	GET();
	EXPECT_EQ(1 << 2, self->bits[1]);
	EXPECT_EQ(~0ul, self->bits[2]);
	/* A slot that is born logged is all dirty as well. */
	vm_add_mem(vm, MEM_SLOT + 1, LOG, MEM_GPA + HUGE_SIZE, size);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT + 1, self->bits));
	EXPECT_EQ(LAST, self->bits[3]);
	/* Without the flag a log begins empty, as ever. */
	ASSERT_EQ(0, manual(vm, MANUAL));
	vm_slot(vm, MEM_SLOT, 0, MEM_GPA, size, self->mem);
	vm_slot(vm, MEM_SLOT, LOG, MEM_GPA, size, self->mem);
	GET();
	EXPECT_EQ(0, self->bits[0] | self->bits[3]);
	remote_write(self->vcpu, GPAGE(66), 4);
	GET();
	EXPECT_EQ(1 << 2, self->bits[1]);
}

/* What was set at the start is taken by an automatic harvest too. */
TEST_F(clear, initially_set_then_automatic)
{
	struct vm *vm = self->vm;
	u64 size = NPAGES * PAGE_SIZE;

	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	vm_slot(vm, MEM_SLOT, 0, MEM_GPA, size, self->mem);
	ASSERT_EQ(0, manual(vm, ALL_SET));
	vm_slot(vm, MEM_SLOT, LOG, MEM_GPA, size, self->mem);
	ASSERT_EQ(0, manual(vm, 0));
	GET();
	EXPECT_EQ(LAST, self->bits[3]);
	GET();
	EXPECT_EQ(0, self->bits[0] | self->bits[3]);
	remote_write(self->vcpu, GPAGE(7), 4);
	GET();
	EXPECT_EQ(1 << 7, self->bits[0]);
}

/* ---- under load ---- */

#define LOAD_PAGES 512ul
#define LOAD_WORDS (LOAD_PAGES / 64)
#define CLEARERS 4
#define PER_CLEARER (LOAD_PAGES / CLEARERS)

static void writer(u64 id)
{
	guest_write_ever(MEM_GPA, LOAD_PAGES, id);
}

struct clearer {
	struct vm *vm;
	u8 *mem, *copy;
	u64 first;
	int rounds;
	bool forget; /* a planted bug: what is cleared is not copied */
	int failed;
	pthread_t thread;
};

/* GET, CLEAR one's own part, then copy it. */
static int clear_round(struct clearer *c)
{
	u64 bits[LOAD_WORDS], i;
	int r = vm_dirty_log(c->vm, MEM_SLOT, bits);

	if (r)
		return r;
	r = vm_clear_log(c->vm, MEM_SLOT, c->first, PER_CLEARER,
			 bits + c->first / 64);
	if (r)
		return r;
	for (i = c->first; i < c->first + PER_CLEARER; i++)
		if (dirty(bits, i) && !c->forget)
			memcpy(c->copy + i * PAGE_SIZE, c->mem + i * PAGE_SIZE,
			       PAGE_SIZE);
	return 0;
}

static void *clearer_run(void *arg)
{
	struct clearer *c = arg;
	int i;

	for (i = 0; i < c->rounds && !c->failed; i++)
		c->failed = clear_round(c);
	return NULL;
}

static void clear_by_threads(struct vm *vm, u8 *mem, u8 *copy, int rounds,
			     bool forget)
{
	struct clearer c[CLEARERS];
	int i;

	for (i = 0; i < CLEARERS; i++) {
		c[i] = (struct clearer){
			.vm = vm, .mem = mem, .copy = copy, .rounds = rounds,
			.first = i * PER_CLEARER, .forget = forget,
		};
		pthread_create(&c[i].thread, NULL, clearer_run, &c[i]);
	}
	for (i = 0; i < CLEARERS; i++) {
		pthread_join(c[i].thread, NULL);
		REQUIRE(!c[i].failed, "errno %d", c[i].failed);
	}
}

/* How many pages are lost when threads clear disjoint parts under load. */
static u64 lost_pages(u64 flags, bool forget)
{
	struct vm *vm = vm_boot(2, (void (*)(void))writer);
	u64 i, size = LOAD_PAGES * PAGE_SIZE, lost = 0;
	struct vcpu_thread t[2] = { 0 };
	u8 *mem, *copy;

	REQUIRE(!manual(vm, flags), "manual protection");
	mem = vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, size);
	copy = mem_alloc(size, PAGE_SIZE);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	clear_by_threads(vm, mem, copy, 40, forget);
	sleep_ms(10);
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
	clear_by_threads(vm, mem, copy, 1, forget);
	for (i = 0; i < LOAD_PAGES; i++)
		lost += !!memcmp(copy + i * PAGE_SIZE, mem + i * PAGE_SIZE,
				 PAGE_SIZE);
	munmap(copy, size);
	vm_free(vm);
	return lost;
}

TEST(never_loses_a_page)
{
	EXPECT_EQ(0, lost_pages(MANUAL, false));
}

TEST(never_loses_a_page_initially_set)
{
	EXPECT_EQ(0, lost_pages(ALL_SET, false));
}

TEST(a_lost_page_is_noticed)
{
	EXPECT_GE(lost_pages(MANUAL, true), 1);
}

/* Clear while the slot's log ends, begins, and the slot itself goes. */
TEST(while_the_slot_changes)
{
	struct vm *vm = vm_boot(1, (void (*)(void))writer);
	u64 size = LOAD_PAGES * PAGE_SIZE, bits[LOAD_WORDS];
	struct clearer c = { .vm = vm, .rounds = 200, .forget = true };
	struct vcpu_thread t = { 0 };
	u8 *mem;
	int i;

	ASSERT_EQ(0, manual(vm, ALL_SET));
	mem = vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, size);
	vcpu_thread_start(&t, &vm->vcpus[0]);
	for (i = 0; i < 40; i++) {
		c.failed = 0;
		pthread_create(&c.thread, NULL, clearer_run, &c);
		vm_slot(vm, MEM_SLOT, i % 3 ? 0 : LOG, MEM_GPA, size, mem);
		vm_slot(vm, MEM_SLOT, LOG, MEM_GPA, size, mem);
		if (i == 39) {
			vcpu_thread_stop(&t);
			vm_slot(vm, MEM_SLOT, 0, MEM_GPA, 0, mem);
		}
		pthread_join(c.thread, NULL);
		EXPECT_TRUE(!c.failed || c.failed == ENOENT);
	}
	EXPECT_EQ(ENOENT, vm_dirty_log(vm, MEM_SLOT, bits));
	vm_free(vm);
}

TEST_HARNESS_MAIN
