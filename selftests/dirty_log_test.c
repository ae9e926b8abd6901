// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: what sets a bit, what does not, and that
 * a copy kept up to date by it alone ends equal to the memory.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define NPAGES 200ul		/* no multiple of 64 on purpose */
#define WORDS 4

FIXTURE(log) {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
	u64 bits[WORDS + 1];
};

FIXTURE_SETUP(log)
{
	self->vm = vm_boot_remote(1);
	self->vcpu = &self->vm->vcpus[0];
	self->mem = vm_add_mem(self->vm, MEM_SLOT, KVM_MEM_LOG_DIRTY_PAGES,
			       MEM_GPA, NPAGES * PAGE_SIZE);
	self->bits[WORDS] = 0x1234567812345678;
}

FIXTURE_TEARDOWN(log)
{
	/* Never written beyond the slot's rounded size. */
	EXPECT_EQ(0x1234567812345678, self->bits[WORDS]);
	vm_free(self->vm);
}

#define GPAGE(n) (MEM_GPA + (n) * PAGE_SIZE)
#define FETCH() ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, self->bits))

static int count(u64 *bits)
{
	int i, n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountl(bits[i]);
	return n;
}

static bool dirty(u64 *bits, int page)
{
	return bits[page / 64] >> page % 64 & 1;
}

TEST_F(log, writes_set_reads_do_not)
{
	memset(self->bits, 0xff, WORDS * 8);
	FETCH();
	EXPECT_EQ(0, count(self->bits));
	remote_do(self->vcpu, REMOTE_SUM, MEM_GPA, 0, NPAGES);
	FETCH();
	EXPECT_EQ(0, count(self->bits));
	remote_write(self->vcpu, GPAGE(0), 1);
	remote_write(self->vcpu, GPAGE(63), 1);
	remote_write(self->vcpu, GPAGE(64), 1);
	remote_write(self->vcpu, GPAGE(NPAGES - 1), 1);
	FETCH();
	EXPECT_EQ(4, count(self->bits));
	EXPECT_TRUE(dirty(self->bits, 0) && dirty(self->bits, 63) &&
		    dirty(self->bits, 64) && dirty(self->bits, NPAGES - 1));
	/* Fetching cleared them, and logs the next write again. */
	FETCH();
	EXPECT_EQ(0, count(self->bits));
	remote_write(self->vcpu, GPAGE(63), 2);
	FETCH();
	EXPECT_EQ(1, count(self->bits));
	EXPECT_TRUE(dirty(self->bits, 63));
	/* All of them: nothing beyond the last page. */
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	FETCH();
	EXPECT_EQ(NPAGES, count(self->bits));
	EXPECT_EQ(0, self->bits[3] >> (NPAGES % 64));
}

TEST_F(log, host_writes_are_not_logged)
{
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	FETCH();
	memset(self->mem, 5, NPAGES * PAGE_SIZE);
	FETCH();
	EXPECT_EQ(0, count(self->bits));
}

/* What the host took back and the guest writes anew is dirty too. */
TEST_F(log, after_dontneed)
{
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, 16);
	FETCH();
	ASSERT_EQ(0, madvise(self->mem, 8 * PAGE_SIZE, MADV_DONTNEED));
	remote_do(self->vcpu, REMOTE_SUM, MEM_GPA, 0, 16);
	FETCH();
	EXPECT_EQ(0, count(self->bits));
	remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, 1, 16);
	FETCH();
	EXPECT_EQ(0xffff, self->bits[0]);
}

TEST_F(log, toggled)
{
	int i;

	for (i = 0; i < 3; i++) {
		remote_write(self->vcpu, GPAGE(5), i);
		vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, NPAGES * PAGE_SIZE,
			self->mem);
		EXPECT_EQ(ENOENT, vm_dirty_log(self->vm, MEM_SLOT, self->bits));
		remote_write(self->vcpu, GPAGE(6), i);
		vm_slot(self->vm, MEM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, MEM_GPA,
			NPAGES * PAGE_SIZE, self->mem);
		/* A new log starts clean and misses nothing. */
		remote_write(self->vcpu, GPAGE(6), i);
		remote_write(self->vcpu, GPAGE(7), i);
		FETCH();
		EXPECT_EQ(0xc0, self->bits[0]);
		EXPECT_EQ(2, count(self->bits));
	}
}

static void guest_string_io(void)
{
	u64 dst = GPAGE(10) - 8, n = 4;

	/* 16 bytes from a port, across a page. */
	asm volatile("rep insl" : "+D"(dst), "+c"(n) : "d"(0x77) : "memory");
	guest_sync(1);
	/* A movs out of a hole into logged memory: emulated write. */
	dst = GPAGE(20);
	n = MEM_GPA + 64 * HUGE_SIZE;
	asm volatile("movsq" : "+D"(dst), "+S"(n) : : "memory");
	guest_sync(2);
	guest_done();
}

static void until_sync(struct vcpu *vcpu, u64 stage)
{
	struct ucall *call;
	int i;

	for (i = 0; i < 64; i++) {
		REQUIRE(!vcpu_run_once(vcpu), "KVM_RUN");
		call = vcpu_ucall(vcpu);
		if (call) {
			REQUIRE(call->cmd == UCALL_SYNC &&
				call->arg[0] == stage, "stage %lu", stage);
			return;
		}
		if (vcpu->run->exit_reason == KVM_EXIT_IO)
			memset((u8 *)vcpu->run + vcpu->run->io.data_offset,
			       0x5a, vcpu->run->io.size * vcpu->run->io.count);
		else
			memset(vcpu->run->mmio.data, 0xa5, 8);
	}
	REQUIRE(0, "stage %lu did not come", stage);
}

TEST(emulated_writes)
{
	struct vm *vm = vm_boot(1, guest_string_io);
	u8 *mem = vm_add_mem(vm, MEM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, MEM_GPA,
			     NPAGES * PAGE_SIZE);
	u64 bits[WORDS];

	until_sync(&vm->vcpus[0], 1);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	EXPECT_EQ(3 << 9, bits[0]);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a, *(u64 *)(mem + 10 * PAGE_SIZE - 8));
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a, *(u64 *)(mem + 10 * PAGE_SIZE));
	until_sync(&vm->vcpus[0], 2);
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	EXPECT_EQ(1 << 20, bits[0]);
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5, *(u64 *)(mem + 20 * PAGE_SIZE));
	vm_free(vm);
}

/* Only the page written is dirty, not the 2 MiB it was mapped with. */
TEST(huge_pages_split)
{
	struct vm *vm = vm_boot_remote(1);
	struct vcpu *vcpu = &vm->vcpus[0];
	u8 *mem = vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, 2 * HUGE_SIZE);
	u64 bits[16], sum = 0;
	int i;

	madvise(mem, 2 * HUGE_SIZE, MADV_HUGEPAGE);
	remote_do(vcpu, REMOTE_FILL, MEM_GPA, 1, 1024);
	vm_slot(vm, MEM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, MEM_GPA, 2 * HUGE_SIZE,
		mem);
	remote_write(vcpu, GPAGE(3), 7);
	remote_write(vcpu, GPAGE(600), 7);
	remote_read(vcpu, GPAGE(601));
	ASSERT_EQ(0, vm_dirty_log(vm, MEM_SLOT, bits));
	for (i = 0; i < 16; i++)
		sum += __builtin_popcountl(bits[i]);
	EXPECT_EQ(2, sum);
	EXPECT_EQ(1 << 3, bits[0]);
	EXPECT_EQ(1ul << 600 % 64, bits[600 / 64]);
	EXPECT_EQ(602, remote_read(vcpu, GPAGE(601)));
	vm_slot(vm, MEM_SLOT, 0, MEM_GPA, 2 * HUGE_SIZE, mem);
	EXPECT_EQ(1024 * 1025 / 2 - 4 - 601 + 14,
		  remote_do(vcpu, REMOTE_SUM, MEM_GPA, 0, 1024));
	vm_free(vm);
}

/* ---- never loses a page ---- */

static void writer(u64 id)
{
	guest_write_ever(MEM_GPA, NPAGES, id);
}

struct harvest {
	u64 pages, mismatches;
	int rounds;
};

static void copy_dirty(u8 *copy, u8 *mem, u64 *bits, struct harvest *h)
{
	u64 i;

	for (i = 0; i < NPAGES; i++) {
		if (!dirty(bits, i))
			continue;
		memcpy(copy + i * PAGE_SIZE, mem + i * PAGE_SIZE, PAGE_SIZE);
		h->pages++;
	}
}

/*
 * Harvest while the vCPUs write, stop them, harvest once more. With drop set
 * the last harvest is thrown away, which the comparison must notice.
 */
static struct harvest harvest(int rounds, int toggle, bool drop)
{
	struct vm *vm = vm_boot(2, (void (*)(void))writer);
	struct vcpu_thread t[2] = { 0 };
	struct harvest h = { .rounds = rounds };
	u32 flags = KVM_MEM_LOG_DIRTY_PAGES;
	u64 bits[WORDS], i;
	u8 *copy, *mem;

	mem = vm_add_mem(vm, MEM_SLOT, flags, MEM_GPA, NPAGES * PAGE_SIZE);
	copy = mem_alloc(NPAGES * PAGE_SIZE, PAGE_SIZE);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	for (i = 0; i < rounds; i++) {
		sleep_ms(i % 4);
		if (toggle && i % toggle == 0) {
			vm_slot(vm, MEM_SLOT, 0, MEM_GPA, NPAGES * PAGE_SIZE,
				mem);
			vm_slot(vm, MEM_SLOT, flags, MEM_GPA,
				NPAGES * PAGE_SIZE, mem);
			memcpy(copy, mem, NPAGES * PAGE_SIZE);
		}
		REQUIRE(!vm_dirty_log(vm, MEM_SLOT, bits), "dirty log");
		copy_dirty(copy, mem, bits, &h);
	}
	sleep_ms(20);
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
	REQUIRE(!vm_dirty_log(vm, MEM_SLOT, bits), "dirty log");
	if (!drop)
		copy_dirty(copy, mem, bits, &h);
	for (i = 0; i < NPAGES; i++)
		h.mismatches += !!memcmp(copy + i * PAGE_SIZE,
					 mem + i * PAGE_SIZE, PAGE_SIZE);
	munmap(copy, NPAGES * PAGE_SIZE);
	vm_free(vm);
	return h;
}

TEST(never_loses_a_page)
{
	struct harvest h = harvest(60, 0, false);

	EXPECT_EQ(0, h.mismatches) {
		TH_LOG("%lu pages lost in %d rounds", h.mismatches, h.rounds);
	}
	EXPECT_GE(h.pages, h.rounds);
}

TEST(never_loses_a_page_while_toggled)
{
	struct harvest h = harvest(40, 8, false);

	EXPECT_EQ(0, h.mismatches) {
		TH_LOG("%lu pages lost in %d rounds", h.mismatches, h.rounds);
	}
	EXPECT_GE(h.pages, h.rounds);
}

/* The test of the test: lost bits are seen. */
TEST(a_lost_bit_is_noticed)
{
	struct harvest h = harvest(5, 0, true);

	EXPECT_GE(h.mismatches, 1);
}

TEST_HARNESS_MAIN
