// SPDX-License-Identifier: GPL-2.0
/*
 * A VM with one vCPU in long mode, its first GiB mapped 1:1 by 2M guest
 * pages, all above by 1G pages. The guest tables stand ready with A and D set, so a walk of them
 * never writes and never disturbs a figure.
 *
 * Every failure ends the process (err()): each group has one of its own.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <umbra.h>

#include "bench.h"

#define GPA_TSS		0xfffbd000ul	/* KVM's own pages, above all slots */

#define CR0_LONG	0x80010033ul	/* PE MP ET NE WP PG */
#define CR4_LONG	0x20ul		/* PAE */
#define EFER_LONG	0x500ul		/* LME LMA */
#define RFLAGS_IF	0x202ul /* so that the host gets its interrupts */

#define CPUID_ENTRIES	256
#define CPUID_X2APIC	(1u << 21)
#define CPUID_DEADLINE	(1u << 24)

static void guest_tables(void *low)
{
	uint64_t *pml4 = low + GPA_PML4;
	uint64_t *pdpt = low + GPA_PDPT;
	uint64_t *pd = low + GPA_PD;

	pml4[0] = GPA_PDPT | PTE_TABLE;
	pdpt[0] = GPA_PD | PTE_TABLE;
	for (unsigned int i = 0; i < PAGE / sizeof(*pd); i++)
		pd[i] = i * HUGE | PTE_LEAF;
	for (unsigned long i = 1; i < PAGE / sizeof(*pdpt); i++)
		pdpt[i] = i << 30 | PTE_LEAF;
}

static void long_mode(struct cpu *cpu)
{
	struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 8, .type = 11, .present = 1,
		.s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1,
		.s = 1, .db = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	if (ioctl(cpu->fd, KVM_GET_SREGS, &sregs))
		err(1, "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = CR0_LONG;
	sregs.cr3 = GPA_PML4;
	sregs.cr4 = CR4_LONG;
	sregs.efer = EFER_LONG;
	if (ioctl(cpu->fd, KVM_SET_SREGS, &sregs))
		err(1, "KVM_SET_SREGS");
}

void cpu_set_cr3(struct cpu *cpu, uint64_t cr3)
{
	struct kvm_sregs sregs;

	if (ioctl(cpu->fd, KVM_GET_SREGS, &sregs))
		err(1, "KVM_GET_SREGS");
	sregs.cr3 = cr3;
	if (ioctl(cpu->fd, KVM_SET_SREGS, &sregs))
		err(1, "KVM_SET_SREGS");
}

static void supported_cpuid(struct vm *vm, struct cpu *cpu)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) +
		       CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		err(1, "calloc");
	cpuid->nent = CPUID_ENTRIES;
	if (ioctl(vm->bench->dev_fd, KVM_GET_SUPPORTED_CPUID, cpuid))
		err(1, "KVM_GET_SUPPORTED_CPUID");
	/* KVM tells of the timer by a capability. */
	for (unsigned int i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= CPUID_X2APIC | CPUID_DEADLINE;
	if (ioctl(cpu->fd, KVM_SET_CPUID2, cpuid))
		err(1, "KVM_SET_CPUID2");
	free(cpuid);
}

void vm_slot(struct vm *vm, enum slot slot, uint64_t gpa, void *memory,
	     size_t size, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (uintptr_t)memory,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "KVM_SET_USER_MEMORY_REGION slot %d size %#zx flags %u",
		    slot, size, flags);
}

void cpu_new(struct vm *vm, unsigned int id, struct cpu *cpu)
{
	int size = ioctl(vm->bench->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < (int)sizeof(*cpu->run))
		err(1, "KVM_GET_VCPU_MMAP_SIZE gives %d", size);
	cpu->run_size = size;
	cpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, id);
	if (cpu->fd < 0)
		err(1, "KVM_CREATE_VCPU");
	cpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			cpu->fd, 0);
	if (cpu->run == MAP_FAILED)
		err(1, "mmap of the vCPU");
	supported_cpuid(vm, cpu);
	long_mode(cpu);
}

void cpu_free(struct cpu *cpu)
{
	munmap(cpu->run, cpu->run_size);
	close(cpu->fd);
}

unsigned int bench_has_cap(struct bench *b, unsigned int cap)
{
	int has = ioctl(b->dev_fd, KVM_CHECK_EXTENSION, cap);

	return has > 0 ? has : 0;
}

void vm_set_cap(struct vm *vm, unsigned int cap, uint64_t arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &enable))
		err(1, "KVM_ENABLE_CAP %#x with %#llx", cap,
		    (unsigned long long)arg);
}

struct vm *vm_new(struct bench *b)
{
	return vm_new_cap(b, 0, 0);
}

struct vm *vm_new_cap(struct bench *b, unsigned int cap, uint64_t arg)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		err(1, "calloc");
	vm->bench = b;
	vm->prefix = "";
	vm->fd = ioctl(b->dev_fd, KVM_CREATE_VM, b->type);
	if (vm->fd < 0)
		err(1, "KVM_CREATE_VM");
	if (cap)
		vm_set_cap(vm, cap, arg);
	if (b->log >= 0)
		vm_set_cap(vm, UM_CAP_LOG_MODE, b->log);
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, GPA_TSS))
		err(1, "KVM_SET_TSS_ADDR");
	vm->low = memory_new(GPA_LOW_SIZE, PAGE);
	guest_tables(vm->low);
	memcpy(vm->low + GPA_CODE, guest_start, guest_end - guest_start);
	vm_slot(vm, SLOT_LOW, GPA_LOW, vm->low, GPA_LOW_SIZE, 0);
	cpu_new(vm, 0, &vm->cpu);
	counters_open(&vm->counters[0], vm->fd);
	counters_open(&vm->counters[1], vm->cpu.fd);
	return vm;
}

void vm_free(struct vm *vm)
{
	counters_close(&vm->counters[0]);
	counters_close(&vm->counters[1]);
	cpu_free(&vm->cpu);
	close(vm->fd);
	munmap(vm->low, GPA_LOW_SIZE);
	if (vm->tables.memory)
		munmap(vm->tables.memory, vm->tables.pages * PAGE);
	free(vm);
}

void cpu_run(struct cpu *cpu)
{
	for (;;) {
		if (ioctl(cpu->fd, KVM_RUN, 0)) {
			if (errno == EINTR)
				continue;
			err(1, "KVM_RUN");
		}
		if (cpu->run->exit_reason == KVM_EXIT_IO)
			continue;
		if (cpu->run->exit_reason == KVM_EXIT_HLT)
			return;
		errx(1, "KVM_RUN ends with exit reason %u",
		     cpu->run->exit_reason);
	}
}

uint64_t vm_call(struct vm *vm, const char *routine, uint64_t gpa,
		 uint64_t stride, unsigned long count, bool mark)
{
	struct kvm_regs regs = {
		.rip = GPA_CODE + (routine - guest_start),
		.rflags = RFLAGS_IF,
		.rsi = gpa, .rdi = stride, .r10 = count, .r11 = mark,
		.rbx = vm->arg[0], .rbp = vm->arg[1],
	};
	uint64_t start, outer;

	if (ioctl(vm->cpu.fd, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_REGS");
	start = __rdtsc();
	cpu_run(&vm->cpu);
	outer = __rdtsc() - start;
	if (ioctl(vm->cpu.fd, KVM_GET_REGS, &regs))
		err(1, "KVM_GET_REGS");
	/* A guest whose clock runs at another rate would make any figure. */
	if (regs.r9 - regs.r8 > outer)
		errx(1, "guest counts %llu ticks where the host counts %llu",
		     regs.r9 - regs.r8, (unsigned long long)outer);
	return regs.r9 - regs.r8;
}
