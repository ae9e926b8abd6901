// SPDX-License-Identifier: GPL-2.0
/*
 * What user space may ask a vCPU beside its registers: what its CPUID says,
 * where an address leads, debug registers; the MSRs that are more than a value;
 * and what a VM lets its vCPUs be.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define MSR_TSC 0x10
#define MSR_TSC_ADJUST 0x3b
#define MSR_PLATFORM_INFO 0xce
#define MSR_NONE 0x0badf00d
#define FAR (1ul << 40)		/* ticks: no test takes as long */

#ifndef KVM_SET_USER_MEMORY_REGION2
#define KVM_CAP_USER_MEMORY2 231
struct kvm_userspace_memory_region2 {
	u32 slot, flags;
	u64 guest_phys_addr, memory_size, userspace_addr, guest_memfd_offset;
	u32 guest_memfd, pad1;
	u64 pad2[14];
};
#define KVM_SET_USER_MEMORY_REGION2 \
	_IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif

#ifndef KVM_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
struct kvm_pre_fault_memory { u64 gpa, size, flags, padding[5]; };
#define KVM_PRE_FAULT_MEMORY _IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

static u64 seen[4];

static void guest(void)
{
	guest_done();
}

FIXTURE(asked) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(asked)
{
	self->vm = vm_boot(1, guest);
	self->vcpu = &self->vm->vcpus[0];
}

FIXTURE_TEARDOWN(asked)
{
	vm_free(self->vm);
}

static struct {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
} one;

static u64 get_msr(int fd, u32 msr)
{
	one.head.nmsrs = 1;
	one.entry = (struct kvm_msr_entry){ .index = msr };
	REQUIRE(KIOCTL(fd, KVM_GET_MSRS, &one) == 1, "MSR %x", msr);
	return one.entry.data;
}

static int set_msr(int fd, u32 msr, u64 value)
{
	one.head.nmsrs = 1;
	one.entry = (struct kvm_msr_entry){ .index = msr, .data = value };
	return KIOCTL(fd, KVM_SET_MSRS, &one);
}

TEST_F(asked, cpuid_is_given_back)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(self->vm->dev);
	struct kvm_cpuid2 *back = supported_cpuid(self->vm->dev);
	u32 n = cpuid->nent, size = n * sizeof(cpuid->entries[0]), i;

	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_CPUID2, cpuid));
	memset(back->entries, 0, size);
	for (i = 0; i < n; i++) {
		back->nent = i;
		ASSERT_EQ(E2BIG, KERR(self->vcpu->fd, KVM_GET_CPUID2, back));
	}
	back->nent = n;
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_GET_CPUID2, back));
	EXPECT_EQ(n, back->nent);
	for (i = 0; i < n; i++) {
		/* Parts of these say what the guest turned on. */
		if (cpuid->entries[i].function == 1 ||
		    cpuid->entries[i].function == 7 ||
		    cpuid->entries[i].function == 0xd)
			continue;
		EXPECT_EQ(0, memcmp(&cpuid->entries[i], &back->entries[i],
				    sizeof(cpuid->entries[i]))) {
			TH_LOG("leaf %x", cpuid->entries[i].function);
		}
	}
	EXPECT_EQ(EFAULT, KERR(self->vcpu->fd, KVM_GET_CPUID2, 0));
	free(cpuid);
	free(back);
}

TEST_F(asked, translate)
{
	struct kvm_translation tr = { .linear_address = GDT_GPA + 0x123 };

	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_TRANSLATE, &tr));
	EXPECT_EQ(1, tr.valid);
	EXPECT_EQ(GDT_GPA + 0x123, tr.physical_address);
	vm_map(self->vm, 0x7000000000, GDT_GPA);
	tr.linear_address = 0x7000000fff;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_TRANSLATE, &tr));
	EXPECT_EQ(1, tr.valid);
	EXPECT_EQ(GDT_GPA + 0xfff, tr.physical_address);
	tr.linear_address = 0x7000001000;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_TRANSLATE, &tr));
	EXPECT_EQ(0, tr.valid);
	EXPECT_EQ(~0ull, tr.physical_address);
	EXPECT_EQ(EFAULT, KERR(self->vcpu->fd, KVM_TRANSLATE, 0));
}

static void guest_debugregs(void)
{
	asm volatile("mov %%db1, %0" : "=r"(seen[0]));
	asm volatile("mov %%db6, %0" : "=r"(seen[1]));
	asm volatile("mov %%db7, %0" : "=r"(seen[2]));
	guest_done();
}

TEST(debugregs)
{
	struct vm *vm = vm_boot(1, guest_debugregs);
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_debugregs a, b;

	ASSERT_EQ(0, KERR(vcpu->fd, KVM_GET_DEBUGREGS, &a));
	EXPECT_EQ(0xffff0ff0, a.dr6);
	EXPECT_EQ(0x400, a.dr7);
	a.db[1] = 0x123456789abc;
	a.dr6 = 0xffff4ff1;
	a.dr7 = 0x700;
	ASSERT_EQ(0, KERR(vcpu->fd, KVM_SET_DEBUGREGS, &a));
	run_to_done(vcpu);
	EXPECT_EQ(0x123456789abc, GUEST_VAR(vm, seen)[0]);
	EXPECT_EQ(0xffff4ff1, GUEST_VAR(vm, seen)[1]);
	EXPECT_EQ(0x700, GUEST_VAR(vm, seen)[2]);

	b = a;
	b.dr6 |= 1ull << 32;
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_DEBUGREGS, &b));
	b = a;
	b.dr7 |= 1ull << 32;
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_DEBUGREGS, &b));
	b = a;
	b.flags = 1;
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_DEBUGREGS, &b));
	ASSERT_EQ(0, KERR(vcpu->fd, KVM_GET_DEBUGREGS, &b));
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	vm_free(vm);
}

static void guest_tsc(void)
{
	u64 now;

	guest_rdmsr(MSR_TSC, &now);
	guest_wrmsr(MSR_TSC, now + FAR);
	guest_rdmsr(MSR_TSC_ADJUST, &seen[0]);
	guest_wrmsr(MSR_TSC_ADJUST, 3 * FAR);
	guest_rdmsr(MSR_TSC, &seen[1]);
	guest_done();
}

/* The guest's writes move both, user space's only what it names. */
TEST(tsc_adjust)
{
	struct vm *vm = vm_boot(1, guest_tsc);
	struct vcpu *vcpu = &vm->vcpus[0];

	EXPECT_EQ(0, get_msr(vcpu->fd, MSR_TSC_ADJUST));
	ASSERT_EQ(1, set_msr(vcpu->fd, MSR_TSC, 8 * FAR));
	EXPECT_EQ(0, get_msr(vcpu->fd, MSR_TSC_ADJUST));
	run_to_done(vcpu);
	/* A little less than FAR: time went on between the two. */
	EXPECT_LE(GUEST_VAR(vm, seen)[0], FAR);
	EXPECT_GT(GUEST_VAR(vm, seen)[0], FAR / 2);
	EXPECT_EQ(11, GUEST_VAR(vm, seen)[1] / FAR);
	EXPECT_EQ(3 * FAR, get_msr(vcpu->fd, MSR_TSC_ADJUST));
	ASSERT_EQ(1, set_msr(vcpu->fd, MSR_TSC_ADJUST, 5));
	EXPECT_EQ(5, get_msr(vcpu->fd, MSR_TSC_ADJUST));
	EXPECT_EQ(11, get_msr(vcpu->fd, MSR_TSC) / FAR);
	vm_free(vm);
}

static void guest_platform(void)
{
	u64 value;

	GUEST_ASSERT_EQ(guest_rdmsr(MSR_PLATFORM_INFO, &seen[0]), 0);
	GUEST_ASSERT_EQ(guest_wrmsr(MSR_PLATFORM_INFO, 1), TRAPPED | 13);
	guest_sync(1);
	GUEST_ASSERT_EQ(guest_rdmsr(MSR_PLATFORM_INFO, &value), TRAPPED | 13);
	guest_done();
}

TEST(platform_info)
{
	struct vm *vm = vm_boot(1, guest_platform);
	struct vcpu *vcpu = &vm->vcpus[0];

	if (KIOCTL(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MSR_PLATFORM_INFO) <= 0)
		SKIP(return, "no KVM_CAP_MSR_PLATFORM_INFO");
	ASSERT_EQ(1, set_msr(vcpu->fd, MSR_PLATFORM_INFO, 0xff00));
	run_to_sync(vcpu, 1);
	EXPECT_EQ(0xff00, GUEST_VAR(vm, seen)[0]);
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_MSR_PLATFORM_INFO, 0));
	run_to_done(vcpu);
	/* User space carries it over all the same. */
	EXPECT_EQ(0xff00, get_msr(vcpu->fd, MSR_PLATFORM_INFO));
	vm_free(vm);
}

TEST_F(asked, feature_msrs)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 4096);
	u32 i, n;

	EXPECT_EQ(E2BIG,
		  KERR(self->vm->dev, KVM_GET_MSR_FEATURE_INDEX_LIST, list));
	n = list->nmsrs;
	ASSERT_GT(n, 0);
	ASSERT_LE(n, 1024);
	ASSERT_EQ(0,
		  KERR(self->vm->dev, KVM_GET_MSR_FEATURE_INDEX_LIST, list));
	for (i = 0; i < n; i++)
		get_msr(self->vm->dev, list->indices[i]);
	one.entry.index = MSR_NONE;
	EXPECT_EQ(0, KIOCTL(self->vm->dev, KVM_GET_MSRS, &one));
	EXPECT_EQ(EINVAL, KERR(self->vm->dev, KVM_SET_MSRS, &one));
	free(list);
}

/* A run that only finishes the last exit does not forget which it was. */
TEST_F(asked, immediate_exit_keeps_the_reason)
{
	struct vcpu *vcpu = self->vcpu;

	run_to_done(vcpu);
	ASSERT_EQ(KVM_EXIT_IO, vcpu->run->exit_reason);
	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, KERR(vcpu->fd, KVM_RUN, 0));
	EXPECT_EQ(KVM_EXIT_IO, vcpu->run->exit_reason);
	vcpu->run->immediate_exit = 0;
	run_to_done(vcpu);
}

TEST_F(asked, tsc_khz)
{
	int khz = KIOCTL(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);

	EXPECT_GT(khz, 1000);
}

TEST_F(asked, tsc_offset)
{
	u64 offset = 0, back = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (u64)&offset,
	};
	int fd = self->vcpu->fd;

	if (KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION,
		   KVM_CAP_VCPU_ATTRIBUTES) <= 0)
		SKIP(return, "no KVM_CAP_VCPU_ATTRIBUTES");
	EXPECT_EQ(0, KERR(fd, KVM_HAS_DEVICE_ATTR, &attr));
	ASSERT_EQ(0, KERR(fd, KVM_GET_DEVICE_ATTR, &attr));
	offset += FAR;
	ASSERT_EQ(0, KERR(fd, KVM_SET_DEVICE_ATTR, &attr));
	EXPECT_EQ(1, get_msr(fd, MSR_TSC) / FAR);
	attr.addr = (u64)&back;
	ASSERT_EQ(0, KERR(fd, KVM_GET_DEVICE_ATTR, &attr));
	EXPECT_EQ(offset, back);
	attr.addr = 1ul << 63;
	EXPECT_EQ(EFAULT, KERR(fd, KVM_GET_DEVICE_ATTR, &attr));
	EXPECT_EQ(EFAULT, KERR(fd, KVM_SET_DEVICE_ATTR, &attr));
	attr.attr = 1;
	EXPECT_EQ(ENXIO, KERR(fd, KVM_HAS_DEVICE_ATTR, &attr));
	attr.group = 1;
	EXPECT_EQ(ENXIO, KERR(fd, KVM_SET_DEVICE_ATTR, &attr));
}

TEST_F(asked, pre_fault)
{
	struct kvm_pre_fault_memory range = { .gpa = MEM_GPA };
	int fd = self->vcpu->fd;
	u8 *mem;

	if (KIOCTL(self->vm->fd, KVM_CHECK_EXTENSION,
		   KVM_CAP_PRE_FAULT_MEMORY) <= 0)
		SKIP(return, "no KVM_CAP_PRE_FAULT_MEMORY");
	mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, 8 * PAGE_SIZE);
	range.size = 4 * PAGE_SIZE;
	mem[0] = 1; /* not the page of zeros that all read */
	EXPECT_EQ(0, KERR(fd, KVM_PRE_FAULT_MEMORY, &range));
	EXPECT_EQ(0, range.size);
	EXPECT_EQ(MEM_GPA + 4 * PAGE_SIZE, range.gpa);
	/* As far as it goes, and then no farther. */
	range.size = 5 * PAGE_SIZE;
	EXPECT_EQ(0, KERR(fd, KVM_PRE_FAULT_MEMORY, &range));
	EXPECT_EQ(PAGE_SIZE, range.size);
	EXPECT_EQ(ENOENT, KERR(fd, KVM_PRE_FAULT_MEMORY, &range));
	EXPECT_EQ(MEM_GPA + 8 * PAGE_SIZE, range.gpa);
	EXPECT_EQ(PAGE_SIZE, range.size);

	range = (struct kvm_pre_fault_memory){ MEM_GPA, PAGE_SIZE, 1 };
	EXPECT_EQ(EINVAL, KERR(fd, KVM_PRE_FAULT_MEMORY, &range));
	range = (struct kvm_pre_fault_memory){ MEM_GPA + 1, PAGE_SIZE };
	EXPECT_EQ(EINVAL, KERR(fd, KVM_PRE_FAULT_MEMORY, &range));
	range = (struct kvm_pre_fault_memory){ MEM_GPA, 1 };
	EXPECT_EQ(EINVAL, KERR(fd, KVM_PRE_FAULT_MEMORY, &range));
	range = (struct kvm_pre_fault_memory){ MEM_GPA, 0 };
	EXPECT_EQ(EINVAL, KERR(fd, KVM_PRE_FAULT_MEMORY, &range));
	range = (struct kvm_pre_fault_memory){ MEM_GPA, -PAGE_SIZE };
	EXPECT_EQ(EINVAL, KERR(fd, KVM_PRE_FAULT_MEMORY, &range));
	EXPECT_EQ(EFAULT, KERR(fd, KVM_PRE_FAULT_MEMORY, 0));
}

TEST(vcpu_ids)
{
	struct vm *vm = vm_create();
	int max = KIOCTL(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	/* Of an id all 64 bits count. */
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_CREATE_VCPU, 1ul << 32));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, max + 1));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 2));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 2));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 3));
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_CREATE_VCPU, 2));
	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_VCPU, 1));
	vm_free(vm);
}

TEST(quirks)
{
	struct vm *vm = vm_create();
	int known = KIOCTL(vm->fd, KVM_CHECK_EXTENSION,
			   KVM_CAP_DISABLE_QUIRKS2);

	ASSERT_GT(known, 0);
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, known));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, ~known));
	vm_free(vm);
}

TEST(region2)
{
	struct vm *vm = vm_create();
	struct kvm_userspace_memory_region2 region = {
		.memory_size = PAGE_SIZE,
		.userspace_addr = (u64)mem_alloc(PAGE_SIZE, PAGE_SIZE),
	};
	u8 *edge = mem_alloc(2 * PAGE_SIZE, PAGE_SIZE);

	if (KIOCTL(vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY2) <= 0)
		SKIP(return, "no KVM_CAP_USER_MEMORY2");
	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_USER_MEMORY_REGION2, &region));
	/* Both kinds name the same slots. */
	EXPECT_EQ(0, vm_set_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, PAGE_SIZE,
				 (void *)region.userspace_addr));
	region.slot = 1;
	EXPECT_EQ(EEXIST, KERR(vm->fd, KVM_SET_USER_MEMORY_REGION2, &region));
	region.guest_phys_addr = PAGE_SIZE;
	region.flags = 1u << 31;
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SET_USER_MEMORY_REGION2, &region));
	/* All of it is read, with what only a later kernel uses. */
	munmap(edge + PAGE_SIZE, PAGE_SIZE);
	memcpy(edge + PAGE_SIZE - 64, &region, 64);
	EXPECT_EQ(EFAULT, KERR(vm->fd, KVM_SET_USER_MEMORY_REGION2,
			       edge + PAGE_SIZE - 64));
	vm_free(vm);
}

TEST_HARNESS_MAIN
