// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer: it comes once, not before its time, and not never,
 * whether the guest runs, halts, or is not there when it expires.
 */
#include "kselftest_harness.h"
#include "lib/irq.h"

#define MSR_TSC 0x10
#define MSR_DEADLINE 0x6e0
#define LVTT 0x320
#define TMICT 0x380
#define TMCCT 0x390
#define TDCR 0x3e0
#define DEADLINE 0x40000
#define PERIODIC 0x20000
#define VECTOR 0xe0
#define NS_PER_MS 1000000u

static u64 due, early, rounds;

static void guest_notes(u64 vector)
{
	if (vector == VECTOR && guest_rdtsc() < READ_ONCE(due))
		early++;
}

static void guest_setup(u32 lvtt)
{
	irq_seen = guest_notes;
	guest_apic_on();
	guest_apic_write(TDCR, 0xb); /* by 1 */
	guest_apic_write(LVTT, lvtt | VECTOR);
}

static void guest_deadline(u64 ticks)
{
	WRITE_ONCE(due, guest_rdtsc() + ticks);
	GUEST_ASSERT_EQ(guest_wrmsr(MSR_DEADLINE, due), 0);
}

static u64 guest_msr(u32 msr)
{
	u64 val;

	GUEST_ASSERT_EQ(guest_rdmsr(msr, &val), 0);
	return val;
}

static void guest_spin(u64 ticks)
{
	u64 end = guest_rdtsc() + ticks;

	while (guest_rdtsc() < end)
		;
}

/* What is pending; STI itself lets in nothing. */
static void guest_take(void)
{
	asm volatile("sti; nop; cli" : : : "memory");
}

static void guest_spins(void)
{
	u64 i, rand = 1;

	guest_setup(DEADLINE);
	guest_sti();
	for (i = 1; i <= rounds; i++) {
		guest_deadline(rand_next(&rand) % 20000);
		while (READ_ONCE(irq_count[VECTOR]) != i)
			;
		GUEST_ASSERT_EQ(guest_msr(MSR_DEADLINE), 0);
	}
	guest_cli();
	GUEST_ASSERT_EQ(early, 0);
	guest_done();
}

static void guest_halts(void)
{
	u64 i, rand = 2;

	guest_setup(DEADLINE);
	guest_cli();
	for (i = 1; i <= rounds; i++) {
		guest_deadline(rand_next(&rand) % 20000);
		guest_wait_irq(VECTOR, i);
	}
	GUEST_ASSERT_EQ(irq_count[VECTOR], rounds);
	GUEST_ASSERT_EQ(early, 0);
	guest_done();
}

static struct vm *vm_rounds(void (*guest)(void), u64 n)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest);

	GUEST_VAR(vm, rounds) = n;
	return vm;
}

static bool by_preemption_timer(void)
{
	char path[128], val[8] = "";

	return umbra_param("preemption_timer", path, sizeof(path)) &&
	       file_read(path, val, sizeof(val)) > 0 && val[0] == 'Y';
}

/* Where the CPU has the timer, that is what ends the guest's stretch. */
TEST(while_it_runs)
{
	struct vm *vm = vm_rounds(guest_spins, 300);
	struct vcpu *vcpu = &vm->vcpus[0];
	u64 exits;
	int fd;

	run_to_done(vcpu);
	fd = KIOCTL(vcpu->fd, KVM_GET_STATS_FD, 0);
	if (fd >= 0 && !stats_read(fd, "timer_exits", &exits)) {
		EXPECT_EQ(by_preemption_timer(), exits >= 200);
		close(fd);
	}
	vm_free(vm);
}

TEST(while_it_halts)
{
	struct vm *vm = vm_rounds(guest_halts, 1500);

	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

/* The other one's IPIs end HLT, too, and the timer is armed anew meanwhile. */
static void guest_halts_among_ipis(u64 id)
{
	u64 i, rand = 3, n;

	if (id) {
		guest_apic_on();
		guest_cli();
		for (i = 0; !READ_ONCE(early); i++) {
			guest_apic_write(0x310, 0);
			guest_apic_write(0x300, 0x41);
			guest_spin(i * 37 % 5000);
		}
		guest_done();
	}
	guest_setup(DEADLINE);
	irq_seen = NULL;
	guest_cli();
	for (i = 1; i <= rounds; i++) {
		n = irq_count[VECTOR];
		guest_deadline(rand_next(&rand) % 20000);
		guest_wait_irq(VECTOR, n + 1);
		GUEST_ASSERT_EQ(irq_count[VECTOR], n + 1);
		guest_deadline(rand_next(&rand) % 2000);
		guest_halt(); /* for whichever comes first */
		guest_deadline(0x40000000);
		guest_take();
	}
	WRITE_ONCE(early, 1);
	guest_done();
}

TEST(while_others_wake_it)
{
	struct vcpu_thread t[2] = { 0 };
	struct vm *vm = vm_boot_irq(2, IRQCHIP_KERNEL,
				    (void *)guest_halts_among_ipis);
	int i;

	GUEST_VAR(vm, rounds) = 400;
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
	for (i = 0; i < 2; i++)
		vcpu_thread_join(&t[i]);
	vm_free(vm);
}

static void guest_goes_away(void)
{
	guest_setup(DEADLINE);
	guest_cli();
	guest_deadline(1000);
	guest_sync(0);
	guest_sync(1); /* a look at what is pending */
	guest_take();
	GUEST_ASSERT_EQ(irq_count[VECTOR], 1);
	guest_apic_write(LVTT, PERIODIC | VECTOR);
	WRITE_ONCE(due, 0);
	guest_apic_write(TMICT, NS_PER_MS);
	guest_sync(2);
	guest_take();
	/* those that it missed are one; the next may be due, too */
	GUEST_ASSERT(irq_count[VECTOR] == 2 || irq_count[VECTOR] == 3);
	guest_wait_irq(VECTOR, 6);
	guest_done();
}

static u32 lapic_reg(struct vcpu *vcpu, u32 offset)
{
	struct kvm_lapic_state s;

	REQUIRE(!KERR(vcpu->fd, KVM_GET_LAPIC, &s), "KVM_GET_LAPIC");
	return *(u32 *)(s.regs + offset);
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static u64 msr_get(struct vcpu *vcpu, u32 index)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = index };

	REQUIRE(KIOCTL(vcpu->fd, KVM_GET_MSRS, &m) == 1, "KVM_GET_MSRS");
	return m.entry.data;
}

static void msr_set(struct vcpu *vcpu, u32 index, u64 data)
{
	struct one_msr m = { .head.nmsrs = 1,
			     .entry = { .index = index, .data = data } };

	REQUIRE(KIOCTL(vcpu->fd, KVM_SET_MSRS, &m) == 1, "KVM_SET_MSRS");
}

TEST(while_it_is_in_user_space)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_goes_away);
	struct vcpu *vcpu = &vm->vcpus[0];

	if (!is_umbra())
		SKIP(vm_free(vm); return, "KVM's timer waits for KVM_RUN");
	run_to_sync(vcpu, 0);
	sleep_ms(20);
	/* user space sees it as the guest would */
	EXPECT_EQ(1, lapic_reg(vcpu, 0x270) & 1);
	EXPECT_EQ(0, msr_get(vcpu, MSR_DEADLINE));
	run_to_sync(vcpu, 1);
	EXPECT_EQ(1, lapic_reg(vcpu, 0x270) & 1);
	run_to_sync(vcpu, 2);
	sleep_ms(30);
	run_to_done(vcpu);
	vm_free(vm);
}

static void guest_disarms(void)
{
	guest_setup(DEADLINE);
	guest_sti();
	guest_deadline(200000);
	GUEST_ASSERT_EQ(guest_wrmsr(MSR_DEADLINE, 0), 0);
	guest_spin(400000);
	GUEST_ASSERT_EQ(irq_count[VECTOR], 0);
	guest_deadline(200000);
	guest_apic_write(LVTT, VECTOR); /* another mode */
	guest_spin(400000);
	GUEST_ASSERT_EQ(irq_count[VECTOR], 0);
	/* armed anew: not at the time before, and once */
	guest_apic_write(LVTT, DEADLINE | VECTOR);
	guest_deadline(100000);
	guest_deadline(300000);
	guest_spin(600000);
	GUEST_ASSERT_EQ(irq_count[VECTOR], 1);
	GUEST_ASSERT_EQ(early, 0);
	/* in the past: at once */
	GUEST_ASSERT_EQ(guest_wrmsr(MSR_DEADLINE, 1), 0);
	asm volatile("nop");
	GUEST_ASSERT_EQ(irq_count[VECTOR], 2);
	GUEST_ASSERT_EQ(guest_msr(MSR_DEADLINE), 0);
	/* beyond any counter of 32 bits */
	guest_deadline(1ul << 45);
	guest_spin(400000);
	GUEST_ASSERT_EQ(irq_count[VECTOR], 2);
	GUEST_ASSERT_EQ(guest_msr(MSR_DEADLINE), due);
	guest_cli();
	guest_sync(0);
	guest_done();
}

TEST(disarmed_and_armed_anew)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_disarms);
	struct vcpu *vcpu = &vm->vcpus[0];

	run_to_sync(vcpu, 0);
	EXPECT_EQ(GUEST_VAR(vm, due), msr_get(vcpu, MSR_DEADLINE));
	EXPECT_EQ(0, lapic_reg(vcpu, TMCCT));
	run_to_done(vcpu);
	vm_free(vm);
}

#define FAR (1ul << 36)

static void guest_sets_clock(void)
{
	guest_setup(DEADLINE);
	guest_cli();
	/* the guest's own write, past the deadline and back from it */
	guest_deadline(FAR);
	GUEST_ASSERT_EQ(guest_wrmsr(MSR_TSC, due), 0);
	guest_wait_irq(VECTOR, 1);
	guest_deadline(200000);
	GUEST_ASSERT_EQ(guest_wrmsr(MSR_TSC, guest_rdtsc() - 200000), 0);
	guest_wait_irq(VECTOR, 2);
	GUEST_ASSERT_EQ(early, 0);
	guest_deadline(FAR);
	guest_sync(0);
	guest_wait_irq(VECTOR, 3);
	GUEST_ASSERT_EQ(early, 0);
	guest_done();
}

/* A deadline is a time of the guest's clock, whoever sets that. */
TEST(clock_is_set)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_sets_clock);
	struct vcpu *vcpu = &vm->vcpus[0];

	if (!is_umbra())
		SKIP(vm_free(vm); return, "KVM takes a small step for none");
	run_to_sync(vcpu, 0);
	msr_set(vcpu, MSR_TSC, GUEST_VAR(vm, due) + 1);
	run_to_done(vcpu);
	vm_free(vm);
}

#define PERIODS 60
#define PERIOD_MS 2

static void guest_counts_periods(void)
{
	u64 first, last;

	guest_setup(PERIODIC);
	guest_apic_write(TMICT, PERIOD_MS * NS_PER_MS);
	guest_wait_irq(VECTOR, 1);
	first = guest_rdtsc();
	guest_wait_irq(VECTOR, 1 + PERIODS / 2);
	guest_sti();
	while (READ_ONCE(irq_count[VECTOR]) < 1 + PERIODS)
		cpu_pause();
	last = guest_rdtsc();
	guest_apic_write(TMICT, 0);
	guest_spin(300000);
	GUEST_ASSERT(irq_count[VECTOR] <= 2 + PERIODS);
	guest_sync2(0, first, last);
	guest_done();
}

static u64 host_khz(void)
{
	u64 tsc = guest_rdtsc(), ms = now_ms(), end;

	sleep_ms(200);
	end = guest_rdtsc();
	return (end - tsc) / (now_ms() - ms);
}

/* Half of them halting, half running; whoever is late does not add up. */
TEST(periods_do_not_drift)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_counts_periods);
	u64 khz = host_khz(), period = khz * PERIOD_MS, ticks;
	struct ucall *call = run_ucall(&vm->vcpus[0]);

	ASSERT_EQ(UCALL_SYNC, call->cmd);
	ticks = call->arg[2] - call->arg[1];
	/* The first may have been late as well, and a clock is no better. */
	EXPECT_LE((PERIODS - 1) * period, ticks);
	EXPECT_GE((PERIODS + 2) * period, ticks);
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

TEST_HARNESS_MAIN
