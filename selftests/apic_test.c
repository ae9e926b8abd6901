// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that take interrupts from controllers in the kernel.
 */
#include "kselftest_harness.h"
#include "lib/irq.h"

#define ICR 0x300
#define ICR2 0x310
#define TO_SELF (1 << 18)
#define TO_OTHERS (3 << 18)
#define NS_PER_MS 1000000u

static void finish(struct vm *vm)
{
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

/* Take what there is, one after the other. */
static void guest_take_all(void)
{
	int i;

	guest_sti();
	for (i = 0; i < 10; i++) {
		u32 a = 0, b, c = 0, d;

		guest_cpuid(&a, &b, &c, &d);
	}
	guest_cli();
}

static void guest_self_ipi(void)
{
	guest_apic_on();
	guest_cli();
	guest_apic_write(ICR, TO_SELF | 0x40);
	guest_apic_write(ICR, TO_SELF | 0x61);
	GUEST_ASSERT_EQ(guest_apic_read(0x220), 1);
	GUEST_ASSERT_EQ(irq_count[0x40], 0);
	guest_take_all();
	GUEST_ASSERT_EQ(irq_count[0x40], 1);
	GUEST_ASSERT_EQ(irq_count[0x61], 1);
	GUEST_ASSERT_EQ(guest_apic_read(0x220), 0);
	/* held back by the task priority, let in by CR8 */
	asm volatile("mov %0, %%cr8" : : "r"(4ul));
	GUEST_ASSERT_EQ(guest_apic_read(0x80), 0x40);
	guest_apic_write(ICR, TO_SELF | 0x41);
	guest_take_all();
	GUEST_ASSERT_EQ(irq_count[0x41], 0);
	asm volatile("mov %0, %%cr8" : : "r"(3ul));
	guest_take_all();
	GUEST_ASSERT_EQ(irq_count[0x41], 1);
	guest_done();
}

TEST(self_ipi)
{
	finish(vm_boot_irq(1, IRQCHIP_KERNEL, guest_self_ipi));
}

static void guest_x2(void)
{
	static const u8 reserved[] = { 13, 16, 17, 20, 31 };
	u64 val;
	int i;

	GUEST_ASSERT_EQ(guest_rdmsr(0x802, &val), TRAPPED | 13);
	guest_x2apic_on();
	GUEST_ASSERT_EQ(guest_rdmsr(0x802, &val), 0);
	GUEST_ASSERT_EQ(val, 0);
	GUEST_ASSERT_EQ(guest_wrmsr(0x802, 1), TRAPPED | 13);
	GUEST_ASSERT_EQ(guest_wrmsr(0x80b, 1), TRAPPED | 13); /* SDM */
	GUEST_ASSERT_EQ(guest_rdmsr(0x80b, &val), TRAPPED | 13);
	GUEST_ASSERT_EQ(guest_rdmsr(0x831, &val), TRAPPED | 13);
	guest_wrmsr(0x83f, 0x50);
	guest_take_all();
	GUEST_ASSERT_EQ(irq_count[0x50], 1);
	guest_wrmsr(0x830, 0x51); /* to id 0 */
	guest_take_all();
	GUEST_ASSERT_EQ(irq_count[0x51], 1);
	for (i = 0; i < ARRAY_SIZE(reserved); i++)
		GUEST_ASSERT_EQ(guest_wrmsr(0x830, 0x40 | 1u << reserved[i]),
				TRAPPED | 13);
	/* back to xAPIC only by way of off */
	guest_rdmsr(0x1b, &val);
	GUEST_ASSERT_EQ(guest_wrmsr(0x1b, val & ~(1ul << 10)), TRAPPED | 13);
	guest_done();
}

TEST(x2apic)
{
	if (!is_umbra())
		SKIP(return, "KVM takes any value for an EOI");
	finish(vm_boot_irq(1, IRQCHIP_SPLIT, guest_x2));
}

#define IPIS 300
static u64 pongs;

/* Each waits in HLT for the other's IPI. */
static void guest_ping(u64 id)
{
	u64 i;

	guest_apic_on();
	guest_cli();
	if (id) {
		WRITE_ONCE(pongs, 1);
		for (i = 1; i <= IPIS; i++) {
			guest_wait_irq(0x80, i);
			guest_apic_write(ICR2, 0);
			guest_apic_write(ICR, 0x81);
		}
		guest_done();
	}
	while (!READ_ONCE(pongs))
		cpu_pause();
	for (i = 1; i <= IPIS; i++) {
		guest_apic_write(ICR, TO_OTHERS | 0x80);
		guest_wait_irq(0x81, i);
	}
	guest_done();
}

static void run_both(struct vm *vm)
{
	struct vcpu_thread t[2] = { 0 };
	int i;

	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	for (i = 0; i < 2; i++)
		vcpu_thread_join(&t[i]);
}

TEST(ipis_wake_each_other)
{
	struct vm *vm = vm_boot_irq(2, IRQCHIP_KERNEL, (void *)guest_ping);

	run_both(vm);
	EXPECT_EQ(IPIS, GUEST_VAR(vm, irq_count[0x80]));
	EXPECT_EQ(IPIS, GUEST_VAR(vm, irq_count[0x81]));
	vm_free(vm);
}

/* One sends without pause, the other spins: interrupts reach a busy CPU. */
static void guest_storm(u64 id)
{
	u64 i;

	guest_apic_on();
	guest_sti();
	if (!id) {
		while (READ_ONCE(irq_count[0x90]) < 200)
			cpu_pause();
		guest_cli();
		WRITE_ONCE(pongs, 1);
		guest_done();
	}
	for (i = 0; !READ_ONCE(pongs); i++)
		guest_apic_write(ICR, TO_OTHERS | 0x90);
	guest_done();
}

TEST(storm_of_ipis)
{
	struct vm *vm = vm_boot_irq(2, IRQCHIP_KERNEL, (void *)guest_storm);

	run_both(vm);
	vm_free(vm);
}

static void guest_timers(void)
{
	u64 val;

	guest_apic_on();
	guest_cli();
	guest_apic_write(0x3e0, 0xb); /* by 1 */
	guest_apic_write(0x320, 0xe0);
	guest_apic_write(0x380, 20 * NS_PER_MS);
	GUEST_ASSERT(guest_apic_read(0x390) > 0);
	guest_wait_irq(0xe0, 1);
	GUEST_ASSERT_EQ(guest_apic_read(0x390), 0);
	guest_apic_write(0x320, 0x200e1);
	guest_apic_write(0x380, 5 * NS_PER_MS);
	guest_wait_irq(0xe1, 5);
	guest_apic_write(0x380, 0);
	guest_apic_write(0x320, 0x400e2);
	GUEST_ASSERT_EQ(guest_wrmsr(0x6e0, guest_rdtsc() + 1000000), 0);
	guest_rdmsr(0x6e0, &val);
	GUEST_ASSERT(val);
	guest_wait_irq(0xe2, 1);
	GUEST_ASSERT(guest_rdtsc() >= val);
	guest_rdmsr(0x6e0, &val);
	GUEST_ASSERT_EQ(val, 0);
	GUEST_ASSERT_EQ(irq_count[0xe0], 1);
	guest_done();
}

TEST(timers)
{
	u64 start = now_ms();

	finish(vm_boot_irq(1, IRQCHIP_KERNEL, guest_timers));
	EXPECT_LE(45, now_ms() - start);
}

/*
 * A timer that the guest wants each nanosecond leaves the host alone. It may
 * leave the guest no time but for its interrupts.
 */
static void guest_masks_timer(u64 vector)
{
	if (vector == 0xe0 && irq_count[vector] == 100)
		guest_apic_write(0x320, 0x300e0);
}

static void guest_fast_timer(void)
{
	irq_seen = guest_masks_timer;
	guest_apic_on();
	guest_apic_write(0x3e0, 0xb);
	guest_apic_write(0x320, 0x200e0);
	guest_apic_write(0x380, 1);
	guest_wait_irq(0xe0, 100);
	guest_done();
}

TEST(timer_without_measure)
{
	finish(vm_boot_irq(1, IRQCHIP_KERNEL, guest_fast_timer));
}

/* Real mode: counts a byte at 0x11000 and halts. */
static const u8 trampoline[] = {
	0xb8, 0x00, 0x10,		/* mov $0x1000, %ax */
	0x8e, 0xd8,			/* mov %ax, %ds */
	0xfe, 0x06, 0x00, 0x10,		/* incb 0x1000 */
	0xfa, 0xf4, 0xeb, 0xfd,		/* cli; 1: hlt; jmp 1b */
};

static void guest_starts_other(void)
{
	volatile u8 *count = (void *)0x11000;
	int round;

	guest_apic_on();
	for (round = 1; round <= 3; round++) {
		guest_apic_write(ICR2, 1 << 24);
		guest_apic_write(ICR, 0x4500); /* INIT */
		guest_apic_write(ICR, 0x4610); /* SIPI at 0x10000 */
		while (*count != round)
			cpu_pause();
		/* a second one finds it running */
		guest_apic_write(ICR, 0x4610);
	}
	guest_done();
}

static void *run_ap(void *arg)
{
	struct vcpu *vcpu = arg;

	while (vcpu_run_once(vcpu) == EAGAIN)
		;
	return NULL;
}

TEST(init_and_sipi)
{
	struct vm *vm = vm_boot_irq(2, IRQCHIP_KERNEL, guest_starts_other);
	struct kvm_mp_state s = { KVM_MP_STATE_UNINITIALIZED };
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	pthread_t thread;

	memcpy(vm->ram + 0x10000, trampoline, sizeof(trampoline));
	vm->ram[0x11000] = 0;
	EXPECT_EQ(0, KERR(vm->vcpus[1].fd, KVM_SET_MP_STATE, &s));
	kick_setup();
	pthread_create(&thread, NULL, run_ap, &vm->vcpus[1]);
	run_to_done(&vm->vcpus[0]);
	sleep_ms(50);
	kick(thread);
	pthread_join(thread, NULL);
	EXPECT_EQ(3, vm->ram[0x11000]);
	EXPECT_EQ(0, KERR(vm->vcpus[1].fd, KVM_GET_MP_STATE, &s));
	EXPECT_EQ(KVM_MP_STATE_HALTED, s.mp_state);
	vcpu_sregs(&vm->vcpus[1], &sregs);
	EXPECT_EQ(0x1000, sregs.cs.selector);
	EXPECT_EQ(0x10000, sregs.cs.base);
	EXPECT_EQ(0, sregs.efer);
	EXPECT_EQ(0, sregs.cr0 & 0x80000001);
	vcpu_regs(&vm->vcpus[1], &regs);
	EXPECT_EQ(11, regs.rip);
	vm_free(vm);
}

static void guest_halts(void)
{
	guest_apic_on();
	guest_wait_irq(0x40, 1);
	guest_done();
}

/* A signal ends HLT, and it goes on where it was; an interrupt ends it. */
TEST(signal_in_hlt)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_halts);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x40 };
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_mp_state s;
	pthread_t thread;
	int i;

	kick_setup();
	for (i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, run_ap, vcpu);
		sleep_ms(30);
		kick(thread);
		pthread_join(thread, NULL);
		EXPECT_EQ(KVM_EXIT_INTR, vcpu->run->exit_reason);
		EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_MP_STATE, &s));
		EXPECT_EQ(KVM_MP_STATE_HALTED, s.mp_state);
	}
	EXPECT_EQ(1, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	run_to_done(vcpu);
	vm_free(vm);
}

/* immediate_exit is heeded by one that halts, too. */
TEST(immediate_exit_in_hlt)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_halts);
	struct kvm_mp_state s = { KVM_MP_STATE_HALTED };
	struct vcpu *vcpu = &vm->vcpus[0];

	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_MP_STATE, &s));
	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_run_once(vcpu));
	vm_free(vm);
}

/* A line that stays up leaves the guest no instruction: mask it in time. */
static void guest_masks_third(u64 vector)
{
	if (vector == 0x71 && irq_count[vector] == 3)
		guest_ioapic_redir(21, 0x18071);
}

static void guest_ioapic(void)
{
	irq_seen = guest_masks_third;
	guest_apic_on();
	guest_cli();
	guest_ioapic_redir(20, 0x70);
	guest_ioapic_redir(21, 0x8071);
	guest_sync(0);
	guest_wait_irq(0x70, 1);
	guest_sync(1);
	guest_wait_irq(0x71, 3); /* the line stays up: again and again */
	guest_sync(2);
	guest_ioapic_redir(21, 0x8071);
	guest_sti();
	asm volatile("nop");
	guest_cli();
	GUEST_ASSERT_EQ(irq_count[0x71], 3);
	guest_ioapic_redir(20, 0x10070);
	guest_sync(3);
	guest_done();
}

TEST(lines_of_the_ioapic)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_ioapic);
	struct vcpu *vcpu = &vm->vcpus[0];
	int status;

	run_to_sync(vcpu, 0);
	EXPECT_EQ(0, vm_irq_line(vm, 20, 1, &status));
	EXPECT_EQ(1, status);
	EXPECT_EQ(0, vm_irq_line(vm, 20, 1, &status));
	EXPECT_EQ(0, status); /* an edge that was there */
	EXPECT_EQ(0, vm_irq_line(vm, 20, 0, NULL));
	run_to_sync(vcpu, 1);
	EXPECT_EQ(0, vm_irq_line(vm, 21, 1, NULL));
	run_to_sync(vcpu, 2);
	EXPECT_EQ(0, vm_irq_line(vm, 21, 0, NULL));
	run_to_sync(vcpu, 3);
	EXPECT_EQ(0, vm_irq_line(vm, 20, 1, &status));
	EXPECT_EQ(-1, status); /* masked */
	EXPECT_EQ(1, GUEST_VAR(vm, irq_count[0x70]));
	finish(vm);
}

static void guest_pic_setup(void)
{
	guest_outb(0x20, 0x11);
	guest_outb(0x21, 0x20);
	guest_outb(0x21, 0x04);
	guest_outb(0x21, 0x01);
	guest_outb(0x21, 0xf6); /* 0 and 3 */
	GUEST_ASSERT_EQ(guest_inb(0x21), 0xf6);
	WRITE_ONCE(irq_end, END_PIC);
}

/* The APIC is as the firmware finds it: LINT0 is the PIC's. */
static void guest_pic_and_pit(void)
{
	guest_cli();
	guest_pic_setup();
	guest_sync(0);
	guest_wait_irq(0x23, 1);
	guest_outb(0x43, 0x34); /* counter 0, mode 2: 200 Hz */
	guest_outb(0x40, 5966 & 0xff);
	guest_outb(0x40, 5966 >> 8);
	guest_wait_irq(0x20, 5);
	guest_outb(0x21, 0xff);
	GUEST_ASSERT_EQ(irq_count[0x23], 1);
	guest_done();
}

TEST(pic_and_pit)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_pic_and_pit);
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
	u64 start = now_ms();

	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_PIT2, &config));
	run_to_sync(&vm->vcpus[0], 0);
	EXPECT_EQ(0, vm_irq_line(vm, 3, 1, NULL));
	EXPECT_EQ(0, vm_irq_line(vm, 3, 0, NULL));
	run_to_done(&vm->vcpus[0]);
	EXPECT_LE(20, now_ms() - start);
	vm_free(vm);
}

static void guest_three(void)
{
	guest_apic_on();
	guest_cli();
	guest_wait_irq(0x60, 1);
	guest_sync(0);
	guest_wait_irq(0x61, 1);
	guest_done();
}

TEST(messages)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_SPLIT, guest_three);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x60 };
	struct vcpu *vcpu = &vm->vcpus[0];

	/* disabled still, and nobody with id 9 */
	EXPECT_EQ(0, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	msi.address_lo = 0xfee09000;
	EXPECT_EQ(0, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	msi.address_lo = 0xfee00000;
	msi.flags = 2;
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_SIGNAL_MSI, &msi));
	{
		struct kvm_lapic_state s;

		EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_LAPIC, &s));
		*(u32 *)(s.regs + 0xf0) = 0x1ff;
		EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_LAPIC, &s));
	}
	msi.flags = 0;
	EXPECT_EQ(1, KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi));
	run_to_sync(vcpu, 0);
	EXPECT_EQ(0, vm_route_msi(vm, 100, 0xfee00000, 0x61));
	EXPECT_EQ(0, vm_irq_line(vm, 100, 1, NULL));
	finish(vm);
}

static void guest_split(void)
{
	guest_apic_on();
	guest_apic_write(0x350, 0x700); /* LINT0: ExtINT */
	guest_cli();
	guest_sync(0);
	guest_wait_irq(0x62, 1);
	guest_sync(1);
	WRITE_ONCE(irq_end, END_NOT);
	guest_wait_irq(0x33, 1);
	guest_sync(2);
	guest_done();
}

/* User space's IO-APIC hears of the end of a level, its PIC has LINT0. */
TEST(split_exits_for_eoi)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_SPLIT, guest_split);
	struct kvm_interrupt irq = { 0x33 };
	struct vcpu *vcpu = &vm->vcpus[0];

	run_to_sync(vcpu, 0);
	EXPECT_EQ(0, vm_route_msi(vm, 5, 0xfee00000, 0x8062));
	EXPECT_EQ(0, vm_irq_line(vm, 5, 1, NULL));
	run_to_exit(vcpu, KVM_EXIT_IOAPIC_EOI);
	EXPECT_EQ(0x62, vcpu->run->eoi.vector);
	run_to_sync(vcpu, 1);
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_INTERRUPT, &irq));
	run_to_sync(vcpu, 2);
	finish(vm);
}

/* Writes what comes to mind to every register and port there is. */
static void guest_hammer(void)
{
	static const u16 ports[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1,
		0x40, 0x41, 0x42, 0x43, 0x61,
	};
	u64 i, rand = 4711, *idt = (u64 *)IDT_GPA;

	WRITE_ONCE(irq_end, END_NOT);
	guest_cli();
	/* The PIC may be told to use the vectors of exceptions. */
	for (i = 0; i < 32; i++) {
		idt[2 * i] = idt[2 * 32];
		idt[2 * i + 1] = idt[2 * 32 + 1];
	}
	guest_sync(0);
	for (i = 0; i < 6000; i++) {
		u32 val, offset;

		rand = rand * 6364136223846793005ul + 1442695040888963407ul;
		val = rand >> 32;
		offset = (rand >> 16 & 0x3f) << 4;
		if (offset == 0x300)
			val &= ~0x700u; /* no INIT, no NMI */
		if (offset == 0x350 || offset == 0x360 || offset == 0x340 ||
		    offset == 0x330)
			val &= ~0x700u;
		guest_apic_write(offset, val);
		guest_apic_read(offset);
		*(volatile u32 *)IOAPIC_PAGE = rand >> 8;
		*(volatile u32 *)(IOAPIC_PAGE + 0x10) = val & ~0x700u;
		guest_outb(ports[i % 11], val);
		guest_inb(ports[i % 11]);
		if (i % 16 == 0)
			guest_take_all();
	}
	guest_done();
}

TEST(hammered)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_hammer);
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int i;

	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_PIT2, &config));
	run_to_sync(&vm->vcpus[0], 0);
	for (i = 0; i < 24; i++)
		vm_irq_line(vm, i, 1, NULL);
	finish(vm);
}

TEST_HARNESS_MAIN
