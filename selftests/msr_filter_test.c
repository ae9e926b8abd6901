// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs that user space takes from a guest, and those that it does itself:
 * KVM_X86_SET_MSR_FILTER, KVM_CAP_X86_USER_SPACE_MSR. Among the MSRs are those that
 * a guest has without an exit, until a filter is against it.
 */
#include "kselftest_harness.h"
#include "lib/irq.h"
#include "lib/vm.h"

#define GP (TRAPPED | 13)
#define READ KVM_MSR_FILTER_READ
#define WRITE KVM_MSR_FILTER_WRITE
#define DENY KVM_MSR_FILTER_DEFAULT_DENY
#define INVAL KVM_MSR_EXIT_REASON_INVAL
#define UNKNOWN KVM_MSR_EXIT_REASON_UNKNOWN
#define FILTER KVM_MSR_EXIT_REASON_FILTER

#define TSC 0x10
#define SYSENTER_CS 0x174
#define SYSENTER_ESP 0x175
#define SYSENTER_EIP 0x176
#define POWER_CTL 0x1fc
#define X2APIC_ID 0x802
#define X2APIC_TPR 0x808
#define LSTAR 0xc0000082
#define FS_BASE 0xc0000100
#define GS_BASE 0xc0000101
#define KERNEL_GS 0xc0000102
#define NONE 0x0badf00d

/* What the guest does next, and what came of it: 0 or a trap. */
static u64 ask_msr, ask_write, ask_data, got, got_data;

static void guest(void)
{
	u64 data = 0;

	for (;;) {
		guest_sync(1);
		if (ask_write)
			got = guest_wrmsr(ask_msr, ask_data);
		else
			got = guest_rdmsr(ask_msr, &data);
		got_data = data;
	}
}

static void guest_x2apic(void)
{
	guest_x2apic_on();
	guest();
}

FIXTURE(filter) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_msr_filter f;
};

FIXTURE_SETUP(filter)
{
	self->vm = vm_boot(1, guest);
	self->vcpu = &self->vm->vcpus[0];
	memset(&self->f, 0, sizeof(self->f));
	run_to_sync(self->vcpu, 1);
}

FIXTURE_TEARDOWN(filter)
{
	vm_free(self->vm);
}

static u64 none[KVM_MSR_FILTER_MAX_BITMAP_SIZE / 8];
static u64 all[KVM_MSR_FILTER_MAX_BITMAP_SIZE / 8] = {
	[0 ... KVM_MSR_FILTER_MAX_BITMAP_SIZE / 8 - 1] = ~0ul,
};

static void set_range(struct kvm_msr_filter *f, int i, u32 flags, u32 base,
		      u32 nmsrs, void *bitmap)
{
	f->ranges[i] = (struct kvm_msr_filter_range){
		.flags = flags, .base = base, .nmsrs = nmsrs, .bitmap = bitmap,
	};
}

static int set_filter(struct vm *vm, struct kvm_msr_filter *f)
{
	return KERR(vm->fd, KVM_X86_SET_MSR_FILTER, f);
}

/* One MSR is denied, the others are not. */
static int deny(struct vm *vm, u32 msr, u32 access)
{
	struct kvm_msr_filter f = { 0 };

	set_range(&f, 0, access, msr, 1, none);
	return set_filter(vm, &f);
}

static int deny_none(struct vm *vm)
{
	struct kvm_msr_filter f = { 0 };

	return set_filter(vm, &f);
}

static void ask(struct vcpu *vcpu, u32 msr, bool write, u64 data)
{
	GUEST_VAR(vcpu->vm, ask_msr) = msr;
	GUEST_VAR(vcpu->vm, ask_write) = write;
	GUEST_VAR(vcpu->vm, ask_data) = data;
}

/* In the guest, to its end: 0 or a trap. */
static u64 do_write(struct vcpu *vcpu, u32 msr, u64 data)
{
	ask(vcpu, msr, true, data);
	run_to_sync(vcpu, 1);
	return GUEST_VAR(vcpu->vm, got);
}

static u64 do_read(struct vcpu *vcpu, u32 msr)
{
	ask(vcpu, msr, false, 0);
	run_to_sync(vcpu, 1);
	return GUEST_VAR(vcpu->vm, got);
}

static u64 data_of(struct vcpu *vcpu)
{
	return GUEST_VAR(vcpu->vm, got_data);
}

/* Up to the exit: why, or 0 when there was none. */
static u32 exit_of(struct vcpu *vcpu, u32 msr, bool write, u64 data)
{
	u32 reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	struct kvm_run *run = vcpu->run;

	ask(vcpu, msr, write, data);
	memset(&run->msr, 0xff, sizeof(run->msr));
	REQUIRE(!vcpu_run_once(vcpu), "KVM_RUN: errno %d", errno);
	if (run->exit_reason != reason)
		return 0;
	REQUIRE(run->msr.index == msr, "index %x", run->msr.index);
	REQUIRE(run->msr.data == (write ? data : 0), "data %llx",
		run->msr.data);
	REQUIRE(!run->msr.error && !run->msr.pad[0] && !run->msr.pad[6],
		"error or padding");
	return run->msr.reason;
}

/* User space's answer, and the guest to the end of its instruction. */
static u64 answer(struct vcpu *vcpu, bool error, u64 data)
{
	vcpu->run->msr.error = error;
	vcpu->run->msr.data = data;
	run_to_sync(vcpu, 1);
	return GUEST_VAR(vcpu->vm, got);
}

/* ---- refused by the ioctls ---- */

TEST_F(filter, capabilities)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR };
	int i;

	EXPECT_EQ(1, KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION,
			    KVM_CAP_X86_USER_SPACE_MSR));
	EXPECT_EQ(1, KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION,
			    KVM_CAP_X86_MSR_FILTER));
	for (i = 0; i < 64; i++) {
		cap.args[0] = 1ul << i;
		EXPECT_EQ(i < 3 ? 0 : EINVAL,
			  KERR(self->vm->fd, KVM_ENABLE_CAP, &cap));
	}
	cap.args[0] = INVAL;
	cap.flags = 1;
	EXPECT_EQ(EINVAL, KERR(self->vm->fd, KVM_ENABLE_CAP, &cap));
}

TEST_F(filter, flags_refused)
{
	int i;

	for (i = 0; i < 32; i++) {
		self->f.flags = 1u << i;
		set_range(&self->f, 0, READ, 0, 1, none);
		EXPECT_EQ(i ? EINVAL : 0, set_filter(self->vm, &self->f));
		self->f.flags = 0;
		set_range(&self->f, 0, 1u << i, 0, 1, none);
		EXPECT_EQ(i < 2 ? 0 : EINVAL, set_filter(self->vm, &self->f));
	}
	set_range(&self->f, 0, 0, 0, 1, none);
	EXPECT_EQ(EINVAL, set_filter(self->vm, &self->f));
	/* A range of no MSRs is none, whatever it says. */
	set_range(&self->f, 0, ~0u, ~0u, 0, (void *)-1);
	EXPECT_EQ(0, set_filter(self->vm, &self->f));
	self->f.flags = DENY;
	EXPECT_EQ(EINVAL, set_filter(self->vm, &self->f));
}

TEST_F(filter, sizes_refused)
{
	u32 most = KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8;
	int i;

	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		set_range(&self->f, i, READ | WRITE, 0x40000000, most, all);
		EXPECT_EQ(0, set_filter(self->vm, &self->f));
	}
	set_range(&self->f, 15, READ, 0, most + 1, all);
	EXPECT_EQ(EINVAL, set_filter(self->vm, &self->f));
	set_range(&self->f, 15, READ, 0, ~0u, all);
	EXPECT_EQ(EINVAL, set_filter(self->vm, &self->f));
	set_range(&self->f, 15, READ, 0, ~0u - 62, all);
	EXPECT_EQ(EINVAL, set_filter(self->vm, &self->f));
}

TEST_F(filter, pointers_refused)
{
	void *bad = (void *)-4096ul;

	EXPECT_EQ(EFAULT, set_filter(self->vm, NULL));
	EXPECT_EQ(EFAULT, set_filter(self->vm, bad));
	set_range(&self->f, 0, READ, 0, 1, NULL);
	EXPECT_EQ(EFAULT, set_filter(self->vm, &self->f));
	set_range(&self->f, 0, READ, 0, 1, bad);
	EXPECT_EQ(EFAULT, set_filter(self->vm, &self->f));
	/* The first that is wrong is told. */
	set_range(&self->f, 1, 0, 0, 1, none);
	EXPECT_EQ(EFAULT, set_filter(self->vm, &self->f));
	set_range(&self->f, 0, 0, 0, 1, bad);
	set_range(&self->f, 1, READ, 0, 1, bad);
	EXPECT_EQ(EINVAL, set_filter(self->vm, &self->f));
}

TEST_F(filter, refused_changes_nothing)
{
	ASSERT_EQ(0, deny(self->vm, LSTAR, READ));
	set_range(&self->f, 0, 0, 0, 1, none);
	ASSERT_EQ(EINVAL, set_filter(self->vm, &self->f));
	EXPECT_EQ(GP, do_read(self->vcpu, LSTAR));
	set_range(&self->f, 0, READ, 0, 1, NULL);
	ASSERT_EQ(EFAULT, set_filter(self->vm, &self->f));
	EXPECT_EQ(GP, do_read(self->vcpu, LSTAR));
}

/* The layout of 32-bit callers, whose pointers these can be. */
struct filter32 {
	u32 flags;
	struct {
		u32 flags, nmsrs, base, bitmap;
	} ranges[KVM_MSR_FILTER_MAX_RANGES];
};

static int ioctl32(int fd, u32 nr, void *arg)
{
	int r;

	asm volatile("int $0x80" : "=a"(r)
		     : "a"(54), "b"(fd), "c"(nr), "d"((u32)(u64)arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return r;
}

TEST_F(filter, of_32_bit_callers)
{
	static struct filter32 f = { .flags = 2 };
	u32 nr = _IOW(KVMIO, 0xc6, struct filter32);

	if (ioctl32(self->vm->dev, KVM_GET_API_VERSION, 0) != 12)
		SKIP(return, "this kernel has no 32-bit system calls");
	EXPECT_EQ(-EINVAL, ioctl32(self->vm->fd, nr, &f));
	EXPECT_EQ(-EFAULT, ioctl32(self->vm->fd, nr, NULL));
	f.flags = 0;
	f.ranges[15].flags = READ;
	f.ranges[15].nmsrs = 1;
	f.ranges[15].base = LSTAR;
	EXPECT_EQ(-EFAULT, ioctl32(self->vm->fd, nr, &f));
	f.ranges[15].bitmap = (u32)(u64)none;
	EXPECT_EQ(0, ioctl32(self->vm->fd, nr, &f));
	EXPECT_EQ(GP, do_read(self->vcpu, LSTAR));
	EXPECT_EQ(0, do_write(self->vcpu, LSTAR, 0));
}

/* ---- which is denied ---- */

TEST_F(filter, read_and_write_apart)
{
	EXPECT_EQ(0, do_write(self->vcpu, LSTAR, 0x1000));
	ASSERT_EQ(0, deny(self->vm, LSTAR, READ));
	EXPECT_EQ(GP, do_read(self->vcpu, LSTAR));
	EXPECT_EQ(0, do_write(self->vcpu, LSTAR, 0x2000));
	ASSERT_EQ(0, deny(self->vm, LSTAR, WRITE));
	EXPECT_EQ(GP, do_write(self->vcpu, LSTAR, 0x3000));
	EXPECT_EQ(0, do_read(self->vcpu, LSTAR));
	EXPECT_EQ(0x2000, data_of(self->vcpu));
	ASSERT_EQ(0, deny(self->vm, LSTAR, READ | WRITE));
	EXPECT_EQ(GP, do_read(self->vcpu, LSTAR));
	EXPECT_EQ(GP, do_write(self->vcpu, LSTAR, 0x3000));
	ASSERT_EQ(0, deny_none(self->vm));
	EXPECT_EQ(0, do_read(self->vcpu, LSTAR));
	EXPECT_EQ(0x2000, data_of(self->vcpu));
}

/* Bit by bit; of ranges that overlap the first that speaks of it decides. */
TEST_F(filter, ranges)
{
	u64 odd = 0xaaaaaaaaaaaaaaaa;

	set_range(&self->f, 0, READ, SYSENTER_CS, 3, &odd);
	ASSERT_EQ(0, set_filter(self->vm, &self->f));
	EXPECT_EQ(GP, do_read(self->vcpu, SYSENTER_CS));
	EXPECT_EQ(0, do_read(self->vcpu, SYSENTER_ESP));
	EXPECT_EQ(GP, do_read(self->vcpu, SYSENTER_EIP));
	EXPECT_EQ(0, do_write(self->vcpu, SYSENTER_CS, 0));
	set_range(&self->f, 1, READ | WRITE, SYSENTER_CS, 2, none);
	ASSERT_EQ(0, set_filter(self->vm, &self->f));
	EXPECT_EQ(0, do_read(self->vcpu, SYSENTER_ESP));
	EXPECT_EQ(GP, do_write(self->vcpu, SYSENTER_ESP, 0));
	EXPECT_EQ(0, do_write(self->vcpu, SYSENTER_EIP, 0));
	/* What is in no range. */
	self->f.flags = DENY;
	ASSERT_EQ(0, set_filter(self->vm, &self->f));
	EXPECT_EQ(0, do_read(self->vcpu, SYSENTER_ESP));
	EXPECT_EQ(GP, do_write(self->vcpu, SYSENTER_EIP, 0));
	EXPECT_EQ(GP, do_read(self->vcpu, LSTAR));
	EXPECT_EQ(GP, do_read(self->vcpu, TSC));
}

/* Denied, an MSR that there is not exits; beyond the last there is none. */
TEST_F(filter, last_msr)
{
	ASSERT_EQ(0, vm_enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR,
				   FILTER));
	set_range(&self->f, 0, READ, 0xfffffff0, 15, none);
	ASSERT_EQ(0, set_filter(self->vm, &self->f));
	EXPECT_EQ(FILTER, exit_of(self->vcpu, 0xfffffffe, false, 0));
	EXPECT_EQ(GP, answer(self->vcpu, true, 0));
	EXPECT_EQ(0, exit_of(self->vcpu, 0xffffffff, false, 0));
	set_range(&self->f, 0, READ, 0xfffffff0, 0x100, none);
	ASSERT_EQ(0, set_filter(self->vm, &self->f));
	EXPECT_EQ(0, exit_of(self->vcpu, 0xfffffffe, false, 0));
	EXPECT_EQ(0, exit_of(self->vcpu, TSC, false, 0));
	EXPECT_EQ(0, GUEST_VAR(self->vm, got));
}

/* Each that the guest has without an exit, and back. */
TEST_F(filter, passed_through)
{
	static const struct {
		u32 msr;
		u64 value;
	} msrs[] = {
		{ FS_BASE, 0x1000 }, { GS_BASE, 0x2000 },
		{ KERNEL_GS, 0x3000 }, { SYSENTER_CS, 0x8 },
		{ SYSENTER_ESP, 0x5000 }, { SYSENTER_EIP, 0x6000 },
	};
	int i;

	ASSERT_EQ(0, vm_enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR,
				   FILTER));
	for (i = 0; i < 6; i++) {
		u32 msr = msrs[i].msr;
		u64 value = msrs[i].value;

		EXPECT_EQ(0, do_write(self->vcpu, msr, value));
		ASSERT_EQ(0, deny(self->vm, msr, WRITE));
		EXPECT_EQ(FILTER, exit_of(self->vcpu, msr, true, 0x70));
		EXPECT_EQ(0, answer(self->vcpu, false, 0));
		EXPECT_EQ(0, do_read(self->vcpu, msr));
		EXPECT_EQ(value, data_of(self->vcpu));
		ASSERT_EQ(0, deny(self->vm, msr, READ));
		EXPECT_EQ(FILTER, exit_of(self->vcpu, msr, false, 0));
		EXPECT_EQ(0, answer(self->vcpu, false, 0x123456789a));
		EXPECT_EQ(0x123456789a, data_of(self->vcpu));
		EXPECT_EQ(0, do_write(self->vcpu, msr, value + 8));
		ASSERT_EQ(0, deny_none(self->vm));
		EXPECT_EQ(0, do_read(self->vcpu, msr));
		EXPECT_EQ(value + 8, data_of(self->vcpu));
	}
	ASSERT_EQ(0, deny(self->vm, TSC, READ));
	EXPECT_EQ(FILTER, exit_of(self->vcpu, TSC, false, 0));
	EXPECT_EQ(0, answer(self->vcpu, false, 7));
	EXPECT_EQ(7, data_of(self->vcpu));
}

/* A vCPU that comes after the filter. */
TEST(later_vcpu)
{
	struct vm *vm = vm_create_mem();
	struct vcpu *vcpu;

	ASSERT_EQ(0, deny(vm, FS_BASE, READ));
	vcpu = vcpu_add(vm, 0);
	vcpu_setup(vcpu, guest);
	run_to_sync(vcpu, 1);
	EXPECT_EQ(GP, do_read(vcpu, FS_BASE));
	EXPECT_EQ(0, do_write(vcpu, FS_BASE, 0));
	vm_free(vm);
}

/* Those of an x2APIC are the guest's whatever a filter says. */
TEST(x2apic)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_SPLIT, guest_x2apic);
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_msr_filter f = { .flags = DENY };

	run_to_sync(vcpu, 1);
	set_range(&f, 0, READ | WRITE, 0x800, 0x100, none);
	ASSERT_EQ(0, set_filter(vm, &f));
	EXPECT_EQ(0, do_read(vcpu, X2APIC_ID));
	EXPECT_EQ(0, do_write(vcpu, X2APIC_TPR, 0x20));
	EXPECT_EQ(0, do_read(vcpu, X2APIC_TPR));
	EXPECT_EQ(0x20, data_of(vcpu));
	EXPECT_EQ(GP, do_read(vcpu, FS_BASE));
	vm_free(vm);
}

/* User space's own accesses are not filtered. */
TEST_F(filter, not_of_user_space)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { { .nmsrs = 1 }, { .index = FS_BASE, .data = 0x7000 } };

	ASSERT_EQ(0, deny(self->vm, FS_BASE, READ | WRITE));
	EXPECT_EQ(1, KIOCTL(self->vcpu->fd, KVM_SET_MSRS, &one));
	one.entry.data = 0;
	EXPECT_EQ(1, KIOCTL(self->vcpu->fd, KVM_GET_MSRS, &one));
	EXPECT_EQ(0x7000, one.entry.data);
	EXPECT_EQ(GP, do_read(self->vcpu, FS_BASE));
}

/* ---- told to user space ---- */

/* Each reason only for who asked for it; else #GP, or what there is. */
TEST_F(filter, reasons)
{
	static const u32 sets[] = {
		0, INVAL, UNKNOWN, FILTER, INVAL | UNKNOWN | FILTER,
	};
	static const struct {
		u32 msr, write, reason;
		u64 data;
	} tries[] = {
		{ LSTAR, 0, FILTER, 0 },
		{ NONE, 0, UNKNOWN, 0 },
		{ NONE, 1, UNKNOWN, 0x123456789abcdef0 },
		{ LSTAR, 1, INVAL, 1ul << 62 },
		{ KERNEL_GS + 0x1000, 1, UNKNOWN, 1 },
	};
	int i, j;

	ASSERT_EQ(0, deny(self->vm, LSTAR, READ));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, vm_enable_cap(self->vm,
					   KVM_CAP_X86_USER_SPACE_MSR,
					   sets[i]));
		for (j = 0; j < 5; j++) {
			EXPECT_EQ(sets[i] & tries[j].reason,
				  exit_of(self->vcpu, tries[j].msr,
					  tries[j].write, tries[j].data)) {
				TH_LOG("mask %x, MSR %x", sets[i],
				       tries[j].msr);
			}
			if (sets[i] & tries[j].reason) {
				EXPECT_EQ(0, answer(self->vcpu, false, 0));
			} else {
				EXPECT_EQ(GP, GUEST_VAR(self->vm, got));
			}
		}
	}
}

TEST_F(filter, answers)
{
	ASSERT_EQ(0, vm_enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR,
				   UNKNOWN));
	ASSERT_EQ(UNKNOWN, exit_of(self->vcpu, NONE, false, 0));
	EXPECT_EQ(0, answer(self->vcpu, false, 0xfedcba9876543210));
	EXPECT_EQ(0xfedcba9876543210, data_of(self->vcpu));
	ASSERT_EQ(UNKNOWN, exit_of(self->vcpu, NONE, false, 0));
	EXPECT_EQ(GP, answer(self->vcpu, true, 1));
	ASSERT_EQ(UNKNOWN, exit_of(self->vcpu, NONE, true, ~0ul));
	EXPECT_EQ(0, answer(self->vcpu, false, 1));
	ASSERT_EQ(UNKNOWN, exit_of(self->vcpu, NONE, true, 5));
	EXPECT_EQ(GP, answer(self->vcpu, true, 1));
}

/* The answer is taken also by a KVM_RUN that does not run. */
TEST_F(filter, immediate_exit)
{
	struct kvm_regs before, after;

	ASSERT_EQ(0, vm_enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR,
				   UNKNOWN));
	ASSERT_EQ(UNKNOWN, exit_of(self->vcpu, NONE, false, 0));
	vcpu_regs(self->vcpu, &before);
	EXPECT_EQ(NONE, (u32)before.rcx);
	self->vcpu->run->msr.data = 0x1122334455667788;
	self->vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_run_once(self->vcpu));
	self->vcpu->run->immediate_exit = 0;
	vcpu_regs(self->vcpu, &after);
	EXPECT_EQ(before.rip + 2, after.rip);
	EXPECT_EQ(0x55667788, after.rax);
	EXPECT_EQ(0x11223344, after.rdx);
	run_to_sync(self->vcpu, 1);
	EXPECT_EQ(0, GUEST_VAR(self->vm, got));
}

/* The upper halves of RCX, RAX and RDX do not count. */
TEST_F(filter, upper_halves)
{
	struct kvm_regs regs;

	ASSERT_EQ(0, vm_enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR,
				   UNKNOWN));
	ASSERT_EQ(UNKNOWN, exit_of(self->vcpu, NONE, true, 1));
	vcpu_regs(self->vcpu, &regs);
	self->vcpu->run->msr.error = 0;
	self->vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_run_once(self->vcpu));
	self->vcpu->run->immediate_exit = 0;
	regs.rcx |= 1ul << 40;
	regs.rax = ~0xful;
	regs.rdx = 0xff00000001;
	vcpu_set_regs(self->vcpu, &regs);
	ASSERT_EQ(0, vcpu_run_once(self->vcpu));
	ASSERT_EQ(KVM_EXIT_X86_WRMSR, self->vcpu->run->exit_reason);
	EXPECT_EQ(NONE, self->vcpu->run->msr.index);
	EXPECT_EQ(0x1fffffff0, self->vcpu->run->msr.data);
	EXPECT_EQ(0, answer(self->vcpu, false, 0));
}

/* One that does nothing, but is there. */
TEST_F(filter, power_ctl)
{
	EXPECT_EQ(0, do_write(self->vcpu, POWER_CTL, 0x1234567812345678));
	EXPECT_EQ(0, do_read(self->vcpu, POWER_CTL));
	EXPECT_EQ(0x1234567812345678, data_of(self->vcpu));
}

/* ---- while vCPUs run ---- */

static u64 reads[2], traps[2], wrong;

static void guest_reads(u64 id)
{
	u64 data, gs;

	for (;;) {
		u64 r = guest_rdmsr(FS_BASE, &data);

		if (!r)
			WRITE_ONCE(reads[id], reads[id] + 1);
		else
			WRITE_ONCE(traps[id], traps[id] + 1);
		/* Never denied, in no filter. */
		if (guest_rdmsr(GS_BASE, &gs))
			WRITE_ONCE(wrong, 1);
	}
}

/* Two more: the first may have begun before. */
static bool more(volatile u64 *count)
{
	u64 from = *count, end = now_ms() + 20000;

	while (*count < from + 2 && now_ms() < end)
		sleep_ms(1);
	return *count >= from + 2;
}

TEST(changed_while_running)
{
	struct vm *vm = vm_boot(2, (void (*)(void))guest_reads);
	struct vcpu_thread t[2] = { 0 };
	int i, id;

	for (id = 0; id < 2; id++)
		vcpu_thread_start(&t[id], &vm->vcpus[id]);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, deny(vm, FS_BASE, READ));
		for (id = 0; id < 2; id++)
			EXPECT_TRUE(more(&GUEST_VAR(vm, traps[id])));
		ASSERT_EQ(0, deny(vm, FS_BASE, WRITE));
		for (id = 0; id < 2; id++)
			EXPECT_TRUE(more(&GUEST_VAR(vm, reads[id])));
	}
	for (id = 0; id < 2; id++)
		vcpu_thread_stop(&t[id]);
	EXPECT_EQ(0, GUEST_VAR(vm, wrong));
	vm_free(vm);
}

TEST_HARNESS_MAIN
