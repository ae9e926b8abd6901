// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt controllers in the kernel, as user space sees them: how they are
 * made, their errors, their state.
 */
#include "kselftest_harness.h"
#include "lib/irq.h"

TEST(made_once_and_first)
{
	struct vm *vm = vm_create();

	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(EEXIST, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(EEXIST, vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	vm_free(vm);
	vm = vm_create();
	vcpu_add(vm, 0);
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(EEXIST, vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	EXPECT_EQ(EBUSY, KERR(vm->fd, KVM_SET_BOOT_CPU_ID, 0));
	vm_free(vm);
	vm = vm_create();
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 4097));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	EXPECT_EQ(EEXIST, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	vm_free(vm);
}

TEST(nothing_without_it)
{
	struct kvm_reinject_control control = { 0 };
	struct kvm_pit_config config = { 0 };
	struct kvm_irqchip chip = { 0 };
	struct kvm_lapic_state lapic;
	struct kvm_pit_state2 pit;
	struct kvm_mp_state mp = { KVM_MP_STATE_HALTED };
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x40 };
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0);

	EXPECT_EQ(ENOENT, KERR(vm->fd, KVM_CREATE_PIT2, &config));
	EXPECT_EQ(ENXIO, KERR(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(ENXIO, KERR(vm->fd, KVM_SET_IRQCHIP, &chip));
	EXPECT_EQ(ENXIO, KERR(vm->fd, KVM_GET_PIT2, &pit));
	EXPECT_EQ(ENXIO, KERR(vm->fd, KVM_REINJECT_CONTROL, &control));
	EXPECT_EQ(ENXIO, vm_irq_line(vm, 4, 1, NULL));
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(EINVAL, vm_route_msi(vm, 24, 0xfee00000, 0x40));
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_GET_LAPIC, &lapic));
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_LAPIC, &lapic));
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_MP_STATE, &mp));
	vm_free(vm);
}

#define TSC_DEADLINE 0x6e0

static bool msr_is_listed(int dev, u32 index)
{
	struct {
		struct kvm_msr_list list;
		u32 indices[512];
	} msrs = { .list.nmsrs = 512 };
	u32 i;

	REQUIRE(!KERR(dev, KVM_GET_MSR_INDEX_LIST, &msrs), "MSR list");
	for (i = 0; i < msrs.list.nmsrs; i++) {
		if (msrs.list.indices[i] == index)
			return true;
	}
	return false;
}

/* Told of the device, before it is known whether there will be an APIC. */
TEST(offered)
{
	struct {
		struct kvm_msrs msrs;
		struct kvm_msr_entry entry;
	} one = { { .nmsrs = 1 }, { .index = TSC_DEADLINE, .data = 5 } };
	struct vm *vm = vm_create();
	struct kvm_cpuid2 *cpuid = supported_cpuid(vm->dev);
	struct vcpu *vcpu = vcpu_add(vm, 0);

	EXPECT_EQ(1, cpuid_leaf(cpuid, 1)->ecx >> 21 & 1);
	free(cpuid);
	EXPECT_TRUE(msr_is_listed(vm->dev, TSC_DEADLINE));
	EXPECT_EQ(1, KIOCTL(vcpu->fd, KVM_SET_MSRS, &one));
	EXPECT_EQ(1, KIOCTL(vcpu->fd, KVM_GET_MSRS, &one));
	EXPECT_EQ(0, one.entry.data);
	vm_free(vm);
}

TEST(split_has_no_pins)
{
	struct kvm_irq_routing_entry entry = {
		.gsi = 4, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { KVM_IRQCHIP_IOAPIC, 4 },
	};
	struct {
		struct kvm_irq_routing table;
		struct kvm_irq_routing_entry entry;
	} r = { .table.nr = 1, .entry = entry };
	struct kvm_pit_config config = { 0 };
	struct kvm_irqchip chip = { 0 };
	struct vm *vm = vm_create();

	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	EXPECT_EQ(ENOENT, KERR(vm->fd, KVM_CREATE_PIT2, &config));
	EXPECT_EQ(ENXIO, KERR(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	EXPECT_EQ(0, vm_route_msi(vm, 4, 0xfee00000, 0x8040));
	vm_free(vm);
}

TEST(routing_errors)
{
	struct {
		struct kvm_irq_routing table;
		struct kvm_irq_routing_entry entry[2];
	} r = {
		.table.nr = 2,
		.entry = {
			{ .gsi = 30, .type = KVM_IRQ_ROUTING_MSI },
			{ .gsi = 31, .type = KVM_IRQ_ROUTING_MSI },
		},
	};
	struct vm *vm = vm_create();

	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	r.entry[1].gsi = 30;
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	r.entry[1].gsi = 4096;
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	r.entry[1].gsi = 4095;
	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	r.entry[1].type = 99;
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	r.table.nr = 4097;
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	r.table.nr = 0;
	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	r.table.flags = 1;
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	EXPECT_EQ(EFAULT, KERR(vm->fd, KVM_SET_GSI_ROUTING, 8));
	/* To pins that no vCPU is behind, and to none at all. */
	EXPECT_EQ(0, vm_irq_line(vm, 4, 1, NULL));
	EXPECT_EQ(0, vm_irq_line(vm, ~0u, 1, NULL));
	vm_free(vm);
}

TEST(chips_and_their_state)
{
	struct kvm_irqchip a = { .chip_id = 3 }, b;
	struct vm *vm = vm_create();
	u32 i;

	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_GET_IRQCHIP, &a));
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SET_IRQCHIP, &a));
	EXPECT_EQ(EFAULT, KERR(vm->fd, KVM_GET_IRQCHIP, 8));
	for (i = 0; i < 3; i++) {
		memset(&a, 0xff, sizeof(a));
		a.chip_id = i;
		EXPECT_EQ(0, KERR(vm->fd, KVM_SET_IRQCHIP, &a));
		EXPECT_EQ(0, KERR(vm->fd, KVM_GET_IRQCHIP, &a));
		EXPECT_EQ(0, KERR(vm->fd, KVM_SET_IRQCHIP, &a));
		memset(&b, 0x55, sizeof(b));
		b.chip_id = i;
		EXPECT_EQ(0, KERR(vm->fd, KVM_GET_IRQCHIP, &b));
		b.pad = a.pad;
		EXPECT_EQ(0, memcmp(&a, &b, i == 2 ? sizeof(a.chip.ioapic) + 8 :
				    sizeof(a.chip.pic) + 8));
	}
	vm_free(vm);
}

TEST(pit)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_reinject_control control = { 0 };
	struct kvm_pit_state2 a, b;
	struct kvm_pit_state old;
	struct vm *vm = vm_create();
	int i;

	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(ENXIO, KERR(vm->fd, KVM_GET_PIT2, &a));
	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_PIT2, &config));
	EXPECT_EQ(EEXIST, KERR(vm->fd, KVM_CREATE_PIT2, &config));
	EXPECT_EQ(0, KERR(vm->fd, KVM_REINJECT_CONTROL, &control));
	EXPECT_EQ(0, KERR(vm->fd, KVM_GET_PIT2, &a));
	a.channels[0].mode = 2;
	a.channels[0].count = 1; /* a tick each 838 ns, it thinks */
	a.flags = KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_PIT2, &a));
	sleep_ms(50);
	EXPECT_EQ(0, KERR(vm->fd, KVM_GET_PIT2, &b));
	for (i = 0; i < 3; i++)
		a.channels[i].count_load_time = b.channels[i].count_load_time;
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	memset(&a, 0xff, sizeof(a));
	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_PIT2, &a));
	EXPECT_EQ(0, KERR(vm->fd, KVM_GET_PIT, &old));
	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_PIT, &old));
	vm_free(vm);
}

static void guest_nothing(void)
{
	guest_done();
}

TEST(lapic_state)
{
	struct vm *vm = vm_boot_irq(2, IRQCHIP_KERNEL, guest_nothing);
	struct kvm_lapic_state a, b;
	struct vcpu *vcpu = &vm->vcpus[1];

	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_LAPIC, &a));
	EXPECT_EQ(1 << 24, *(u32 *)(a.regs + 0x20));
	EXPECT_EQ(0x50014, *(u32 *)(a.regs + 0x30));
	EXPECT_EQ(0xff, *(u32 *)(a.regs + 0xf0));
	EXPECT_EQ(0x10000, *(u32 *)(a.regs + 0x350));
	*(u32 *)(a.regs + 0x80) = 0x30;
	*(u32 *)(a.regs + 0xf0) = 0x1ff;
	*(u32 *)(a.regs + 0x210) = 1 << 5; /* IRR */
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_LAPIC, &a));
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_LAPIC, &b));
	*(u32 *)(a.regs + 0xa0) = 0x30; /* PPR is worked out */
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	memset(&a, 0xff, sizeof(a));
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_LAPIC, &a));
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_LAPIC, &b));
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_LAPIC, &b));
	EXPECT_EQ(EFAULT, KERR(vcpu->fd, KVM_SET_LAPIC, 8));
	run_to_done(vcpu);
	vm_free(vm);
}

TEST(mp_states)
{
	struct vm *vm = vm_create();
	struct kvm_mp_state s;
	struct vcpu *vcpu;
	u32 i;

	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_BOOT_CPU_ID, 1));
	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	vcpu = vcpu_add(vm, 0);
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_MP_STATE, &s));
	EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, s.mp_state);
	vcpu = vcpu_add(vm, 1);
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_MP_STATE, &s));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, s.mp_state);
	for (i = 0; i < 4; i++) {
		s.mp_state = i;
		EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_MP_STATE, &s));
		s.mp_state = 77;
		EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_MP_STATE, &s));
		EXPECT_EQ(i, s.mp_state);
	}
	s.mp_state = KVM_MP_STATE_SIPI_RECEIVED;
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_MP_STATE, &s));
	for (i = 5; i < 12; i++) {
		if (i == KVM_MP_STATE_AP_RESET_HOLD)
			continue;
		s.mp_state = i;
		EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_MP_STATE, &s));
	}
	vm_free(vm);
}

TEST(no_vector_from_user_space)
{
	struct kvm_interrupt irq = { 0x40 };
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_nothing);

	EXPECT_EQ(ENXIO, KERR(vm->vcpus[0].fd, KVM_INTERRUPT, &irq));
	vm_free(vm);
	vm = vm_boot_irq(1, IRQCHIP_SPLIT, guest_nothing);
	EXPECT_EQ(0, KERR(vm->vcpus[0].fd, KVM_INTERRUPT, &irq));
	EXPECT_EQ(EEXIST, KERR(vm->vcpus[0].fd, KVM_INTERRUPT, &irq));
	vm_free(vm);
}

#ifndef KVM_CAP_X86_APIC_BUS_CYCLES_NS
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
#endif

TEST(bus_clock_refused)
{
	u64 most = ~0ul / 128 / ~0u;
	struct vm *vm = vm_create();

	if (!KIOCTL(vm->dev, KVM_CHECK_EXTENSION,
		    KVM_CAP_X86_APIC_BUS_CYCLES_NS))
		SKIP(return, "the bus clock cannot be set");
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_X86_APIC_BUS_CYCLES_NS, 0));
	EXPECT_EQ(ENXIO, vm_enable_cap(vm, KVM_CAP_X86_APIC_BUS_CYCLES_NS, 40));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_X86_APIC_BUS_CYCLES_NS,
					most + 1));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_X86_APIC_BUS_CYCLES_NS,
					~0ul));
	ASSERT_EQ(0, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_X86_APIC_BUS_CYCLES_NS, most));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_X86_APIC_BUS_CYCLES_NS, 40));
	vcpu_add(vm, 0);
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_X86_APIC_BUS_CYCLES_NS,
					40));
	vm_free(vm);
}

TEST(base_of_the_apic)
{
	struct vm *vm = vm_boot_irq(2, IRQCHIP_KERNEL, guest_nothing);
	struct vcpu *vcpu = &vm->vcpus[1];
	struct kvm_sregs sregs;

	vcpu_sregs(vcpu, &sregs);
	EXPECT_EQ(0xfee00800, sregs.apic_base);
	sregs.apic_base |= 1 << 10;
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_SREGS, &sregs));
	sregs.apic_base &= ~(1ul << 11); /* x2APIC that is off */
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_SREGS, &sregs));
	sregs.apic_base = 0xfee00800 | 1 << 9;
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_SREGS, &sregs));
	vcpu_sregs(vcpu, &sregs);
	EXPECT_EQ(0xfee00c00, sregs.apic_base);
	sregs.cr8 = 5;
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_SREGS, &sregs));
	sregs.cr8 = 0;
	vcpu_sregs(vcpu, &sregs);
	EXPECT_EQ(5, sregs.cr8);
	vm_free(vm);
}

TEST(x2apic_api)
{
	u64 wide = KVM_X2APIC_API_USE_32BIT_IDS;
	u64 exact = KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
	struct vm *vm = vm_boot_irq(2, IRQCHIP_KERNEL, guest_nothing);
	struct kvm_msi msi = { .address_lo = 0xfee01000, .data = 0x400 };
	struct vcpu *vcpu = &vm->vcpus[1];
	struct kvm_lapic_state state;
	struct kvm_sregs sregs;

	EXPECT_EQ(wide | exact,
		  KIOCTL(vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_X2APIC_API));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_X2APIC_API, 4));
	vcpu_sregs(vcpu, &sregs);
	sregs.apic_base |= 1 << 10;
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_SREGS, &sregs));
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(1 << 24, *(u32 *)(state.regs + 0x20));
	msi.address_hi = 0x1ff; /* nobody looks at it */
	EXPECT_EQ(1, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_X2APIC_API, wide));
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(1, *(u32 *)(state.regs + 0x20));
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_LAPIC, &state));
	*(u32 *)(state.regs + 0x20) = 1 << 24;
	EXPECT_EQ(EINVAL, KERR(vcpu->fd, KVM_SET_LAPIC, &state));
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(EINVAL, vm_route_msi(vm, 4, 0x1fee01000, 0x400));
	msi.address_hi = 0x100; /* id 257 */
	EXPECT_EQ(0, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	msi.address_hi = 0;
	EXPECT_EQ(1, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	/* 255: all, or only those that are no x2APIC */
	msi.address_lo = 0xfeeff000;
	EXPECT_EQ(2, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_X2APIC_API, exact));
	EXPECT_EQ(1, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	msi.address_hi = 0xffffff00;
	EXPECT_EQ(1, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	/* What was enabled stays so. */
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_X2APIC_API, 0));
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(1, *(u32 *)(state.regs + 0x20));
	vm_free(vm);
}

TEST_HARNESS_MAIN
