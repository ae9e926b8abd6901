// SPDX-License-Identifier: GPL-2.0
/*
 * See irq.h.
 */
#include "lib/irq.h"

extern const u8 guest_irq_entries[];
void guest_irq(u64 vector);

u64 irq_count[256];
u64 irq_end;
void (*irq_seen)(u64 vector);

void guest_apic_write(u32 offset, u32 val)
{
	*(volatile u32 *)(APIC_PAGE + offset) = val;
}

u32 guest_apic_read(u32 offset)
{
	return *(volatile u32 *)(APIC_PAGE + offset);
}

void guest_apic_on(void)
{
	guest_apic_write(0xf0, 0x1ff);
	guest_apic_write(0x80, 0);
}

void guest_x2apic_on(void)
{
	u64 base;

	guest_rdmsr(0x1b, &base);
	GUEST_ASSERT_EQ(guest_wrmsr(0x1b, base | 1 << 10), 0);
	GUEST_ASSERT_EQ(guest_wrmsr(0x80f, 0x1ff), 0);
	WRITE_ONCE(irq_end, END_X2APIC);
}

void guest_ioapic_redir(u32 pin, u64 entry)
{
	volatile u32 *select = (void *)IOAPIC_PAGE;
	volatile u32 *window = (void *)(IOAPIC_PAGE + 0x10);

	*select = 0x11 + 2 * pin;
	*window = entry >> 32;
	*select = 0x10 + 2 * pin;
	*window = entry;
}

void guest_wait_irq(u32 vector, u64 n)
{
	guest_cli();
	while (READ_ONCE(irq_count[vector]) < n)
		guest_halt();
}

void guest_irq(u64 vector)
{
	__sync_fetch_and_add(&irq_count[vector], 1);
	if (irq_seen)
		irq_seen(vector);
	switch (READ_ONCE(irq_end)) {
	case END_XAPIC:
		guest_apic_write(0xb0, 0);
		break;
	case END_X2APIC:
		guest_wrmsr(0x80b, 0);
		break;
	case END_PIC:
		guest_outb(0x20, 0x20);
		break;
	}
}

asm(".pushsection .text\n"
	".balign 16\n"
	".globl guest_irq_entries\n"
	"guest_irq_entries:\n"
	".set vec, 32\n"
	".rept 224\n"
	"	.balign 16\n"
	"	pushq $vec\n"
	"	jmp guest_irq_tail\n"
	"	.set vec, vec + 1\n"
	".endr\n"
	"guest_irq_tail:\n"
	"	push %rax\n	push %rbx\n	push %rcx\n	push %rdx\n"
	"	push %rsi\n	push %rdi\n	push %rbp\n	push %r8\n"
	"	push %r9\n	push %r10\n	push %r11\n"
	"	mov 88(%rsp), %rdi\n"
	"	mov %rsp, %rbx\n"
	"	and $-16, %rsp\n"
	"	cld\n"
	"	call guest_irq\n"
	"	mov %rbx, %rsp\n"
	"	pop %r11\n	pop %r10\n	pop %r9\n"
	"	pop %r8\n	pop %rbp\n	pop %rdi\n	pop %rsi\n"
	"	pop %rdx\n	pop %rcx\n	pop %rbx\n	pop %rax\n"
	"	add $8, %rsp\n"
	"	iretq\n"
	".popsection\n");

static void set_gates(struct vm *vm)
{
	u64 *idt = (u64 *)(vm->ram + IDT_GPA);
	int i;

	for (i = 32; i < 256; i++) {
		u64 entry = (u64)guest_irq_entries + (i - 32) * 16;

		idt[2 * i] = (entry & 0xffff) | 0x8e0000080000 |
			     (entry >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = entry >> 32;
	}
}

static void set_idt(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	vcpu_sregs(vcpu, &sregs);
	sregs.idt.limit = 256 * 16 - 1;
	REQUIRE(!KERR(vcpu->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
}

static void set_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(vcpu->vm->dev);

	cpuid_leaf(cpuid, 1)->ecx |= 1u << 21 | 1u << 24;
	REQUIRE(!KERR(vcpu->fd, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

struct vm *vm_boot_irq(int nr_vcpus, enum irqchip chip, void (*guest)(void))
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct vm *vm = vm_create_mem();
	struct vcpu *vcpu;
	int i;

	if (chip == IRQCHIP_SPLIT)
		REQUIRE(!vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24), "split");
	else
		REQUIRE(!KERR(vm->fd, KVM_CREATE_IRQCHIP, 0), "irqchip");
	set_gates(vm);
	for (i = 0; i < nr_vcpus; i++) {
		vcpu = vcpu_add(vm, i);
		vcpu_setup(vcpu, guest);
		set_cpuid(vcpu);
		set_idt(vcpu);
		vcpu_set_arg(vcpu, i, 0);
		REQUIRE(!KERR(vcpu->fd, KVM_SET_MP_STATE, &runnable),
			"KVM_SET_MP_STATE");
	}
	return vm;
}

int vm_irq_line(struct vm *vm, u32 gsi, int level, int *status)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };
	int r;

	if (!status)
		return KERR(vm->fd, KVM_IRQ_LINE, &line);
	r = KERR(vm->fd, KVM_IRQ_LINE_STATUS, &line);
	*status = line.status;
	return r;
}

int vm_route_msi(struct vm *vm, u32 gsi, u64 address, u32 data)
{
	struct {
		struct kvm_irq_routing table;
		struct kvm_irq_routing_entry entry;
	} r = {
		.table.nr = 1,
		.entry = {
			.gsi = gsi,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi.address_lo = address,
			.u.msi.address_hi = address >> 32,
			.u.msi.data = data,
		},
	};

	return KERR(vm->fd, KVM_SET_GSI_ROUTING, &r);
}
