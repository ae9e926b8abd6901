// SPDX-License-Identifier: GPL-2.0
/*
 * The host's side of the guest in access.inc.S.
 */
#include <stddef.h>

#include "lib/access.h"

#define CHECK(type, member, at) \
	_Static_assert(offsetof(struct type, member) == (at), #member)
CHECK(access_batch, stub, B_STUB);
CHECK(access_batch, size, B_SIZE);
CHECK(access_batch, cr3, B_CR3);
CHECK(access_batch, setup, B_SETUP);
CHECK(access_setup, gpa, S_GPA);
CHECK(access_setup, entry, S_ENTRY);
CHECK(access_setup, access, S_ACCESS);
CHECK(access, entry, A_ENTRY);
_Static_assert(sizeof(struct access_setup) == S_BYTES, "setup");
_Static_assert(sizeof(struct access) == A_BYTES, "access");

void access_main32(void);
void access_main64(void);
extern char access_traps32[], access_traps64[];

struct access_batch access_batch;
struct ucall access_call = { .cmd = UCALL_SYNC };
static u8 access_stack[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
asm(".globl access_stack_top\n"
    ".set access_stack_top, access_stack + 4096\n");

/*
 * What does the access, the same for supervisor and user: si has the address,
 * ax the value. Each way out is ud2, which stands at the target too.
 */
u8 access_stub[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE))) = {
	[16 * ACCESS_READ] = 0x8b, 0x06, 0x0f, 0x0b,	/* mov (%si), %eax */
	[16 * ACCESS_WRITE] = 0x89, 0x06, 0x0f, 0x0b, /* mov %eax, (%si) */
	[16 * ACCESS_FETCH] = 0xff, 0xe6,	/* jmp *%si */
};

/* Where the library's own tables for 64-bit mode have nothing. */
#define STUB_VA32 0xb0000000ul
#define STUB_VA64 0xb0000000000ul

static void write_descriptors(struct vm *vm, bool wide)
{
	u64 *gdt = (u64 *)(vm->ram + GDT_GPA);
	u64 *idt = (u64 *)(vm->ram + IDT_GPA);
	u64 at;
	int i;

	gdt[ACCESS_CODE32 / 8] = 0x00cf9b000000ffff;
	gdt[ACCESS_USER_CODE64 / 8] = 0x00affb000000ffff;
	gdt[ACCESS_USER_CODE32 / 8] = 0x00cffb000000ffff;
	gdt[ACCESS_USER_DATA / 8] = 0x00cff3000000ffff;
	memset(idt, 0, PAGE_SIZE);
	for (i = 0; i < 32; i++) {
		at = (u64)(wide ? access_traps64 : access_traps32) + 16 * i;
		idt[wide ? 2 * i : i] = (at & 0xffff) | 0x8e0000000000 |
			(wide ? 8ul : ACCESS_CODE32) << 16 |
			(at & 0xffff0000) << 32;
	}
	/* The stack of CPL 0: rsp0; or esp0 and ss0. */
	*(u64 *)(vm->ram + TSS_GPA + 4) = (u64)access_stack + PAGE_SIZE;
	if (!wide)
		*(u32 *)(vm->ram + TSS_GPA + 8) = 16;
}

static void set_sregs(struct vcpu *vcpu, const struct gpt *gpt)
{
	struct kvm_sregs sregs;

	vcpu_sregs(vcpu, &sregs);
	sregs.gdt.limit = ACCESS_USER_DATA + 8;
	sregs.cr3 = gpt->root;
	if (gpt->levels == 5)
		sregs.cr4 |= 1 << 12;
	if (gpt->levels < 4) {
		sregs.efer = 0;
		sregs.cr4 = gpt->levels == 3 ? 1 << 5 : 0;
		sregs.cs.l = 0;
		sregs.cs.db = 1;
		sregs.cs.selector = ACCESS_CODE32;
		sregs.idt.limit = 32 * 8 - 1;
	}
	/* The supervisor's own would not outlive a return to CPL 3. */
	sregs.ds.dpl = 3;
	sregs.ds.selector = ACCESS_USER_DATA;
	sregs.es = sregs.ds;
	REQUIRE(!KERR(vcpu->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
}

void access_tables(struct gpt *gpt, struct vm *vm, int levels)
{
	if (levels == 4) {
		gpt->vm = vm;
		gpt->levels = levels;
		gpt->root = PML4_GPA;
		return;
	}
	gpt_init(gpt, vm, levels);
	if (levels == 5)
		gpt_set(gpt, gpt->root, PML4_GPA | PT_P | PT_W | PT_U);
	else
		gpt_identity(gpt, vm->ram_size);
}

struct vcpu *access_boot(struct gpt *gpt)
{
	struct vm *vm = gpt->vm;
	struct vcpu *vcpu = vcpu_add(vm, 0);
	bool wide = gpt->levels > 3;
	u64 stub = wide ? STUB_VA64 : STUB_VA32;
	struct kvm_regs regs;

	gpt_map(gpt, stub, (u64)access_stub | PT_P | PT_U, 1);
	write_descriptors(vm, wide);
	vcpu_setup(vcpu, wide ? access_main64 : access_main32);
	set_sregs(vcpu, gpt);
	vcpu_regs(vcpu, &regs);
	regs.rsp = (u64)access_stack + PAGE_SIZE;
	vcpu_set_regs(vcpu, &regs);
	GUEST_PTR(vm, access_batch)->stub = stub;
	GUEST_PTR(vm, access_batch)->size = gpt->levels == 2 ? 4 : 8;
	return vcpu;
}

void access_run(struct vcpu *vcpu)
{
	run_to_sync(vcpu, 0);
}
