// SPDX-License-Identifier: GPL-2.0
/*
 * Linux, by its 64-bit boot protocol (Documentation/x86/boot.rst): a bzImage or
 * the vmlinux in it, which spares the guest the unpacking.
 *
 * Only the first vCPU gets registers. The others wait for INIT and SIPI.
 */
#include "linux.h"

#include "acpi.h"
#include "boot.h"
#include "cpuid.h"
#include "pc.h"
#include "ports.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

/* Beside what boot.c has in the first pages. */
#define BOOT_PARAMS	0x6000UL
#define COMMAND_LINE	0x60000UL
#define STACK_END	0x70000UL
#define LOW_END		0x9fc00UL	/* of what a PC has below 640 KiB */
#define HIGH_START	0x100000UL

#define SETUP_OFFSET	0x1f1
#define HEADER_MAGIC	0x53726448	/* HdrS */
#define PROTOCOL	0x020f
#define PROTOCOL_MIN	0x020c		/* has xloadflags */
#define COMMAND_LINE_MAX 2047
#define ENTRY_64	0x200		/* behind the entry for 32 bits */
#define LOADER_UNKNOWN	0xff
#define E820_RAM	1
#define E820_RESERVED	2

struct kernel {
	uint64_t entry, end;
	struct setup_header hdr;
};

static const char *no_bzimage(const struct setup_header *h, size_t size)
{
	if (size < 4096 || h->header != HEADER_MAGIC)
		return "is no kernel, neither bzImage nor vmlinux";
	if (h->version < PROTOCOL_MIN || !(h->xloadflags & XLF_KERNEL_64) ||
	    !h->relocatable_kernel)
		return "has no 64-bit entry";
	if ((h->setup_sects + 1) * 512UL >= size)
		return "is cut off";
	return NULL;
}

static void load_bzimage(struct vm *vm, const char *path,
			 const struct file *file, struct kernel *k)
{
	const char *why;
	uint8_t *to;
	size_t skip;

	if (file->size >= SETUP_OFFSET + sizeof(k->hdr))
		memcpy(&k->hdr, file->data + SETUP_OFFSET, sizeof(k->hdr));
	why = no_bzimage(&k->hdr, file->size);
	if (why)
		die("%s %s", path, why);
	skip = (k->hdr.setup_sects + 1) * 512UL;
	to = vm_memory(vm, k->hdr.pref_address, k->hdr.init_size);
	if (!to || file->size - skip > k->hdr.init_size)
		die("%s does not fit into the guest's memory", path);
	memcpy(to, file->data + skip, file->size - skip);
	k->entry = k->hdr.pref_address + ENTRY_64;
	k->end = k->hdr.pref_address + k->hdr.init_size;
}

/* What a bzImage would say of itself. */
static void load_vmlinux(struct vm *vm, const char *path, struct kernel *k)
{
	struct image image;

	image_load(vm, path, false, &image);
	if (image.is_32)
		die("%s is no 64-bit kernel", path);
	k->entry = image.entry;
	k->end = image.end;
	k->hdr.boot_flag = 0xaa55;
	k->hdr.header = HEADER_MAGIC;
	k->hdr.version = PROTOCOL;
	k->hdr.initrd_addr_max = 0x7fffffff;
	k->hdr.kernel_alignment = 16 * MIB;
}

static void load_kernel(struct vm *vm, const char *path, struct kernel *k)
{
	struct file file;

	memset(k, 0, sizeof(*k));
	file_map(path, &file);
	if (file.size >= SELFMAG && !memcmp(file.data, ELFMAG, SELFMAG))
		load_vmlinux(vm, path, k);
	else
		load_bzimage(vm, path, &file, k);
	file_unmap(&file);
	k->hdr.type_of_loader = LOADER_UNKNOWN;
	k->hdr.loadflags |= LOADED_HIGH;
}

/* As high as it may be, where the kernel does not grow into it. */
static void load_initrd(struct vm *vm, const char *path, struct kernel *k)
{
	uint64_t top = vm->slots[0].size, at;
	struct file file;

	if (!path)
		return;
	file_map(path, &file);
	if (top > (uint64_t)k->hdr.initrd_addr_max + 1)
		top = (uint64_t)k->hdr.initrd_addr_max + 1;
	if (file.size > top || ((top - file.size) & ~(PAGE_SIZE - 1)) < k->end)
		die("%s does not fit into the guest's memory", path);
	at = (top - file.size) & ~(PAGE_SIZE - 1);
	memcpy(vm_memory(vm, at, file.size), file.data, file.size);
	k->hdr.ramdisk_image = at;
	k->hdr.ramdisk_size = file.size;
	file_unmap(&file);
}

static void add_e820(struct boot_params *p, uint64_t from, uint64_t to,
		     uint32_t type)
{
	p->e820_table[p->e820_entries++] = (struct boot_e820_entry){
		.addr = from, .size = to - from, .type = type,
	};
}

static void make_boot_params(struct vm *vm, const struct kernel *k,
			     const char *append)
{
	struct boot_params *p = vm_memory(vm, BOOT_PARAMS, sizeof(*p));
	size_t len = strlen(append);

	if (len > COMMAND_LINE_MAX)
		die("the kernel's command line is longer than %d bytes",
		    COMMAND_LINE_MAX);
	memcpy(vm_memory(vm, COMMAND_LINE, len + 1), append, len + 1);
	memset(p, 0, sizeof(*p));
	p->hdr = k->hdr;
	p->hdr.cmd_line_ptr = COMMAND_LINE;
	p->hdr.cmdline_size = COMMAND_LINE_MAX;
	p->acpi_rsdp_addr = PC_TABLES;
	add_e820(p, 0, LOW_END, E820_RAM);
	add_e820(p, LOW_END, HIGH_START, E820_RESERVED);
	add_e820(p, HIGH_START, vm->slots[0].size, E820_RAM);
	if (vm->nslots > 1)
		add_e820(p, VM_HIGH, VM_HIGH + vm->slots[1].size, E820_RAM);
}

static void set_cpuid(struct vcpu *v)
{
	v->cpuid = pc_cpuid(v->vm, v->id);
	if (ioctl(v->fd, KVM_SET_CPUID2, v->cpuid))
		die("KVM_SET_CPUID2: %s", strerror(errno));
}

void boot_linux(struct vm *vm, const struct guest_options *o)
{
	struct kvm_regs regs = {
		.rflags = 0x2, .rsi = BOOT_PARAMS, .rsp = STACK_END,
	};
	struct kernel k;
	unsigned int i;

	if (vm->slots[0].size < 16 * MIB)
		die("Linux wants 16 MiB of memory at least");
	pc_add_disks(vm, o->disks);
	load_kernel(vm, o->kernel, &k);
	load_initrd(vm, o->initrd, &k);
	make_boot_params(vm, &k, o->append);
	if (!acpi_write(vm_memory(vm, PC_TABLES, PC_TABLES_SIZE),
			PC_TABLES_SIZE, PC_TABLES, vm->ncpus,
			vm->pc->ndisks))
		die("no room for the ACPI tables");
	for (i = 0; i < vm->ncpus; i++)
		set_cpuid(&vm->cpus[i]);
	regs.rip = k.entry;
	boot_long_mode(&vm->cpus[0], &regs);
}
