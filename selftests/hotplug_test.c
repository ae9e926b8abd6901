// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU leaves and comes back while a VM runs, and so does the whole host.
 */
#include <sched.h>
#include <string.h>
#include "kselftest_harness.h"
#include "lib/vm.h"

#define ONLINE "/sys/devices/system/cpu/cpu1/online"

static volatile u64 beats[2];

static void guest(u64 id)
{
	u64 n;

	for (n = 1;; n++) {
		guest_write(MEM_GPA + id * PAGE_SIZE + n % 64 * HUGE_SIZE / 64,
			    n);
		beats[id] = n;
		if (n % 4096 == 0)
			guest_sync(n);
	}
}

static void await_beat(struct __test_metadata *_metadata, struct vm *vm)
{
	u64 end = now_ms() + 8000;
	int i;

	for (i = 0; i < 2; i++) {
		u64 last = GUEST_VAR(vm, beats)[i];

		while (GUEST_VAR(vm, beats)[i] == last && now_ms() < end)
			sleep_ms(2);
		EXPECT_NE(last, GUEST_VAR(vm, beats)[i]) {
			TH_LOG("vCPU %d stands still", i);
		}
	}
}

TEST(cpu_off_and_on)
{
	struct vcpu_thread t[2] = { 0 };
	struct vm *vm, *second;
	char state[8];
	int i, err;

	if (file_read(ONLINE, state, sizeof(state)) < 0)
		SKIP(return, "no CPU that can be taken offline");
	vm = vm_boot(2, (void (*)(void))guest);
	vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, 2 * HUGE_SIZE);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	await_beat(_metadata, vm);
	for (i = 0; i < 3; i++) {
		err = file_write(ONLINE, "0");
		ASSERT_EQ(0, err);
		await_beat(_metadata, vm);
		/* One made in between runs on what is left, and later on. */
		second = vm_boot_remote(1);
		EXPECT_EQ(0, remote_read(&second->vcpus[0], 0));
		ASSERT_EQ(0, file_write(ONLINE, "1"));
		await_beat(_metadata, vm);
		EXPECT_EQ(0, remote_read(&second->vcpus[0], 8));
		vm_free(second);
	}
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
	vm_free(vm);
}

/* Off with nothing running, then a VM on the CPU that came back. */
TEST(vm_on_returned_cpu)
{
	struct vm *vm;
	cpu_set_t cpus;
	char state[8];

	if (file_read(ONLINE, state, sizeof(state)) < 0)
		SKIP(return, "no CPU that can be taken offline");
	ASSERT_EQ(0, file_write(ONLINE, "0"));
	ASSERT_EQ(0, file_write(ONLINE, "1"));
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpus), &cpus));
	vm = vm_boot_remote(1);
	EXPECT_EQ(0, remote_read(&vm->vcpus[0], 0));
	vm_free(vm);
}

/*
 * The kernel's own suspend test goes all the way but for the firmware: threads
 * frozen, CPUs off, the boot CPU's hooks called, a pause, and back.
 */
TEST(suspend_and_resume)
{
	struct vcpu_thread t[2] = { 0 };
	char state[64];
	struct vm *vm;
	int i;

	if (file_read("/sys/power/state", state, sizeof(state)) < 0 ||
	    !strstr(state, "mem") || file_write("/sys/power/pm_test", "core"))
		SKIP(return, "no suspend to memory, or no way to test it");
	file_write("/sys/module/suspend/parameters/pm_test_delay", "1");
	vm = vm_boot(2, (void (*)(void))guest);
	vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, 2 * HUGE_SIZE);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	await_beat(_metadata, vm);
	EXPECT_EQ(0, file_write("/sys/power/state", "mem"));
	await_beat(_metadata, vm);
	EXPECT_EQ(0, file_write("/sys/power/pm_test", "none"));
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
	vm_free(vm);
}

TEST_HARNESS_MAIN
