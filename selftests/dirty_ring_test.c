// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty rings: the rules of the API, what stands in them, what happens when
 * they are full, that no page is lost, and a user space that lies.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#include <sys/wait.h>

#define NPAGES 200ul
#define RING 16384u		/* bytes; the least that every device takes */
#define ENTRIES (RING / 16)
#define MAX (65536u * 16)
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define GPAGE(n) (MEM_GPA + (n) * PAGE_SIZE)

static bool rings_there(void)
{
	int dev = dev_open();
	bool there = KIOCTL(dev, KVM_CHECK_EXTENSION,
			    KVM_CAP_DIRTY_LOG_RING_ACQ_REL) > 0;

	close(dev);
	return there;
}

static int enable(struct vm *vm, u32 cap, u64 bytes)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { bytes } };

	return KERR(vm->fd, KVM_ENABLE_CAP, &c);
}

static int enable_fresh(u64 bytes)
{
	struct vm *vm = vm_create();
	int err = rings_enable(vm, bytes);

	vm_free(vm);
	return err;
}

TEST(rules)
{
	struct vm *vm = vm_create();
	u32 least;

	if (!rings_there())
		SKIP(vm_free(vm); return, "no dirty rings");
	EXPECT_EQ(MAX, KIOCTL(vm->dev, KVM_CHECK_EXTENSION,
			      KVM_CAP_DIRTY_LOG_RING));
	EXPECT_EQ(MAX, KIOCTL(vm->fd, KVM_CHECK_EXTENSION,
			      KVM_CAP_DIRTY_LOG_RING_ACQ_REL));
	EXPECT_EQ(EINVAL, enable_fresh(0));
	EXPECT_EQ(EINVAL, enable_fresh(1));
	EXPECT_EQ(EINVAL, enable_fresh(2048));
	EXPECT_EQ(EINVAL, enable_fresh(RING + 16));
	EXPECT_EQ(EINVAL, enable_fresh(3 * RING));
	EXPECT_EQ(E2BIG, enable_fresh(2 * MAX));
	EXPECT_EQ(EINVAL, enable_fresh(1ul << 32));
	EXPECT_EQ(0, enable_fresh(MAX));
	/* A page, or what a CPU that logs by itself may need at once. */
	for (least = PAGE_SIZE; enable_fresh(least); least *= 2)
		EXPECT_LT(least, RING);
	EXPECT_EQ(EINVAL, rings_reset(vm) < 0 ? -rings_reset(vm) : 0);
	EXPECT_EQ(0, enable(vm, KVM_CAP_DIRTY_LOG_RING, RING));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, RING));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, RING));
	EXPECT_EQ(0, rings_reset(vm));
	vm_free(vm);
	vm = vm_create();
	vcpu_add(vm, 0);
	EXPECT_EQ(EINVAL, rings_enable(vm, RING));
	vm_free(vm);
}

FIXTURE(ring) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct ring ring[2];
	u8 *mem;
};

FIXTURE_SETUP(ring)
{
	int i;

	if (!rings_there())
		SKIP(return, "no dirty rings");
	self->vm = vm_boot_remote_rings(2, RING);
	self->vcpu = &self->vm->vcpus[0];
	for (i = 0; i < 2; i++)
		ring_map(&self->ring[i], &self->vm->vcpus[i], RING);
	self->mem = vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA,
			       NPAGES * PAGE_SIZE);
}

FIXTURE_TEARDOWN(ring)
{
	int i;

	if (!self->vm)
		return;
	for (i = 0; i < 2; i++)
		ring_unmap(&self->ring[i]);
	vm_free(self->vm);
}

/* Must the ring name this page next? */
#define NEXT(r, page) do {						\
	u32 __slot = ~0;						\
	u64 __page = ~0;						\
									\
	EXPECT_TRUE(ring_harvest(r, &__slot, &__page));			\
	EXPECT_EQ(MEM_SLOT, __slot);					\
	EXPECT_EQ(page, __page);					\
} while (0)
#define NONE(r) do {							\
	u32 __slot;							\
	u64 __page;							\
									\
	EXPECT_FALSE(ring_harvest(r, &__slot, &__page));		\
} while (0)

/* Empties a ring; how many entries there were. */
static u32 drain(struct ring *ring)
{
	u32 slot, n;
	u64 page;

	for (n = 0; ring_harvest(ring, &slot, &page); n++)
		;
	return n;
}

static bool maps(struct vcpu *vcpu, int prot, int flags, u64 page, u64 n)
{
	void *map = mmap(NULL, n * PAGE_SIZE, prot, flags, vcpu->fd,
			 page * PAGE_SIZE);

	if (map == MAP_FAILED)
		return errno != EINVAL;
	munmap(map, n * PAGE_SIZE);
	return true;
}

/* The signal that reading @page of the vCPU's file ends a process with. */
static int touch_signal(struct vcpu *vcpu, u64 page)
{
	volatile char *map = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED,
				  vcpu->fd, page * PAGE_SIZE);
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		_exit(*map & 0);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
	munmap((void *)map, PAGE_SIZE);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_F(ring, mappings)
{
	const u64 at = KVM_DIRTY_LOG_PAGE_OFFSET, n = RING / PAGE_SIZE;
	const int rw = PROT_READ | PROT_WRITE;
	struct vm *without;

	EXPECT_TRUE(maps(self->vcpu, rw, MAP_SHARED, at, n));
	EXPECT_TRUE(maps(self->vcpu, PROT_READ, MAP_SHARED, at + n - 1, 1));
	EXPECT_FALSE(maps(self->vcpu, rw, MAP_PRIVATE, at, n));
	EXPECT_FALSE(maps(self->vcpu, rw, MAP_PRIVATE, at + n - 1, 2));
	EXPECT_FALSE(maps(self->vcpu, PROT_READ | PROT_EXEC, MAP_SHARED, at,
			  1));
	EXPECT_TRUE(maps(self->vcpu, rw, MAP_PRIVATE, at + n, 1));
	EXPECT_TRUE(maps(self->vcpu, rw, MAP_PRIVATE, 0, 1));
	EXPECT_EQ(0, touch_signal(self->vcpu, at + n - 1));
	EXPECT_EQ(SIGBUS, touch_signal(self->vcpu, at + n));
	EXPECT_EQ(SIGBUS, touch_signal(self->vcpu, at - 1));
	without = vm_create();
	vcpu_add(without, 0);
	EXPECT_EQ(SIGBUS, touch_signal(&without->vcpus[0], at));
	vm_free(without);
}

TEST_F(ring, names_what_was_written)
{
	u64 bits[4], i;

	remote_do(self->vcpu, REMOTE_SUM, MEM_GPA, 0, NPAGES);
	NONE(&self->ring[0]);
	remote_write(self->vcpu, GPAGE(5), 1);
	remote_write(self->vcpu, GPAGE(NPAGES - 1), 1);
	remote_write(self->vcpu, GPAGE(5), 2);
	remote_write(self->vcpu, GPAGE(0), 1);
	remote_write(&self->vm->vcpus[1], GPAGE(7), 1);
	NEXT(&self->ring[0], 5);
	NEXT(&self->ring[0], NPAGES - 1);
	NEXT(&self->ring[0], 0);
	NONE(&self->ring[0]);
	NEXT(&self->ring[1], 7);
	NONE(&self->ring[1]);
	/* Not logged again before it was reset, and then again. */
	remote_write(self->vcpu, GPAGE(5), 3);
	NONE(&self->ring[0]);
	EXPECT_EQ(4, rings_reset(self->vm));
	EXPECT_EQ(0, rings_reset(self->vm));
	remote_write(self->vcpu, GPAGE(7), 4);
	remote_write(&self->vm->vcpus[1], GPAGE(5), 4);
	NEXT(&self->ring[0], 7);
	NEXT(&self->ring[1], 5);
	EXPECT_EQ(2, rings_reset(self->vm));
	for (i = 0; i < NPAGES; i++)
		remote_write(self->vcpu, GPAGE(i), 9);
	for (i = 0; i < NPAGES; i++)
		NEXT(&self->ring[0], i);
	EXPECT_EQ(NPAGES, rings_reset(self->vm));
	/* There is no bitmap. */
	EXPECT_EQ(ENXIO, vm_dirty_log(self->vm, MEM_SLOT, bits));
	EXPECT_EQ(ENXIO, vm_dirty_log(self->vm, 77, bits));
}

/* RESET goes as far as user space went, not further. */
TEST_F(ring, harvested_in_part)
{
	int i;

	for (i = 0; i < 10; i++)
		remote_write(self->vcpu, GPAGE(i), 1);
	for (i = 0; i < 3; i++)
		NEXT(&self->ring[0], i);
	/* A hole: what lies behind it must wait. */
	self->ring[0].gfns[5].flags = KVM_DIRTY_GFN_F_RESET;
	EXPECT_EQ(3, rings_reset(self->vm));
	for (i = 0; i < 10; i++)
		remote_write(self->vcpu, GPAGE(i), 2);
	EXPECT_EQ(0, rings_reset(self->vm));
	NEXT(&self->ring[0], 3);
	NEXT(&self->ring[0], 4);
	EXPECT_EQ(3, rings_reset(self->vm));
	self->ring[0].next++;
	for (i = 6; i < 10; i++)
		NEXT(&self->ring[0], i);
	for (i = 0; i < 3; i++)
		NEXT(&self->ring[0], i);
	NONE(&self->ring[0]);
	EXPECT_EQ(7, rings_reset(self->vm));
}

TEST_F(ring, slot_without_log)
{
	u8 *mem = vm_add_mem(self->vm, 2, 0, MEM_GPA + (64ul << 20),
			     16 * PAGE_SIZE);

	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA + (64ul << 20), 1, 16);
	NONE(&self->ring[0]);
	vm_slot(self->vm, 2, LOG, MEM_GPA + (64ul << 20), 16 * PAGE_SIZE, mem);
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA + (64ul << 20), 1, 16);
	EXPECT_EQ(16, drain(&self->ring[0]));
	/* No more; what is reset then is no longer logged. */
	vm_slot(self->vm, 2, 0, MEM_GPA + (64ul << 20), 16 * PAGE_SIZE, mem);
	EXPECT_EQ(16, rings_reset(self->vm));
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA + (64ul << 20), 1, 16);
	NONE(&self->ring[0]);
}

/* Harvested before, reset after its slot went, or came back smaller. */
TEST_F(ring, slot_is_gone)
{
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	EXPECT_EQ(NPAGES, drain(&self->ring[0]));
	vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, 0, self->mem);
	EXPECT_EQ(NPAGES, rings_reset(self->vm));
	vm_slot(self->vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE,
		self->mem);
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	EXPECT_EQ(NPAGES, drain(&self->ring[0]));
	vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, 0, self->mem);
	vm_slot(self->vm, MEM_SLOT, LOG, MEM_GPA, 5 * PAGE_SIZE, self->mem);
	EXPECT_EQ(NPAGES, rings_reset(self->vm));
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, 5);
	EXPECT_EQ(5, drain(&self->ring[0]));
	EXPECT_EQ(5, rings_reset(self->vm));
}

/* What lies in a ring is user space's to write. */
TEST_F(ring, lies)
{
	static const u64 offsets[] = {
		-1ul, -64ul, 1ul << 63, 1ul << 52, NPAGES, NPAGES - 1, 0,
		(1ul << 63) - 1, 1ul << 32, NPAGES + 64,
	};
	static const u32 slots[] = {
		MEM_SLOT, 0, 1 << 16 | MEM_SLOT, 0xffff, 0xffffffff, 2, 32763,
		32764, 1u << 31,
	};
	struct ring *ring = &self->ring[0];
	struct kvm_dirty_gfn *gfn;
	u32 round, i, n = 0;

	for (round = 0; round < 9; round++) {
		remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, round, 90);
		for (i = 0; i < 90; i++) {
			gfn = &ring->gfns[(ring->next + i) % ring->size];
			if (!(gfn->flags & KVM_DIRTY_GFN_F_DIRTY))
				break;
			gfn->slot = slots[(i + round) % 9];
			gfn->offset = offsets[i % 10];
			gfn->flags = i % 2 ? 0xfffffffe : 0xffffffff;
		}
		ring->next += i;
		n += i;
		EXPECT_EQ(i, rings_reset(self->vm));
	}
	EXPECT_GT(n, 90);
	/* Pages that were never reset are writable; all others log. */
	EXPECT_EQ(5, remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 7, 5));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(7 + i, *(u64 *)(self->mem + i * PAGE_SIZE));
}

/* Flags on entries that were never pushed: umbra knows better. */
TEST_F(ring, flags_everywhere)
{
	struct ring *ring = &self->ring[0];
	char path[128];
	u32 i;

	if (!umbra_param("fastpath", path, sizeof(path)))
		SKIP(return, "KVM believes the flags");
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, 7);
	for (i = 0; i < ring->size; i++)
		ring->gfns[i].flags = ~0;
	EXPECT_EQ(7, rings_reset(self->vm));
	EXPECT_EQ(0, rings_reset(self->vm));
	memset(ring->gfns, 0, RING);
	ring->next = 7;
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, 7);
	EXPECT_EQ(7, drain(ring));
	EXPECT_EQ(7, rings_reset(self->vm));
}

/* ---- full ---- */

#define MANY 4096ul
#define MANY_GPA (MEM_GPA + (64ul << 20))

static int run_full(struct vcpu *vcpu)
{
	int err = vcpu_run_once(vcpu);

	return err ? -err : vcpu->run->exit_reason;
}

/*
 * Empties a ring that a guest filled page by page. The write that filled it is
 * tried again after RESET took its page, and so is named twice. Returns how
 * many entries there were; *@next is the page after the last.
 */
static u32 drain_rising(struct ring *ring, u64 *next)
{
	u32 slot, n, bad = 0;
	u64 page;

	for (n = 0; ring_harvest(ring, &slot, &page); n++) {
		if (n == 0 && page + 1 == *next)
			continue;
		bad += slot != 2 || page != *next;
		(*next)++;
	}
	REQUIRE(!bad, "%u of %u entries are not what was written", bad, n);
	return n;
}

TEST_F(ring, full)
{
	struct ring *ring = &self->ring[0];
	struct kvm_run *run = self->vcpu->run;
	u32 n, exits = 0;
	u64 next = 0;
	u8 *mem;

	mem = vm_add_mem(self->vm, 2, LOG, MANY_GPA, MANY * PAGE_SIZE);
	memset(mem, 1, MANY * PAGE_SIZE);
	remote_arm(self->vcpu, REMOTE_FILL, MANY_GPA, 1, MANY);
	while (run_full(self->vcpu) == KVM_EXIT_DIRTY_RING_FULL) {
		exits++;
		/* And so it stays until RESET has made room. */
		EXPECT_EQ(KVM_EXIT_DIRTY_RING_FULL, run_full(self->vcpu));
		run->immediate_exit = 1;
		EXPECT_EQ(-EINTR, run_full(self->vcpu));
		run->immediate_exit = 0;
		n = drain_rising(ring, &next);
		EXPECT_GE(n, ENTRIES / 4);
		EXPECT_LT(n, ENTRIES);
		EXPECT_EQ(KVM_EXIT_DIRTY_RING_FULL, run_full(self->vcpu));
		EXPECT_EQ(n, rings_reset(self->vm));
	}
	ASSERT_TRUE(vcpu_ucall(self->vcpu));
	drain_rising(ring, &next);
	EXPECT_EQ(MANY, next);
	EXPECT_GE(exits, 4);
	/* The other one has a ring of its own. */
	remote_write(&self->vm->vcpus[1], GPAGE(0), 1);
}

/* ---- emulated writes ---- */

static void guest_string_io(void)
{
	u64 dst = GPAGE(10) - 8, n = 4;

	asm volatile("rep insl" : "+D"(dst), "+c"(n) : "d"(0x77) : "memory");
	guest_sync(1);
	guest_done();
}

TEST(emulated_writes)
{
	struct vm *vm;
	struct ring ring;
	struct vcpu *vcpu;
	int i;

	if (!rings_there())
		SKIP(return, "no dirty rings");
	vm = vm_boot_rings(1, guest_string_io, RING);
	vcpu = &vm->vcpus[0];
	ring_map(&ring, vcpu, RING);
	vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE);
	for (i = 0; i < 64; i++) {
		ASSERT_EQ(0, vcpu_run_once(vcpu));
		if (vcpu_ucall(vcpu))
			break;
		ASSERT_EQ(KVM_EXIT_IO, vcpu->run->exit_reason);
		memset((u8 *)vcpu->run + vcpu->run->io.data_offset, 0x5a,
		       vcpu->run->io.size * vcpu->run->io.count);
	}
	ASSERT_LT(i, 64);
	u32 slot, seen = 0;
	u64 page;

	while (ring_harvest(&ring, &slot, &page)) {
		EXPECT_EQ(MEM_SLOT, slot);
		EXPECT_TRUE(page == 9 || page == 10);
		seen |= 1 << page;
	}
	EXPECT_EQ(3 << 9, seen);
	ring_unmap(&ring);
	vm_free(vm);
}

/* ---- never loses a page ---- */

static void writer(u64 id)
{
	guest_write_ever(MEM_GPA, NPAGES, id);
}

struct resetter {
	struct vm *vm;
	pthread_t thread;
	volatile int stop;
	int bad;
};

static void *reset_main(void *arg)
{
	struct resetter *r = arg;
	int n;

	while (!r->stop) {
		n = rings_reset(r->vm);
		r->bad |= n < 0 && n != -EINTR;
	}
	return NULL;
}

/* Another slot comes and goes under them. */
static void churn(struct vm *vm, u8 *mem)
{
	vm_slot(vm, 3, LOG, MANY_GPA, PAGE_SIZE, mem);
	vm_slot(vm, 3, 0, MANY_GPA, 0, mem);
}

/* Returns how many pages of the copy are stale; @drop: lose the last round. */
static u64 race(int rounds, int resetters, bool drop)
{
	struct vm *vm = vm_boot_rings(2, (void (*)(void))writer, RING);
	struct vcpu_thread t[2] = { 0 };
	struct resetter r[2] = { 0 };
	u8 *mem, *copy, *other = mem_alloc(PAGE_SIZE, PAGE_SIZE);
	u64 got[2 * ENTRIES], stale = 0;
	struct ring ring[2];
	int i, j, n, k;
	u32 slot;

	mem = vm_add_mem(vm, MEM_SLOT, LOG, MEM_GPA, NPAGES * PAGE_SIZE);
	copy = mem_alloc(NPAGES * PAGE_SIZE, PAGE_SIZE);
	for (i = 0; i < 2; i++) {
		ring_map(&ring[i], &vm->vcpus[i], RING);
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	}
	for (i = 0; i < resetters; i++) {
		r[i].vm = vm;
		pthread_create(&r[i].thread, NULL, reset_main, &r[i]);
	}
	for (j = 0; j <= rounds; j++) {
		if (j == rounds) {
			for (i = 0; i < 2; i++)
				vcpu_thread_stop(&t[i]);
		}
		for (i = n = 0; i < 2; i++)
			while (ring_harvest(&ring[i], &slot, &got[n])) {
				REQUIRE(slot == MEM_SLOT && got[n] < NPAGES,
					"slot %u page %lu", slot, got[n]);
				n++;
			}
		k = rings_reset(vm);
		REQUIRE(resetters ? k >= 0 : k == n, "%d reset, %d harvested",
			k, n);
		for (i = 0; i < n && !(drop && j == rounds); i++)
			memcpy(copy + got[i] * PAGE_SIZE,
			       mem + got[i] * PAGE_SIZE, PAGE_SIZE);
		churn(vm, other);
		sleep_ms(j % 4);
	}
	for (i = 0; i < resetters; i++) {
		r[i].stop = 1;
		pthread_join(r[i].thread, NULL);
		REQUIRE(!r[i].bad, "RESET failed");
	}
	for (i = 0; i < NPAGES; i++)
		stale += !!memcmp(copy + i * PAGE_SIZE, mem + i * PAGE_SIZE,
				  PAGE_SIZE);
	for (i = 0; i < 2; i++)
		ring_unmap(&ring[i]);
	munmap(copy, NPAGES * PAGE_SIZE);
	vm_free(vm);
	munmap(other, PAGE_SIZE);
	return stale;
}

TEST(never_loses_a_page)
{
	if (!rings_there())
		SKIP(return, "no dirty rings");
	EXPECT_EQ(0, race(60, 0, false));
}

TEST(many_reset_at_once)
{
	if (!rings_there())
		SKIP(return, "no dirty rings");
	EXPECT_EQ(0, race(40, 2, false));
}

/* The test of the test: lost entries are seen. */
TEST(a_lost_entry_is_noticed)
{
	if (!rings_there())
		SKIP(return, "no dirty rings");
	EXPECT_GE(race(5, 0, true), 1);
}

TEST_HARNESS_MAIN
