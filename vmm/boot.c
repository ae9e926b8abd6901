// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest begins: image, parameter page, page tables, GDT, registers.
 *
 * The entry contract stands in ports.h.
 */
#include "boot.h"

#include "linux.h"
#include "ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define PTE_PRESENT	0x001ULL
#define PTE_WRITE	0x002ULL
#define PTE_LARGE	0x080ULL

#define CR0_FLAGS	0x00010033ULL	/* WP NE ET MP PE */
#define CR4_FLAGS	0x00000600ULL	/* OSXMMEXCPT OSFXSR */

/* What 64-bit mode wants besides. */
#define CR0_PG		0x80000000ULL
#define CR4_PAE		0x00000020ULL
#define CR4_LA57	0x00001000ULL
#define EFER_LONG	0x00000500ULL	/* LMA LME */

#define CPUID_LA57	(1U << 16)	/* leaf 7, ecx */

/* As Linux's boot protocol wants them; no other guest looks. */
#define SEL_CODE	0x10
#define SEL_DATA	0x18
#define SEL_TSS		0x20
#define GDT_CODE	0x00af9b000000ffffULL
#define GDT_CODE32	0x00cf9b000000ffffULL
#define GDT_DATA	0x00cf93000000ffffULL

/* Map all there is, and at least 4 GiB, one to one by 2 MiB pages. */
static void make_tables(struct vm *vm)
{
	uint64_t *pml5 = vm_memory(vm, GUEST_PML5, PAGE_SIZE);
	uint64_t *pml4 = vm_memory(vm, GUEST_PML4, PAGE_SIZE);
	uint64_t *pdpt = vm_memory(vm, GUEST_PDPT, PAGE_SIZE);
	struct vm_slot *top = &vm->slots[vm->nslots - 1];
	uint64_t gib = (top->gpa + top->size + GIB - 1) / GIB, i, j;

	if (gib < 4)
		gib = 4;
	pml5[0] = GUEST_PML4 | PTE_PRESENT | PTE_WRITE;
	pml4[0] = GUEST_PDPT | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < gib; i++) {
		uint64_t at = GUEST_PD + i * PAGE_SIZE;
		uint64_t *pd = vm_memory(vm, at, PAGE_SIZE);

		pdpt[i] = at | PTE_PRESENT | PTE_WRITE;
		for (j = 0; j < 512; j++)
			pd[j] = (i * GIB + j * 2 * MIB) | PTE_LARGE |
				PTE_PRESENT | PTE_WRITE;
	}
}

static void make_gdt(struct vm *vm, bool is_32)
{
	uint64_t *gdt = vm_memory(vm, GUEST_GDT, PAGE_SIZE);

	gdt[SEL_CODE / 8] = is_32 ? GDT_CODE32 : GDT_CODE;
	gdt[SEL_DATA / 8] = GDT_DATA;
	/* SEL_TSS is never loaded by the guest: the register has it all. */
}

static void make_params(struct vm *vm, const struct image *image,
			enum paging paging, const char *args)
{
	struct guest_params *p = vm_memory(vm, GUEST_PARAMS, PAGE_SIZE);

	if (strlen(args) >= sizeof(p->args))
		die("the guest's arguments are longer than %zu bytes",
		    sizeof(p->args) - 1);
	p->magic = GUEST_MAGIC;
	p->cpus = vm->ncpus;
	p->paging = paging;
	p->low_memory = vm->slots[0].size;
	p->high_memory = vm->nslots > 1 ? vm->slots[1].size : 0;
	p->free_start = (image->end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	strcpy(p->args, args);
}

struct kvm_cpuid2 *boot_cpuid(const struct device *dev, unsigned int id)
{
	size_t size = sizeof(*dev->cpuid) +
		      dev->cpuid->nent * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *cpuid = xcalloc(1, size);
	__u32 i;

	memcpy(cpuid, dev->cpuid, size);
	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 1)
			e->ebx = (e->ebx & 0x00ffffff) | id << 24;
		else if (e->function == 0xb || e->function == 0x1f)
			e->edx = id;
	}
	return cpuid;
}

static void set_segments(struct kvm_sregs *s, bool is_32)
{
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = SEL_DATA, .type = 3,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	const struct kvm_segment code = {
		.limit = 0xffffffff, .selector = SEL_CODE, .type = 11,
		.present = 1, .db = is_32, .s = 1, .l = !is_32, .g = 1,
	};
	const struct kvm_segment tss = {
		.limit = 0x67, .selector = SEL_TSS, .type = 11, .present = 1,
	};

	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = tss;
	memset(&s->ldt, 0, sizeof(s->ldt));
	s->ldt.unusable = 1;
	s->gdt.base = GUEST_GDT;
	s->gdt.limit = 4 * 8 - 1;
	/* No IDT: an exception is a triple fault, and penumbra says where. */
	s->idt.base = 0;
	s->idt.limit = 0;
}

static void set_mode(struct kvm_sregs *s, bool is_32, enum paging paging)
{
	s->cr0 = CR0_FLAGS;
	s->cr4 = CR4_FLAGS;
	s->cr3 = 0;
	s->efer = 0;
	if (is_32)
		return;
	s->cr0 |= CR0_PG;
	s->cr4 |= CR4_PAE;
	s->efer = EFER_LONG;
	s->cr3 = GUEST_PML4;
	if (paging == PAGING_57) {
		s->cr4 |= CR4_LA57;
		s->cr3 = GUEST_PML5;
	}
}

static void enter_with(struct vcpu *v, bool is_32, enum paging paging,
		       struct kvm_regs *regs)
{
	struct kvm_sregs sregs;

	if (ioctl(v->fd, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS: %s", strerror(errno));
	set_segments(&sregs, is_32);
	set_mode(&sregs, is_32, paging);
	if (ioctl(v->fd, KVM_SET_SREGS, &sregs))
		die("KVM_SET_SREGS: %s", strerror(errno));
	if (ioctl(v->fd, KVM_SET_REGS, regs))
		die("KVM_SET_REGS: %s", strerror(errno));
}

void boot_long_mode(struct vcpu *v, struct kvm_regs *regs)
{
	make_gdt(v->vm, false);
	make_tables(v->vm);
	enter_with(v, false, PAGING_64, regs);
}

static void set_registers(struct vcpu *v, const struct image *image,
			  enum paging paging)
{
	struct kvm_regs regs = {
		.rip = image->entry,
		/*
		 * IF: nothing is injected, but an emulated host may take
		 * no interrupt of its own while a guest runs without it.
		 */
		.rflags = 0x202,
		.rdi = GUEST_PARAMS,
		.rsi = v->id,
		.rsp = GUEST_STACKS + (v->id + 1) * GUEST_STACK,
	};

	v->cpuid = boot_cpuid(v->vm->dev, v->id);
	if (ioctl(v->fd, KVM_SET_CPUID2, v->cpuid))
		die("KVM_SET_CPUID2: %s", strerror(errno));
	enter_with(v, image->is_32, paging, &regs);
}

static bool has_la57(const struct device *dev)
{
	__u32 i;

	for (i = 0; i < dev->cpuid->nent; i++)
		if (dev->cpuid->entries[i].function == 7 &&
		    !dev->cpuid->entries[i].index)
			return dev->cpuid->entries[i].ecx & CPUID_LA57;
	return false;
}

void boot_guest(struct vm *vm, const struct guest_options *o)
{
	bool want_32 = o->paging == PAGING_32 || o->paging == PAGING_PAE;
	struct image image;
	unsigned int i;

	if (o->paging == PAGING_57 && !has_la57(vm->dev))
		die("%s has no page tables of five levels", vm->dev->path);
	image_load(vm, o->image, want_32, &image);
	if (o->paging && image.is_32 != want_32)
		die("%s: page tables of that kind want a %d-bit guest",
		    o->image, want_32 ? 32 : 64);
	make_gdt(vm, image.is_32);
	make_tables(vm);
	make_params(vm, &image, o->paging, o->args);
	for (i = 0; i < vm->ncpus; i++)
		set_registers(&vm->cpus[i], &image, o->paging);
}

void boot_create(struct vm *vm, struct device *dev,
		 const struct guest_options *o, enum log_kind log)
{
	vm_create(vm, dev,
		  &(struct vm_shape){ .cpus = o->cpus, .bytes = o->bytes,
				      .log = log, .pc = o->kernel });
	if (o->kernel)
		boot_linux(vm, o);
	else if (o->disks && o->disks->n)
		die("a disk is for Linux only");
	else
		boot_guest(vm, o);
}
