// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads misuse one VM at once.
 *
 * What each call answers is of no interest; that the device and a VM beside
 * this one still work is. RANDOM_SEED= and RANDOM_COUNT= repeat a run.
 */
#include <sys/eventfd.h>
#include <time.h>
#include "kselftest_harness.h"
#include "lib/irq.h"

#define THREADS 4

static const unsigned long numbers[] = {
	KVM_GET_API_VERSION, KVM_CREATE_VM, KVM_CHECK_EXTENSION,
	KVM_GET_VCPU_MMAP_SIZE, KVM_GET_SUPPORTED_CPUID,
	KVM_GET_MSR_INDEX_LIST, KVM_SET_USER_MEMORY_REGION,
	KVM_GET_DIRTY_LOG, KVM_CREATE_VCPU, KVM_SET_TSS_ADDR,
	KVM_GET_STATS_FD, KVM_ENABLE_CAP, KVM_RUN, KVM_GET_REGS,
	KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_MSRS,
	KVM_SET_MSRS, KVM_SET_CPUID2, KVM_GET_MP_STATE, KVM_SET_MP_STATE,
	KVM_GET_FPU, KVM_SET_FPU, KVM_GET_XSAVE, KVM_SET_XSAVE,
	KVM_GET_XCRS, KVM_SET_XCRS, KVM_CREATE_IRQCHIP, KVM_INTERRUPT,
	KVM_SET_SIGNAL_MASK, KVM_TRANSLATE, KVM_NMI,
	KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_GET_DEBUGREGS,
	KVM_SET_DEBUGREGS, KVM_SET_GUEST_DEBUG, KVM_CLEAR_DIRTY_LOG,
	KVM_SET_NR_MMU_PAGES, KVM_SET_IDENTITY_MAP_ADDR, KVM_GET_CLOCK,
	KVM_SET_CLOCK, KVM_GET_CPUID2, KVM_KVMCLOCK_CTRL,
	KVM_IRQ_LINE, KVM_IRQ_LINE_STATUS, KVM_SET_GSI_ROUTING,
	KVM_SIGNAL_MSI, KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, KVM_GET_LAPIC,
	KVM_SET_LAPIC, KVM_CREATE_PIT2, KVM_GET_PIT2, KVM_SET_PIT2,
	KVM_REINJECT_CONTROL, KVM_IRQFD, KVM_IOEVENTFD,
	KVM_REGISTER_COALESCED_MMIO, KVM_UNREGISTER_COALESCED_MMIO,
	KVM_SET_BOOT_CPU_ID, KVM_TPR_ACCESS_REPORTING, KVM_SET_VAPIC_ADDR,
	KVM_SET_TSC_KHZ,
};

static struct vm *shared;
static u8 *backing;
static int fds[8];
static int event_fd;
static int count;

static u64 next(u64 *state)
{
	rand_next(state);
	return *state >> 16;
}

/* A word that is often on some edge. */
static u64 word(u64 *rand)
{
	static const u64 edges[] = {
		0, 1, 2, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xffffffff,
		1ul << 31, 1ul << 32, 1ul << 47, 1ul << 52, 1ul << 63, ~0ul,
		~0xffful, MEM_GPA,
	};
	u64 r = next(rand);

	switch (r & 3) {
	case 0:
		return edges[r >> 2 & 15];
	case 1:
		return 1ul << (r >> 2 & 63);
	case 2:
		return r >> 2 & 0xff;
	default:
		return next(rand) << 32 ^ next(rand);
	}
}

static void one_slot(u64 *rand)
{
	u64 r = next(rand);

	vm_set_slot(shared, 1 + (r & 3), r >> 2 & 3,
		    MEM_GPA + (r >> 4 & 31) * PAGE_SIZE,
		    (r >> 9 & 15) * PAGE_SIZE,
		    backing + (r >> 13 & 15) * PAGE_SIZE);
}

/* Something legal, to spoil a few words of. */
static void legal(u8 *buf, unsigned long nr, u64 r)
{
	switch (nr) {
	case KVM_SET_SREGS:
		KIOCTL(fds[2], KVM_GET_SREGS, buf);
		break;
	case KVM_SET_XSAVE:
		KIOCTL(fds[2], KVM_GET_XSAVE, buf);
		break;
	case KVM_SET_LAPIC:
		KIOCTL(fds[2], KVM_GET_LAPIC, buf);
		break;
	case KVM_SET_IRQCHIP:
		*(u32 *)buf = r % 3;
		KIOCTL(shared->fd, KVM_GET_IRQCHIP, buf);
		break;
	case KVM_SET_PIT2:
		KIOCTL(shared->fd, KVM_GET_PIT2, buf);
		break;
	case KVM_IRQFD:
		*(struct kvm_irqfd *)buf = (struct kvm_irqfd){
			.fd = event_fd, .gsi = r & 31, .flags = r >> 5 & 1 };
		break;
	case KVM_IOEVENTFD:
		*(struct kvm_ioeventfd *)buf = (struct kvm_ioeventfd){
			.fd = event_fd, .addr = MEM_GPA, .len = r & 8,
			.flags = r >> 5 & 7 };
		break;
	}
}

static u64 argument(u64 *rand, u8 *buf, unsigned long nr)
{
	u64 r = next(rand), i;

	if (r % 8 == 0)
		return word(rand);
	memset(buf, 0, 4096);
	if (r % 8 < 5)
		legal(buf, nr, r >> 24);
	for (i = 0; i < (r >> 3) % 6; i++)
		((u64 *)buf)[next(rand) % ((r >> 8) % 2 ? 8 : 256)] =
			word(rand);
	return (u64)buf;
}

static void one_call(u64 *rand, u8 *buf)
{
	u64 r = next(rand);
	unsigned long nr = numbers[r % ARRAY_SIZE(numbers)];
	int fd = fds[(r >> 16) % 6], got;
	u64 arg;

	if ((r >> 24) % 8 == 0)
		return one_slot(rand);
	if ((r >> 24) % 64 == 1)
		nr = _IOC(next(rand) & 3, KVMIO, next(rand) & 0xff,
			  next(rand) & 0x3fff);
	arg = argument(rand, buf, nr);
	/* Most runs are proper ones, which a random state may leave stuck. */
	if (nr == KVM_RUN) {
		if (r >> 32 & 7)
			arg = 0;
		shared->vcpus[0].run->immediate_exit = next(rand) & 1;
		shared->vcpus[1].run->immediate_exit = next(rand) & 1;
	}
	got = kvm_ioctl(fd, nr, arg);
	if (got > 2 && (nr == KVM_CREATE_VM || nr == KVM_CREATE_VCPU ||
			nr == KVM_GET_STATS_FD) && got != 12)
		close(got);
}

struct misuser {
	pthread_t thread;
	u64 seed;
	volatile int ended;
};

static void *misuse(void *arg)
{
	struct misuser *m = arg;
	u64 rand = m->seed;
	u8 *buf = mem_alloc(2 * PAGE_SIZE, PAGE_SIZE);
	int i;

	for (i = 0; i < count; i++)
		one_call(&rand, buf);
	m->ended = 1;
	return NULL;
}

static void guest(u64 id)
{
	u64 i;

	for (i = 0;; i++) {
		guest_write(MEM_GPA + i % 32 * PAGE_SIZE, i);
		if (i % 64 == 0)
			guest_sync(i);
	}
}

/* Run the VM beside, wake stuck runs, until all misusers are done. */
static void attend(struct __test_metadata *_metadata, struct misuser *m)
{
	struct vm *beside = vm_boot_remote(1);
	u64 rounds = 0;
	int i, left;

	do {
		remote_write(&beside->vcpus[0], 0xff8, ++rounds);
		EXPECT_EQ(rounds, *(u64 *)(beside->ram + 0xff8));
		sleep_ms(5);
		left = 0;
		for (i = 0; i < THREADS; i++) {
			if (m[i].ended)
				continue;
			left++;
			kick(m[i].thread);
		}
	} while (left);
	vm_free(beside);
}

FIXTURE(random) {
};

/* As a VM is made first, and with all that can be made in the kernel. */
FIXTURE_VARIANT(random) {
	bool chips;
};
FIXTURE_VARIANT_ADD(random, bare) { .chips = false };
FIXTURE_VARIANT_ADD(random, chips) { .chips = true };

FIXTURE_SETUP(random)
{
}

FIXTURE_TEARDOWN(random)
{
}

TEST_F_TIMEOUT(random, misuse, 100)
{
	const char *seed_text = getenv("RANDOM_SEED");
	const char *count_text = getenv("RANDOM_COUNT");
	u64 seed = seed_text ? strtoul(seed_text, NULL, 0) : time(NULL);
	struct misuser m[THREADS] = { 0 };
	struct vm *vm;
	int i;

	count = count_text ? atoi(count_text) : 1200;
	printf("# RANDOM_SEED=%lu RANDOM_COUNT=%d, %d threads\n", seed, count,
	       THREADS);
	fflush(stdout);
	kick_setup();
	event_fd = eventfd(0, EFD_NONBLOCK);
	shared = variant->chips ?
		vm_boot_irq(2, IRQCHIP_KERNEL, (void (*)(void))guest) :
		vm_boot(2, (void (*)(void))guest);
	backing = mem_alloc(64 * PAGE_SIZE, PAGE_SIZE);
	fds[0] = shared->dev;
	fds[1] = shared->fd;
	for (i = 2; i < 6; i++)
		fds[i] = shared->vcpus[i % 2].fd;
	for (i = 0; i < THREADS; i++) {
		m[i].seed = seed + i;
		ASSERT_EQ(0, pthread_create(&m[i].thread, NULL, misuse, &m[i]));
	}
	attend(_metadata, m);
	for (i = 0; i < THREADS; i++)
		pthread_join(m[i].thread, NULL);
	vm_free(shared);
	close(event_fd);
	vm = vm_boot_remote(2);
	remote_write(&vm->vcpus[1], 0xff0, 5);
	EXPECT_EQ(5, remote_read(&vm->vcpus[0], 0xff0));
	vm_free(vm);
}

TEST_HARNESS_MAIN
