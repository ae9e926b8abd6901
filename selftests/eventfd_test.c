// SPDX-License-Identifier: GPL-2.0
/*
 * Eventfds that raise interrupts, and writes that signal eventfds or wait in a
 * ring.
 */
#include <sys/eventfd.h>
#include "kselftest_harness.h"
#include "lib/irq.h"

#define MMIO 0xd0000000ul
#define PORT 0x700

static int irqfd(struct vm *vm, int fd, u32 gsi, u32 flags, int resample)
{
	struct kvm_irqfd args = { .fd = fd, .gsi = gsi, .flags = flags,
				  .resamplefd = resample };

	return KERR(vm->fd, KVM_IRQFD, &args);
}

static void signal_fd(int fd)
{
	u64 one = 1;

	REQUIRE(write(fd, &one, 8) == 8, "eventfd");
}

/* What was counted since last time; never waits. */
static u64 count_of(int fd)
{
	u64 n = 0;

	return read(fd, &n, 8) == 8 ? n : 0;
}

static int new_fd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	REQUIRE(fd >= 0, "eventfd");
	return fd;
}

TEST(irqfd_errors)
{
	struct vm *vm = vm_create();
	int fd = new_fd(), other = new_fd();

	EXPECT_EQ(EINVAL, irqfd(vm, fd, 5, 0, 0));
	EXPECT_EQ(0, KERR(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(EINVAL, irqfd(vm, fd, 5, 4, 0));
	EXPECT_EQ(EBADF, irqfd(vm, -1, 5, 0, 0));
	EXPECT_EQ(EINVAL, irqfd(vm, vm->fd, 5, 0, 0));
	EXPECT_EQ(EBADF, irqfd(vm, fd, 5, KVM_IRQFD_FLAG_RESAMPLE, -1));
	EXPECT_EQ(0, irqfd(vm, fd, 5, 0, 0));
	EXPECT_EQ(EBUSY, irqfd(vm, fd, 6, 0, 0));
	EXPECT_EQ(0, irqfd(vm, other, 5, 0, 0));
	EXPECT_EQ(0, irqfd(vm, fd, 6, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(EBUSY, irqfd(vm, fd, 6, 0, 0));
	EXPECT_EQ(0, irqfd(vm, fd, 5, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(0, irqfd(vm, fd, 6, 0, 0));
	/* closed while it is armed, and the VM before the other */
	close(fd);
	vm_free(vm);
	signal_fd(other);
	close(other);
}

static void guest_two(void)
{
	guest_apic_on();
	guest_cli();
	guest_ioapic_redir(20, 0x8062);
	guest_sync(0);
	guest_wait_irq(0x61, 1);
	guest_sync(1);
	guest_wait_irq(0x62, 1);
	guest_sync(2);
	guest_wait_irq(0x62, 2);
	guest_done();
}

TEST(irqfd_raises)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_KERNEL, guest_two);
	int fd = new_fd(), level = new_fd(), resample = new_fd();
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct {
		struct kvm_irq_routing table;
		struct kvm_irq_routing_entry entry[2];
	} r = {
		.table.nr = 2,
		.entry = {
			{ .gsi = 20, .type = KVM_IRQ_ROUTING_IRQCHIP,
			  .u.irqchip = { KVM_IRQCHIP_IOAPIC, 20 } },
			{ .gsi = 30, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = 0xfee00000, .data = 0x61 } },
		},
	};

	EXPECT_EQ(0, KERR(vm->fd, KVM_SET_GSI_ROUTING, &r));
	run_to_sync(vcpu, 0);
	signal_fd(fd); /* before it is assigned: counts */
	EXPECT_EQ(0, irqfd(vm, fd, 30, 0, 0));
	run_to_sync(vcpu, 1);
	EXPECT_EQ(0, irqfd(vm, level, 20, KVM_IRQFD_FLAG_RESAMPLE, resample));
	signal_fd(level);
	EXPECT_EQ(0, count_of(resample));
	run_to_sync(vcpu, 2);
	EXPECT_EQ(1, count_of(resample)); /* ended, and the line fell */
	EXPECT_EQ(0, KERR(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(0, chip.chip.ioapic.irr);
	signal_fd(level);
	run_to_done(vcpu);
	EXPECT_EQ(1, count_of(resample));
	/* taken away while it is up: the line falls */
	signal_fd(level);
	sleep_ms(10);
	EXPECT_EQ(0, KERR(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(1 << 20, chip.chip.ioapic.irr);
	EXPECT_EQ(0, irqfd(vm, level, 20, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(0, KERR(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(0, chip.chip.ioapic.irr);
	close(fd);
	close(level);
	close(resample);
	vm_free(vm);
}

static void guest_sleeper(void)
{
	guest_apic_on();
	guest_sync(0);
	guest_wait_irq(0x61, 200);
	guest_done();
}

static void *signal_many(void *arg)
{
	struct vm *vm = arg;
	int i, fd = new_fd();

	/* comes and goes while it is used */
	while (GUEST_VAR(vm, irq_count[0x61]) < 200) {
		REQUIRE(!irqfd(vm, fd, 30, 0, 0), "assign");
		for (i = 0; i < 5; i++)
			signal_fd(fd);
		if (GUEST_VAR(vm, irq_count[0x61]) % 2) {
			close(fd);
			fd = new_fd();
		} else {
			REQUIRE(!irqfd(vm, fd, 30, KVM_IRQFD_FLAG_DEASSIGN, 0),
				"deassign");
		}
	}
	close(fd);
	return NULL;
}

TEST(irqfd_wakes_from_hlt)
{
	struct vm *vm = vm_boot_irq(1, IRQCHIP_SPLIT, guest_sleeper);
	pthread_t thread;

	EXPECT_EQ(0, vm_route_msi(vm, 30, 0xfee00000, 0x61));
	run_to_sync(&vm->vcpus[0], 0);
	pthread_create(&thread, NULL, signal_many, vm);
	run_to_done(&vm->vcpus[0]);
	pthread_join(thread, NULL);
	vm_free(vm);
}

static int ioeventfd(struct vm *vm, int fd, u64 addr, u32 len, u32 flags,
		     u64 match)
{
	struct kvm_ioeventfd args = { .addr = addr, .len = len, .fd = fd,
				      .flags = flags, .datamatch = match };

	return KERR(vm->fd, KVM_IOEVENTFD, &args);
}

#define MATCH KVM_IOEVENTFD_FLAG_DATAMATCH
#define PIO KVM_IOEVENTFD_FLAG_PIO
#define GONE KVM_IOEVENTFD_FLAG_DEASSIGN

TEST(ioeventfd_errors)
{
	struct vm *vm = vm_create();
	int fd = new_fd(), other = new_fd();

	EXPECT_EQ(EINVAL, ioeventfd(vm, fd, MMIO, 3, 0, 0));
	EXPECT_EQ(EINVAL, ioeventfd(vm, fd, MMIO, 16, 0, 0));
	EXPECT_EQ(EINVAL, ioeventfd(vm, fd, MMIO, 4, 1 << 7, 0));
	EXPECT_EQ(EINVAL, ioeventfd(vm, fd, MMIO, 0, MATCH, 0));
	EXPECT_EQ(EINVAL, ioeventfd(vm, fd, ~0ul, 4, 0, 0));
	EXPECT_EQ(EBADF, ioeventfd(vm, -1, MMIO, 4, 0, 0));
	EXPECT_EQ(EINVAL, ioeventfd(vm, vm->fd, MMIO, 4, 0, 0));
	EXPECT_EQ(ENOENT, ioeventfd(vm, fd, MMIO, 4, GONE, 0));
	EXPECT_EQ(0, ioeventfd(vm, fd, MMIO, 4, MATCH, 1));
	EXPECT_EQ(EEXIST, ioeventfd(vm, other, MMIO, 4, MATCH, 1));
	EXPECT_EQ(EEXIST, ioeventfd(vm, other, MMIO, 4, 0, 0));
	EXPECT_EQ(EEXIST, ioeventfd(vm, other, MMIO, 0, 0, 0));
	EXPECT_EQ(0, ioeventfd(vm, fd, MMIO, 4, MATCH, 2));
	EXPECT_EQ(0, ioeventfd(vm, fd, MMIO, 2, 0, 0));
	EXPECT_EQ(0, ioeventfd(vm, fd, MMIO & 0xffff, 2, PIO, 0));
	EXPECT_EQ(ENOENT, ioeventfd(vm, other, MMIO, 4, MATCH | GONE, 1));
	EXPECT_EQ(ENOENT, ioeventfd(vm, fd, MMIO, 4, MATCH | GONE, 3));
	EXPECT_EQ(0, ioeventfd(vm, fd, MMIO, 4, MATCH | GONE, 1));
	EXPECT_EQ(0, ioeventfd(vm, other, MMIO, 4, MATCH, 1));
	close(fd);
	vm_free(vm);
	close(other);
}

static void guest_writes(void)
{
	*(volatile u32 *)MMIO = 7;
	*(volatile u32 *)MMIO = 8; /* not the value */
	*(volatile u16 *)MMIO = 7; /* not the length */
	*(volatile u8 *)(MMIO + 64) = 1; /* any length */
	*(volatile u64 *)(MMIO + 64) = 1;
	asm volatile("outw %w0, %w1" : : "a"(5), "d"(PORT));
	asm volatile("outb %b0, %w1" : : "a"(5), "d"(PORT));
	guest_done();
}

TEST(ioeventfd_takes_writes)
{
	struct vm *vm = vm_boot(1, guest_writes);
	struct vcpu *vcpu = &vm->vcpus[0];
	int a = new_fd(), b = new_fd(), c = new_fd();

	EXPECT_EQ(0, ioeventfd(vm, a, MMIO, 4, MATCH, 7));
	EXPECT_EQ(0, ioeventfd(vm, b, MMIO + 64, 0, 0, 0));
	EXPECT_EQ(0, ioeventfd(vm, c, PORT, 2, PIO, 0));
	run_to_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(1, count_of(a));
	EXPECT_EQ(8, *(u32 *)vcpu->run->mmio.data);
	run_to_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(2, vcpu->run->mmio.len);
	run_to_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, vcpu->run->io.size);
	EXPECT_EQ(2, count_of(b));
	EXPECT_EQ(1, count_of(c));
	EXPECT_EQ(0, count_of(a));
	run_to_done(vcpu);
	vm_free(vm);
}

static void guest_fills_ring(void)
{
	u64 i;

	for (i = 0; i < 10; i++) {
		*(volatile u32 *)(MMIO + i * 4) = i;
		asm volatile("outb %b0, %w1" : : "a"((u32)i), "d"(PORT));
	}
	guest_sync(0);
	for (i = 0;; i++)
		*(volatile u64 *)MMIO = i;
}

TEST(coalesced)
{
	struct kvm_coalesced_mmio_zone mmio = { .addr = MMIO, .size = 64 };
	struct kvm_coalesced_mmio_zone port = { .addr = PORT, .size = 1,
						.pio = 1 };
	struct vm *vm = vm_boot(1, guest_fills_ring);
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_coalesced_mmio_ring *ring =
		(void *)vcpu->run + KVM_COALESCED_MMIO_PAGE_OFFSET * PAGE_SIZE;
	u32 i;

	mmio.pio = 2;
	EXPECT_EQ(EINVAL, KERR(vm->fd, KVM_REGISTER_COALESCED_MMIO, &mmio));
	mmio.pio = 0;
	EXPECT_EQ(0, KERR(vm->fd, KVM_REGISTER_COALESCED_MMIO, &mmio));
	EXPECT_EQ(0, KERR(vm->fd, KVM_REGISTER_COALESCED_MMIO, &port));
	run_to_sync(vcpu, 0);
	EXPECT_EQ(20, ring->last);
	for (i = 0; i < 20; i++) {
		struct kvm_coalesced_mmio *e = &ring->coalesced_mmio[i];

		EXPECT_EQ(i & 1, e->pio);
		EXPECT_EQ(i & 1 ? PORT : MMIO + i / 2 * 4, e->phys_addr);
		EXPECT_EQ(i & 1 ? 1 : 4, e->len);
		EXPECT_EQ(i / 2, e->data[0]);
	}
	/* full: the next one exits */
	run_to_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(ring->first, (ring->last + 1) % KVM_COALESCED_MMIO_MAX);
	/* indices that cannot be */
	ring->last = KVM_COALESCED_MMIO_MAX;
	run_to_exit(vcpu, KVM_EXIT_MMIO);
	ring->last = ~0u;
	ring->first = ~0u;
	run_to_exit(vcpu, KVM_EXIT_MMIO);
	ring->first = 0;
	ring->last = 0;
	EXPECT_EQ(0, KERR(vm->fd, KVM_UNREGISTER_COALESCED_MMIO, &mmio));
	run_to_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(0, ring->last);
	vm_free(vm);
}

TEST_HARNESS_MAIN
