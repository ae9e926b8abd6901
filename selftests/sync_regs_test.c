// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SYNC_REGS: registers that user space finds in kvm_run after a run, and
 * those that it leaves there for the next.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define REGS KVM_SYNC_X86_REGS
#define SREGS KVM_SYNC_X86_SREGS
#define EVENTS KVM_SYNC_X86_EVENTS
#define ALL (REGS | SREGS | EVENTS)
#define PORT 0x80

/* Counts in RBX how often it was at the port. */
static void guest(void)
{
	asm volatile("1: inb %0, %%al; incq %%rbx; jmp 1b" : : "i"(PORT));
}

FIXTURE(sync) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_run *run;
	struct kvm_sync_regs *s;
};

FIXTURE_SETUP(sync)
{
	self->vm = vm_boot(1, guest);
	self->vcpu = &self->vm->vcpus[0];
	self->run = self->vcpu->run;
	self->s = &self->run->s.regs;
	if ((KIOCTL(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) &
	     ALL) != ALL)
		SKIP(return, "this device has no KVM_CAP_SYNC_REGS");
}

FIXTURE_TEARDOWN(sync)
{
	vm_free(self->vm);
}

/* One more round, and all registers out. */
static void next_round(struct vcpu *vcpu)
{
	vcpu->run->kvm_valid_regs = ALL;
	run_to_exit(vcpu, KVM_EXIT_IO);
}

TEST_F(sync, unknown_sets)
{
	struct kvm_regs before, after;
	int i;

	vcpu_regs(self->vcpu, &before);
	for (i = 3; i < 32; i++) {
		self->run->kvm_valid_regs = 1ull << i | REGS;
		self->run->kvm_dirty_regs = 0;
		EXPECT_EQ(EINVAL, vcpu_run_once(self->vcpu));
		self->run->kvm_valid_regs = 0;
		self->run->kvm_dirty_regs = 1ull << i | REGS;
		EXPECT_EQ(EINVAL, vcpu_run_once(self->vcpu));
		EXPECT_EQ(1ull << i | REGS, self->run->kvm_dirty_regs);
	}
	vcpu_regs(self->vcpu, &after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_F(sync, out)
{
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	next_round(self->vcpu);
	vcpu_regs(self->vcpu, &regs);
	vcpu_sregs(self->vcpu, &sregs);
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, memcmp(&regs, &self->s->regs, sizeof(regs)));
	EXPECT_EQ(0, memcmp(&sregs, &self->s->sregs, sizeof(sregs)));
	EXPECT_EQ(0, memcmp(&events, &self->s->events, sizeof(events)));
}

/* No set but those that were asked for. */
TEST_F(sync, out_apart)
{
	struct kvm_sync_regs mark;
	int set;

	memset(&mark, 0xa5, sizeof(mark));
	for (set = 0; set <= ALL; set++) {
		*self->s = mark;
		self->run->kvm_valid_regs = set;
		run_to_exit(self->vcpu, KVM_EXIT_IO);
		EXPECT_EQ(!(set & REGS), !memcmp(&mark.regs, &self->s->regs,
						 sizeof(mark.regs)));
		EXPECT_EQ(!(set & SREGS), !memcmp(&mark.sregs, &self->s->sregs,
						  sizeof(mark.sregs)));
		EXPECT_EQ(!(set & EVENTS), !memcmp(&mark.events,
						   &self->s->events,
						   sizeof(mark.events)));
	}
}

TEST_F(sync, in)
{
	next_round(self->vcpu);
	self->s->regs.rbx = 1000;
	self->s->regs.r15 = 0x1122334455667788;
	self->s->sregs.cr2 = 0x123000;
	self->run->kvm_dirty_regs = REGS | SREGS;
	next_round(self->vcpu);
	EXPECT_EQ(0, self->run->kvm_dirty_regs);
	EXPECT_EQ(1001, self->s->regs.rbx);
	EXPECT_EQ(0x1122334455667788, self->s->regs.r15);
	EXPECT_EQ(0x123000, self->s->sregs.cr2);
	/* What is not said to be new is not looked at. */
	self->s->regs.rbx = 5000;
	next_round(self->vcpu);
	EXPECT_EQ(1002, self->s->regs.rbx);
}

/* Up to the first set that is refused; that one stays to be done. */
TEST_F(sync, refused)
{
	struct kvm_regs regs;

	next_round(self->vcpu);
	self->s->regs.rbx = 77;
	self->s->sregs.cr4 &= ~0x20ull; /* PAE, in long mode */
	self->s->events.exception.injected = 1;
	self->s->events.exception.nr = 6;
	self->run->kvm_dirty_regs = ALL;
	EXPECT_EQ(EINVAL, vcpu_run_once(self->vcpu));
	EXPECT_EQ(SREGS | EVENTS, self->run->kvm_dirty_regs);
	vcpu_regs(self->vcpu, &regs);
	EXPECT_EQ(77, regs.rbx);
	/* They were given anew, also then. */
	EXPECT_TRUE(self->s->sregs.cr4 & 0x20);
	self->s->events.exception.injected = 1;
	self->s->events.exception.nr = 32;
	self->run->kvm_dirty_regs = EVENTS;
	EXPECT_EQ(EINVAL, vcpu_run_once(self->vcpu));
	EXPECT_EQ(EVENTS, self->run->kvm_dirty_regs);
	self->run->kvm_dirty_regs = 0;
	next_round(self->vcpu);
	EXPECT_EQ(78, self->s->regs.rbx);
}

TEST_F(sync, events)
{
	struct ucall *call;

	next_round(self->vcpu);
	self->s->events.exception.injected = 1;
	self->s->events.exception.nr = 6;
	self->run->kvm_dirty_regs = EVENTS;
	self->run->kvm_valid_regs = 0;
	ASSERT_EQ(0, vcpu_run_once(self->vcpu));
	call = vcpu_ucall(self->vcpu);
	ASSERT_NE(NULL, call);
	EXPECT_EQ(UCALL_TRAP, call->cmd);
	EXPECT_EQ(6, call->arg[0]);
}

/* A run that does not run takes them, finishes the exit, and gives them. */
TEST_F(sync, immediate_exit)
{
	u64 rip;

	next_round(self->vcpu);
	rip = self->s->regs.rip;
	self->s->regs.rbx = 9;
	self->s->regs.rax = 0x5500;
	*((u8 *)self->run + self->run->io.data_offset) = 0x42;
	self->run->kvm_dirty_regs = REGS;
	self->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_run_once(self->vcpu));
	self->run->immediate_exit = 0;
	EXPECT_EQ(0, self->run->kvm_dirty_regs);
	EXPECT_EQ(9, self->s->regs.rbx);
	EXPECT_EQ(0x5542, self->s->regs.rax);
	EXPECT_EQ(rip + 2, self->s->regs.rip);
}

/* An instruction that the guest was moved away from is not finished. */
TEST_F(sync, moved)
{
	next_round(self->vcpu);
	self->s->regs.rip += 2;
	self->s->regs.rax = 0x1234;
	*((u8 *)self->run + self->run->io.data_offset) = 0x42;
	self->run->kvm_dirty_regs = REGS;
	self->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_run_once(self->vcpu));
	self->run->immediate_exit = 0;
	EXPECT_EQ(0x1234, self->s->regs.rax);
	next_round(self->vcpu);
	EXPECT_EQ(1, self->s->regs.rbx);
}

/* Another thread writes there while they are taken; the host is none the worse. */
static volatile bool stop;

static void *scribble(void *arg)
{
	struct kvm_run *run = arg;
	struct kvm_sync_regs *s = &run->s.regs;

	while (!stop) {
		WRITE_ONCE(s->sregs.cr4, s->sregs.cr4 ^ 0x20);
		WRITE_ONCE(s->sregs.cr0, s->sregs.cr0 ^ 0x80000000);
		WRITE_ONCE(s->events.exception.nr,
			   s->events.exception.nr ^ 0xff);
		WRITE_ONCE(s->events.exception.injected, 1);
		WRITE_ONCE(run->kvm_dirty_regs, SREGS | EVENTS);
	}
	return NULL;
}

TEST_F(sync, scribbled)
{
	u64 end = now_ms() + 1000;
	struct kvm_regs regs;
	pthread_t thread;
	u64 n = 0;

	next_round(self->vcpu);
	vcpu_regs(self->vcpu, &regs);
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, self->run));
	while (now_ms() < end) {
		int err = vcpu_run_once(self->vcpu);

		EXPECT_TRUE(!err || err == EINVAL);
		n++;
	}
	stop = true;
	pthread_join(thread, NULL);
	EXPECT_GT(n, 0);
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_GET_REGS, &regs));
}

TEST_HARNESS_MAIN
