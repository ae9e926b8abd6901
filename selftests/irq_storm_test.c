// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts without pause from several threads, by every way in, while what
 * they come through is closed, moved and taken away.
 *
 * Which of them arrive is of no interest; that a last one does, and that the
 * guest meets no exception, is.
 */
#include <sys/eventfd.h>
#include "kselftest_harness.h"
#include "lib/irq.h"

#define ROUNDS 400
#define FDS 4
#define GSI 40
#define VECTOR 0x61
#define LAST 0x71
#define DELIVERY_MODE (7u << 8)
#define PINS 24

struct storm {
	struct vm *vm;
	int fds[FDS];
	int over;
	u64 signals;
};

static u64 pin_writes;

static void *signaller(void *arg)
{
	struct storm *s = arg;
	u64 one = 1;
	int i;

	/* A descriptor may be closed under it, or be another eventfd's. */
	for (i = 0; !READ_ONCE(s->over); i++) {
		if (write(READ_ONCE(s->fds[i % FDS]), &one, 8) == 8)
			__sync_fetch_and_add(&s->signals, 1);
	}
	return NULL;
}

static void route_to(struct vm *vm, u64 destination, u32 vector)
{
	struct {
		struct kvm_irq_routing table;
		struct kvm_irq_routing_entry entry[FDS];
	} r = { .table.nr = FDS };
	int i;

	for (i = 0; i < FDS; i++) {
		r.entry[i].gsi = GSI + i;
		r.entry[i].type = KVM_IRQ_ROUTING_MSI;
		r.entry[i].u.msi.address_lo = APIC_PAGE | destination << 12;
		r.entry[i].u.msi.data = vector;
	}
	REQUIRE(!KERR(vm->fd, KVM_SET_GSI_ROUTING, &r), "routing");
}

static int arm(struct vm *vm, int fd, int i, u32 flags)
{
	struct kvm_irqfd args = { .fd = fd, .gsi = GSI + i, .flags = flags };

	return KERR(vm->fd, KVM_IRQFD, &args);
}

static int armed_fd(struct vm *vm, int i)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	REQUIRE(fd >= 0, "eventfd");
	REQUIRE(!arm(vm, fd, i, 0), "KVM_IRQFD");
	return fd;
}

/* Closes an eventfd while it is armed, or lets go of it first. */
static void renew(struct storm *s, int i, int round)
{
	int fd = s->fds[i];

	if (round & 1)
		REQUIRE(!arm(s->vm, fd, i, KVM_IRQFD_FLAG_DEASSIGN), "deassign");
	WRITE_ONCE(s->fds[i], armed_fd(s->vm, i));
	close(fd);
}

/* Until the last of the storm was taken. */
static void guest_takes(u64 id)
{
	guest_apic_on();
	guest_wait_irq(LAST, 1);
	/* the other may sleep still */
	guest_apic_write(0x300, 3 << 18 | LAST);
	guest_done();
}

static void start_guests(struct vm *vm, struct vcpu_thread *t)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
}

static void end_guests(struct vm *vm, struct vcpu_thread *t)
{
	struct kvm_msi msi = { .address_lo = APIC_PAGE | 0xff << 12,
			       .data = LAST };
	int i;

	REQUIRE(KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi) > 0, "nobody took it");
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_thread_join(&t[i]);
}

TEST(eventfds_that_go)
{
	struct vm *vm = vm_boot_irq(2, IRQCHIP_SPLIT, (void *)guest_takes);
	struct storm s = { .vm = vm };
	struct vcpu_thread t[2] = { 0 };
	pthread_t threads[2];
	int i;

	route_to(vm, 0, VECTOR);
	for (i = 0; i < FDS; i++)
		s.fds[i] = armed_fd(vm, i);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, signaller, &s);
	start_guests(vm, t);
	for (i = 0; i < ROUNDS; i++) {
		renew(&s, i % FDS, i / FDS);
		/* one of two, nobody, everybody */
		route_to(vm, (u64[]){ 0, 1, 9, 0xff }[i % 4], VECTOR + i % 3);
	}
	EXPECT_LT(0, GUEST_VAR(vm, irq_count[VECTOR]));
	end_guests(vm, t);
	/* the VM goes while they are armed and signalled */
	vm_free(vm);
	s.over = 1;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_LT(0, s.signals);
	for (i = 0; i < FDS; i++)
		close(s.fds[i]);
}

/* A message with anything in it that does not end the guest. */
static void random_message(struct vm *vm, u64 *rand)
{
	struct kvm_msi msi = { 0 };
	u32 mode;

	rand_next(rand);
	msi.address_lo = APIC_PAGE | (*rand >> 16 & 0xfffff);
	msi.data = *rand >> 36;
	mode = msi.data & DELIVERY_MODE;
	/* NMI and INIT; and ExtINT, which asks a PIC */
	if (mode >= 4 << 8)
		msi.data &= ~(4u << 8);
	if ((msi.data & 0xff) == LAST || (msi.data & 0xff) < 32)
		msi.data ^= 0x80;
	KIOCTL(vm->fd, KVM_SIGNAL_MSI, &msi);
}

static void *sender(void *arg)
{
	struct storm *s = arg;
	u64 rand = (u64)pthread_self();

	while (!READ_ONCE(s->over)) {
		random_message(s->vm, &rand);
		s->signals++;
	}
	return NULL;
}

TEST(messages_of_all_kinds)
{
	struct vm *vm = vm_boot_irq(2, IRQCHIP_SPLIT, (void *)guest_takes);
	struct storm s = { .vm = vm };
	struct vcpu_thread t[2] = { 0 };
	pthread_t threads[2];
	int i;

	if (!is_umbra())
		SKIP(vm_free(vm); return, "KVM has SMM, the guest has not");
	start_guests(vm, t);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, sender, &s);
	sleep_ms(200);
	s.over = 1;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_LT(100, s.signals);
	end_guests(vm, t);
	vm_free(vm);
}

static void *puller(void *arg)
{
	struct storm *s = arg;
	u64 rand = (u64)pthread_self();

	while (!READ_ONCE(s->over)) {
		rand_next(&rand);
		vm_irq_line(s->vm, rand >> 20 & 31, rand >> 25 & 1, NULL);
	}
	return NULL;
}

/* One sets the pins of the IO-APIC anew while the other ends what comes. */
static void guest_moves_pins(u64 id)
{
	u64 rand = 11;

	guest_apic_on();
	if (id) {
		guest_takes(id);
		return;
	}
	guest_outb(0x21, 0xff); /* the PICs have the same lines */
	guest_outb(0xa1, 0xff);
	while (!READ_ONCE(irq_count[LAST])) {
		u32 pin, vector;

		rand_next(&rand);
		pin = (rand >> 16) % PINS;
		vector = 0x80 + (rand >> 24 & 0x1f);
		/* edge or level, either polarity, one of four, masked or not */
		guest_ioapic_redir(pin, vector | (rand >> 32 & 0x1a000) |
				   (rand >> 50 & 3) << 56);
		pin_writes++;
		guest_sti();
		cpu_pause();
		guest_cli();
	}
	guest_takes(id);
}

TEST(lines_that_move)
{
	struct vm *vm = vm_boot_irq(2, IRQCHIP_KERNEL,
				    (void *)guest_moves_pins);
	struct storm s = { .vm = vm };
	struct vcpu_thread t[2] = { 0 };
	pthread_t threads[2];
	int i;

	start_guests(vm, t);
	while (!GUEST_VAR(vm, pin_writes)) /* the PICs are masked */
		sleep_ms(1);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, puller, &s);
	while (GUEST_VAR(vm, pin_writes) < 2 * ROUNDS)
		sleep_ms(1);
	s.over = 1;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < PINS; i++)
		vm_irq_line(vm, i, 0, NULL);
	end_guests(vm, t);
	vm_free(vm);
}

TEST_HARNESS_MAIN
