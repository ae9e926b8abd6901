// SPDX-License-Identifier: GPL-2.0
/*
 * Guest images: ELF64, flat, or one of those built into penumbra.
 */
#include "boot.h"

#include "ports.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* guests.S */
extern const uint8_t guest_writer[], guest_writer_end[];
extern const uint8_t guest_reader[], guest_reader_end[];
extern const uint8_t guest_idle[], guest_idle_end[];

const char image_builtins[] = "builtin:writer, builtin:reader, builtin:idle";

static const struct {
	const char *name;
	const uint8_t *start, *end;
} builtins[] = {
	{ "builtin:writer", guest_writer, guest_writer_end },
	{ "builtin:reader", guest_reader, guest_reader_end },
	{ "builtin:idle", guest_idle, guest_idle_end },
};

static void load_segment(struct vm *vm, const char *path, const uint8_t *file,
			 size_t size, const Elf64_Phdr *ph,
			 struct image *image)
{
	void *to = vm_memory(vm, ph->p_paddr, ph->p_memsz);

	if (ph->p_filesz > ph->p_memsz || ph->p_offset > size ||
	    ph->p_filesz > size - ph->p_offset)
		die("%s: an ELF segment lies outside of the file", path);
	if (!to || ph->p_paddr < GUEST_IMAGE)
		die("%s: segment at %#llx is not in the guest's memory", path,
		    (unsigned long long)ph->p_paddr);
	memcpy(to, file + ph->p_offset, ph->p_filesz);
	if (ph->p_paddr + ph->p_memsz > image->end)
		image->end = ph->p_paddr + ph->p_memsz;
}

static void load_elf(struct vm *vm, const char *path, const uint8_t *file,
		     size_t size, struct image *image)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	unsigned int i;

	if (size < sizeof(eh))
		die("%s: truncated ELF header", path);
	memcpy(&eh, file, sizeof(eh));
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != EM_X86_64)
		die("%s is not an x86-64 ELF file", path);
	if (eh.e_phentsize != sizeof(ph) || eh.e_phoff > size ||
	    eh.e_phnum > (size - eh.e_phoff) / sizeof(ph))
		die("%s: program headers lie outside of the file", path);
	image->entry = eh.e_entry;
	image->end = 0;
	for (i = 0; i < eh.e_phnum; i++) {
		memcpy(&ph, file + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD && ph.p_memsz)
			load_segment(vm, path, file, size, &ph, image);
	}
	if (!image->end)
		die("%s: nothing to load", path);
}

static void load(struct vm *vm, const char *path, const uint8_t *file,
		 size_t size, struct image *image)
{
	void *to;

	if (size >= SELFMAG && !memcmp(file, ELFMAG, SELFMAG)) {
		load_elf(vm, path, file, size, image);
		return;
	}
	to = vm_memory(vm, GUEST_IMAGE, size);
	if (!to)
		die("%s does not fit into the guest's memory", path);
	memcpy(to, file, size);
	image->entry = GUEST_IMAGE;
	image->end = GUEST_IMAGE + size;
}

void image_load(struct vm *vm, const char *path, struct image *image)
{
	struct stat st;
	unsigned int i;
	void *file;
	int fd;

	for (i = 0; i < ARRAY_SIZE(builtins); i++) {
		if (strcmp(path, builtins[i].name))
			continue;
		load(vm, path, builtins[i].start,
		     builtins[i].end - builtins[i].start, image);
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || !st.st_size)
		die("%s is no guest image", path);
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	load(vm, path, file, st.st_size, image);
	munmap(file, st.st_size);
	close(fd);
}
