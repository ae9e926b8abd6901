// SPDX-License-Identifier: GPL-2.0
/*
 * Guest images: ELF, flat, or one of those built into penumbra, which are there
 * for 64 bits and for 32.
 */
#include "boot.h"

#include "ports.h"

#include <elf.h>
#include <string.h>

/* guests.S */
extern const uint8_t guest_writer[], guest_writer_end[];
extern const uint8_t guest_reader[], guest_reader_end[];
extern const uint8_t guest_idle[], guest_idle_end[];
extern const uint8_t guest_writer32[], guest_writer32_end[];
extern const uint8_t guest_reader32[], guest_reader32_end[];
extern const uint8_t guest_idle32[], guest_idle32_end[];

const char image_builtins[] = "builtin:writer, builtin:reader, builtin:idle";

static const struct {
	const char *name;
	const uint8_t *start, *end;
	bool is_32;
} builtins[] = {
	{ "builtin:writer", guest_writer, guest_writer_end },
	{ "builtin:reader", guest_reader, guest_reader_end },
	{ "builtin:idle", guest_idle, guest_idle_end },
	{ "builtin:writer", guest_writer32, guest_writer32_end, true },
	{ "builtin:reader", guest_reader32, guest_reader32_end, true },
	{ "builtin:idle", guest_idle32, guest_idle32_end, true },
};

/* What both classes of ELF have, as wide as the wider has it. */
struct header {
	uint64_t entry, phoff;
	size_t phnum, phsize;
	bool phsize_ok;
};

struct segment {
	bool is_load;
	uint64_t offset, paddr, filesz, memsz;
};

static void load_segment(struct vm *vm, const char *path, const uint8_t *file,
			 size_t size, const struct segment *seg,
			 struct image *image)
{
	void *to = vm_memory(vm, seg->paddr, seg->memsz);

	if (seg->filesz > seg->memsz || seg->offset > size ||
	    seg->filesz > size - seg->offset)
		die("%s: an ELF segment lies outside of the file", path);
	if (!to || seg->paddr < GUEST_IMAGE)
		die("%s: segment at %#llx is not in the guest's memory", path,
		    (unsigned long long)seg->paddr);
	memcpy(to, file + seg->offset, seg->filesz);
	if (seg->paddr + seg->memsz > image->end)
		image->end = seg->paddr + seg->memsz;
}

#define HEADER(e, phdr)						  \
	((struct header){ (e).e_entry, (e).e_phoff, (e).e_phnum,  \
			  sizeof(phdr), (e).e_phentsize == sizeof(phdr) })
#define SEGMENT(ph)						     \
	((struct segment){ (ph).p_type == PT_LOAD && (ph).p_memsz,   \
			   (ph).p_offset, (ph).p_paddr, (ph).p_filesz, \
			   (ph).p_memsz })

static struct header read_header(const uint8_t *file, bool is_32)
{
	Elf32_Ehdr e32;
	Elf64_Ehdr e64;

	memcpy(&e32, file, sizeof(e32));
	memcpy(&e64, file, sizeof(e64));
	return is_32 ? HEADER(e32, Elf32_Phdr) : HEADER(e64, Elf64_Phdr);
}

static struct segment read_segment(const uint8_t *at, bool is_32)
{
	Elf32_Phdr p32;
	Elf64_Phdr p64;

	if (is_32) {
		memcpy(&p32, at, sizeof(p32));
		return SEGMENT(p32);
	}
	memcpy(&p64, at, sizeof(p64));
	return SEGMENT(p64);
}

static bool is_elf(const uint8_t *file, uint8_t class, uint16_t machine)
{
	Elf32_Ehdr e;	/* the part wanted is the same in both */

	memcpy(&e, file, sizeof(e));
	return e.e_ident[EI_CLASS] == class && e.e_machine == machine;
}

static void load_elf(struct vm *vm, const char *path, const uint8_t *file,
		     size_t size, struct image *image)
{
	struct header h;
	size_t i;

	if (size < sizeof(Elf64_Ehdr))
		die("%s: truncated ELF header", path);
	image->is_32 = is_elf(file, ELFCLASS32, EM_386);
	if (!image->is_32 && !is_elf(file, ELFCLASS64, EM_X86_64))
		die("%s is no ELF file for x86", path);
	h = read_header(file, image->is_32);
	if (!h.phsize_ok || h.phoff > size ||
	    h.phnum > (size - h.phoff) / h.phsize)
		die("%s: program headers lie outside of the file", path);
	image->entry = h.entry;
	image->end = 0;
	for (i = 0; i < h.phnum; i++) {
		struct segment seg = read_segment(
			file + h.phoff + i * h.phsize, image->is_32);

		if (seg.is_load)
			load_segment(vm, path, file, size, &seg, image);
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
	image->is_32 = false;
	image->entry = GUEST_IMAGE;
	image->end = GUEST_IMAGE + size;
}

void image_load(struct vm *vm, const char *path, bool is_32,
		struct image *image)
{
	struct file file;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(builtins); i++) {
		if (strcmp(path, builtins[i].name) ||
		    builtins[i].is_32 != is_32)
			continue;
		load(vm, path, builtins[i].start,
		     builtins[i].end - builtins[i].start, image);
		return;
	}
	file_map(path, &file);
	load(vm, path, file.data, file.size, image);
	file_unmap(&file);
}
