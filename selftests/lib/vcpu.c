// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU: its first state, and running it to the guest's next call.
 */
#include "lib/vm.h"

#define CR0_BOOT 0x80000031ul	/* PG NE ET PE */
#define CR4_BOOT 0x620ul	/* OSXMMEXCPT OSFXSR PAE */
#define EFER_BOOT 0xd00ul	/* NXE LMA LME */
#define MAX_CPUID 256

struct vcpu *vcpu_add(struct vm *vm, int id)
{
	struct vcpu *vcpu = &vm->vcpus[vm->nr_vcpus];
	int size = KIOCTL(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0);

	REQUIRE(vm->nr_vcpus < VM_MAX_VCPUS, "too many vCPUs in one VM");
	REQUIRE(size > 0, "KVM_GET_VCPU_MMAP_SIZE");
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = KIOCTL(vm->fd, KVM_CREATE_VCPU, id);
	REQUIRE(vcpu->fd >= 0, "KVM_CREATE_VCPU %d", id);
	vcpu->run_size = size;
	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	REQUIRE(vcpu->run != MAP_FAILED, "mmap of kvm_run");
	vm->nr_vcpus++;
	return vcpu;
}

struct kvm_cpuid2 *supported_cpuid(int dev)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) +
		       MAX_CPUID * sizeof(cpuid->entries[0]));
	REQUIRE(cpuid, "out of memory");
	cpuid->nent = MAX_CPUID;
	REQUIRE(!KERR(dev, KVM_GET_SUPPORTED_CPUID, cpuid),
		"KVM_GET_SUPPORTED_CPUID");
	return cpuid;
}

struct kvm_cpuid_entry2 *cpuid_leaf(struct kvm_cpuid2 *cpuid, u32 function)
{
	u32 i;

	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == function &&
		    !cpuid->entries[i].index)
			return &cpuid->entries[i];
	}
	return NULL;
}

void vcpu_regs(struct vcpu *vcpu, struct kvm_regs *regs)
{
	REQUIRE(!KERR(vcpu->fd, KVM_GET_REGS, regs), "KVM_GET_REGS");
}

void vcpu_set_regs(struct vcpu *vcpu, struct kvm_regs *regs)
{
	REQUIRE(!KERR(vcpu->fd, KVM_SET_REGS, regs), "KVM_SET_REGS");
}

void vcpu_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	REQUIRE(!KERR(vcpu->fd, KVM_GET_SREGS, sregs), "KVM_GET_SREGS");
}

static void set_long_mode(struct kvm_sregs *sregs)
{
	struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 8, .type = 11, .present = 1,
		.s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1,
		.s = 1, .db = 1, .g = 1,
	};
	struct kvm_segment tss = {
		.base = TSS_GPA, .limit = 0x67, .selector = 24, .type = 11,
		.present = 1,
	};

	sregs->cs = code;
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
	sregs->tr = tss;
	sregs->gdt.base = GDT_GPA;
	sregs->gdt.limit = 5 * 8 - 1;
	sregs->idt.base = IDT_GPA;
	sregs->idt.limit = GUEST_VECTORS * 16 - 1;
	sregs->cr0 = CR0_BOOT;
	sregs->cr3 = PML4_GPA;
	sregs->cr4 = CR4_BOOT;
	sregs->efer = EFER_BOOT;
}

/* Long mode at guest(), with a stack of its own by vCPU id. */
void vcpu_reset(struct vcpu *vcpu, void (*guest)(void))
{
	struct kvm_vcpu_events none = { 0 };
	struct kvm_regs regs = { 0 };
	struct kvm_sregs sregs;

	/* Registers leave an event alone that is on its way. */
	REQUIRE(!KERR(vcpu->fd, KVM_SET_VCPU_EVENTS, &none), "SET_VCPU_EVENTS");
	vcpu_sregs(vcpu, &sregs);
	set_long_mode(&sregs);
	REQUIRE(!KERR(vcpu->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	regs.rip = (u64)guest;
	regs.rsp = STACK_GPA + STACK_SIZE * (vcpu->id % VM_MAX_VCPUS + 1) - 8;
	/*
	 * Interrupts on: an emulated host (Bochs 2.7) does not take its own
	 * while a guest runs with them off.
	 */
	regs.rflags = 0x202;
	regs.rdi = vcpu->id;
	vcpu_set_regs(vcpu, &regs);
}

/* The same, with the CPUID that the device offers: before it first runs. */
void vcpu_setup(struct vcpu *vcpu, void (*guest)(void))
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(vcpu->vm->dev);

	REQUIRE(!KERR(vcpu->fd, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
	vcpu_reset(vcpu, guest);
}

/* The first two arguments of the guest function it stands at. */
void vcpu_set_arg(struct vcpu *vcpu, u64 arg0, u64 arg1)
{
	struct kvm_regs regs;

	vcpu_regs(vcpu, &regs);
	regs.rdi = arg0;
	regs.rsi = arg1;
	vcpu_set_regs(vcpu, &regs);
}

int vcpu_run_once(struct vcpu *vcpu)
{
	return KERR(vcpu->fd, KVM_RUN, 0);
}

static const char *const exit_names[] = {
	[KVM_EXIT_UNKNOWN] = "UNKNOWN",
	[KVM_EXIT_EXCEPTION] = "EXCEPTION",
	[KVM_EXIT_IO] = "IO",
	[KVM_EXIT_HYPERCALL] = "HYPERCALL",
	[KVM_EXIT_DEBUG] = "DEBUG",
	[KVM_EXIT_HLT] = "HLT",
	[KVM_EXIT_MMIO] = "MMIO",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
	[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
	[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
	[KVM_EXIT_SET_TPR] = "SET_TPR",
	[KVM_EXIT_INTR] = "INTR",
	[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
	[KVM_EXIT_DIRTY_RING_FULL] = "DIRTY_RING_FULL",
};

const char *exit_name(u32 reason)
{
	if (reason < sizeof(exit_names) / sizeof(exit_names[0]) &&
	    exit_names[reason])
		return exit_names[reason];
	return "?";
}

void exit_dump(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs;
	u32 i;

	vcpu_regs(vcpu, &regs);
	fprintf(stderr, "# vcpu %d: exit %u (%s), rip %llx rsp %llx\n",
		vcpu->id, run->exit_reason, exit_name(run->exit_reason),
		regs.rip, regs.rsp);
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		fprintf(stderr, "#   port %x size %u count %u %s\n",
			run->io.port, run->io.size, run->io.count,
			run->io.direction ? "out" : "in");
		break;
	case KVM_EXIT_MMIO:
		fprintf(stderr, "#   gpa %llx len %u %s\n",
			run->mmio.phys_addr, run->mmio.len,
			run->mmio.is_write ? "write" : "read");
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fprintf(stderr, "#   hardware reason %llx\n",
			run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		fprintf(stderr, "#   suberror %u", run->internal.suberror);
		for (i = 0; i < run->internal.ndata && i < 16; i++)
			fprintf(stderr, " %llx", run->internal.data[i]);
		fprintf(stderr, "\n");
		break;
	}
}

/* The pending call, or NULL when the last exit was not one. */
struct ucall *vcpu_ucall(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u32 addr;

	if (run->exit_reason != KVM_EXIT_IO || run->io.port != UCALL_PORT ||
	    run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4)
		return NULL;
	memcpy(&addr, (u8 *)run + run->io.data_offset, 4);
	REQUIRE(addr < vcpu->vm->ram_size, "call at %x", addr);
	return (struct ucall *)(vcpu->vm->ram + addr);
}

/* A guest string is a literal of this program, so it is at its address. */
static void check_ucall(struct ucall *call)
{
	REQUIRE(call->cmd != UCALL_FAIL,
		"guest: %s:%lu: %s failed (%#lx, %#lx)", (char *)call->arg[0],
		call->arg[1], (char *)call->arg[2], call->arg[3],
		call->arg[4]);
	REQUIRE(call->cmd != UCALL_TRAP,
		"guest: vector %lu error %lx at rip %lx cr2 %lx rsp %lx",
		call->arg[0], call->arg[1], call->arg[2], call->arg[3],
		call->arg[4]);
}

/* Run to the next call; signals just run on, anything else is an error. */
struct ucall *run_ucall(struct vcpu *vcpu)
{
	struct ucall *call;
	int err;

	do {
		err = vcpu_run_once(vcpu);
	} while (err == EINTR);
	REQUIRE(!err, "KVM_RUN of vCPU %d: errno %d", vcpu->id, err);
	call = vcpu_ucall(vcpu);
	if (!call)
		exit_dump(vcpu);
	REQUIRE(call, "vCPU %d left for something else", vcpu->id);
	check_ucall(call);
	return call;
}

void run_to_sync(struct vcpu *vcpu, u64 stage)
{
	struct ucall *call = run_ucall(vcpu);

	REQUIRE(call->cmd == UCALL_SYNC && call->arg[0] == stage,
		"wanted stage %lu, got call %lu stage %lu", stage, call->cmd,
		call->arg[0]);
}

void run_to_done(struct vcpu *vcpu)
{
	struct ucall *call = run_ucall(vcpu);

	REQUIRE(call->cmd == UCALL_DONE, "wanted the end, got stage %lu",
		call->arg[0]);
}

/* Run to an exit that is not a call. */
void run_to_exit(struct vcpu *vcpu, u32 reason)
{
	struct ucall *call;
	int err;

	do {
		err = vcpu_run_once(vcpu);
	} while (err == EINTR);
	REQUIRE(!err, "KVM_RUN of vCPU %d: errno %d", vcpu->id, err);
	call = vcpu_ucall(vcpu);
	if (call)
		check_ucall(call);
	if (vcpu->run->exit_reason != reason)
		exit_dump(vcpu);
	REQUIRE(vcpu->run->exit_reason == reason, "wanted exit %s, got %s",
		exit_name(reason), exit_name(vcpu->run->exit_reason));
}
