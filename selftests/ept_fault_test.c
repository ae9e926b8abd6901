// SPDX-License-Identifier: GPL-2.0
/*
 * First touches of every kind of memory.
 */
#include <fcntl.h>
#include "kselftest_harness.h"
#include "lib/vm.h"

FIXTURE(fault) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(fault)
{
	self->vm = vm_boot_remote(1);
	self->vcpu = &self->vm->vcpus[0];
}

FIXTURE_TEARDOWN(fault)
{
	vm_free(self->vm);
}

/* mov $imm32, %eax; ret */
static void put_code(void *at, u32 value)
{
	u8 *p = at;

	p[0] = 0xb8;
	memcpy(p + 1, &value, 4);
	p[5] = 0xc3;
}

static void read_write_fetch(struct __test_metadata *_metadata,
			     struct vcpu *vcpu, u64 gpa, u8 *hva, u64 size)
{
	u64 at;

	*(u64 *)hva = 0x1111;
	EXPECT_EQ(0x1111, remote_read(vcpu, gpa));
	remote_write(vcpu, gpa + PAGE_SIZE, 0x2222);
	EXPECT_EQ(0x2222, *(u64 *)(hva + PAGE_SIZE));
	put_code(hva + 2 * PAGE_SIZE, 0x3333);
	EXPECT_EQ(0x3333, remote_do(vcpu, REMOTE_CALL, gpa + 2 * PAGE_SIZE,
				    0, 0));
	/* All of it is there, and where it should be. */
	for (at = 0; at < size; at += PAGE_SIZE)
		*(u64 *)(hva + at) = at + 1;
	for (at = 0; at < size; at += 37 * PAGE_SIZE)
		EXPECT_EQ(at + 1, remote_read(vcpu, gpa + at));
	for (at = 0; at < size; at += 41 * PAGE_SIZE) {
		remote_write(vcpu, gpa + at + 8, at + 2);
		EXPECT_EQ(at + 2, *(u64 *)(hva + at + 8));
	}
	EXPECT_EQ(size - PAGE_SIZE + 1, remote_read(vcpu, gpa + size -
						    PAGE_SIZE));
}

TEST_F(fault, anonymous)
{
	u8 *mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE);

	madvise(mem, HUGE_SIZE, MADV_NOHUGEPAGE);
	read_write_fetch(_metadata, self->vcpu, MEM_GPA, mem, HUGE_SIZE);
}

TEST_F(fault, zero_page_then_write)
{
	u8 *mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE);

	madvise(mem, HUGE_SIZE, MADV_NOHUGEPAGE);
	/* The guest's read maps the zero page, its write must not reach it. */
	EXPECT_EQ(0, remote_read(self->vcpu, MEM_GPA));
	remote_write(self->vcpu, MEM_GPA, 5);
	EXPECT_EQ(5, *(u64 *)mem);
	/* The host reads first, then the guest, then the host writes. */
	EXPECT_EQ(0, *(volatile u64 *)(mem + PAGE_SIZE));
	EXPECT_EQ(0, remote_read(self->vcpu, MEM_GPA + PAGE_SIZE));
	EXPECT_EQ(0, remote_read(self->vcpu, MEM_GPA + 2 * PAGE_SIZE));
	*(volatile u64 *)(mem + PAGE_SIZE) = 6;
	EXPECT_EQ(6, remote_read(self->vcpu, MEM_GPA + PAGE_SIZE));
	EXPECT_EQ(0, remote_read(self->vcpu, MEM_GPA + 2 * PAGE_SIZE));
	EXPECT_EQ(0, *(volatile u64 *)(mem + 2 * PAGE_SIZE));
}

static bool thp_on(void)
{
	char buf[128];

	return file_read("/sys/kernel/mm/transparent_hugepage/enabled", buf,
			 sizeof(buf)) > 0 && !strstr(buf, "[never]");
}

/* Huge leaves of EPT are an offer; where they are counted, they are used. */
static void expect_huge(struct __test_metadata *_metadata, struct vm *vm)
{
	char path[128], on[8];
	u64 count;

	if (umbra_param("hugepages", path, sizeof(path)) &&
	    file_read(path, on, sizeof(on)) > 0 &&
	    (on[0] == 'N' || on[0] == '0'))
		return;
	if (!vm_is_shadow(vm) && !stats_read(vm->fd, "pages_2m", &count))
		EXPECT_GE(count, 1);
}

TEST_F(fault, thp)
{
	u8 *mem;

	if (!thp_on())
		SKIP(return, "transparent huge pages are off or absent");
	mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, 2 * HUGE_SIZE);
	ASSERT_EQ(0, madvise(mem, 2 * HUGE_SIZE, MADV_HUGEPAGE));
	mem[0] = mem[HUGE_SIZE] = 1;
	remote_write(self->vcpu, MEM_GPA + HUGE_SIZE + 5 * PAGE_SIZE, 9);
	EXPECT_EQ(9, *(u64 *)(mem + HUGE_SIZE + 5 * PAGE_SIZE));
	expect_huge(_metadata, self->vm);
	read_write_fetch(_metadata, self->vcpu, MEM_GPA, mem, 2 * HUGE_SIZE);
}

/* gpa and hva lie differently in their 2 MiB: no leaf may be huge. */
TEST_F(fault, thp_skewed)
{
	u8 *mem;

	if (!thp_on())
		SKIP(return, "transparent huge pages are off or absent");
	mem = mem_alloc(3 * HUGE_SIZE, HUGE_SIZE);
	ASSERT_EQ(0, madvise(mem, 3 * HUGE_SIZE, MADV_HUGEPAGE));
	memset(mem, 0, 3 * HUGE_SIZE);
	vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA + 3 * PAGE_SIZE, 2 * HUGE_SIZE,
		mem + 5 * PAGE_SIZE);
	read_write_fetch(_metadata, self->vcpu, MEM_GPA + 3 * PAGE_SIZE,
			 mem + 5 * PAGE_SIZE, 2 * HUGE_SIZE);
	EXPECT_EQ(0, *(u64 *)(mem + 4 * PAGE_SIZE));
	EXPECT_EQ(0, *(u64 *)(mem + 2 * HUGE_SIZE + 5 * PAGE_SIZE));
}

/* A slot that ends inside a huge page reaches no further. */
TEST_F(fault, thp_cut)
{
	u8 *mem;

	if (!thp_on())
		SKIP(return, "transparent huge pages are off or absent");
	mem = mem_alloc(HUGE_SIZE, HUGE_SIZE);
	ASSERT_EQ(0, madvise(mem, HUGE_SIZE, MADV_HUGEPAGE));
	mem[0] = 1;
	vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, 100 * PAGE_SIZE, mem);
	remote_write(self->vcpu, MEM_GPA + 99 * PAGE_SIZE, 3);
	remote_arm(self->vcpu, REMOTE_WRITE, MEM_GPA + 100 * PAGE_SIZE, 4, 0);
	run_to_exit(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(0, *(u64 *)(mem + 100 * PAGE_SIZE));
}

TEST_F(fault, hugetlb)
{
	u8 *mem;

	file_write("/proc/sys/vm/nr_hugepages", "4");
	mem = mmap(NULL, 2 * HUGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (mem == MAP_FAILED) {
		file_write("/proc/sys/vm/nr_hugepages", "0");
		SKIP(return, "no hugetlb pages: %s", strerror(errno));
	}
	vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, 2 * HUGE_SIZE, mem);
	read_write_fetch(_metadata, self->vcpu, MEM_GPA, mem, 2 * HUGE_SIZE);
	expect_huge(_metadata, self->vm);
	munmap(mem, 2 * HUGE_SIZE);
	file_write("/proc/sys/vm/nr_hugepages", "0");
}

TEST_F(fault, shared_file)
{
	int fd = memfd_create("guest", 0);
	u8 *mem, *other;

	ASSERT_EQ(0, ftruncate(fd, HUGE_SIZE));
	mem = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_SHARED, fd, 0);
	other = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     0);
	vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE, mem);
	read_write_fetch(_metadata, self->vcpu, MEM_GPA, other, HUGE_SIZE);
	/* A hole punched into the file leaves the guest too. */
	remote_write(self->vcpu, MEM_GPA, 7);
	ASSERT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, PAGE_SIZE));
	EXPECT_EQ(0, remote_read(self->vcpu, MEM_GPA));
	/* Beyond the end of the file there is nothing to map. */
	ASSERT_EQ(0, ftruncate(fd, 4 * PAGE_SIZE));
	remote_arm(self->vcpu, REMOTE_READ, MEM_GPA + 5 * PAGE_SIZE, 0, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	close(fd);
}

TEST_F(fault, private_file)
{
	int fd = memfd_create("guest", 0);
	u64 word = 0x77;
	u8 *mem;

	ASSERT_EQ(0, ftruncate(fd, HUGE_SIZE));
	ASSERT_EQ(8, pwrite(fd, &word, 8, 0));
	mem = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE, mem);
	EXPECT_EQ(0x77, remote_read(self->vcpu, MEM_GPA));
	remote_write(self->vcpu, MEM_GPA, 0x88);
	EXPECT_EQ(0x88, *(u64 *)mem);
	ASSERT_EQ(8, pread(fd, &word, 8, 0));
	EXPECT_EQ(0x77, word);
	close(fd);
}

TEST_F(fault, read_only_slot)
{
	struct kvm_run *run = self->vcpu->run;
	u8 *mem = vm_add_mem(self->vm, MEM_SLOT, KVM_MEM_READONLY, MEM_GPA,
			     HUGE_SIZE);

	*(u64 *)mem = 0xaaaa;
	put_code(mem + PAGE_SIZE, 0xbbbb);
	EXPECT_EQ(0xaaaa, remote_read(self->vcpu, MEM_GPA));
	EXPECT_EQ(0xbbbb, remote_do(self->vcpu, REMOTE_CALL,
				    MEM_GPA + PAGE_SIZE, 0, 0));
	/* Touched before, and never touched. */
	remote_arm(self->vcpu, REMOTE_WRITE, MEM_GPA + 8, 0xcccc, 0);
	run_to_exit(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(MEM_GPA + 8, run->mmio.phys_addr);
	EXPECT_EQ(8, run->mmio.len);
	EXPECT_EQ(1, run->mmio.is_write);
	EXPECT_EQ(0xcccc, *(u64 *)run->mmio.data);
	run_to_sync(self->vcpu, 0);
	remote_arm(self->vcpu, REMOTE_WRITE, MEM_GPA + 16 * PAGE_SIZE, 1, 0);
	run_to_exit(self->vcpu, KVM_EXIT_MMIO);
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(0, *(u64 *)(mem + 8));
	EXPECT_EQ(0, *(u64 *)(mem + 16 * PAGE_SIZE));
	/* The host may write it. */
	*(volatile u64 *)(mem + 8) = 0xdddd;
	EXPECT_EQ(0xdddd, remote_read(self->vcpu, MEM_GPA + 8));
}

TEST_F(fault, hole)
{
	struct kvm_run *run = self->vcpu->run;
	volatile struct remote *r = GUEST_PTR(self->vm, remote[0]);

	remote_arm(self->vcpu, REMOTE_READ, MEM_GPA + 0x18, 0, 0);
	run_to_exit(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(MEM_GPA + 0x18, run->mmio.phys_addr);
	EXPECT_EQ(8, run->mmio.len);
	EXPECT_EQ(0, run->mmio.is_write);
	*(u64 *)run->mmio.data = 0x1234567890;
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(0x1234567890, r->value);

	/* The hole becomes memory, and a hole again. */
	*(u64 *)vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE) = 3;
	EXPECT_EQ(3, remote_read(self->vcpu, MEM_GPA));
	vm_slot(self->vm, MEM_SLOT, 0, 0, 0, NULL);
	remote_arm(self->vcpu, REMOTE_READ, MEM_GPA, 0, 0);
	run_to_exit(self->vcpu, KVM_EXIT_MMIO);
}

TEST_F(fault, fetch_from_hole)
{
	remote_arm(self->vcpu, REMOTE_CALL, MEM_GPA, 0, 0);
	run_to_exit(self->vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION,
		  self->vcpu->run->internal.suberror);
}

/* Memory the process itself may not write: the guest may not either. */
TEST_F(fault, host_read_only)
{
	u8 *mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE);

	*(u64 *)mem = 0x42;
	ASSERT_EQ(0, mprotect(mem, HUGE_SIZE, PROT_READ));
	EXPECT_EQ(0x42, remote_read(self->vcpu, MEM_GPA));
	EXPECT_EQ(0, remote_read(self->vcpu, MEM_GPA + PAGE_SIZE));
	remote_arm(self->vcpu, REMOTE_WRITE, MEM_GPA, 0x43, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	EXPECT_EQ(0x42, *(u64 *)mem);
	ASSERT_EQ(0, mprotect(mem, HUGE_SIZE, PROT_READ | PROT_WRITE));
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(0x43, *(u64 *)mem);
}

TEST_F(fault, nothing_mapped)
{
	u8 *mem = mem_alloc(HUGE_SIZE, HUGE_SIZE);

	munmap(mem, HUGE_SIZE);
	vm_slot(self->vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE, mem);
	remote_arm(self->vcpu, REMOTE_WRITE, MEM_GPA, 0x99, 0);
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	ASSERT_EQ(mem, mmap(mem, HUGE_SIZE, PROT_NONE, MAP_PRIVATE |
			    MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(EFAULT, vcpu_run_once(self->vcpu));
	ASSERT_EQ(0, mprotect(mem, HUGE_SIZE, PROT_READ | PROT_WRITE));
	run_to_sync(self->vcpu, 0);
	EXPECT_EQ(0x99, *(u64 *)mem);
	munmap(mem, HUGE_SIZE);
}

TEST_F(fault, aliases)
{
	u8 *mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE);
	u64 alias = MEM_GPA + 16 * HUGE_SIZE;

	vm_slot(self->vm, 2, 0, alias, HUGE_SIZE, mem);
	remote_write(self->vcpu, MEM_GPA, 1);
	EXPECT_EQ(1, remote_read(self->vcpu, alias));
	remote_write(self->vcpu, alias, 2);
	EXPECT_EQ(2, remote_read(self->vcpu, MEM_GPA));
	/* Both leave with the page. */
	ASSERT_EQ(0, madvise(mem, HUGE_SIZE, MADV_DONTNEED));
	EXPECT_EQ(0, remote_read(self->vcpu, alias));
	EXPECT_EQ(0, remote_read(self->vcpu, MEM_GPA));
	/* One goes, the other stays. */
	remote_write(self->vcpu, alias, 3);
	vm_slot(self->vm, 2, 0, 0, 0, NULL);
	EXPECT_EQ(3, remote_read(self->vcpu, MEM_GPA));
}

TEST_HARNESS_MAIN
