// SPDX-License-Identifier: GPL-2.0
/*
 * VCPU state through the ioctls: what is given back is
 * what was set, garbage is refused and changes nothing.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_EFER 0xc0000080
#define MSR_NONE 0x0badf00d

FIXTURE(state) {
	struct vm *vm;
	struct vcpu *vcpu;
};

static void guest(void)
{
	guest_done();
}

FIXTURE_SETUP(state)
{
	self->vm = vm_boot(1, guest);
	self->vcpu = &self->vm->vcpus[0];
}

FIXTURE_TEARDOWN(state)
{
	vm_free(self->vm);
}

TEST_F(state, regs_round_trip)
{
	struct kvm_regs a, b;
	u64 *word = (u64 *)&a;
	int i;

	for (i = 0; i < sizeof(a) / 8; i++)
		word[i] = 0x1111111111111111ul * (i % 15 + 1);
	a.rip = 0x123456789abc;
	a.rflags = 0x46;
	vcpu_set_regs(self->vcpu, &a);
	vcpu_regs(self->vcpu, &b);
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
}

TEST_F(state, sregs_round_trip)
{
	struct kvm_sregs a, b;

	vcpu_sregs(self->vcpu, &a);
	a.cr2 = 0x123456789000;
	a.fs.base = 0x7ffff000;
	a.gs.base = 0xffff888000000000;
	a.ldt.unusable = 1;
	a.gdt.limit = 0x7f;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_SREGS, &a));
	vcpu_sregs(self->vcpu, &b);
	EXPECT_EQ(a.cr0, b.cr0);
	EXPECT_EQ(a.cr2, b.cr2);
	EXPECT_EQ(a.cr3, b.cr3);
	EXPECT_EQ(a.cr4, b.cr4);
	EXPECT_EQ(a.efer, b.efer);
	EXPECT_EQ(a.fs.base, b.fs.base);
	EXPECT_EQ(a.gs.base, b.gs.base);
	EXPECT_EQ(a.gdt.limit, b.gdt.limit);
	EXPECT_EQ(0, memcmp(&a.cs, &b.cs, sizeof(a.cs)));
	EXPECT_EQ(0, memcmp(&a.tr, &b.tr, sizeof(a.tr)));
}

/* Each row xors these into a legal long-mode state. */
static const struct {
	const char *name;
	u64 cr0, cr3, cr4, efer, apic_base;
	u8 cs_l;
} garbage[] = {
	{ "cr0 high bits", .cr0 = 1ul << 32 },
	{ "cr0 top bit", .cr0 = 1ul << 63 },
	{ "cr0 NW without CD", .cr0 = 1 << 29 },
	{ "cr0 PG without PE", .cr0 = 1 },
	{ "cr4 bit 63", .cr4 = 1ul << 63 },
	{ "cr4 bit 31", .cr4 = 1ul << 31 },
	{ "cr4 all", .cr4 = ~0ul & ~0x620ul },
	{ "long mode without PAE", .cr4 = 1 << 5 },
	{ "LMA without LME", .efer = 1 << 8 },
	{ "LME and PG without LMA", .efer = 1 << 10 },
	{ "LMA without paging", .cr0 = 1ul << 31 },
	{ "64-bit code without long mode", .cr0 = 1ul << 31,
	  .efer = 0x500 },
	{ "cr3 reserved bits", .cr3 = 1ul << 62 },
	{ "cr3 all", .cr3 = ~0xffful },
	{ "apic base reserved bits", .apic_base = 1ul << 60 },
	{ "x2apic without apic", .apic_base = 1 << 10 | 1 << 11 },
};

TEST_F(state, sregs_garbage)
{
	struct kvm_sregs good, bad, now;
	int i;

	vcpu_sregs(self->vcpu, &good);
	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		bad = good;
		bad.cr0 ^= garbage[i].cr0;
		bad.cr3 ^= garbage[i].cr3;
		bad.cr4 ^= garbage[i].cr4;
		bad.efer ^= garbage[i].efer;
		bad.apic_base ^= garbage[i].apic_base;
		bad.cr2 = 0xdead;
		bad.gdt.base = 0xdead000;
		EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_SET_SREGS, &bad)) {
			TH_LOG("row \"%s\"", garbage[i].name);
		}
		vcpu_sregs(self->vcpu, &now);
		EXPECT_EQ(0, memcmp(&good, &now, sizeof(now))) {
			TH_LOG("row \"%s\" changed state", garbage[i].name);
		}
	}
	run_to_done(self->vcpu);
}

struct msr_buf {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[300];
};

TEST_F(state, msrs)
{
	static struct msr_buf buf;
	int fd = self->vcpu->fd, i;

	buf.head.nmsrs = 0;
	EXPECT_EQ(0, KIOCTL(fd, KVM_GET_MSRS, &buf));
	EXPECT_EQ(0, KIOCTL(fd, KVM_SET_MSRS, &buf));

	/* Stops at the first it does not know; those before are done. */
	buf.head.nmsrs = 3;
	buf.entry[0] = (struct kvm_msr_entry){ MSR_STAR, 0, 0x10000800000000 };
	buf.entry[1] = (struct kvm_msr_entry){ MSR_NONE, 0, 1 };
	buf.entry[2] = (struct kvm_msr_entry){ MSR_LSTAR, 0, 0x1234 };
	EXPECT_EQ(1, KIOCTL(fd, KVM_SET_MSRS, &buf));
	buf.entry[1] = (struct kvm_msr_entry){ MSR_LSTAR, 0, 1 };
	buf.entry[2] = (struct kvm_msr_entry){ MSR_NONE, 0, 1 };
	buf.entry[0].data = 0;
	EXPECT_EQ(2, KIOCTL(fd, KVM_GET_MSRS, &buf));
	EXPECT_EQ(0x10000800000000, buf.entry[0].data);
	EXPECT_EQ(0, buf.entry[1].data);

	/* Values that the register cannot hold. */
	buf.head.nmsrs = 1;
	buf.entry[0] = (struct kvm_msr_entry){ MSR_LSTAR, 0, 1ul << 63 };
	EXPECT_EQ(0, KIOCTL(fd, KVM_SET_MSRS, &buf));
	buf.entry[0] = (struct kvm_msr_entry){ MSR_EFER, 0, ~0ul };
	EXPECT_EQ(0, KIOCTL(fd, KVM_SET_MSRS, &buf));

	for (i = 0; i < 300; i++)
		buf.entry[i] = (struct kvm_msr_entry){ MSR_STAR, 0, 0 };
	buf.head.nmsrs = 255;
	EXPECT_EQ(255, KIOCTL(fd, KVM_SET_MSRS, &buf));
	buf.head.nmsrs = 256;
	EXPECT_EQ(E2BIG, KERR(fd, KVM_SET_MSRS, &buf));
	EXPECT_EQ(E2BIG, KERR(fd, KVM_GET_MSRS, &buf));
	buf.head.nmsrs = ~0u;
	EXPECT_EQ(E2BIG, KERR(fd, KVM_SET_MSRS, &buf));
	run_to_done(self->vcpu);
}

TEST_F(state, cpuid)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(self->vm->dev);
	u32 nent = cpuid->nent;

	cpuid->nent = 257;
	EXPECT_EQ(E2BIG, KERR(self->vcpu->fd, KVM_SET_CPUID2, cpuid));
	cpuid->nent = ~0u;
	EXPECT_EQ(E2BIG, KERR(self->vcpu->fd, KVM_SET_CPUID2, cpuid));
	cpuid->nent = nent;
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_SET_CPUID2, cpuid));
	run_to_done(self->vcpu);
	/* Once it has run: the same again, or no longer. */
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_SET_CPUID2, cpuid));
	cpuid_leaf(cpuid, 1)->ecx ^= 1;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);
}

/* Without an interrupt controller in the kernel every vCPU is runnable. */
TEST_F(state, mp_state)
{
	static const u32 bad[] = {
		KVM_MP_STATE_UNINITIALIZED, KVM_MP_STATE_INIT_RECEIVED,
		KVM_MP_STATE_HALTED, KVM_MP_STATE_SIPI_RECEIVED, 77, ~0u,
	};
	struct kvm_mp_state mp = { 99 };
	struct vcpu *second = vcpu_add(self->vm, 1);
	int i;

	EXPECT_EQ(0, KERR(second->fd, KVM_GET_MP_STATE, &mp));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp.mp_state);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		mp.mp_state = bad[i];
		EXPECT_EQ(EINVAL, KERR(second->fd, KVM_SET_MP_STATE, &mp)) {
			TH_LOG("state %u", bad[i]);
		}
	}
	EXPECT_EQ(0, KERR(second->fd, KVM_GET_MP_STATE, &mp));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp.mp_state);
	EXPECT_EQ(0, KERR(second->fd, KVM_SET_MP_STATE, &mp));
}

TEST_F(state, fpu)
{
	struct kvm_fpu a, b;
	int i;

	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_GET_FPU, &a));
	EXPECT_EQ(0x37f, a.fcw);
	a.mxcsr = 0x1f80;
	for (i = 0; i < sizeof(a.xmm); i++)
		((u8 *)a.xmm)[i] = i;
	a.fcw = 0x27f;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_FPU, &a));
	run_to_done(self->vcpu);
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_GET_FPU, &b));
	EXPECT_EQ(0x27f, b.fcw);
	EXPECT_EQ(0, memcmp(a.xmm, b.xmm, sizeof(a.xmm)));
}

TEST_F(state, xsave)
{
	struct kvm_xsave *a, *b;

	if (KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE) <= 0)
		SKIP(return, "no KVM_CAP_XSAVE");
	a = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	b = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_GET_XSAVE, a));
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_SET_XSAVE, a));
	memcpy(b, a, PAGE_SIZE);
	b->region[128] |= 1u << 31;	/* xstate_bv: a feature not there */
	b->region[0] = 0x27f;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_SET_XSAVE, b));
	memcpy(b, a, PAGE_SIZE);
	b->region[6] = ~0u;		/* reserved mxcsr bits */
	b->region[128] |= 3;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_SET_XSAVE, b));
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_GET_XSAVE, b));
	EXPECT_EQ(a->region[0], b->region[0]);
	EXPECT_EQ(a->region[6], b->region[6]);
	run_to_done(self->vcpu);
}

TEST_F(state, xcrs)
{
	struct kvm_xcrs xcrs, bad;
	int fd = self->vcpu->fd;

	if (KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) <= 0)
		SKIP(return, "no KVM_CAP_XCRS");
	ASSERT_EQ(0, KERR(fd, KVM_GET_XCRS, &xcrs));
	EXPECT_EQ(1, xcrs.nr_xcrs);
	EXPECT_EQ(1, xcrs.xcrs[0].value);
	EXPECT_EQ(0, KERR(fd, KVM_SET_XCRS, &xcrs));
	bad = xcrs;
	bad.nr_xcrs = 17;
	EXPECT_EQ(EINVAL, KERR(fd, KVM_SET_XCRS, &bad));
	bad = xcrs;
	bad.flags = 1;
	EXPECT_EQ(EINVAL, KERR(fd, KVM_SET_XCRS, &bad));
	bad = xcrs;
	bad.xcrs[0].value = 2;		/* x87 cannot be off */
	EXPECT_EQ(EINVAL, KERR(fd, KVM_SET_XCRS, &bad));
	bad.xcrs[0].value = ~0ul;
	EXPECT_EQ(EINVAL, KERR(fd, KVM_SET_XCRS, &bad));
	ASSERT_EQ(0, KERR(fd, KVM_GET_XCRS, &bad));
	EXPECT_EQ(0, memcmp(&xcrs, &bad, sizeof(xcrs)));
}

TEST_HARNESS_MAIN
