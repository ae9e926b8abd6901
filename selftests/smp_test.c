// SPDX-License-Identifier: GPL-2.0
/*
 * Two vCPUs and what they share.
 */
#include <sched.h>
#include "kselftest_harness.h"
#include "lib/vm.h"

#define LOOPS 2000

static u64 atomic, plain, flag[2];
static volatile u32 lock;

static void spin_lock(void)
{
	while (__sync_lock_test_and_set(&lock, 1))
		cpu_pause();
}

static void guest_locks(u64 id)
{
	u64 i;

	WRITE_ONCE(flag[id], 1);
	while (!READ_ONCE(flag[!id]))
		cpu_pause();
	for (i = 0; i < LOOPS; i++) {
		__sync_fetch_and_add(&atomic, 1);
		spin_lock();
		WRITE_ONCE(plain, READ_ONCE(plain) + 1);
		__sync_lock_release(&lock);
	}
	guest_done();
}

static void *busy(void *stop)
{
	while (!*(volatile int *)stop)
		;
	return NULL;
}

static void run_two(struct __test_metadata *_metadata, void (*guest)(u64),
		    bool preempted)
{
	struct vm *vm = vm_boot(2, (void (*)(void))guest);
	struct vcpu_thread t[2] = { 0 };
	pthread_t hog[2];
	int stop = 0, i;

	vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, HUGE_SIZE);
	for (i = 0; preempted && i < 2; i++)
		pthread_create(&hog[i], NULL, busy, &stop);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	for (i = 0; i < 2; i++)
		vcpu_thread_join(&t[i]);
	stop = 1;
	for (i = 0; preempted && i < 2; i++)
		pthread_join(hog[i], NULL);
	if (guest == guest_locks) {
		EXPECT_EQ(2 * LOOPS, GUEST_VAR(vm, atomic));
		EXPECT_EQ(2 * LOOPS, GUEST_VAR(vm, plain));
	}
	vm_free(vm);
}

TEST(locks_and_atomics)
{
	run_two(_metadata, guest_locks, false);
}

TEST(locks_while_preempted)
{
	run_two(_metadata, guest_locks, true);
}

/* Message passing through first-touched pages: both fault on the same. */
static void guest_pages(u64 id)
{
	u64 i, p;

	for (i = 0; i < 200; i++) {
		p = MEM_GPA + i * PAGE_SIZE;
		if (id == (i & 1)) {
			guest_write(p + 8, i * 3);
			guest_write(p, 1);
		} else {
			while (!guest_read(p))
				cpu_pause();
			GUEST_ASSERT_EQ(guest_read(p + 8), i * 3);
		}
	}
	guest_done();
}

TEST(same_page_faults)
{
	run_two(_metadata, guest_pages, false);
}

/* A spinner that waits for one that is not running must not hang a CPU. */
static void guest_pause(u64 id)
{
	u64 i;

	if (!id) {
		while (!READ_ONCE(flag[1]))
			cpu_pause();
		guest_done();
	}
	for (i = 0; i < 3; i++)
		guest_sync(i);
	WRITE_ONCE(flag[1], 1);
	guest_done();
}

static int nap(struct vcpu_thread *t, struct ucall *call)
{
	sleep_ms(20);
	return 0;
}

TEST(pause_loop)
{
	struct vm *vm = vm_boot(2, (void (*)(void))guest_pause);
	struct vcpu_thread t[2] = { 0 };
	cpu_set_t cpus;
	int i;

	/* On one CPU, so that the spinner is in the other's way. */
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	t[1].on_sync = nap;
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	for (i = 0; i < 2; i++)
		vcpu_thread_join(&t[i]);
	vm_free(vm);
}

/* A vCPU goes from thread to thread and CPU to CPU. */
static void guest_count(u64 id)
{
	u64 i;

	asm volatile("movq %0, %%xmm7" : : "r"(0x1234567ul));
	for (i = 0;; i++) {
		u64 v;

		asm volatile("movq %%xmm7, %0" : "=r"(v));
		GUEST_ASSERT_EQ(v, 0x1234567);
		guest_sync(i);
	}
}

static void *one_step(void *arg)
{
	struct vcpu *vcpu = arg;

	run_ucall(vcpu);
	return NULL;
}

TEST(moves_between_threads)
{
	struct vm *vm = vm_boot(1, (void (*)(void))guest_count);
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t cpus;
	long i, nr = sysconf(_SC_NPROCESSORS_ONLN);

	for (i = 0; i < 20; i++) {
		pthread_attr_init(&attr);
		CPU_ZERO(&cpus);
		CPU_SET(i % nr, &cpus);
		pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
		ASSERT_EQ(0, pthread_create(&thread, &attr, one_step,
					    &vm->vcpus[0]));
		pthread_join(thread, NULL);
		pthread_attr_destroy(&attr);
	}
	EXPECT_EQ(20, i);
	run_to_sync(&vm->vcpus[0], 20);
	vm_free(vm);
}

TEST_HARNESS_MAIN
