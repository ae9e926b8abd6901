// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest does to its own CPU: garbage in control
 * registers and MSRs traps in the guest, exits carry what they should, and
 * the FPU belongs to the guest alone.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define GP (TRAPPED | 13)
#define UD (TRAPPED | 6)
#define HOLE (MEM_GPA + 0x1000)

static void run_guest(void (*guest)(void))
{
	struct vm *vm = vm_boot(1, guest);

	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

/* ---- garbage in registers ---- */

static void guest_crs(void)
{
	u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();

	GUEST_ASSERT_EQ(write_cr0(cr0 | 1ul << 32), GP);
	GUEST_ASSERT_EQ(write_cr0(cr0 | 1ul << 63), GP);
	GUEST_ASSERT_EQ(write_cr0(cr0 & ~1ul), GP);		/* PG, no PE */
	GUEST_ASSERT_EQ(write_cr0((cr0 | 1 << 29) & ~(1ul << 30)), GP);
	GUEST_ASSERT_EQ(write_cr0(cr0 & ~(1ul << 31)), GP);	/* CS.L */
	GUEST_ASSERT_EQ(read_cr0(), cr0);
	GUEST_ASSERT_EQ(write_cr4(cr4 & ~0x20ul), GP);		/* PAE off */
	GUEST_ASSERT_EQ(write_cr4(cr4 | 1ul << 63), GP);
	GUEST_ASSERT_EQ(write_cr4(cr4 | 1ul << 31), GP);
	GUEST_ASSERT_EQ(write_cr4(~0ul), GP);
	GUEST_ASSERT_EQ(read_cr4(), cr4);
	GUEST_ASSERT_EQ(write_cr3(cr3 | 1ul << 62), GP);
	GUEST_ASSERT_EQ(read_cr3(), cr3);
	/* And what is legal goes through. */
	GUEST_ASSERT_EQ(write_cr0(cr0 | 1 << 16), 0);		/* WP */
	GUEST_ASSERT_EQ(read_cr0(), cr0 | 1 << 16);
	GUEST_ASSERT_EQ(write_cr0(cr0), 0);
	GUEST_ASSERT_EQ(write_cr4(cr4 | 0x80), 0);		/* PGE */
	GUEST_ASSERT_EQ(read_cr4(), cr4 | 0x80);
	GUEST_ASSERT_EQ(write_cr4(cr4), 0);
	GUEST_ASSERT_EQ(write_cr3(cr3), 0);
	guest_done();
}

TEST(control_registers)
{
	run_guest(guest_crs);
}

#define EFER 0xc0000080
#define STAR 0xc0000081
#define LSTAR 0xc0000082
#define KERNEL_GS 0xc0000102
#define FS_BASE 0xc0000100
#define APIC_BASE 0x1b

static void guest_msrs(void)
{
	u64 v, old;

	GUEST_ASSERT_EQ(guest_rdmsr(0x0badf00d, &v), GP);
	GUEST_ASSERT_EQ(guest_wrmsr(0x0badf00d, 0), GP);
	GUEST_ASSERT_EQ(guest_rdmsr(EFER, &old), 0);
	GUEST_ASSERT_EQ(old & 0x500, 0x500);
	GUEST_ASSERT_EQ(guest_wrmsr(EFER, ~0ul), GP);
	GUEST_ASSERT_EQ(guest_wrmsr(EFER, old | 1ul << 40), GP);
	GUEST_ASSERT_EQ(guest_wrmsr(EFER, old & ~0x100ul), GP); /* LME off */
	GUEST_ASSERT_EQ(guest_rdmsr(EFER, &v), 0);
	GUEST_ASSERT_EQ(v, old);
	GUEST_ASSERT_EQ(guest_wrmsr(EFER, old | 1), 0);		/* SCE */
	GUEST_ASSERT_EQ(guest_rdmsr(EFER, &v), 0);
	GUEST_ASSERT_EQ(v, old | 1);
	GUEST_ASSERT_EQ(guest_wrmsr(LSTAR, 1ul << 62), GP);
	GUEST_ASSERT_EQ(guest_wrmsr(FS_BASE, 1ul << 62), GP);
	GUEST_ASSERT_EQ(guest_wrmsr(KERNEL_GS, 1ul << 62), GP);
	GUEST_ASSERT_EQ(guest_wrmsr(LSTAR, 0xffffffff81000000), 0);
	GUEST_ASSERT_EQ(guest_rdmsr(LSTAR, &v), 0);
	GUEST_ASSERT_EQ(v, 0xffffffff81000000);
	GUEST_ASSERT_EQ(guest_wrmsr(STAR, 0x0023001000000000), 0);
	GUEST_ASSERT_EQ(guest_wrmsr(KERNEL_GS, 0x1234000), 0);
	GUEST_ASSERT_EQ(guest_rdmsr(KERNEL_GS, &v), 0);
	GUEST_ASSERT_EQ(v, 0x1234000);
	GUEST_ASSERT_EQ(guest_wrmsr(APIC_BASE, ~0ul), GP);
	guest_sync(1);
	/* They are still there after an exit to user space. */
	GUEST_ASSERT_EQ(guest_rdmsr(LSTAR, &v), 0);
	GUEST_ASSERT_EQ(v, 0xffffffff81000000);
	GUEST_ASSERT_EQ(guest_rdmsr(STAR, &v), 0);
	GUEST_ASSERT_EQ(v, 0x0023001000000000);
	GUEST_ASSERT_EQ(guest_rdmsr(KERNEL_GS, &v), 0);
	GUEST_ASSERT_EQ(v, 0x1234000);
	guest_done();
}

TEST(msrs)
{
	struct vm *vm = vm_boot(1, guest_msrs);
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[2];
	} msrs = { { .nmsrs = 2 }, { { .index = LSTAR }, { .index = STAR } } };

	run_to_sync(&vm->vcpus[0], 1);
	EXPECT_EQ(2, KIOCTL(vm->vcpus[0].fd, KVM_GET_MSRS, &msrs));
	EXPECT_EQ(0xffffffff81000000, msrs.entry[0].data);
	EXPECT_EQ(0x0023001000000000, msrs.entry[1].data);
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

static void guest_xcr(void)
{
	u32 a = 1, b, c = 0, d;

	guest_cpuid(&a, &b, &c, &d);
	if (!(c & 1 << 26)) {
		/* No XSAVE: the instruction is not there. */
		GUEST_ASSERT_EQ(guest_xsetbv(0, 1), UD);
		guest_done();
	}
	GUEST_ASSERT_EQ(guest_xsetbv(0, 1), UD);	/* OSXSAVE is off */
	GUEST_ASSERT_EQ(write_cr4(read_cr4() | 1 << 18), 0);
	a = 1;
	c = 0;
	guest_cpuid(&a, &b, &c, &d);
	GUEST_ASSERT(c & 1 << 27);
	GUEST_ASSERT_EQ(guest_xsetbv(0, 3), 0);
	GUEST_ASSERT_EQ(guest_xsetbv(0, 1), 0);
	GUEST_ASSERT_EQ(guest_xsetbv(0, 0), GP);
	GUEST_ASSERT_EQ(guest_xsetbv(0, 2), GP);
	GUEST_ASSERT_EQ(guest_xsetbv(0, 5), GP);	/* AVX without SSE */
	GUEST_ASSERT_EQ(guest_xsetbv(0, ~0ul), GP);
	GUEST_ASSERT_EQ(guest_xsetbv(1, 1), GP);
	guest_done();
}

TEST(xsetbv)
{
	run_guest(guest_xcr);
}

static void guest_drs(void)
{
	u64 v;

	asm volatile("mov %0, %%dr0" : : "r"(0x1234ul));
	asm volatile("mov %0, %%dr3" : : "r"(0xffff888012345678ul));
	asm volatile("mov %%dr0, %0" : "=r"(v));
	GUEST_ASSERT_EQ(v, 0x1234);
	guest_sync(1);
	asm volatile("mov %%dr3, %0" : "=r"(v));
	GUEST_ASSERT_EQ(v, 0xffff888012345678);
	asm volatile("mov %%dr7, %0" : "=r"(v));
	GUEST_ASSERT_EQ(v & 0xffffff00, 0x400);
	GUEST_ASSERT_EQ(SAFE_ASM("mov %[v], %%dr7", , [v] "r"(1ul << 40)), GP);
	GUEST_ASSERT_EQ(SAFE_ASM("mov %[v], %%dr6", , [v] "r"(1ul << 40)), GP);
	asm volatile("mov %%dr6, %0" : "=r"(v));
	GUEST_ASSERT_EQ(v & 0xffff0000, 0xffff0000);
	guest_done();
}

TEST(debug_registers)
{
	struct vm *vm = vm_boot(1, guest_drs);

	run_to_sync(&vm->vcpus[0], 1);
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

static void guest_traps(void)
{
	int r;

	r = SAFE_ASM("ud2",);
	GUEST_ASSERT_EQ(r, UD);
	r = SAFE_ASM("xorl %%eax, %%eax; divl %%eax", , "d"(0), "a"(1));
	GUEST_ASSERT_EQ(r, TRAPPED | 0);
	r = SAFE_ASM("movq (%[p]), %%rax", , [p] "r"(1ul << 40), "a"(0));
	GUEST_ASSERT_EQ(r, TRAPPED | 14);
	GUEST_ASSERT_EQ(read_cr2(), 1ul << 40);
	r = SAFE_ASM("movq (%[p]), %%rax", , [p] "r"(1ul << 62), "a"(0));
	GUEST_ASSERT_EQ(r, GP);
	r = SAFE_ASM("int3",);
	GUEST_ASSERT_EQ(r, TRAPPED | 3);
	/* No VMX and no SVM for this guest to turn on. */
	r = SAFE_ASM(".byte 0x0f, 0x01, 0xd8",);		/* vmrun */
	GUEST_ASSERT_EQ(r, UD);
	guest_done();
}

TEST(exceptions)
{
	run_guest(guest_traps);
}

static void guest_cpuids(void)
{
	u32 a, b, c, d;

	a = 0;
	c = 0;
	guest_cpuid(&a, &b, &c, &d);
	guest_sync2(1, a, (u64)b << 32 | c);
	a = 0x80000001;
	c = 0;
	guest_cpuid(&a, &b, &c, &d);
	guest_sync2(2, d, c);
	guest_done();
}

/* The guest reads what KVM_SET_CPUID2 was given. */
TEST(cpuid)
{
	struct vm *vm = vm_boot(1, guest_cpuids);
	struct kvm_cpuid2 *cpuid = supported_cpuid(vm->dev);
	struct ucall *call = run_ucall(&vm->vcpus[0]);
	u32 i;

	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function)
			continue;
		EXPECT_EQ(cpuid->entries[i].eax, call->arg[1]);
		EXPECT_EQ((u64)cpuid->entries[i].ebx << 32 |
			  cpuid->entries[i].ecx, call->arg[2]);
	}
	call = run_ucall(&vm->vcpus[0]);
	EXPECT_TRUE(call->arg[1] & 1 << 29);	/* long mode */
	run_to_done(&vm->vcpus[0]);
	free(cpuid);
	vm_free(vm);
}

/* ---- exits ---- */

static void guest_hlt(void)
{
	asm volatile("hlt");
	guest_sync(1);
	asm volatile("hlt");
	guest_done();
}

TEST(hlt)
{
	struct vm *vm = vm_boot(1, guest_hlt);

	run_to_exit(&vm->vcpus[0], KVM_EXIT_HLT);
	run_to_sync(&vm->vcpus[0], 1);
	run_to_exit(&vm->vcpus[0], KVM_EXIT_HLT);
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

static void guest_triple(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) none = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m"(none));
	guest_done();
}

TEST(triple_fault)
{
	struct vm *vm = vm_boot(1, guest_triple);

	run_to_exit(&vm->vcpus[0], KVM_EXIT_SHUTDOWN);
	vm_free(vm);
}

/* The emulator knows no x87 load; the bytes are told. */
static void guest_unknown(void)
{
	asm volatile("flds (%0)" : : "r"(HOLE));
	guest_done();
}

TEST(unknown_instruction)
{
	struct vm *vm = vm_boot(1, guest_unknown);
	struct kvm_run *run = vm->vcpus[0].run;
	u8 *bytes = run->emulation_failure.insn_bytes;
	struct kvm_regs regs;

	run_to_exit(&vm->vcpus[0], KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION,
		  run->emulation_failure.suberror);
	ASSERT_GE(run->emulation_failure.ndata, 3);
	EXPECT_TRUE(run->emulation_failure.flags &
		    KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES);
	ASSERT_GE(run->emulation_failure.insn_size, 2);
	EXPECT_EQ(0xd9, bytes[0]);
	/* The guest stands where it was; user space may step over it. */
	vcpu_regs(&vm->vcpus[0], &regs);
	EXPECT_EQ(0xd9, *(u8 *)(vm->ram + regs.rip));
	regs.rip += 2;
	vcpu_set_regs(&vm->vcpus[0], &regs);
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

/* A task register of a type the CPU refuses: the entry fails, in words. */
TEST(failed_entry)
{
	struct vm *vm = vm_boot(1, guest_hlt);
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_sregs good, sregs;

	vcpu_sregs(vcpu, &good);
	sregs = good;
	sregs.tr.type = 2;
	ASSERT_EQ(0, KERR(vcpu->fd, KVM_SET_SREGS, &sregs));
	run_to_exit(vcpu, KVM_EXIT_FAIL_ENTRY);
	/* Bit 31: failed entry; 33: invalid guest state. */
	EXPECT_EQ(0x80000021,
		  vcpu->run->fail_entry.hardware_entry_failure_reason);
	/* The VM is none the worse. */
	ASSERT_EQ(0, KERR(vcpu->fd, KVM_SET_SREGS, &good));
	run_to_exit(vcpu, KVM_EXIT_HLT);
	vm_free(vm);
}

/* ---- FPU ---- */

static void guest_fpu(void)
{
	static u64 pattern[2] = { 0x1122334455667788, 0x99aabbccddeeff00 };
	u64 lo, hi;
	int i;

	asm volatile("movdqu %0, %%xmm3; movdqu %0, %%xmm15"
		     : : "m"(pattern));
	asm volatile("fninit; fldpi");
	for (i = 0; i < 5; i++) {
		guest_sync(1);
		asm volatile("movq %%xmm3, %0; psrldq $8, %%xmm3;"
			     "movq %%xmm3, %1; movdqu %2, %%xmm3"
			     : "=&r"(lo), "=&r"(hi) : "m"(pattern));
		GUEST_ASSERT_EQ(lo, pattern[0]);
		GUEST_ASSERT_EQ(hi, pattern[1]);
		asm volatile("movq %%xmm15, %0" : "=r"(lo));
		GUEST_ASSERT_EQ(lo, pattern[0]);
	}
	asm volatile("fstpl %0" : "=m"(lo));
	GUEST_ASSERT_EQ(lo, 0x400921fb54442d18);
	guest_done();
}

/* The host thread uses the same registers between the guest's turns. */
TEST(fpu_is_the_guests)
{
	struct vm *vm = vm_boot(1, guest_fpu);
	u64 mine = 0xdeadbeefcafef00d, now;
	struct kvm_fpu fpu;
	int i;

	for (i = 0; i < 5; i++) {
		asm volatile("movq %0, %%xmm3; movq %0, %%xmm15;"
			     "fninit; fld1" : : "r"(mine));
		run_to_sync(&vm->vcpus[0], 1);
		asm volatile("movq %%xmm3, %0" : "=r"(now));
		EXPECT_EQ(mine, now);
		asm volatile("fstpl %0" : "=m"(now));
		EXPECT_EQ(0x3ff0000000000000, now);
		sleep_ms(1);
	}
	ASSERT_EQ(0, KERR(vm->vcpus[0].fd, KVM_GET_FPU, &fpu));
	EXPECT_EQ(0x1122334455667788, *(u64 *)fpu.xmm[3]);
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

TEST_HARNESS_MAIN
