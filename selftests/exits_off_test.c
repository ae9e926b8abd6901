// SPDX-License-Identifier: GPL-2.0
/*
 * Guests whose HLT does not exit (KVM_CAP_X86_DISABLE_EXITS): the CPU waits in
 * the guest, a signal still ends the run, and every event goes in from there.
 */
#include "kselftest_harness.h"
#include "lib/inject.h"
#include "lib/irq.h"

#include <linux/kvm_para.h>
#include <sys/time.h>

#define GP 13ul

FIXTURE(exits_off) {
	struct vm *vm;
	struct vcpu *vcpu;
};
ENGINE_VARIANTS(exits_off);

FIXTURE_SETUP(exits_off)
{
	ENGINE_CHOOSE();
	vm_exits_off = KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE;
}

FIXTURE_TEARDOWN(exits_off)
{
	vm_exits_off = 0;
	if (self->vm)
		vm_free(self->vm);
}

extern char past_hlt[];

/* A CPU may end HLT whenever it has left the guest, and the emulated one does. */
static void guest_hlt(void)
{
	u64 n = READ_ONCE(events);

	while (READ_ONCE(events) == n)
		asm volatile("sti\n\t"
			     "hlt\n"
			     "past_hlt: cli" : : : "memory");
	guest_done();
}

static void on_alarm(int sig)
{
}

/* Into HLT, and out by a signal that comes after a while. */
static void run_until_halted(struct vcpu *vcpu)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct kvm_regs regs;

	sigaction(SIGALRM, &action, NULL);
	do {
		setitimer(ITIMER_REAL, &soon, NULL);
		REQUIRE(vcpu_run_once(vcpu) == EINTR, "the guest left: %s",
			exit_name(vcpu->run->exit_reason));
		vcpu_regs(vcpu, &regs);
	} while (regs.rip != (u64)past_hlt);
}

static void boot(struct _test_data_exits_off *self)
{
	handlers_setup();
	self->vm = vm_boot(1, guest_hlt);
	self->vcpu = &self->vm->vcpus[0];
	run_until_halted(self->vcpu);
	run_until_halted(self->vcpu);
}

/* One event, in the middle of HLT. */
static void woke(struct _test_data_exits_off *self,
		 struct __test_metadata *_metadata, u64 vector)
{
	run_to_done(self->vcpu);
	EXPECT_EQ(1, GUEST_VAR(self->vm, events));
	EXPECT_EQ(vector, GUEST_VAR(self->vm, event[0]).vector);
	EXPECT_EQ((u64)past_hlt, GUEST_VAR(self->vm, event[0]).rip);
	EXPECT_EQ(0, stats_get(self->vcpu->fd, "halt_exits"));
}

TEST_F(exits_off, interrupt)
{
	boot(self);
	ASSERT_EQ(0, queue_irq(self->vcpu, IRQ));
	woke(self, _metadata, IRQ);
}

TEST_F(exits_off, nmi)
{
	boot(self);
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_NMI, 0));
	woke(self, _metadata, NMI);
}

/* The CPU would refuse to enter in HLT with that. */
TEST_F(exits_off, exception)
{
	struct kvm_vcpu_events ev;

	boot(self);
	get_events(self->vcpu, &ev);
	ev.exception.injected = 1;
	ev.exception.nr = GP;
	ev.exception.has_error_code = 1;
	ev.exception.error_code = 0;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &ev));
	woke(self, _metadata, GP);
}

#define ROUNDS 40
#define ICR 0x300
#define ICR2 0x310
#define LVTT 0x320
#define VECTOR 0xe0
#define TMICT 0x380
#define PING(id) (0x80 + (id))

static u64 ready;

/* Each halts until the other's IPI comes. */
static void guest_pings(u64 id)
{
	u64 i;

	guest_apic_on();
	guest_sti();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (READ_ONCE(ready) != 2)
		cpu_pause();
	guest_cli();
	for (i = 1; i <= ROUNDS; i++) {
		if (id)
			guest_wait_irq(PING(1), i);
		guest_apic_write(ICR2, (u32)!id << 24);
		guest_apic_write(ICR, PING(!id));
		if (!id)
			guest_wait_irq(PING(0), i);
	}
	guest_done();
}

TEST_F(exits_off, ipis)
{
	struct vcpu_thread t[2] = {};
	int i;

	self->vm = vm_boot_irq(2, IRQCHIP_KERNEL, (void *)guest_pings);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &self->vm->vcpus[i]);
	for (i = 0; i < 2; i++) {
		vcpu_thread_join(&t[i]);
		EXPECT_EQ(ROUNDS, GUEST_VAR(self->vm, irq_count[PING(i)]));
		EXPECT_EQ(0, stats_get(self->vm->vcpus[i].fd, "halt_exits"));
	}
}

static void guest_timer(void)
{
	u64 i;

	guest_apic_on();
	guest_cli();
	guest_apic_write(LVTT, VECTOR); /* one-shot */
	for (i = 1; i <= ROUNDS; i++) {
		guest_apic_write(TMICT, 20000 * i);
		guest_wait_irq(VECTOR, i);
	}
	guest_done();
}

TEST_F(exits_off, timer)
{
	self->vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_timer);
	run_to_done(&self->vm->vcpus[0]);
	EXPECT_EQ(ROUNDS, GUEST_VAR(self->vm, irq_count[VECTOR]));
	EXPECT_EQ(0, stats_get(self->vm->vcpus[0].fd, "halt_exits"));
}

static u32 unhalt_told(u64 exits_off)
{
	struct kvm_cpuid2 *table;
	struct kvm_cpuid_entry2 *leaf;
	struct vm *vm;
	u32 told;

	vm_exits_off = exits_off;
	vm = vm_create();
	table = supported_cpuid(vm->dev);
	vcpu_add(vm, 0);
	leaf = cpuid_leaf(table, KVM_CPUID_FEATURES);
	leaf->eax |= 1u << KVM_FEATURE_PV_UNHALT;
	REQUIRE(!KERR(vm->vcpus[0].fd, KVM_SET_CPUID2, table), "KVM_SET_CPUID2");
	REQUIRE(!KERR(vm->vcpus[0].fd, KVM_GET_CPUID2, table), "KVM_GET_CPUID2");
	told = leaf->eax >> KVM_FEATURE_PV_UNHALT & 1;
	free(table);
	vm_free(vm);
	return told;
}

TEST(unhalt_is_not_told)
{
	EXPECT_EQ(1, unhalt_told(0));
	EXPECT_EQ(1, unhalt_told(KVM_X86_DISABLE_EXITS_PAUSE));
	EXPECT_EQ(0, unhalt_told(KVM_X86_DISABLE_EXITS_HLT));
	vm_exits_off = 0;
}

TEST(refusals)
{
	struct vm *vm = vm_create();
	int offered = KIOCTL(vm->dev, KVM_CHECK_EXTENSION,
			     KVM_CAP_X86_DISABLE_EXITS);

	EXPECT_EQ(KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE,
		  offered & (KVM_X86_DISABLE_EXITS_HLT |
			     KVM_X86_DISABLE_EXITS_PAUSE));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, 16));
	EXPECT_EQ(EINVAL, vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, ~0ul));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS,
				   KVM_X86_DISABLE_VALID_EXITS));
	EXPECT_EQ(0, vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, 0));
	vm_free(vm);
}

TEST_HARNESS_MAIN
