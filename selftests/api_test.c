// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl table: what each fd answers, values of the
 * capabilities, errno of bad numbers, bad pointers and foreign processes.
 *
 * Slots and vCPU state have tables of their own (api_slot_test.c,
 * api_state_test.c).
 */
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "lib/vm.h"
#include "uapi/umbra.h"

#define NO_SUCH_IOCTL _IO(KVMIO, 0x3f)
#define FOREIGN_TYPE _IO('Q', 0x80)

FIXTURE(api) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(api)
{
	self->vm = vm_create();
	self->vcpu = vcpu_add(self->vm, 0);
}

FIXTURE_TEARDOWN(api)
{
	vm_free(self->vm);
}

TEST_F(api, numbers_on_device)
{
	int dev = self->vm->dev;

	EXPECT_EQ(12, KIOCTL(dev, KVM_GET_API_VERSION, 0));
	EXPECT_EQ(EINVAL, KERR(dev, KVM_GET_API_VERSION, 1));
	EXPECT_EQ(3 * PAGE_SIZE, KIOCTL(dev, KVM_GET_VCPU_MMAP_SIZE, 0));
	EXPECT_EQ(EINVAL, KERR(dev, KVM_GET_VCPU_MMAP_SIZE, 1));
	EXPECT_EQ(EINVAL, KERR(dev, KVM_CREATE_VM, 0xff));
	EXPECT_EQ(EINVAL, KERR(dev, KVM_CREATE_VM, ~0ul));
	EXPECT_EQ(EINVAL, KERR(dev, NO_SUCH_IOCTL, 0));
	EXPECT_EQ(EINVAL, KERR(dev, FOREIGN_TYPE, 0));
}

static const struct {
	int nr;
	int low, high;
	const char *name;
} caps[] = {
	{ KVM_CAP_USER_MEMORY, 1, 1, "USER_MEMORY" },
	{ KVM_CAP_SET_TSS_ADDR, 1, 1, "SET_TSS_ADDR" },
	{ KVM_CAP_EXT_CPUID, 1, 1, "EXT_CPUID" },
	{ KVM_CAP_NR_VCPUS, 1, 1 << 16, "NR_VCPUS" },
	{ KVM_CAP_NR_MEMSLOTS, 32764, 32764, "NR_MEMSLOTS" },
	{ KVM_CAP_MP_STATE, 1, 1, "MP_STATE" },
	{ KVM_CAP_SYNC_MMU, 1, 1, "SYNC_MMU" },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1, 1, "DESTROY_MEMORY" },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1, 1, "JOIN_MEMORY" },
	{ KVM_CAP_MAX_VCPUS, 2, 1 << 16, "MAX_VCPUS" },
	{ KVM_CAP_READONLY_MEM, 1, 1, "READONLY_MEM" },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1, 1, "CHECK_EXTENSION_VM" },
	{ KVM_CAP_IMMEDIATE_EXIT, 1, 1, "IMMEDIATE_EXIT" },
	{ KVM_CAP_BINARY_STATS_FD, 1, 1, "BINARY_STATS_FD" },
	{ 60000, 0, 0, "unknown" },
	{ -1, 0, 0, "minus one" },
};

TEST_F(api, capabilities)
{
	int fds[] = { self->vm->dev, self->vm->fd };
	int i, f, value;

	for (f = 0; f < 2; f++) {
		for (i = 0; i < ARRAY_SIZE(caps); i++) {
			value = KIOCTL(fds[f], KVM_CHECK_EXTENSION,
				       (long)caps[i].nr);
			EXPECT_TRUE(value >= caps[i].low &&
				    value <= caps[i].high) {
				TH_LOG("cap %s on fd %d is %d", caps[i].name,
				       f, value);
			}
		}
	}
	EXPECT_GE(KIOCTL(fds[0], KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS),
		  KIOCTL(fds[0], KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS));
}

TEST_F(api, wrong_fd_kind)
{
	int vm = self->vm->fd, vcpu = self->vcpu->fd, dev = self->vm->dev;
	int stats;

	EXPECT_EQ(ENOTTY, KERR(vm, NO_SUCH_IOCTL, 0));
	EXPECT_EQ(ENOTTY, KERR(vm, FOREIGN_TYPE, 0));
	EXPECT_EQ(ENOTTY, KERR(vm, KVM_RUN, 0));
	EXPECT_EQ(ENOTTY, KERR(vm, KVM_CREATE_VM, 0));
	EXPECT_EQ(ENOTTY, KERR(vm, KVM_GET_API_VERSION, 0));
	EXPECT_EQ(EINVAL, KERR(vcpu, NO_SUCH_IOCTL, 0));
	EXPECT_EQ(EINVAL, KERR(vcpu, FOREIGN_TYPE, 0));
	EXPECT_EQ(EINVAL, KERR(vcpu, KVM_CREATE_VCPU, 1));
	EXPECT_EQ(EINVAL, KERR(vcpu, KVM_SET_USER_MEMORY_REGION, 0));
	EXPECT_EQ(EINVAL, KERR(vcpu, KVM_GET_API_VERSION, 0));
	EXPECT_EQ(EINVAL, KERR(dev, KVM_CREATE_VCPU, 1));
	EXPECT_EQ(EINVAL, KERR(dev, KVM_RUN, 0));
	EXPECT_EQ(EINVAL, KERR(dev, KVM_GET_REGS, 0));

	stats = KIOCTL(vm, KVM_GET_STATS_FD, 0);
	ASSERT_GE(stats, 0);
	EXPECT_EQ(ENOTTY, KERR(stats, KVM_RUN, 0));
	EXPECT_EQ(ENOTTY, KERR(stats, KVM_GET_API_VERSION, 0));
	close(stats);
}

TEST_F(api, no_read_write_map)
{
	int fds[] = { self->vm->dev, self->vm->fd, self->vcpu->fd };
	char c = 0;
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-1, read(fds[i], &c, 1));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, write(fds[i], &c, 1));
		EXPECT_EQ(EINVAL, errno);
	}
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ,
					   MAP_SHARED, fds[i], 0));
		EXPECT_EQ(ENODEV, errno);
	}
}

/* Run page, data page, third page; nothing stands behind them. */
TEST_F(api, run_mapping)
{
	volatile u8 *map;
	int status, i;
	pid_t pid;

	map = mmap(NULL, 8 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->vcpu->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < 3; i++)
		map[i * PAGE_SIZE + 0xff0] = i;
	self->vcpu->run->immediate_exit = 1;
	EXPECT_EQ(1, ((struct kvm_run *)map)->immediate_exit);

	for (i = 3; i < 8; i += 4) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			signal(SIGBUS, SIG_DFL);
			_exit(map[i * PAGE_SIZE]);
		}
		waitpid(pid, &status, 0);
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) {
			TH_LOG("page %d: status %x", i, status);
		}
	}
}

TEST_F(api, create_vcpu)
{
	int vm = self->vm->fd, fd;
	int max = KIOCTL(vm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	if (!max)
		max = KIOCTL(vm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	EXPECT_EQ(EEXIST, KERR(vm, KVM_CREATE_VCPU, 0));
	EXPECT_EQ(EINVAL, KERR(vm, KVM_CREATE_VCPU, max));
	EXPECT_EQ(EINVAL, KERR(vm, KVM_CREATE_VCPU, 0x7fffffff));
	EXPECT_EQ(EINVAL, KERR(vm, KVM_CREATE_VCPU, 0xffffffff));
	EXPECT_EQ(EINVAL, KERR(vm, KVM_CREATE_VCPU, 1ul << 32));
	fd = KIOCTL(vm, KVM_CREATE_VCPU, max - 1);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(EEXIST, KERR(vm, KVM_CREATE_VCPU, max - 1));
	close(fd);
	/* The id stays taken for the life of the VM. */
	EXPECT_EQ(EEXIST, KERR(vm, KVM_CREATE_VCPU, max - 1));
}

TEST_F(api, run_arguments)
{
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_RUN, 1));
	EXPECT_EQ(EINVAL, KERR(self->vcpu->fd, KVM_RUN, self->vcpu->run));
	self->vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, KERR(self->vcpu->fd, KVM_RUN, 0));
	EXPECT_EQ(EINTR, KERR(self->vcpu->fd, KVM_RUN, 0));
}

/*
 * The reset vector lies in no slot: there is nothing to fetch. With no slot
 * at all kvm_intel has no page for a table, and says ENOSPC.
 */
TEST_F(api, run_outside_of_memory)
{
	vm_slot(self->vm, 3, 0, 0, PAGE_SIZE, mem_alloc(PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_RUN, 0));
	EXPECT_EQ(KVM_EXIT_INTERNAL_ERROR, self->vcpu->run->exit_reason) {
		exit_dump(self->vcpu);
	}
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION,
		  self->vcpu->run->internal.suberror);
}

TEST_F(api, tss_addr)
{
	EXPECT_EQ(0, KERR(self->vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000));
	EXPECT_EQ(EINVAL, KERR(self->vm->fd, KVM_SET_TSS_ADDR, 0xfffff000));
}

TEST_F(api, enable_unknown_cap)
{
	struct kvm_enable_cap cap = { .cap = 60000 };

	EXPECT_EQ(EINVAL, KERR(self->vm->fd, KVM_ENABLE_CAP, &cap));
	cap.cap = KVM_CAP_USER_MEMORY;
	EXPECT_EQ(EINVAL, KERR(self->vm->fd, KVM_ENABLE_CAP, &cap));
}

TEST_F(api, dirty_log_errnos)
{
	void *mem = mem_alloc(16 * PAGE_SIZE, PAGE_SIZE);
	u64 bitmap[2];

	vm_slot(self->vm, 3, 0, 0, 16 * PAGE_SIZE, mem);
	EXPECT_EQ(ENOENT, vm_dirty_log(self->vm, 3, bitmap));
	EXPECT_EQ(ENOENT, vm_dirty_log(self->vm, 4, bitmap));
	EXPECT_EQ(EINVAL, vm_dirty_log(self->vm, 32764, bitmap));
	EXPECT_EQ(EINVAL, vm_dirty_log(self->vm, 0xffff, bitmap));
	EXPECT_EQ(EINVAL, vm_dirty_log(self->vm, 0xffff0000, bitmap));
	vm_slot(self->vm, 3, KVM_MEM_LOG_DIRTY_PAGES, 0, 16 * PAGE_SIZE, mem);
	EXPECT_EQ(0, vm_dirty_log(self->vm, 3, bitmap));
	EXPECT_EQ(EFAULT, vm_dirty_log(self->vm, 3, NULL));
	EXPECT_EQ(EFAULT, vm_dirty_log(self->vm, 3, (void *)-8ul));
	EXPECT_EQ(EFAULT, vm_dirty_log(self->vm, 3, (void *)(1ul << 63)));
	/* Misaligned is no error. */
	EXPECT_EQ(0, vm_dirty_log(self->vm, 3, (u8 *)bitmap + 1));
	vm_slot(self->vm, 3, 0, 0, 16 * PAGE_SIZE, mem);
	EXPECT_EQ(ENOENT, vm_dirty_log(self->vm, 3, bitmap));
}

TEST_F(api, supported_cpuid)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(self->vm->dev);
	u32 nent = cpuid->nent;

	EXPECT_GE(nent, 5);
	cpuid->nent = 0;
	EXPECT_EQ(E2BIG, KERR(self->vm->dev, KVM_GET_SUPPORTED_CPUID, cpuid));
	cpuid->nent = nent - 1;
	EXPECT_EQ(E2BIG, KERR(self->vm->dev, KVM_GET_SUPPORTED_CPUID, cpuid));
	cpuid->nent = nent;
	EXPECT_EQ(0, KERR(self->vm->dev, KVM_GET_SUPPORTED_CPUID, cpuid));
	EXPECT_EQ(nent, cpuid->nent);
	/* Only as many as there are get written, whatever is promised. */
	cpuid->nent = ~0u;
	EXPECT_EQ(0, KERR(self->vm->dev, KVM_GET_SUPPORTED_CPUID, cpuid));
	EXPECT_EQ(nent, cpuid->nent);
	free(cpuid);
}

TEST_F(api, msr_index_list)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 4096);
	struct kvm_cpuid2 *cpuid = supported_cpuid(self->vm->dev);
	u32 i, nr;

	/* Some stand in the list because of a CPUID bit. */
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);

	EXPECT_EQ(E2BIG, KERR(self->vm->dev, KVM_GET_MSR_INDEX_LIST, list));
	nr = list->nmsrs;
	EXPECT_GE(nr, 8);
	ASSERT_LE(nr, 1024);
	list->nmsrs = nr - 1;
	EXPECT_EQ(E2BIG, KERR(self->vm->dev, KVM_GET_MSR_INDEX_LIST, list));
	EXPECT_EQ(0, list->indices[0]);
	list->nmsrs = ~0u;
	EXPECT_EQ(0, KERR(self->vm->dev, KVM_GET_MSR_INDEX_LIST, list));
	EXPECT_EQ(nr, list->nmsrs);
	/* What is offered can be read. */
	for (i = 0; i < nr; i++) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry;
		} one = { { .nmsrs = 1 }, { .index = list->indices[i] } };

		EXPECT_EQ(1, KIOCTL(self->vcpu->fd, KVM_GET_MSRS, &one)) {
			TH_LOG("MSR %x", list->indices[i]);
		}
	}
	free(list);
}

/* ---- bad pointers ---- */

enum fd_kind { DEV, VM, VCPU };

static const struct {
	enum fd_kind fd;
	unsigned long nr;
	u32 size;		/* from user or to user */
	u32 count;		/* first word that asks for data behind it */
	const char *name;
	int cap;		/* only where this is there */
} pointers[] = {
#define P(fd, nr, type, args...) { fd, nr, sizeof(type), ##args }
	P(DEV, KVM_GET_SUPPORTED_CPUID, struct kvm_cpuid2, 256, "cpuid"),
	P(DEV, KVM_GET_MSR_INDEX_LIST, struct kvm_msr_list, 512, "msr list"),
	P(VM, KVM_SET_USER_MEMORY_REGION,
	  struct kvm_userspace_memory_region, 0, "slot"),
	P(VM, KVM_GET_DIRTY_LOG, struct kvm_dirty_log, 0, "dirty log"),
	P(VM, KVM_ENABLE_CAP, struct kvm_enable_cap, 0, "enable cap"),
	P(VCPU, KVM_GET_REGS, struct kvm_regs, 0, "get regs"),
	P(VCPU, KVM_SET_REGS, struct kvm_regs, 0, "set regs"),
	P(VCPU, KVM_GET_SREGS, struct kvm_sregs, 0, "get sregs"),
	P(VCPU, KVM_SET_SREGS, struct kvm_sregs, 0, "set sregs"),
	P(VCPU, KVM_GET_MSRS, struct kvm_msrs, 4, "get msrs"),
	P(VCPU, KVM_SET_MSRS, struct kvm_msrs, 4, "set msrs"),
	P(VCPU, KVM_SET_CPUID2, struct kvm_cpuid2, 4, "set cpuid2"),
	P(VCPU, KVM_GET_MP_STATE, struct kvm_mp_state, 0, "get mp state"),
	P(VCPU, KVM_SET_MP_STATE, struct kvm_mp_state, 0, "set mp state"),
	P(VCPU, KVM_GET_FPU, struct kvm_fpu, 0, "get fpu"),
	P(VCPU, KVM_SET_FPU, struct kvm_fpu, 0, "set fpu"),
	P(VCPU, KVM_GET_XSAVE, struct kvm_xsave, 0, "get xsave",
	  KVM_CAP_XSAVE),
	P(VCPU, KVM_SET_XSAVE, struct kvm_xsave, 0, "set xsave",
	  KVM_CAP_XSAVE),
	P(VCPU, KVM_INTERRUPT, struct kvm_interrupt, 0, "interrupt"),
	P(VCPU, KVM_GET_VCPU_EVENTS, struct kvm_vcpu_events, 0, "get events"),
	P(VCPU, KVM_SET_VCPU_EVENTS, struct kvm_vcpu_events, 0, "set events"),
	P(VCPU, KVM_GET_XCRS, struct kvm_xcrs, 0, "get xcrs", KVM_CAP_XCRS),
	P(VCPU, KVM_SET_XCRS, struct kvm_xcrs, 0, "set xcrs", KVM_CAP_XCRS),
#undef P
};

TEST_F(api, bad_pointers)
{
	int fds[] = { self->vm->dev, self->vm->fd, self->vcpu->fd };
	u8 *edge = mem_alloc(3 * PAGE_SIZE, PAGE_SIZE);
	unsigned long bad[6];
	int i, k, err;

	/* One page with nothing behind it. */
	munmap(edge + PAGE_SIZE, PAGE_SIZE);
	bad[0] = 0;
	bad[1] = (unsigned long)edge + PAGE_SIZE;
	bad[2] = 0xffffffff81000000;
	bad[3] = 1ul << 63;
	bad[4] = -4ul;
	for (i = 0; i < ARRAY_SIZE(pointers); i++) {
		if (pointers[i].cap &&
		    KIOCTL(fds[DEV], KVM_CHECK_EXTENSION,
			   pointers[i].cap) <= 0)
			continue;
		/* Last: the header is there, the rest is not. */
		bad[5] = (unsigned long)edge + PAGE_SIZE -
			 (pointers[i].count ? pointers[i].size :
			  pointers[i].size - 1);
		memset(edge, 0, PAGE_SIZE);
		for (k = 0; k < 6; k++) {
			if (k == 5 && pointers[i].count)
				*(u32 *)bad[5] = pointers[i].count;
			err = KERR(fds[pointers[i].fd], pointers[i].nr, bad[k]);
			EXPECT_EQ(EFAULT, err) {
				TH_LOG("%s, pointer %lx", pointers[i].name,
				       bad[k]);
			}
		}
	}
}

TEST_F(api, misaligned_pointer_is_fine)
{
	u8 buf[sizeof(struct kvm_sregs) + 8];
	struct kvm_sregs sregs;

	vcpu_sregs(self->vcpu, &sregs);
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_GET_SREGS, buf + 3));
	EXPECT_EQ(0, memcmp(buf + 3, &sregs, sizeof(sregs)));
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_SET_SREGS, buf + 3));
}

/* ---- another process ---- */

TEST_F(api, foreign_mm)
{
	struct kvm_regs regs;
	struct kvm_userspace_memory_region region = { 0 };
	struct kvm_dirty_log log = { 0 };
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		int bad = 0;

		bad |= KERR(self->vm->fd, KVM_CREATE_VCPU, 1) != EIO;
		bad |= (KERR(self->vm->fd, KVM_SET_USER_MEMORY_REGION,
			     &region) != EIO) << 1;
		bad |= (KERR(self->vm->fd, KVM_GET_DIRTY_LOG, &log) !=
			EIO) << 2;
		bad |= (KERR(self->vm->fd, KVM_CHECK_EXTENSION, 3) !=
			EIO) << 3;
		bad |= (KERR(self->vm->fd, NO_SUCH_IOCTL, 0) != EIO) << 4;
		bad |= (KERR(self->vcpu->fd, KVM_GET_REGS, &regs) !=
			EIO) << 5;
		bad |= (KERR(self->vcpu->fd, KVM_RUN, 0) != EIO) << 6;
		bad |= (KERR(self->vcpu->fd, NO_SUCH_IOCTL, 0) != EIO) << 7;
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	/* And it did no harm to the owner. */
	EXPECT_EQ(0, KERR(self->vcpu->fd, KVM_GET_REGS, &regs));
}

/* A child that outlives its parent's fds keeps the VM, but cannot use it. */
TEST_F(api, closed_by_parent_first)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		sleep_ms(20);
		_exit(KERR(self->vm->fd, KVM_CREATE_VCPU, 5) != EIO);
	}
	close(self->vcpu->fd);
	self->vcpu->fd = -1;
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
}

/* The vCPU holds the VM; closing in the unusual order is fine. */
TEST(close_vm_before_vcpu)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0);
	struct kvm_regs regs;

	close(vm->fd);
	vm->fd = -1;
	EXPECT_EQ(0, KERR(vcpu->fd, KVM_GET_REGS, &regs));
	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, KERR(vcpu->fd, KVM_RUN, 0));
	vm_free(vm);
}

/* umbra only: what is told of its machine types is what can be made. */
TEST(umbra_machine_types)
{
	static const u64 types[] = { UM_VM_TYPE_TDP, UM_VM_TYPE_SHADOW };
	int dev = dev_open(), i, fd, err;
	int told = KIOCTL(dev, KVM_CHECK_EXTENSION, UM_CAP_VM_TYPES);

	if (told <= 0)
		SKIP(return, "not umbra: no UM_CAP_VM_TYPES");
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		fd = KIOCTL(dev, KVM_CREATE_VM, types[i]);
		err = fd < 0 ? errno : 0;
		EXPECT_TRUE(told >> (types[i] - UM_BASE) & 1);
		EXPECT_EQ(0, err);
		close(fd);
	}
	EXPECT_EQ(EINVAL, KERR(dev, KVM_CREATE_VM, UM_BASE));
	EXPECT_EQ(EINVAL, KERR(dev, KVM_CREATE_VM, UM_BASE + 99));
	close(dev);
}

static int set_cap(int vm, u32 cap, u64 mode)
{
	struct kvm_enable_cap arg = { .cap = cap, .args[0] = mode };

	return KERR(vm, KVM_ENABLE_CAP, &arg);
}

/* umbra only: what the engine of a VM leaves to choose. */
TEST(umbra_engine_modes)
{
	int dev = dev_open(), tdp, shadow;

	if (KIOCTL(dev, KVM_CHECK_EXTENSION, UM_CAP_PTW) <= 0)
		SKIP(return, "not umbra: no UM_CAP_PTW");
	tdp = KIOCTL(dev, KVM_CREATE_VM, UM_VM_TYPE_TDP);
	shadow = KIOCTL(dev, KVM_CREATE_VM, UM_VM_TYPE_SHADOW);
	EXPECT_EQ(0, KIOCTL(tdp, KVM_CHECK_EXTENSION, UM_CAP_PTW));
	EXPECT_EQ(1 << UM_PTW_MODE_EMUL | 1 << UM_PTW_MODE_OOS,
		  KIOCTL(shadow, KVM_CHECK_EXTENSION, UM_CAP_PTW));
	EXPECT_EQ(EINVAL, set_cap(tdp, UM_CAP_PTW, UM_PTW_MODE_OOS));
	EXPECT_EQ(0, set_cap(shadow, UM_CAP_PTW, UM_PTW_MODE_EMUL));
	EXPECT_EQ(0, set_cap(shadow, UM_CAP_PTW, UM_PTW_MODE_OOS));
	EXPECT_EQ(EINVAL, set_cap(shadow, UM_CAP_PTW, 2));
	EXPECT_EQ(1 << UM_LOG_MODE_WRPROT,
		  KIOCTL(shadow, KVM_CHECK_EXTENSION, UM_CAP_LOG_MODE));
	EXPECT_EQ(0, set_cap(shadow, UM_CAP_LOG_MODE, UM_LOG_MODE_WRPROT));
	EXPECT_EQ(EINVAL, set_cap(shadow, UM_CAP_LOG_MODE, UM_LOG_MODE_PML));
	EXPECT_EQ(EINVAL, set_cap(shadow, UM_CAP_LOG_MODE, UM_LOG_MODE_DBIT));
	close(tdp);
	close(shadow);
	close(dev);
}

TEST_HARNESS_MAIN
