// SPDX-License-Identifier: GPL-2.0
/*
 * Quirks of KVM's that clients rely on, or turn off: MONITOR, AMD's hypercall,
 * the port of QEMU's option ROM; and the hypercalls that there are.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#include <linux/kvm_para.h>

#define MISC_ENABLE 0x1a0
#define MISC_ENABLE_MWAIT (1ul << 18)
#define ECX1_MWAIT (1u << 3)
#define UD (TRAPPED | 6)

FIXTURE(quirks) {
	struct vm *vm;
	struct vcpu *vcpu;
};
ENGINE_VARIANTS(quirks);

FIXTURE_SETUP(quirks)
{
	ENGINE_CHOOSE();
}

FIXTURE_TEARDOWN(quirks)
{
	if (self->vm)
		vm_free(self->vm);
}

static void boot(struct _test_data_quirks *self, void (*guest)(void))
{
	self->vm = vm_boot(1, guest);
	self->vcpu = &self->vm->vcpus[0];
}

static void turn_off(struct _test_data_quirks *self, u64 quirks)
{
	REQUIRE(!vm_enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2, quirks),
		"KVM_CAP_DISABLE_QUIRKS2 of %#lx", quirks);
}

TEST_F(quirks, refusals)
{
	u64 known;

	self->vm = vm_create();
	known = KIOCTL(self->vm->fd, KVM_CHECK_EXTENSION,
		       KVM_CAP_DISABLE_QUIRKS2);
	EXPECT_EQ(EINVAL, vm_enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2,
					known | 1ul << 62));
	EXPECT_EQ(EINVAL, vm_enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2,
					~0ul));
	EXPECT_EQ(0, vm_enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2, known));
	/* The older one takes what it is given. */
	EXPECT_EQ(1, KIOCTL(self->vm->fd, KVM_CHECK_EXTENSION,
			    KVM_CAP_DISABLE_QUIRKS));
	EXPECT_EQ(0, vm_enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS, ~0ul));
}

static u64 watched;

static void guest_monitor(void)
{
	for (;;) {
		u32 a = 1, b, c = 0, d;
		u64 m = SAFE_ASM("monitor", , "a"(&watched), "c"(0), "d"(0));
		u64 w = SAFE_ASM("mwait", , "a"(0), "c"(0));

		guest_cpuid(&a, &b, &c, &d);
		GUEST_ASSERT_EQ(m, w);
		guest_sync2(m, c & ECX1_MWAIT, 0);
	}
}

static void set_misc_enable(struct vcpu *vcpu, u64 value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = MISC_ENABLE, .data = value },
	};

	REQUIRE(KIOCTL(vcpu->fd, KVM_SET_MSRS, &msrs) == 1, "KVM_SET_MSRS");
}

/* @trap: of MONITOR and of MWAIT; @told: by CPUID */
static void monitor_does(struct _test_data_quirks *self,
			 struct __test_metadata *_metadata, u64 trap, u64 told)
{
	struct ucall *call = run_ucall(self->vcpu);

	ASSERT_EQ(UCALL_SYNC, call->cmd);
	EXPECT_EQ(trap, call->arg[0]);
	EXPECT_EQ(told, call->arg[1]);
}

TEST_F(quirks, monitor)
{
	const u64 never_ud = KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS;
	const u64 not_told = KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT;

	boot(self, guest_monitor);
	monitor_does(self, _metadata, 0, 0);
	set_misc_enable(self->vcpu, MISC_ENABLE_MWAIT);
	monitor_does(self, _metadata, 0, 0);
	set_misc_enable(self->vcpu, 0);
	turn_off(self, never_ud);
	monitor_does(self, _metadata, UD, 0);
	turn_off(self, never_ud | not_told);
	set_misc_enable(self->vcpu, MISC_ENABLE_MWAIT);
	monitor_does(self, _metadata, 0, ECX1_MWAIT);
	set_misc_enable(self->vcpu, 0);
	monitor_does(self, _metadata, UD, 0);
	/* And on again; KVM of late only adds to those that are off. */
	if (!is_umbra())
		return;
	turn_off(self, 0);
	monitor_does(self, _metadata, 0, 0);
}

extern u8 at_vmmcall[3];
static const u8 vmcall[] = { 0x0f, 0x01, 0xc1 };
static const u8 vmmcall[] = { 0x0f, 0x01, 0xd9 };

static void guest_hypercalls(void)
{
	u64 nr, r;
	int trap;

	for (nr = KVM_HC_SCHED_YIELD; nr; nr = 0x7777) {
		r = nr;
		trap = SAFE_ASM("at_vmmcall: vmmcall", OUTS("+a"(r)),
				"b"(12345ul));
		guest_sync2(trap, r, 0);
	}
}

TEST_F(quirks, hypercall)
{
	struct ucall *call;

	boot(self, guest_hypercalls);
	call = run_ucall(self->vcpu);
	EXPECT_EQ(0, call->arg[0]);
	EXPECT_EQ(0, call->arg[1]);
	EXPECT_EQ(0, memcmp(self->vm->ram + (u64)at_vmmcall, vmcall, 3));
	call = run_ucall(self->vcpu);
	EXPECT_EQ(0, call->arg[0]);
	EXPECT_EQ(-KVM_ENOSYS, (long)call->arg[1]);
}

TEST_F(quirks, hypercall_off)
{
	struct ucall *call;

	boot(self, guest_hypercalls);
	turn_off(self, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	call = run_ucall(self->vcpu);
	EXPECT_EQ(UD, call->arg[0]);
	EXPECT_EQ(0, memcmp(self->vm->ram + (u64)at_vmmcall, vmmcall, 3));
}

/* KVM's leaf of features; then none is there that is enforced to be told. */
static void no_features(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *table = supported_cpuid(vcpu->vm->dev);

	cpuid_leaf(table, KVM_CPUID_FEATURES)->eax = 0;
	REQUIRE(!KERR(vcpu->fd, KVM_SET_CPUID2, table), "KVM_SET_CPUID2");
	free(table);
}

TEST_F(quirks, features_enforced)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID };
	int on, told;

	for (on = 0; on < 2; on++) {
		for (told = 0; told < 2; told++) {
			boot(self, guest_hypercalls);
			cap.args[0] = on;
			EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_ENABLE_CAP, &cap));
			if (!told)
				no_features(self->vcpu);
			EXPECT_EQ(on && !told ? -KVM_ENOSYS : 0,
				  (long)run_ucall(self->vcpu)->arg[1]);
			vm_free(self->vm);
		}
	}
	self->vm = NULL;
}

TEST_F(quirks, vcpu_cap_refused)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID };

	boot(self, guest_hypercalls);
	cap.flags = 1;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_ENABLE_CAP, &cap));
	cap.flags = 0;
	cap.cap = KVM_CAP_X86_DISABLE_EXITS;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(EFAULT, KERR(self->vcpu->fd, KVM_ENABLE_CAP, 8));
}

extern char at_7e[], past_7e[];

static void guest_port(void)
{
	asm volatile("at_7e: out %%al, $0x7e\n"
		     "past_7e:" : : : "memory");
	guest_done();
}

TEST_F(quirks, port)
{
	struct kvm_regs regs;
	int off;

	for (off = 0; off < 2; off++) {
		if (off)
			vm_free(self->vm);
		boot(self, guest_port);
		if (off)
			turn_off(self, KVM_X86_QUIRK_OUT_7E_INC_RIP);
		run_to_exit(self->vcpu, KVM_EXIT_IO);
		EXPECT_EQ(0x7e, self->vcpu->run->io.port);
		vcpu_regs(self->vcpu, &regs);
		EXPECT_EQ((u64)(off ? at_7e : past_7e), regs.rip);
		run_to_done(self->vcpu);
	}
}

TEST_HARNESS_MAIN
