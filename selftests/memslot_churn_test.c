// SPDX-License-Identifier: GPL-2.0
/*
 * Slots come, go and move under running vCPUs.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define SIZE (16 * PAGE_SIZE)
#define CHURN_GPA (MEM_GPA + 64 * HUGE_SIZE)

static volatile u64 rounds[2];

/* Steady memory must stay right whatever happens beside it. */
static void steady(u64 id)
{
	u64 base = MEM_GPA + id * SIZE, n, i;

	for (n = 1;; n++) {
		for (i = 0; i < 16; i++)
			guest_write(base + i * PAGE_SIZE, n + i);
		for (i = 0; i < 16; i++)
			GUEST_ASSERT_EQ(guest_read(base + i * PAGE_SIZE),
					n + i);
		rounds[id] = n;
	}
}

FIXTURE(churn) {
	struct vm *vm;
	struct vcpu_thread t[2];
	u8 *mem;
};

FIXTURE_SETUP(churn)
{
	self->mem = mem_alloc(SIZE, HUGE_SIZE);
}

FIXTURE_TEARDOWN(churn)
{
	u64 last[2] = { GUEST_VAR(self->vm, rounds)[0],
			GUEST_VAR(self->vm, rounds)[1] };
	u64 end = now_ms() + 5000;
	int i;

	/* Both still make progress. */
	for (i = 0; i < 2; i++) {
		while (GUEST_VAR(self->vm, rounds)[i] == last[i] &&
		       now_ms() < end)
			sleep_ms(2);
		EXPECT_NE(last[i], GUEST_VAR(self->vm, rounds)[i]);
	}
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&self->t[i]);
	vm_free(self->vm);
}

static void start(struct vm **vm, struct vcpu_thread *t, void (*guest)(u64))
{
	int i;

	*vm = vm_boot(2, (void (*)(void))guest);
	vm_add_mem(*vm, MEM_SLOT, 0, MEM_GPA, 2 * SIZE);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &(*vm)->vcpus[i]);
}

TEST_F(churn, add_and_delete)
{
	int i;

	start(&self->vm, self->t, steady);
	for (i = 0; i < 100; i++) {
		vm_slot(self->vm, 5, i & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0,
			CHURN_GPA, SIZE, self->mem);
		vm_slot(self->vm, 5, 0, 0, 0, NULL);
	}
}

TEST_F(churn, move)
{
	int i;

	start(&self->vm, self->t, steady);
	vm_slot(self->vm, 5, 0, CHURN_GPA, SIZE, self->mem);
	for (i = 0; i < 100; i++)
		vm_slot(self->vm, 5, 0, CHURN_GPA + i % 7 * PAGE_SIZE, SIZE,
			self->mem);
}

TEST_F(churn, toggle_logging_of_the_slot_in_use)
{
	void *mem;
	int i;

	start(&self->vm, self->t, steady);
	mem = self->vm->slots[1].hva;
	for (i = 0; i < 100; i++)
		vm_slot(self->vm, MEM_SLOT,
			i & 1 ? 0 : KVM_MEM_LOG_DIRTY_PAGES, MEM_GPA, 2 * SIZE,
			mem);
}

/* vCPU 0 reads where slots come and go: memory, or an exit, never a mix. */
static void visitor(u64 id)
{
	u64 v, n = 0;

	if (id)
		steady(id);
	for (;;) {
		v = guest_read(CHURN_GPA + n % 16 * PAGE_SIZE);
		GUEST_ASSERT(v == 0x600d600d || v == 0x401e);
		rounds[0] = ++n;
	}
}

struct visit {
	struct vcpu *vcpu;
	volatile int stop, ended;
	u64 holes;
};

static void *visit_main(void *arg)
{
	struct visit *v = arg;
	struct kvm_run *run = v->vcpu->run;
	u64 hole = 0x401e;
	int err;

	while (!v->stop) {
		err = vcpu_run_once(v->vcpu);
		if (err == EINTR)
			continue;
		REQUIRE(!err, "KVM_RUN: errno %d", err);
		if (run->exit_reason != KVM_EXIT_MMIO) {
			struct ucall *c = vcpu_ucall(v->vcpu);

			exit_dump(v->vcpu);
			REQUIRE(0, "visitor: call %lu, %lx %lx",
				c ? c->cmd : 0, c ? c->arg[1] : 0,
				c ? c->arg[3] : 0);
		}
		memcpy(run->mmio.data, &hole, 8);
		v->holes++;
	}
	v->ended = 1;
	return NULL;
}

TEST(slot_in_use_deleted_and_moved)
{
	struct vm *vm = vm_boot(2, (void (*)(void))visitor);
	struct visit v = { .vcpu = &vm->vcpus[0] };
	struct vcpu_thread t = { 0 };
	pthread_t thread;
	u64 last, holes;
	u8 *mem;
	int i;

	vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, 2 * SIZE);
	mem = mem_alloc(SIZE, HUGE_SIZE);
	for (i = 0; i < 16; i++)
		*(u64 *)(mem + i * PAGE_SIZE) = 0x600d600d;
	vcpu_thread_start(&t, &vm->vcpus[1]);
	ASSERT_EQ(0, pthread_create(&thread, NULL, visit_main, &v));
	for (i = 0; i < 60; i++) {
		vm_slot(vm, 5, 0, CHURN_GPA, SIZE, mem);
		if (i % 3 == 0)
			vm_slot(vm, 5, 0, CHURN_GPA + SIZE / 2, SIZE, mem);
		last = GUEST_VAR(vm, rounds)[0];
		while (GUEST_VAR(vm, rounds)[0] < last + 4)
			usleep(200);
		vm_slot(vm, 5, 0, 0, 0, NULL);
		/* With the slot gone each read is an exit. */
		holes = v.holes;
		while (v.holes < holes + 2)
			usleep(200);
	}
	v.stop = 1;
	while (!v.ended) {
		kick(thread);
		sleep_ms(1);
	}
	pthread_join(thread, NULL);
	vcpu_thread_stop(&t);
	munmap(mem, SIZE);
	vm_free(vm);
}

/* Each slot is a page; the order of ids is not the order of addresses. */
static void many(struct __test_metadata *_metadata, u32 count)
{
	struct vm *vm = vm_boot_remote(1);
	u8 *mem = mem_alloc(PAGE_SIZE, PAGE_SIZE);
	u32 i, id;

	*(u64 *)mem = 0x77;
	for (i = 0; i < count; i++) {
		id = 1 + (i * 7919u) % count;
		vm_slot(vm, id, 0, MEM_GPA + 2ul * id * PAGE_SIZE, PAGE_SIZE,
			mem);
	}
	for (i = 1; i <= count; i += count / 16 + 1)
		EXPECT_EQ(0x77, remote_read(&vm->vcpus[0],
					    MEM_GPA + 2ul * i * PAGE_SIZE));
	EXPECT_EQ(EEXIST, vm_set_slot(vm, 32763, 0, MEM_GPA + 2 * PAGE_SIZE,
				      PAGE_SIZE, mem));
	for (i = 0; i < count; i++) {
		id = 1 + (i * 104729u) % count;
		vm_slot(vm, id, 0, 0, 0, NULL);
	}
	remote_arm(&vm->vcpus[0], REMOTE_READ, MEM_GPA + 2 * PAGE_SIZE, 0, 0);
	run_to_exit(&vm->vcpus[0], KVM_EXIT_MMIO);
	munmap(mem, PAGE_SIZE);
	vm_free(vm);
}

FIXTURE(many) {
};

FIXTURE_SETUP(many)
{
}

FIXTURE_TEARDOWN(many)
{
}

/* SELFTEST_SLOTS=32762 fills the table, which is long under emulation. */
TEST_F_TIMEOUT(many, slots, 1800)
{
	const char *text = getenv("SELFTEST_SLOTS");

	many(_metadata, text ? atoi(text) : 500);
}

TEST_HARNESS_MAIN
