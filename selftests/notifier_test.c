// SPDX-License-Identifier: GPL-2.0
/*
 * The host changes its mapping under a guest that has the
 * page mapped. The guest must see the host's content of the moment, and the
 * host what the guest writes.
 */
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "lib/vm.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

FIXTURE(notifier) {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
};

FIXTURE_SETUP(notifier)
{
	self->vm = vm_boot_remote(1);
	self->vcpu = &self->vm->vcpus[0];
	self->mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, 2 * HUGE_SIZE);
	madvise(self->mem, 2 * HUGE_SIZE, MADV_NOHUGEPAGE);
}

FIXTURE_TEARDOWN(notifier)
{
	vm_free(self->vm);
}

#define WORD(n) (*(volatile u64 *)(self->mem + (n) * PAGE_SIZE))
#define GREAD(n) remote_read(self->vcpu, MEM_GPA + (n) * PAGE_SIZE)
#define GWRITE(n, v) remote_write(self->vcpu, MEM_GPA + (n) * PAGE_SIZE, v)
#define GFILL(v, n) remote_do(self->vcpu, REMOTE_FILL, MEM_GPA, v, n)
#define GSUM(n) remote_do(self->vcpu, REMOTE_SUM, MEM_GPA, 0, n)

TEST_F(notifier, dontneed)
{
	GFILL(1, 64);
	EXPECT_EQ(64 * 65 / 2, GSUM(64));
	ASSERT_EQ(0, madvise(self->mem, 32 * PAGE_SIZE, MADV_DONTNEED));
	EXPECT_EQ(32 * 32 + 32 * 33 / 2, GSUM(64));
	WORD(3) = 100;
	EXPECT_EQ(100, GREAD(3));
	GWRITE(4, 101);
	EXPECT_EQ(101, WORD(4));
}

TEST_F(notifier, mprotect)
{
	GFILL(1, 8);
	ASSERT_EQ(0, mprotect(self->mem, 4 * PAGE_SIZE, PROT_READ));
	EXPECT_EQ(1, GREAD(0));
	remote_arm(self->vcpu, REMOTE_WRITE, MEM_GPA, 50, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	EXPECT_EQ(1, WORD(0));
	ASSERT_EQ(0, mprotect(self->mem, 4 * PAGE_SIZE,
			      PROT_READ | PROT_WRITE));
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(50, WORD(0));
	ASSERT_EQ(0, mprotect(self->mem, PAGE_SIZE, PROT_NONE));
	remote_arm(self->vcpu, REMOTE_READ, MEM_GPA, 0, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	ASSERT_EQ(0, mprotect(self->mem, PAGE_SIZE, PROT_READ | PROT_WRITE));
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(50, GUEST_VAR(self->vm, remote)[0].value);
}

/* After a fork the guest's write breaks the sharing, not the child. */
TEST_F(notifier, fork_cow)
{
	int to_child[2], status;
	char c = 0;
	pid_t pid;

	GFILL(1, 4);
	ASSERT_EQ(0, pipe(to_child));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		/* Once told to: still what it was, and write on one's own. */
		status = read(to_child[0], &c, 1) != 1;
		status |= (WORD(0) != 1) << 1;
		WORD(1) = 999;
		_exit(status);
	}
	GWRITE(0, 77);
	EXPECT_EQ(77, WORD(0));
	ASSERT_EQ(1, write(to_child[1], &c, 1));
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(2, GREAD(1));
	EXPECT_EQ(77, GREAD(0));
	WORD(2) = 55;
	EXPECT_EQ(55, GREAD(2));
}

TEST_F(notifier, munmap_and_back)
{
	GFILL(1, 4);
	ASSERT_EQ(0, munmap(self->mem, PAGE_SIZE));
	remote_arm(self->vcpu, REMOTE_READ, MEM_GPA, 0, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	ASSERT_EQ(self->mem, mmap(self->mem, PAGE_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				  -1, 0));
	WORD(0) = 31;
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(31, GUEST_VAR(self->vm, remote)[0].value);
	EXPECT_EQ(2, GREAD(1));
}

TEST_F(notifier, mremap_away)
{
	u8 *moved;

	GFILL(1, 4);
	moved = mremap(self->mem, PAGE_SIZE, PAGE_SIZE,
		       MREMAP_MAYMOVE | MREMAP_FIXED,
		       mem_alloc(PAGE_SIZE, PAGE_SIZE));
	ASSERT_NE(MAP_FAILED, (void *)moved);
	remote_arm(self->vcpu, REMOTE_WRITE, MEM_GPA, 66, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	EXPECT_EQ(1, *(u64 *)moved);
	ASSERT_NE(MAP_FAILED, mmap(self->mem, PAGE_SIZE,
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				   -1, 0));
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(66, WORD(0));
	EXPECT_EQ(1, *(u64 *)moved);
}

TEST_F(notifier, mapped_over)
{
	int fd = memfd_create("over", 0);
	u64 word = 0x5555;

	GFILL(1, 4);
	ASSERT_EQ(0, ftruncate(fd, PAGE_SIZE));
	ASSERT_EQ(8, pwrite(fd, &word, 8, 0));
	ASSERT_NE(MAP_FAILED, mmap(self->mem, PAGE_SIZE,
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, fd, 0));
	EXPECT_EQ(0x5555, GREAD(0));
	GWRITE(0, 0x6666);
	ASSERT_EQ(8, pread(fd, &word, 8, 0));
	EXPECT_EQ(0x6666, word);
	close(fd);
}

static u64 number(const char *path)
{
	char buf[64];

	return file_read(path, buf, sizeof(buf)) > 0 ? strtoul(buf, NULL, 0) :
						       0;
}

#define KSM "/sys/kernel/mm/ksm/"

TEST_F(notifier, ksm)
{
	char run[16], sleep[16];
	u64 end;
	int i;

	if (file_read(KSM "run", run, sizeof(run)) < 0)
		SKIP(return, "this kernel has no KSM");
	file_read(KSM "sleep_millisecs", sleep, sizeof(sleep));
	for (i = 0; i < 8; i++)
		memset(self->mem + i * PAGE_SIZE, 0x5a, PAGE_SIZE);
	GSUM(8);
	GWRITE(0, 0x5a5a5a5a5a5a5a5a);
	if (madvise(self->mem, 8 * PAGE_SIZE, MADV_MERGEABLE))
		SKIP(return, "MADV_MERGEABLE: %s", strerror(errno));
	file_write(KSM "sleep_millisecs", "5");
	file_write(KSM "pages_to_scan", "1000");
	file_write(KSM "run", "1");
	end = now_ms() + 8000;
	while (number(KSM "pages_sharing") < 7 && now_ms() < end)
		sleep_ms(20);
	i = number(KSM "pages_sharing");
	if (i >= 7) {
		/* A write to one is seen by nobody else. */
		GWRITE(2, 3);
		EXPECT_EQ(3, WORD(2));
		EXPECT_EQ(0x5a5a5a5a5a5a5a5a, WORD(3));
		EXPECT_EQ(0x5a5a5a5a5a5a5a5a, GREAD(0));
		WORD(4) = 4;
		EXPECT_EQ(4, GREAD(4));
		EXPECT_EQ(0x5a5a5a5a5a5a5a5a, GREAD(5));
	}
	file_write(KSM "run", "2");
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a, GREAD(6));
	GWRITE(6, 6);
	EXPECT_EQ(6, WORD(6));
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a, WORD(7));
	file_write(KSM "run", run);
	file_write(KSM "sleep_millisecs", sleep);
	if (i < 7)
		SKIP(return, "KSM merged %d of 7 pages in 8 s", i);
}

TEST_F(notifier, thp_collapse_and_split)
{
	u64 n = HUGE_SIZE / PAGE_SIZE;

	GFILL(1, n);
	ASSERT_EQ(0, madvise(self->mem, HUGE_SIZE, MADV_HUGEPAGE));
	if (madvise(self->mem, HUGE_SIZE, MADV_COLLAPSE))
		SKIP(return, "MADV_COLLAPSE: %s", strerror(errno));
	EXPECT_EQ(n * (n + 1) / 2, GSUM(n));
	GWRITE(7, 700);
	EXPECT_EQ(700, WORD(7));
	WORD(8) = 800;
	EXPECT_EQ(800, GREAD(8));
	/* Now out of the middle of a huge page. */
	ASSERT_EQ(0, madvise(self->mem + 16 * PAGE_SIZE, PAGE_SIZE,
			     MADV_DONTNEED));
	EXPECT_EQ(0, GREAD(16));
	EXPECT_EQ(16, GREAD(15));
	EXPECT_EQ(18, GREAD(17));
	ASSERT_EQ(0, mprotect(self->mem + 20 * PAGE_SIZE, PAGE_SIZE,
			      PROT_READ));
	remote_arm(self->vcpu, REMOTE_WRITE, MEM_GPA + 20 * PAGE_SIZE, 1, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	ASSERT_EQ(0, mprotect(self->mem + 20 * PAGE_SIZE, PAGE_SIZE,
			      PROT_READ | PROT_WRITE));
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(1, WORD(20));
}

TEST_F(notifier, compaction)
{
	u64 before = 0, n = 256, sum = n * (n + 1) / 2;
	int i;

	GFILL(1, n);
	if (access("/proc/sys/vm/compact_memory", W_OK))
		SKIP(return, "no /proc/sys/vm/compact_memory");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, file_write("/proc/sys/vm/compact_memory", "1"));
		EXPECT_EQ(sum, GSUM(n));
		for (before = 0; before < n; before++)
			EXPECT_EQ(before + 1, WORD(before));
		GFILL(1, n);
	}
}

TEST_F(notifier, swap)
{
	char buf[512];
	char *line;

	if (file_read("/proc/swaps", buf, sizeof(buf)) < 0)
		SKIP(return, "this kernel has no swap");
	line = strchr(buf, '\n');
	if (!line || !line[1])
		SKIP(return, "no swap device or file is in use");
	GFILL(1, 64);
	ASSERT_EQ(0, madvise(self->mem, 64 * PAGE_SIZE, MADV_PAGEOUT));
	EXPECT_EQ(64 * 65 / 2, GSUM(64));
	ASSERT_EQ(0, madvise(self->mem, 64 * PAGE_SIZE, MADV_PAGEOUT));
	GWRITE(3, 1000);
	EXPECT_EQ(1000, WORD(3));
	EXPECT_EQ(5, WORD(4));
}

/* ---- a running guest ---- */

static volatile u64 announced, reads, finish;

/* Once a value was announced, an older one must never be read again. */
static void watcher(void)
{
	u64 floor, value;

	for (;;) {
		floor = announced;
		value = guest_read(MEM_GPA);
		if (value && value < floor)
			ucall(UCALL_FAIL, (u64)__FILE__, __LINE__,
			      (u64)"no stale page", value, floor);
		if (finish)
			guest_done();
		reads++;
	}
}

static void race(struct __test_metadata *_metadata,
		 void (*change)(u8 *mem, int round), int rounds)
{
	struct vm *vm = vm_boot(1, watcher);
	struct vcpu_thread t = { 0 };
	u8 *mem = vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE);
	u64 last;
	int i;

	madvise(mem, HUGE_SIZE, MADV_NOHUGEPAGE);
	vcpu_thread_start(&t, &vm->vcpus[0]);
	for (i = 1; i <= rounds; i++) {
		change(mem, i);
		*(volatile u64 *)mem = i;
		__sync_synchronize();
		GUEST_VAR(vm, announced) = i;
		last = GUEST_VAR(vm, reads);
		while (GUEST_VAR(vm, reads) < last + 3 && !t.ended)
			usleep(100);
	}
	GUEST_VAR(vm, finish) = 1;
	vcpu_thread_join(&t);
	EXPECT_GE(GUEST_VAR(vm, reads), rounds);
	vm_free(vm);
}

static void change_dontneed(u8 *mem, int round)
{
	madvise(mem, PAGE_SIZE, MADV_DONTNEED);
}

static void change_remap(u8 *mem, int round)
{
	u8 *fresh = mem_alloc(PAGE_SIZE, PAGE_SIZE);

	*(volatile u64 *)fresh = round;
	mremap(fresh, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, mem);
}

TEST(race_dontneed)
{
	race(_metadata, change_dontneed, 300);
}

TEST(race_remap)
{
	race(_metadata, change_remap, 300);
}

TEST_HARNESS_MAIN
