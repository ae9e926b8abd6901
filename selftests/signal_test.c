// SPDX-License-Identifier: GPL-2.0
/*
 * Leaving KVM_RUN by signals, and dying at any point.
 */
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "lib/vm.h"

static volatile u64 spins;

static void guest_spin(u64 id)
{
	for (;;)
		spins++;
}

static void guest_tight(u64 id)
{
	/* No memory, no exit: nothing but an interrupt ends this. */
	asm volatile("1: jmp 1b");
}

struct runner {
	struct vcpu *vcpu;
	volatile int err;
};

static void *run_once(void *arg)
{
	struct runner *r = arg;

	r->err = vcpu_run_once(r->vcpu);
	return NULL;
}

static void kicked(struct __test_metadata *_metadata, void (*guest)(u64))
{
	struct vm *vm = vm_boot(1, (void (*)(void))guest);
	struct runner r = { .vcpu = &vm->vcpus[0] };
	pthread_t thread;
	int i;

	kick_setup();
	for (i = 0; i < 5; i++) {
		r.err = -1;
		ASSERT_EQ(0, pthread_create(&thread, NULL, run_once, &r));
		while (r.err == -1) {
			sleep_ms(5);
			kick(thread);
		}
		pthread_join(thread, NULL);
		EXPECT_EQ(EINTR, r.err);
		EXPECT_EQ(KVM_EXIT_INTR, vm->vcpus[0].run->exit_reason);
	}
	vm_free(vm);
}

TEST(eintr)
{
	kicked(_metadata, guest_spin);
}

TEST(eintr_without_exits)
{
	kicked(_metadata, guest_tight);
}

/* A signal that came before is not lost: the run does not begin. */
static void *pending_main(void *arg)
{
	struct runner *r = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_kill(pthread_self(), SIGUSR1);
	/* Blocked, it does not disturb. */
	r->err = vcpu_run_once(r->vcpu);
	return NULL;
}

static void guest_once(u64 id)
{
	guest_sync(1);
	guest_done();
}

TEST(blocked_signal_does_not_disturb)
{
	struct vm *vm = vm_boot(1, (void (*)(void))guest_once);
	struct runner r = { .vcpu = &vm->vcpus[0], .err = -1 };
	pthread_t thread;

	kick_setup();
	ASSERT_EQ(0, pthread_create(&thread, NULL, pending_main, &r));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, r.err);
	EXPECT_TRUE(!!vcpu_ucall(&vm->vcpus[0]));
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

/* immediate_exit set from another thread, or a handler, ends the run. */
TEST(immediate_exit_then_on)
{
	struct vm *vm = vm_boot(1, (void (*)(void))guest_once);
	struct vcpu *vcpu = &vm->vcpus[0];

	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_run_once(vcpu));
	vcpu->run->immediate_exit = 0;
	run_to_sync(vcpu, 1);
	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_run_once(vcpu));
	EXPECT_EQ(EINTR, vcpu_run_once(vcpu));
	vcpu->run->immediate_exit = 0;
	run_to_done(vcpu);
	vm_free(vm);
}

/* ---- death ---- */

static void guest_busy(u64 id)
{
	u64 i, n;

	for (n = 0;; n++) {
		for (i = 0; i < 64; i++)
			guest_write(MEM_GPA + i * PAGE_SIZE + id * 8, n);
		if (n % 64 == 0)
			guest_sync(n);
	}
}

/* A VM in full swing: two vCPUs, dirty log, slots coming and going. */
static void victim(void)
{
	struct vm *vm = vm_boot(2, (void (*)(void))guest_busy);
	struct vcpu_thread t[2] = { 0 };
	u8 *mem, *other;
	u64 bitmap;
	int i;

	mem = vm_add_mem(vm, MEM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, MEM_GPA,
			 64 * PAGE_SIZE);
	other = mem_alloc(HUGE_SIZE, HUGE_SIZE);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	for (i = 0;; i++) {
		vm_dirty_log(vm, MEM_SLOT, &bitmap);
		vm_set_slot(vm, 7, i & 1, MEM_GPA + HUGE_SIZE, HUGE_SIZE,
			    other);
		madvise(mem + i % 64 * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
		vm_set_slot(vm, 7, 0, 0, 0, NULL);
	}
}

TEST(killed_anywhere)
{
	int round, status;
	pid_t pid;
	struct vm *vm;

	srand(4711);
	for (round = 0; round < 12; round++) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			victim();
		usleep(rand() % 150000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) {
			TH_LOG("round %d: status %x", round, status);
		}
	}
	vm = vm_boot_remote(1);
	EXPECT_EQ(0, remote_read(&vm->vcpus[0], 0));
	vm_free(vm);
}

/* The whole address space goes while a vCPU thread is inside. */
static void *exit_main(void *arg)
{
	sleep_ms(10);
	_exit(7);
}

TEST(exit_group_while_running)
{
	struct vm *vm;
	pthread_t thread;
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		vm = vm_boot(1, (void (*)(void))guest_tight);
		pthread_create(&thread, NULL, exit_main, NULL);
		vcpu_run_once(&vm->vcpus[0]);
		_exit(1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
