// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts and NMIs from user space: where they enter the guest, what holds
 * them off, in which order they come.
 */
#include "kselftest_harness.h"
#include "lib/inject.h"

FIXTURE(inject) {
	struct vm *vm;
	struct vcpu *vcpu;
};
ENGINE_VARIANTS(inject);

FIXTURE_SETUP(inject)
{
	ENGINE_CHOOSE();
	handlers_setup();
}

FIXTURE_TEARDOWN(inject)
{
	if (self->vm)
		vm_free(self->vm);
}

static void boot(struct _test_data_inject *self, void (*guest)(void))
{
	self->vm = vm_boot(1, guest);
	self->vcpu = &self->vm->vcpus[0];
}

static void log_is(struct _test_data_inject *self,
		   struct __test_metadata *_metadata, int n, ...)
{
	va_list ap;
	int i;

	EXPECT_EQ(n, GUEST_VAR(self->vm, events));
	va_start(ap, n);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(va_arg(ap, u64), GUEST_VAR(self->vm, event[i]).vector) {
			TH_LOG("event %d", i);
		}
	}
	va_end(ap);
}

static void guest_waits(void)
{
	guest_sync(1);
	while (!READ_ONCE(events))
		cpu_pause();
	guest_done();
}

TEST_F(inject, interrupt)
{
	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	EXPECT_EQ(1, self->vcpu->run->if_flag);
	EXPECT_EQ(1, self->vcpu->run->ready_for_interrupt_injection);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	run_to_done(self->vcpu);
	log_is(self, _metadata, 1, IRQ);
}

TEST_F(inject, every_vector)
{
	int v;

	boot(self, guest_waits);
	for (v = 32; v < 256; v++) {
		vcpu_reset(self->vcpu, guest_waits);
		GUEST_VAR(self->vm, events) = 0;
		run_to_sync(self->vcpu, 1);
		ASSERT_EQ(0, queue_irq(self->vcpu, v));
		run_to_done(self->vcpu);
		ASSERT_EQ(v, GUEST_VAR(self->vm, event[0]).vector);
	}
}

TEST_F(inject, refusals)
{
	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	EXPECT_EQ(EINVAL, queue_irq(self->vcpu, 256));
	EXPECT_EQ(EINVAL, queue_irq(self->vcpu, ~0u));
	EXPECT_EQ(EFAULT, KERR(self->vcpu->fd, KVM_INTERRUPT, 8));
	EXPECT_EQ(EFAULT, KERR(self->vcpu->fd, KVM_GET_VCPU_EVENTS, 8));
	EXPECT_EQ(EFAULT, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, 8));
	if (!is_umbra())
		SKIP(return, "KVM forgets the first of two vectors");
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	EXPECT_EQ(EEXIST, queue_irq(self->vcpu, IRQ2));
	run_to_done(self->vcpu);
	log_is(self, _metadata, 1, IRQ);
}

/* Places in code that turns interrupts on; see each guest. */
extern char in_shadow[], past_shadow[], at_call[], past_call[], past_hlt[];

static void guest_sti(void)
{
	asm volatile("cli" : : : "memory");
	guest_sync(1);
	asm volatile("nop\n\t"
		     "sti\n"
		     "in_shadow: nop\n"
		     "past_shadow: nop\n\t"
		     "nop" : : : "memory");
	guest_done();
}

TEST_F(inject, window_opens_behind_sti)
{
	struct kvm_regs regs;

	boot(self, guest_sti);
	run_to_sync(self->vcpu, 1);
	EXPECT_EQ(0, self->vcpu->run->if_flag);
	EXPECT_EQ(0, self->vcpu->run->ready_for_interrupt_injection);
	self->vcpu->run->request_interrupt_window = 1;
	run_to_exit(self->vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	vcpu_regs(self->vcpu, &regs);
	EXPECT_EQ((u64)past_shadow, regs.rip);
	EXPECT_EQ(1, self->vcpu->run->if_flag);
	EXPECT_EQ(1, self->vcpu->run->ready_for_interrupt_injection);
	self->vcpu->run->request_interrupt_window = 0;
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	run_to_done(self->vcpu);
	log_is(self, _metadata, 1, IRQ);
	EXPECT_EQ((u64)past_shadow, GUEST_VAR(self->vm, event[0]).rip);
}

/* An open window is told at once, as often as it is asked for. */
TEST_F(inject, window_is_open)
{
	int i;

	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	self->vcpu->run->request_interrupt_window = 1;
	for (i = 0; i < 3; i++)
		run_to_exit(self->vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	/* What is queued goes first; then there is room again. */
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	run_to_exit(self->vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	log_is(self, _metadata, 1, IRQ);
	self->vcpu->run->request_interrupt_window = 0;
	run_to_done(self->vcpu);
}

TEST_F(inject, queued_waits_for_sti)
{
	if (!is_umbra())
		SKIP(return, "KVM wants user space to wait");
	boot(self, guest_sti);
	run_to_sync(self->vcpu, 1);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	run_to_done(self->vcpu);
	log_is(self, _metadata, 1, IRQ);
	EXPECT_EQ((u64)past_shadow, GUEST_VAR(self->vm, event[0]).rip);
}

/* The call is the instruction in the shadow, so there is none behind it. */
static void guest_call_in_shadow(void)
{
	asm volatile("cli\n\t"
		     "sti\n"
		     "at_call: outl %%eax, %%dx\n"
		     "past_call: nop\n\t"
		     "mov %%ss, %%ecx\n\t"
		     "mov %%ecx, %%ss\n\t"
		     "outl %%eax, %%dx\n\t"
		     "nop"
		     : : "a"(0), "d"(RAW_PORT) : "rcx", "memory");
	guest_done();
}

TEST_F(inject, exit_in_shadow)
{
	struct kvm_vcpu_events ev;

	boot(self, guest_call_in_shadow);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, self->vcpu->run->if_flag);
	EXPECT_EQ(0, self->vcpu->run->ready_for_interrupt_injection);
	get_events(self->vcpu, &ev);
	EXPECT_EQ(KVM_X86_SHADOW_INT_STI, ev.interrupt.shadow);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0, self->vcpu->run->ready_for_interrupt_injection);
	get_events(self->vcpu, &ev);
	EXPECT_EQ(KVM_X86_SHADOW_INT_MOV_SS, ev.interrupt.shadow);
	run_to_done(self->vcpu);
}

static void guest_hlt(void)
{
	asm volatile("sti\n\t"
		     "hlt\n"
		     "past_hlt: nop" : : : "memory");
	GUEST_ASSERT_EQ(1, events);
	asm volatile("hlt" : : : "memory");
	guest_done();
}

TEST_F(inject, hlt)
{
	boot(self, guest_hlt);
	run_to_exit(self->vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(1, self->vcpu->run->ready_for_interrupt_injection);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	run_to_exit(self->vcpu, KVM_EXIT_HLT);
	EXPECT_EQ((u64)past_hlt, GUEST_VAR(self->vm, event[0]).rip);
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	run_to_done(self->vcpu);
	log_is(self, _metadata, 2, IRQ, NMI);
}

static void guest_off(void)
{
	asm volatile("cli" : : : "memory");
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

TEST_F(inject, nmi_needs_no_if)
{
	boot(self, guest_off);
	run_to_sync(self->vcpu, 1);
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	run_to_sync(self->vcpu, 2);
	log_is(self, _metadata, 1, NMI);
}

/* One NMI is handled, one waits, more are the same one. */
static void nmi_calls(struct trap_frame *frame)
{
	log_event(frame);
	if (events == 1)
		guest_sync(2);
}

TEST_F(inject, nmi_nests_not)
{
	struct kvm_vcpu_events ev;
	int i;

	guest_handlers[NMI] = nmi_calls;
	boot(self, guest_off);
	run_to_sync(self->vcpu, 1);
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	run_to_sync(self->vcpu, 2);
	get_events(self->vcpu, &ev);
	EXPECT_EQ(1, ev.nmi.masked);
	EXPECT_EQ(0, ev.nmi.pending);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	run_to_sync(self->vcpu, 2);
	run_to_done(self->vcpu);
	log_is(self, _metadata, 2, NMI, NMI);
	get_events(self->vcpu, &ev);
	EXPECT_EQ(0, ev.nmi.masked);
	EXPECT_EQ(0, ev.nmi.pending);
}

TEST_F(inject, nmi_before_interrupt)
{
	if (!is_umbra())
		SKIP(return, "KVM begins with the interrupt");
	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	run_to_done(self->vcpu);
	/* The interrupt has waited for the end of the NMI's handler. */
	log_is(self, _metadata, 2, NMI, IRQ);
	EXPECT_EQ(GUEST_VAR(self->vm, event[0]).rsp,
		  GUEST_VAR(self->vm, event[1]).rsp);
}

TEST_F(inject, exception_before_both)
{
	struct kvm_vcpu_events ev;

	if (!is_umbra())
		SKIP(return, "KVM forgets an interrupt beside an exception");
	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	get_events(self->vcpu, &ev);
	ev.exception.injected = 1;
	ev.exception.nr = 13;
	ev.exception.has_error_code = 1;
	ev.exception.error_code = 0x1238;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &ev));
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	run_to_done(self->vcpu);
	/* An NMI may come in the exception's handler, an interrupt may not. */
	EXPECT_EQ(3, GUEST_VAR(self->vm, events));
	EXPECT_EQ(1, GUEST_VAR(self->vm, count[13]));
	EXPECT_EQ(1, GUEST_VAR(self->vm, count[NMI]));
	EXPECT_EQ(IRQ, GUEST_VAR(self->vm, event[2]).vector);
	EXPECT_EQ(0x1238, GUEST_VAR(self->vm, error[13]));
}

static void guest_tpr(void)
{
	asm volatile("mov %0, %%cr8" : : "r"(5ul));
	asm volatile("mov %0, %%cr8" : : "r"(9ul));
	asm volatile("mov %0, %%cr8" : : "r"(9ul));
	guest_sync(1);
	asm volatile("mov %0, %%cr8" : : "r"(3ul));
	for (;;) {
		u64 tpr;

		asm volatile("mov %%cr8, %0" : "=r"(tpr));
		guest_sync2(2, tpr, SAFE_ASM("mov %[v], %%cr8", ,
					     [v] "r"(16ul)));
	}
}

TEST_F(inject, task_priority)
{
	struct kvm_sregs sregs;
	struct ucall *call;

	guest_handlers[13] = NULL; /* SAFE_ASM()'s */
	boot(self, guest_tpr);
	run_to_sync(self->vcpu, 1);
	EXPECT_EQ(9, self->vcpu->run->cr8);
	run_to_exit(self->vcpu, KVM_EXIT_SET_TPR);
	EXPECT_EQ(3, self->vcpu->run->cr8);
	self->vcpu->run->cr8 = 16;
	EXPECT_EQ(EINVAL, vcpu_run_once(self->vcpu));
	self->vcpu->run->cr8 = 7;
	call = run_ucall(self->vcpu);
	EXPECT_EQ(2, call->arg[0]);
	EXPECT_EQ(7, call->arg[1]);
	EXPECT_EQ(TRAPPED | 13, call->arg[2]);
	vcpu_sregs(self->vcpu, &sregs);
	EXPECT_EQ(7, sregs.cr8);
}

TEST_F(inject, bitmap_of_sregs)
{
	struct kvm_sregs sregs;

	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	vcpu_sregs(self->vcpu, &sregs);
	sregs.interrupt_bitmap[IRQ / 64] = 1ul << IRQ % 64;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_SREGS, &sregs));
	memset(&sregs, 0, sizeof(sregs));
	vcpu_sregs(self->vcpu, &sregs);
	EXPECT_EQ(1ul << IRQ % 64, sregs.interrupt_bitmap[IRQ / 64]);
	EXPECT_EQ(0, self->vcpu->run->exit_reason == KVM_EXIT_FAIL_ENTRY);
	run_to_done(self->vcpu);
	log_is(self, _metadata, 1, IRQ);
	vcpu_sregs(self->vcpu, &sregs);
	EXPECT_EQ(0, sregs.interrupt_bitmap[IRQ / 64]);
}

/* Events travel: taken from one vCPU, given to another. */
TEST_F(inject, events_move)
{
	struct kvm_vcpu_events ev;
	struct vm *other;

	boot(self, guest_waits);
	other = vm_boot(1, guest_waits);
	run_to_sync(self->vcpu, 1);
	run_to_sync(&other->vcpus[0], 1);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	get_events(self->vcpu, &ev);
	EXPECT_EQ(1, ev.interrupt.injected);
	EXPECT_EQ(IRQ, ev.interrupt.nr);
	EXPECT_EQ(0, ev.interrupt.soft);
	EXPECT_EQ(0, ev.exception.injected);
	EXPECT_EQ(1, ev.nmi.pending);
	EXPECT_EQ(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
		  ev.flags & (KVM_VCPUEVENT_VALID_NMI_PENDING |
			      KVM_VCPUEVENT_VALID_SHADOW));
	ASSERT_EQ(0, KERR(other->vcpus[0].fd, KVM_SET_VCPU_EVENTS, &ev));
	run_to_done(&other->vcpus[0]);
	EXPECT_EQ(1, GUEST_VAR(other, count[IRQ]));
	EXPECT_EQ(1, GUEST_VAR(other, count[NMI]));
	vm_free(other);

	/* And they can be taken away. */
	ev.interrupt.injected = 0;
	ev.nmi.pending = 0;
	ev.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &ev));
	get_events(self->vcpu, &ev);
	EXPECT_EQ(0, ev.interrupt.injected);
	EXPECT_EQ(0, ev.nmi.pending);
}

TEST_F(inject, events_refused)
{
	struct kvm_vcpu_events good, bad, now;

	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	get_events(self->vcpu, &good);
	bad = good;
	bad.flags |= 1u << 31;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	bad = good;
	bad.exception.injected = 1;
	bad.exception.nr = 32;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	bad.exception.nr = 2;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	bad = good;
	bad.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	get_events(self->vcpu, &now);
	EXPECT_EQ(0, memcmp(&good, &now, sizeof(good)));
}

/* Whatever is set, the vCPU can be used again afterwards. */
TEST_F(inject, events_hostile)
{
	struct kvm_vcpu_events good, ev;
	struct kvm_sregs sregs;
	unsigned int seed = 4711;
	int i, j;

	if (!is_umbra())
		SKIP(return, "KVM of 6.12 gives the VM up");
	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	get_events(self->vcpu, &good);
	vcpu_sregs(self->vcpu, &sregs);
	for (i = 0; i < 300; i++) {
		u8 *byte = (u8 *)&ev;

		ev = good;
		for (j = 0; j < 6; j++)
			byte[rand_r(&seed) % 40] = rand_r(&seed);
		ev.flags &= 0xd;
		ev.exception.nr %= 32;
		vcpu_reset(self->vcpu, guest_waits);
		if (KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &ev))
			continue;
		vcpu_run_once(self->vcpu);
	}
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &good));
	GUEST_VAR(self->vm, events) = 0;
	vcpu_reset(self->vcpu, guest_waits);
	run_to_sync(self->vcpu, 1);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	run_to_done(self->vcpu);
}

/* KVM_SET_REGS drops an exception that is pending, not an interrupt. */
TEST_F(inject, regs_keep_interrupts)
{
	struct kvm_regs regs;

	boot(self, guest_waits);
	run_to_sync(self->vcpu, 1);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	vcpu_regs(self->vcpu, &regs);
	vcpu_set_regs(self->vcpu, &regs);
	run_to_done(self->vcpu);
	log_is(self, _metadata, 1, IRQ);
}

TEST_HARNESS_MAIN
