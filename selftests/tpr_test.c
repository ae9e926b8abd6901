// SPDX-License-Identifier: GPL-2.0
/*
 * The task priority: CR8, its accesses reported to user space, and its word in
 * guest memory.
 */
#include "kselftest_harness.h"
#include "lib/irq.h"

#define ICR 0x300
#define TPR 0x80
#define TO_SELF (1 << 18)
#define NO_SLOT 0x40000000ul

static u32 word;

static void finish(struct vm *vm)
{
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

/* With an instruction after it for what it lets in. */
static void set_cr8(u64 val)
{
	asm volatile("mov %0, %%cr8; nop" : : "r"(val) : "memory");
}

static u64 get_cr8(void)
{
	u64 val;

	asm volatile("mov %%cr8, %0" : "=r"(val));
	return val;
}

static int set_word(struct vcpu *vcpu, u64 gpa)
{
	struct kvm_vapic_addr va = { .vapic_addr = gpa };

	return KERR(vcpu->fd, KVM_SET_VAPIC_ADDR, &va);
}

static u64 guest_vmcall(u64 nr)
{
	u64 ret;

	asm volatile("vmcall" : "=a"(ret) : "0"(nr), "b"(0ul) : "memory");
	return ret;
}

/* Only the word says the priority, and what waits. */
static void guest_word(void)
{
	volatile u32 *w = &word;

	guest_cli();
	guest_apic_on();
	guest_sync(0);
	guest_apic_write(TPR, 0x30);
	GUEST_ASSERT_EQ(*w, 0x30);
	*(volatile u8 *)w = 0x80;
	guest_apic_write(ICR, TO_SELF | 0x61);
	GUEST_ASSERT_EQ(guest_apic_read(TPR), 0x80);
	GUEST_ASSERT_EQ(*w, 0x61000080);
	guest_sti();
	guest_vmcall(77);
	GUEST_ASSERT_EQ(irq_count[0x61], 0);
	*(volatile u8 *)w = 0;
	GUEST_ASSERT_EQ(guest_vmcall(1), 0);
	GUEST_ASSERT_EQ(irq_count[0x61], 1);
	guest_cli();
	GUEST_ASSERT_EQ(*w, 0);
	/* in service: not ended by the handler */
	WRITE_ONCE(irq_end, END_NOT);
	guest_apic_write(ICR, TO_SELF | 0x72);
	guest_sti();
	guest_vmcall(1);
	guest_cli();
	GUEST_ASSERT_EQ(irq_count[0x72], 1);
	guest_vmcall(1);
	GUEST_ASSERT_EQ(*w, 0x7000);
	guest_sync(1);
	*w = 0x20;
	guest_vmcall(1);
	GUEST_ASSERT_EQ(guest_apic_read(TPR), 0);
	guest_done();
}

TEST(word_in_memory)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_word);
	struct vcpu *vcpu = &vm->vcpus[0];

	if (!is_umbra())
		SKIP(vm_free(vm); return, "KVM takes the CPU's TPR shadow instead");
	EXPECT_EQ(EINVAL, set_word(vcpu, NO_SLOT));
	EXPECT_EQ(EINVAL, set_word(vcpu, ~0ul));
	EXPECT_EQ(EFAULT, KERR(vcpu->fd, KVM_SET_VAPIC_ADDR, 0));
	run_to_sync(vcpu, 0);
	EXPECT_EQ(0, set_word(vcpu, (u64)&word));
	run_to_sync(vcpu, 1);
	EXPECT_EQ(0, set_word(vcpu, 0));
	finish(vm);
}

static u64 tpr_read_at, tpr_write_at;

/* 1: and 2: are where it is accessed. */
static void guest_reported(void)
{
	guest_apic_on();
	guest_sync(0);
	asm volatile("lea 1f(%%rip), %%rax\n"
		     "mov %%rax, %0\n"
		     "lea 2f(%%rip), %%rax\n"
		     "mov %%rax, %1\n"
		     "1: mov %2, %%eax\n"
		     "2: movl $0x40, %2\n"
		     : "=m"(tpr_read_at), "=m"(tpr_write_at),
		       "+m"(*(volatile u32 *)(APIC_PAGE + TPR))
		     : : "rax", "memory");
	guest_apic_read(0x20);
	set_cr8(2);
	guest_sync(1);
	GUEST_ASSERT_EQ(guest_apic_read(TPR), 0x20);
	guest_done();
}

static int report(struct vcpu *vcpu, u32 enabled, u32 flags)
{
	struct kvm_tpr_access_ctl ctl = { .enabled = enabled, .flags = flags };

	return KERR(vcpu->fd, KVM_TPR_ACCESS_REPORTING, &ctl);
}

TEST(accesses_are_told)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_reported);
	struct vcpu *vcpu = &vm->vcpus[0];

	EXPECT_EQ(EINVAL, report(vcpu, 1, 1));
	run_to_sync(vcpu, 0);
	EXPECT_EQ(0, report(vcpu, 1, 0));
	run_to_exit(vcpu, KVM_EXIT_TPR_ACCESS);
	EXPECT_EQ(GUEST_VAR(vm, tpr_read_at), vcpu->run->tpr_access.rip);
	EXPECT_EQ(0, vcpu->run->tpr_access.is_write);
	run_to_exit(vcpu, KVM_EXIT_TPR_ACCESS);
	EXPECT_EQ(GUEST_VAR(vm, tpr_write_at), vcpu->run->tpr_access.rip);
	EXPECT_EQ(1, vcpu->run->tpr_access.is_write);
	run_to_sync(vcpu, 1);
	EXPECT_EQ(0, report(vcpu, 0, 0));
	finish(vm);
}

TEST(without_chips)
{
	struct vm *vm = vm_create_mem();
	struct vcpu *vcpu = vcpu_add(vm, 0);

	EXPECT_EQ(EINVAL, set_word(vcpu, 0));
	EXPECT_EQ(0, report(vcpu, 1, 0));
	vm_free(vm);
}

/* What an interrupt waits for: CR8, also where it falls without an exit. */
static void guest_cr8(void)
{
	u64 cr8, i;

	guest_cli();
	guest_apic_on();
	for (i = 1; i <= 50; i++) {
		set_cr8(15);
		guest_apic_write(ICR, TO_SELF | 0x41);
		guest_apic_write(ICR, TO_SELF | 0x82);
		guest_sti();
		set_cr8(9);
		set_cr8(8);
		GUEST_ASSERT_EQ(irq_count[0x82], i - 1);
		set_cr8(7);
		GUEST_ASSERT_EQ(irq_count[0x82], i);
		GUEST_ASSERT_EQ(irq_count[0x41], i - 1);
		cr8 = get_cr8();
		GUEST_ASSERT_EQ(cr8, 7);
		GUEST_ASSERT_EQ(guest_apic_read(TPR), 0x70);
		guest_apic_write(TPR, 0x53);
		cr8 = get_cr8();
		GUEST_ASSERT_EQ(cr8, 5);
		set_cr8(3);
		GUEST_ASSERT_EQ(irq_count[0x41], i);
		guest_cli();
	}
	set_cr8(6);
	guest_sync(0);
	cr8 = get_cr8();
	GUEST_ASSERT_EQ(cr8, 11);
	guest_done();
}

TEST(cr8)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_SPLIT, guest_cr8);
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;

	run_to_sync(vcpu, 0);
	EXPECT_EQ(6, vcpu->run->cr8);
	vcpu_sregs(vcpu, &sregs);
	EXPECT_EQ(6, sregs.cr8);
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_LAPIC, &lapic));
	EXPECT_EQ(0x60, *(u32 *)(lapic.regs + TPR));
	*(u32 *)(lapic.regs + TPR) = 0xb1;
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_SET_LAPIC, &lapic));
	finish(vm);
}

/* The instruction @insn, with the page's TPR at rdx, stores @val there. */
#define STORE(insn, val) do {						\
	asm volatile(insn : : "d"(APIC_PAGE + TPR), "a"(val)		\
		     : "rcx", "rsi", "r8", "r9", "r12", "r13", "memory"); \
	GUEST_ASSERT_EQ(guest_apic_read(TPR), val);			\
} while (0)

/* Encodings of a store, those that only the emulator knows as well. */
static void guest_stores(void)
{
	guest_apic_on();
	STORE("mov %%eax, (%%rdx)", 0x31);
	STORE("mov %%eax, %%r9d; mov %%rdx, %%r8; mov %%r9d, (%%r8)", 0x42);
	STORE("mov %%rdx, %%r13; mov %%eax, (%%r13)", 0x53);
	STORE("mov %%rdx, %%r12; mov %%eax, (%%r12)", 0x64);
	STORE("lea 16(%%rdx), %%rsi; mov %%eax, -16(%%rsi)", 0x75);
	STORE("lea -0x80(%%rdx), %%rsi; mov %%eax, 0x80(%%rsi)", 0x86);
	STORE("mov $0x20, %%ecx; lea -0x80(%%rdx), %%rsi;"
	      "mov %%eax, (%%rsi, %%rcx, 4)", 0x97);
	STORE("mov %%rdx, %%rsi; shr $3, %%rsi; mov %%eax, 0(, %%rsi, 8)",
	      0xa8);
	STORE("movl $0x19, (%%rdx)", 0x19);
	STORE("lea -0x300(%%rdx), %%r9; movl $0x2a, 0x300(%%r9)", 0x2a);
	STORE("xchg %%eax, (%%rdx)", 0x3b);
	STORE("lock orl $0, (%%rdx)", 0x3b);
	STORE("movabs %%eax, 0xfee00080", 0x4c);
	STORE("push %%rdi; mov %%rdx, %%rdi; stosl; pop %%rdi", 0x5d);
	/* of another size: they change nothing */
	asm volatile("mov %0, (%1); mov %w0, (%1)"
		     : : "r"(0x77ul), "r"(APIC_PAGE + TPR) : "memory");
	GUEST_ASSERT_EQ(guest_apic_read(TPR), 0x5d);
	guest_done();
}

TEST(stores_of_every_form)
{
	finish(vm_boot_irq(1, IRQCHIP_KERNEL, guest_stores));
}

TEST_HARNESS_MAIN
