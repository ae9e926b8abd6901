// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's memory: of 4K pages only, or of 2M pages only, as the host maps
 * it; each page present.
 */
#include <err.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

void *memory_new(size_t size, size_t align)
{
	char *all, *memory;

	all = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		err(1, "mmap of %zu bytes", size);
	memory = (char *)(((uintptr_t)all + align - 1) & -align);
	if (memory > all)
		munmap(all, memory - all);
	munmap(memory + size, all + align - memory);
	/* Fails where the kernel knows no huge pages: as good. */
	madvise(memory, size, MADV_NOHUGEPAGE);
	memset(memory, 0, size);
	return memory;
}

/* Does the host really map this range by huge pages of its own accord? */
static bool is_transparent_huge(void *memory, size_t size)
{
	unsigned long from, to, kib, want = size >> 10;
	bool inside = false;
	char line[256];
	FILE *smaps = fopen("/proc/self/smaps", "r");

	if (!smaps)
		return false;
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= (uintptr_t)memory &&
				 to >= (uintptr_t)memory + size;
		if (inside && sscanf(line, "AnonHugePages: %lu", &kib) == 1) {
			fclose(smaps);
			return kib >= want;
		}
	}
	fclose(smaps);
	return false;
}

void *huge_memory_new(size_t size)
{
	void *memory;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (memory != MAP_FAILED) {
		memset(memory, 0, size);
		return memory;
	}
	memory = memory_new(size, HUGE);
	if (!madvise(memory, size, MADV_HUGEPAGE) &&
	    !madvise(memory, size, MADV_DONTNEED)) {
		memset(memory, 0, size);
		if (is_transparent_huge(memory, size))
			return memory;
	}
	munmap(memory, size);
	return NULL;
}
