// SPDX-License-Identifier: GPL-2.0
/*
 * A VM, its slots and the guest's image.
 *
 * Slot 0 holds descriptor tables, identity page tables, stacks, and a copy of
 * this program at its own addresses (see guest.h).
 */
#include <elf.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/auxv.h>

#include "lib/vm.h"
#include "uapi/umbra.h"

extern char _end[];
extern char guest_trap_entries[];

void require_failed(const char *file, int line, const char *cond,
		    const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "# %s:%d: %s: ", file, line, cond);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (errno %d, %s)\n", err, strerror(err));
	fflush(NULL);
	_exit(1);
}

const char *dev_path(void)
{
	const char *path = getenv("UMBRA_DEV");

	return path && *path ? path : "/dev/umbra";
}

int dev_open(void)
{
	int fd = open(dev_path(), O_RDWR | O_CLOEXEC);

	REQUIRE(fd >= 0, "cannot open %s", dev_path());
	return fd;
}

int kvm_ioctl(int fd, unsigned long nr, unsigned long arg)
{
	return ioctl(fd, nr, arg);
}

u64 vm_exits_off;
static u64 vm_type;

bool engine_choose(enum engine engine)
{
	int dev = dev_open();
	int types = KIOCTL(dev, KVM_CHECK_EXTENSION, UM_CAP_VM_TYPES);

	close(dev);
	vm_type = engine == ENGINE_SHADOW ? UM_VM_TYPE_SHADOW : UM_VM_TYPE_TDP;
	if (types > 0)
		return types >> (vm_type - UM_BASE) & 1;
	vm_type = 0;
	return engine == ENGINE_TDP;
}

bool vm_is_shadow(struct vm *vm)
{
	return KIOCTL(vm->fd, KVM_CHECK_EXTENSION, UM_CAP_PTW) > 0;
}

struct vm *vm_create(void)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	REQUIRE(vm, "out of memory");
	vm->dev = dev_open();
	vm->fd = KIOCTL(vm->dev, KVM_CREATE_VM, vm_type);
	REQUIRE(vm->fd >= 0, "KVM_CREATE_VM");
	REQUIRE(!vm_exits_off || !vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS,
						vm_exits_off),
		"KVM_CAP_X86_DISABLE_EXITS");
	vm->next_pt = PT_GPA;
	return vm;
}

void vm_free(struct vm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpus[i].run, vm->vcpus[i].run_size);
		close(vm->vcpus[i].fd);
	}
	close(vm->fd);
	close(vm->dev);
	for (i = 0; i < vm->nr_slots; i++) {
		if (vm->slots[i].hva)
			munmap(vm->slots[i].hva, vm->slots[i].size);
	}
	free(vm);
}

/* Anonymous memory; the rest around an aligned piece is given back. */
void *mem_alloc(size_t size, size_t align)
{
	size_t len = size + align;
	u8 *map, *start;

	map = mmap(NULL, len, PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(map != MAP_FAILED, "mmap of %zu bytes", len);
	start = (u8 *)(((u64)map + align - 1) & ~(align - 1));
	if (start != map)
		munmap(map, start - map);
	munmap(start + size, map + len - (start + size));
	return start;
}

int vm_set_slot(struct vm *vm, u32 id, u32 flags, u64 gpa, u64 size, void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = id,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (u64)hva,
	};

	return KERR(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

void vm_slot(struct vm *vm, u32 id, u32 flags, u64 gpa, u64 size, void *hva)
{
	int err = vm_set_slot(vm, id, flags, gpa, size, hva);

	REQUIRE(!err, "slot %u flags %x gpa %lx size %lx: errno %d", id, flags,
		gpa, size, err);
}

/* The slot's memory is the VM's and goes with it. */
void *vm_add_mem(struct vm *vm, u32 id, u32 flags, u64 gpa, u64 size)
{
	struct slot *slot = &vm->slots[vm->nr_slots];

	REQUIRE(vm->nr_slots < VM_MAX_SLOTS, "too many slots in one VM");
	slot->id = id;
	slot->flags = flags;
	slot->gpa = gpa;
	slot->size = size;
	slot->hva = mem_alloc(size, HUGE_SIZE);
	vm_slot(vm, id, flags, gpa, size, slot->hva);
	vm->nr_slots++;
	return slot->hva;
}

int vm_dirty_log(struct vm *vm, u32 slot, void *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	return KERR(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

int vm_clear_log(struct vm *vm, u32 slot, u64 first, u32 n, const void *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot, .first_page = first, .num_pages = n,
		.dirty_bitmap = (void *)bitmap,
	};

	return KERR(vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

int vm_enable_cap(struct vm *vm, u32 nr, u64 arg)
{
	struct kvm_enable_cap cap = { .cap = nr, .args = { arg } };

	return KERR(vm->fd, KVM_ENABLE_CAP, &cap);
}

static void copy_program(struct vm *vm)
{
	const Elf64_Phdr *phdr = (void *)getauxval(AT_PHDR);
	unsigned long i, nr = getauxval(AT_PHNUM);

	REQUIRE(phdr && nr, "no program headers in the aux vector");
	for (i = 0; i < nr; i++) {
		if (phdr[i].p_type != PT_LOAD)
			continue;
		memcpy(vm->ram + phdr[i].p_vaddr, (void *)phdr[i].p_vaddr,
		       phdr[i].p_memsz);
	}
}

static void write_descriptors(struct vm *vm)
{
	u64 *gdt = (u64 *)(vm->ram + GDT_GPA);
	u64 *idt = (u64 *)(vm->ram + IDT_GPA);
	int i;

	gdt[1] = 0x00af9b000000ffff;	/* 0x08: 64-bit code */
	gdt[2] = 0x00cf93000000ffff;	/* 0x10: data */
	gdt[3] = 0x0000890000000067 | TSS_GPA << 16;	/* 0x18: TSS */
	for (i = 0; i < GUEST_VECTORS; i++) {
		u64 entry = (u64)guest_trap_entries + 16 * i;

		idt[2 * i] = (entry & 0xffff) | 0x8e0000080000 |
			     (entry & 0xffff0000) << 32;
		idt[2 * i + 1] = entry >> 32;
	}
}

#define PTE_P 1ul
#define PTE_RW 2ul
#define PTE_PS 0x80ul

static void write_page_tables(struct vm *vm)
{
	u64 *pml4 = (u64 *)(vm->ram + PML4_GPA);
	u64 *pdpt = (u64 *)(vm->ram + PDPT_GPA);
	u64 *pd = (u64 *)(vm->ram + PD_GPA);
	int i;

	pml4[0] = PDPT_GPA | PTE_P | PTE_RW;
	for (i = 0; i < 4; i++)
		pdpt[i] = (PD_GPA + PAGE_SIZE * i) | PTE_P | PTE_RW;
	for (i = 0; i < 2048; i++)
		pd[i] = HUGE_SIZE * i | PTE_P | PTE_RW | PTE_PS;
}

static u64 *table_entry(struct vm *vm, u64 table, u64 gva, int level)
{
	return (u64 *)(vm->ram + (table & ~0xffful)) +
	       (gva >> (12 + 9 * (level - 1)) & 511);
}

/*
 * Map one 4K page. A table that is missing is taken from PT_GPA, a 2 MiB
 * leaf on the way is split into the same mapping in pages.
 */
void vm_map(struct vm *vm, u64 gva, u64 gpa)
{
	u64 table = PML4_GPA, old;
	u64 *entry;
	int level, i;

	for (level = 4; level > 1; level--) {
		entry = table_entry(vm, table, gva, level);
		old = *entry;
		if (!(old & PTE_P) || old & PTE_PS) {
			REQUIRE(vm->next_pt < PT_END, "out of table pages");
			*entry = vm->next_pt | PTE_P | PTE_RW;
			for (i = 0; i < 512 && old & PTE_P; i++)
				((u64 *)(vm->ram + vm->next_pt))[i] =
					(old & ~PTE_PS) + PAGE_SIZE * i;
			vm->next_pt += PAGE_SIZE;
		}
		table = *entry;
	}
	*table_entry(vm, table, gva, 1) = gpa | PTE_P | PTE_RW;
}

static void fill_mem(struct vm *vm)
{
	vm->ram_size = ((u64)_end + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1);
	vm->ram = vm_add_mem(vm, 0, 0, 0, vm->ram_size);
	copy_program(vm);
	write_descriptors(vm);
	write_page_tables(vm);
}

struct vm *vm_create_mem(void)
{
	struct vm *vm = vm_create();

	fill_mem(vm);
	return vm;
}

/* The same with dirty rings of so many bytes, or none. */
struct vm *vm_boot_rings(int nr_vcpus, void (*guest)(void), u32 ring_bytes)
{
	struct vm *vm = vm_create();
	int i;

	if (ring_bytes)
		REQUIRE(!rings_enable(vm, ring_bytes), "dirty rings");
	fill_mem(vm);
	for (i = 0; i < nr_vcpus; i++)
		vcpu_setup(vcpu_add(vm, i), guest);
	return vm;
}

/* A VM whose vCPUs 0..nr-1 stand at the start of guest(). */
struct vm *vm_boot(int nr_vcpus, void (*guest)(void))
{
	return vm_boot_rings(nr_vcpus, guest, 0);
}
