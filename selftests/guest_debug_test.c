// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_GUEST_DEBUG: breakpoints in code and in debug registers, steps over
 * what the CPU and what software does, interrupts kept out, exceptions put in.
 */
#include "kselftest_harness.h"
#include "lib/inject.h"

#define STEP (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP)
#define HW_BP (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP)
#define SW_BP (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP)

#define DR6_FIXED 0xffff0ff0ul
#define DR6_BD (1ul << 13)
#define DR6_BS (1ul << 14)
#define DR7_FIXED 0x400ul
#define DR7_GD (1ul << 13)
#define RFLAGS_TF (1ul << 8)

#define DB 1
#define BP 3
#define UD 6

FIXTURE(debug) {
	struct vm *vm;
	struct vcpu *vcpu;
};
ENGINE_VARIANTS(debug);

FIXTURE_SETUP(debug)
{
	int dev = dev_open();
	int has = KIOCTL(dev, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG);

	close(dev);
	if (has <= 0)
		SKIP(return, "no KVM_CAP_SET_GUEST_DEBUG");
	ENGINE_CHOOSE();
	handlers_setup();
	guest_handlers[DB] = log_event;
	guest_handlers[BP] = log_event;
}

FIXTURE_TEARDOWN(debug)
{
	if (self->vm)
		vm_free(self->vm);
}

static void boot(struct _test_data_debug *self, void (*guest)(void))
{
	self->vm = vm_boot(1, guest);
	self->vcpu = &self->vm->vcpus[0];
	run_to_sync(self->vcpu, 1);
}

/* errno or 0 */
static int debug(struct vcpu *vcpu, u32 control, int dr, const void *address,
		 u64 dr7)
{
	struct kvm_guest_debug dbg = { .control = control };

	dbg.arch.debugreg[dr] = (u64)address;
	dbg.arch.debugreg[7] = dr7;
	return KERR(vcpu->fd, KVM_SET_GUEST_DEBUG, &dbg);
}

static int debug_off(struct vcpu *vcpu)
{
	return debug(vcpu, 0, 0, NULL, 0);
}

static void stopped(struct _test_data_debug *self,
		    struct __test_metadata *_metadata, u32 exception,
		    const char *at, u64 dr6)
{
	struct kvm_run *run = self->vcpu->run;
	struct kvm_regs regs;

	ASSERT_EQ(KVM_EXIT_DEBUG, run->exit_reason) {
		exit_dump(self->vcpu);
	}
	EXPECT_EQ(exception, run->debug.arch.exception);
	EXPECT_EQ((u64)at, run->debug.arch.pc);
	vcpu_regs(self->vcpu, &regs);
	EXPECT_EQ((u64)at, regs.rip);
	EXPECT_EQ(0, regs.rflags & RFLAGS_TF);
	if (exception == DB)
		EXPECT_EQ(DR6_FIXED | dr6, run->debug.arch.dr6);
}

extern char at_int3[], past_int3[];

static void guest_int3(void)
{
	guest_sync(1);
	asm volatile("at_int3: int3\n"
		     "past_int3: nop" : : : "memory");
	guest_done();
}

TEST_F(debug, refusals)
{
	boot(self, guest_int3);
	EXPECT_EQ(EFAULT, KERR(self->vcpu->fd, KVM_SET_GUEST_DEBUG, 8));
	if (is_umbra()) {
		/* KVM on x86 looks at neither. */
		EXPECT_EQ(EINVAL, debug(self->vcpu, STEP | 4, 0, NULL, 0));
		EXPECT_EQ(EINVAL, debug(self->vcpu, STEP | 1u << 31, 0, NULL,
					0));
		EXPECT_EQ(EINVAL, debug(self->vcpu, HW_BP, 0, NULL,
					1ul << 32 | DR7_FIXED));
	}
	ASSERT_EQ(0, debug(self->vcpu, SW_BP, 0, NULL, 0));
	run_to_exit(self->vcpu, KVM_EXIT_DEBUG);
	EXPECT_EQ(0, debug(self->vcpu, KVM_GUESTDBG_INJECT_BP, 0, NULL, 0));
	EXPECT_EQ(EBUSY, debug(self->vcpu, KVM_GUESTDBG_INJECT_BP, 0, NULL, 0));
	EXPECT_EQ(EBUSY, debug(self->vcpu, STEP | KVM_GUESTDBG_INJECT_DB, 0,
			       NULL, 0));
	/* What was refused has turned nothing on. */
	run_to_done(self->vcpu);
	EXPECT_EQ(1, GUEST_VAR(self->vm, count[BP]));
	EXPECT_EQ(0, GUEST_VAR(self->vm, count[DB]));
}

TEST_F(debug, capability)
{
	int all = STEP | SW_BP | HW_BP | KVM_GUESTDBG_INJECT_DB |
		  KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_BLOCKIRQ;

	boot(self, guest_int3);
	EXPECT_EQ(all, KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION,
			      KVM_CAP_SET_GUEST_DEBUG2));
	EXPECT_EQ(all, KIOCTL(self->vm->fd, KVM_CHECK_EXTENSION,
			      KVM_CAP_SET_GUEST_DEBUG2));
}

/* The guest's own INT3, once it was seen to be none of the debugger's. */
static void give_back_by_events(struct vcpu *vcpu)
{
	struct kvm_vcpu_events ev;

	get_events(vcpu, &ev);
	ev.exception.injected = 1;
	ev.exception.nr = BP;
	REQUIRE(!KERR(vcpu->fd, KVM_SET_VCPU_EVENTS, &ev),
		"KVM_SET_VCPU_EVENTS");
}

TEST_F(debug, int3)
{
	int i;

	for (i = 0; i < 2; i++) {
		boot(self, guest_int3);
		ASSERT_EQ(0, debug(self->vcpu, SW_BP, 0, NULL, 0));
		run_to_exit(self->vcpu, KVM_EXIT_DEBUG);
		stopped(self, _metadata, BP, at_int3, 0);
		EXPECT_EQ(0, GUEST_VAR(self->vm, events));
		if (i)
			give_back_by_events(self->vcpu);
		else
			ASSERT_EQ(0, debug(self->vcpu,
					   SW_BP | KVM_GUESTDBG_INJECT_BP, 0,
					   NULL, 0));
		run_to_done(self->vcpu);
		EXPECT_EQ(1, GUEST_VAR(self->vm, events));
		EXPECT_EQ(BP, GUEST_VAR(self->vm, event[0]).vector);
		EXPECT_EQ((u64)past_int3, GUEST_VAR(self->vm, event[0]).rip);
		vm_free(self->vm);
	}
	/* Without a debugger it is the guest's at once. */
	boot(self, guest_int3);
	ASSERT_EQ(0, debug(self->vcpu, SW_BP & ~KVM_GUESTDBG_ENABLE, 0, NULL,
			   0));
	run_to_done(self->vcpu);
	EXPECT_EQ(1, GUEST_VAR(self->vm, count[BP]));
}

static u64 watched;
extern char at_nop[], at_store[], past_store[], at_dr[];

static void guest_breakpoints(void)
{
	u64 dr;

	asm volatile("mov %0, %%dr1" : : "r"(&watched));
	guest_sync(1);
	asm volatile("at_nop: nop\n"
		     "at_store: movq $7, %0\n"
		     "past_store: nop\n\t" : "=m"(watched));
	asm volatile("at_dr: mov %%dr1, %0" : "=r"(dr));
	GUEST_ASSERT_EQ(dr, (u64)&watched);
	asm volatile("mov %%dr7, %0" : "=r"(dr));
	GUEST_ASSERT_EQ(dr, DR7_FIXED);
	guest_done();
}

/* An instruction, then data, in each of the registers. */
TEST_F(debug, hardware)
{
	struct kvm_debugregs regs;
	u64 dr7;
	int i;

	boot(self, guest_breakpoints);
	for (i = 0; i < 4; i++) {
		dr7 = DR7_FIXED | 2ul << 2 * i;
		ASSERT_EQ(0, debug(self->vcpu, HW_BP, i, at_nop, dr7));
		run_to_exit(self->vcpu, KVM_EXIT_DEBUG);
		stopped(self, _metadata, DB, at_nop, 1ul << i);
		EXPECT_EQ(dr7, self->vcpu->run->debug.arch.dr7);
	}
	for (i = 0; i < 4; i++) {
		struct kvm_regs gpr;

		dr7 = DR7_FIXED | 2ul << 2 * i | 0xdul << (16 + 4 * i);
		ASSERT_EQ(0, debug(self->vcpu, HW_BP, i, &watched, dr7));
		run_to_exit(self->vcpu, KVM_EXIT_DEBUG);
		stopped(self, _metadata, DB, past_store, 1ul << i);
		EXPECT_EQ(7, GUEST_VAR(self->vm, watched));
		vcpu_regs(self->vcpu, &gpr);
		gpr.rip = (u64)at_store;
		vcpu_set_regs(self->vcpu, &gpr);
	}
	/* The guest has its own, and sees no other. */
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_GET_DEBUGREGS, &regs));
	EXPECT_EQ(0, regs.db[0]);
	EXPECT_EQ((u64)&watched, regs.db[1]);
	EXPECT_EQ(DR6_FIXED, regs.dr6);
	EXPECT_EQ(DR7_FIXED, regs.dr7);
	ASSERT_EQ(0, debug(self->vcpu, HW_BP, 0, at_dr,
			   DR7_FIXED | DR7_GD));
	run_to_exit(self->vcpu, KVM_EXIT_DEBUG);
	stopped(self, _metadata, DB, at_dr, DR6_BD);
	ASSERT_EQ(0, debug(self->vcpu, HW_BP, 0, NULL, DR7_FIXED));
	run_to_done(self->vcpu);
	EXPECT_EQ(0, GUEST_VAR(self->vm, events));
}

/* One step; what the instruction asks of user space is answered. */
static void step(struct _test_data_debug *self,
		 struct __test_metadata *_metadata, const char *to)
{
	do {
		ASSERT_EQ(0, vcpu_run_once(self->vcpu));
	} while (self->vcpu->run->exit_reason == KVM_EXIT_IO ||
		 self->vcpu->run->exit_reason == KVM_EXIT_MMIO);
	stopped(self, _metadata, DB, to, DR6_BS);
}

extern char s0[], s1[], s2[], s3[], s4[], s5[], s6[], s7[], s8[], s9[], s10[],
	s11[], s12[], s13[], s14[];

static void guest_steps(void)
{
	asm volatile("cli" : : : "memory");
	guest_sync(1);
	asm volatile("s0: nop\n"
		     "s1: sti\n"
		     "s2: xor %%eax, %%eax\n"
		     "s3: cpuid\n"
		     "s4: mov $0xc0000080, %%ecx\n"
		     "s5: rdmsr\n"
		     "s6: mov %%ss, %%ecx\n"
		     "s7: mov %%ecx, %%ss\n\t"
		     "cpuid\n"
		     "s8: mov $0x5e8, %%edx\n"
		     "s9: out %%al, %%dx\n"
		     "s10: mov %%eax, (%%rsi)\n"
		     "s11: mov (%%rsi), %%eax\n"
		     "s12: vmcall\n"
		     "s13: cli\n"
		     "s14: nop\n"
		     : : "S"(MEM_GPA) : "rax", "rbx", "rcx", "rdx", "memory");
	guest_done();
}

TEST_F(debug, steps)
{
	/* The trap of MOV SS waits for the instruction behind it. */
	const char *to[] = { s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11,
			     s12, s13, s14 };
	const u32 control = STEP | KVM_GUESTDBG_BLOCKIRQ;
	int i;

	if (!is_umbra())
		SKIP(return, "KVM's step in a shadow fails to enter");
	boot(self, guest_steps);
	ASSERT_EQ(0, debug(self->vcpu, HW_BP, 0, s0, DR7_FIXED | 2));
	run_to_exit(self->vcpu, KVM_EXIT_DEBUG);
	stopped(self, _metadata, DB, s0, 1);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		ASSERT_EQ(0, debug(self->vcpu, control, 0, NULL, 0));
		step(self, _metadata, to[i]);
		EXPECT_EQ(i > 0 && i < 13, self->vcpu->run->if_flag);
	}
	EXPECT_EQ(0, GUEST_VAR(self->vm, events));
	/* What was kept out comes. */
	ASSERT_EQ(0, debug_off(self->vcpu));
	run_to_done(self->vcpu);
	EXPECT_EQ(1, GUEST_VAR(self->vm, count[NMI]));
	EXPECT_EQ(0, GUEST_VAR(self->vm, count[DB]));
}

extern char at_out[], past_out[], past_pushf[], at_popf[], past_popf[],
	end_popf[];

static void guest_popf(void)
{
	guest_sync(1);
	asm volatile("sti\n\t"
		     "out %%al, %%dx\n"
		     "past_out: pushf\n"
		     "past_pushf: andl $~0x100, (%%rsp)\n"
		     "at_popf: popf\n"
		     "past_popf: nop\n"
		     "end_popf: nop\n"
		     : : "d"(RAW_PORT) : "memory");
	guest_done();
}

/* Asked for once, in the shadow of STI; the guest turns TF off meanwhile. */
TEST_F(debug, steps_go_on)
{
	const char *to[] = { past_out, past_pushf, at_popf, past_popf,
			     end_popf };
	int i;

	if (!is_umbra())
		SKIP(return, "KVM's steps end with POPF");
	boot(self, guest_popf);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	ASSERT_EQ(0, debug(self->vcpu, STEP, 0, NULL, 0));
	for (i = 0; i < ARRAY_SIZE(to); i++)
		step(self, _metadata, to[i]);
	ASSERT_EQ(0, debug_off(self->vcpu));
	run_to_done(self->vcpu);
	EXPECT_EQ(0, GUEST_VAR(self->vm, events));
}

/* Does I/O of its own, and returns behind the instruction. */
static void skip_ud(struct trap_frame *frame)
{
	guest_write(MEM_GPA, 1);
	frame->rip += 2;
}

extern char at_ud[], past_ud[], behind_ud[];

static void guest_faults(void)
{
	guest_sync(1);
	asm volatile("at_ud: ud2\n"
		     "past_ud: nop\n"
		     "behind_ud: nop" : : : "memory");
	guest_done();
}

/* The handler runs, with its exits; the step ends behind it. */
TEST_F(debug, step_over_fault)
{
	guest_handlers[UD] = skip_ud;
	boot(self, guest_faults);
	ASSERT_EQ(0, debug(self->vcpu, HW_BP, 0, at_ud, DR7_FIXED | 2));
	run_to_exit(self->vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(0, debug(self->vcpu, STEP, 0, NULL, 0));
	run_to_exit(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(1, self->vcpu->run->mmio.is_write);
	step(self, _metadata, behind_ud);
	ASSERT_EQ(0, debug_off(self->vcpu));
	run_to_done(self->vcpu);
	EXPECT_EQ(0, GUEST_VAR(self->vm, events));
}

/* A #DB of the debugger's making; then what the guest does itself. */
TEST_F(debug, inject_db)
{
	boot(self, guest_int3);
	ASSERT_EQ(0, debug(self->vcpu, SW_BP, 0, NULL, 0));
	run_to_exit(self->vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(0, debug(self->vcpu, KVM_GUESTDBG_INJECT_DB, 0, NULL, 0));
	run_to_done(self->vcpu);
	EXPECT_EQ(2, GUEST_VAR(self->vm, events));
	EXPECT_EQ(DB, GUEST_VAR(self->vm, event[0]).vector);
	EXPECT_EQ((u64)at_int3, GUEST_VAR(self->vm, event[0]).rip);
	EXPECT_EQ(BP, GUEST_VAR(self->vm, event[1]).vector);
}

TEST_HARNESS_MAIN
