// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the device takes for a guest, by the kernel's own count of free
 * pages, so that nothing is left out whatever it was taken from: tables,
 * their descriptors, slab, vmalloc. The guest touches one 4K page in each 2M:
 * a table is as big with one entry as with all, and neither device keeps
 * anything else for a page. So the slot can be big, and what a vCPU keeps in
 * store (KVM: up to 40 tables) weighs little.
 *
 * The guest's memory and the host's page tables of it are there before the
 * first reading. Pages that lie free in a CPU's list are counted as free; what
 * a slab cache keeps in store is not.
 */
#include <err.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define GPA_FAR	(4ul << 30)
#define SIZE	(8ul << 30)	/* of the slot; reported per GiB */
#define PER_GIB	((double)(1ul << 30) / SIZE)

/* Bytes free in the host, after what is to be freed had time to be. */
static double free_memory(void)
{
	unsigned long pages, sum = 0;
	char line[256];
	FILE *file;

	usleep(100000);
	/* Reading it has every CPU's counts added up; only root may. */
	file = fopen("/proc/sys/vm/stat_refresh", "r");
	if (!file)
		err(1, "/proc/sys/vm/stat_refresh");
	while (fgets(line, sizeof(line), file))
		;
	fclose(file);
	file = fopen("/proc/zoneinfo", "r");
	if (!file)
		err(1, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %lu", &pages) == 1 ||
		    sscanf(line, " count: %lu", &pages) == 1)
			sum += pages;
	fclose(file);
	return (double)sum * PAGE;
}

/* One page in each 2M is there. */
static char *sparse_memory(void)
{
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap of %lu bytes", SIZE);
	madvise(memory, SIZE, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < SIZE; at += HUGE)
		memory[at] = 1;
	return memory;
}

static void report(struct bench *b, const char *name, double bytes)
{
	report_figure(b, name, bytes, bytes, 1);
}

void footprint_run(struct bench *b)
{
	char *memory = sparse_memory();
	double empty, made, mapped, logged;
	struct vm *vm;

	free_memory();
	empty = free_memory();
	vm = vm_new(b);
	vm_call(vm, guest_nothing, 0, 0, 0, false);
	made = free_memory();
	vm_slot(vm, SLOT_DATA, GPA_FAR, memory, SIZE, 0);
	vm_call(vm, guest_write, GPA_FAR, HUGE, SIZE / HUGE, false);
	mapped = free_memory();
	vm_slot(vm, SLOT_DATA, GPA_FAR, memory, SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	logged = free_memory();
	report(b, "memory-vm", empty - made);
	report(b, "memory-mapped", (made - mapped) * PER_GIB);
	report(b, "memory-logged", (mapped - logged) * PER_GIB);
	vm_free(vm);
	munmap(memory, SIZE);
}
