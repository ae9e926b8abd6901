// SPDX-License-Identifier: GPL-2.0
/*
 * mkdisk: write the boot disk of an emulated VT-x host.
 *
 *	mkdisk BOOT BZIMAGE VMLINUX CMDLINE MEM_MIB OUT INITRD...
 *
 * BOOT is boot.S as a flat binary; BZIMAGE lends its setup header, VMLINUX is
 * the ELF that was packed in it. Its segments go to the disk as they are to
 * stand in memory, so that the loader only has to copy. The INITRD archives are
 * joined into one, as the kernel takes them. disk.h has the layout.
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

#define SECTOR		512u
#define HEADER_START	0x1f1
#define HEADER_MAX	(0x290 - HEADER_START)
#define CMDLINE_MAX	2048
#define PIECES_MAX	((UM_BOOT_END - UM_BOOT_TABLE) / 16 - 2)
/* the emulator's BIOS wants whole cylinders of 16 heads and 63 sectors */
#define CYLINDER	(16u * 63 * SECTOR)

struct file {
	uint8_t *data;
	size_t size;
};

struct piece {
	uint64_t addr;
	uint32_t sector, count;
};

static uint8_t boot[UM_BOOT_END];
static unsigned int pieces;
static uint32_t next_sector = UM_BOOT_SECTORS;
static int out;

static struct file map_file(const char *path)
{
	struct file f;
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	f.size = st.st_size;
	f.data = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (f.data == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return f;
}

static void write_at(const void *data, size_t size, off_t where)
{
	const uint8_t *p = data;

	while (size) {
		ssize_t n = pwrite(out, p, size, where);

		if (n <= 0)
			err(1, "cannot write the disk");
		p += n;
		size -= n;
		where += n;
	}
}

static void add_piece(uint64_t addr, const uint8_t *data, size_t size)
{
	struct piece p = { addr, next_sector, (size + SECTOR - 1) / SECTOR };

	if (!size)
		return;
	if (pieces == PIECES_MAX)
		errx(1, "the kernel has too many segments");
	memcpy(boot + UM_BOOT_TABLE + 16 * ++pieces, &p, sizeof(p));
	write_at(data, size, (off_t)next_sector * SECTOR);
	next_sector += p.count;
}

static void add_kernel(const struct file *f)
{
	const Elf64_Ehdr *eh = (const void *)f->data;
	const Elf64_Phdr *ph = (const void *)(f->data + eh->e_phoff);

	if (f->size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG))
		errx(1, "the kernel is no ELF file");
	memcpy(boot + UM_BOOT_TABLE, &eh->e_entry, 8);
	for (int i = 0; i < eh->e_phnum; i++) {
		size_t size = ph[i].p_filesz;

		if (ph[i].p_type != PT_LOAD)
			continue;
		if (ph[i].p_offset + size > f->size)
			errx(1, "the kernel is cut short");
		/* memory starts out as zeros */
		while (size && !f->data[ph[i].p_offset + size - 1])
			size--;
		add_piece(ph[i].p_paddr, f->data + ph[i].p_offset, size);
	}
}

static void set32(size_t at, uint32_t value)
{
	memcpy(boot + UM_BOOT_PARAMS + at, &value, 4);
}

static void add_initrds(char **paths, unsigned long mem_mib)
{
	size_t size = 0, top = (mem_mib < 2048 ? mem_mib : 2048) << 20;
	uint64_t addr;
	uint8_t *all;

	for (char **p = paths; *p; p++)
		size += map_file(*p).size;
	/* the BIOS keeps its tables in the last 64 KiB */
	addr = (top - (2 << 20) - size) & ~0xfffull;
	if (size > top / 2)
		errx(1, "%zu MiB of initrd do not fit in %lu MiB of memory",
		     size >> 20, mem_mib);
	all = malloc(size);
	if (!all)
		err(1, "initrd");
	for (size_t n = 0; *paths; paths++) {
		struct file f = map_file(*paths);

		memcpy(all + n, f.data, f.size);
		n += f.size;
	}
	add_piece(addr, all, size);
	set32(0x218, addr);			/* ramdisk_image */
	set32(0x21c, size);			/* ramdisk_size */
}

int main(int argc, char **argv)
{
	struct file stage, bz, kernel;
	size_t header, total;

	if (argc < 8)
		errx(2, "usage: mkdisk BOOT BZIMAGE VMLINUX CMDLINE MEM_MIB OUT INITRD...");
	stage = map_file(argv[1]);
	bz = map_file(argv[2]);
	kernel = map_file(argv[3]);
	out = open(argv[6], O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (out < 0)
		err(1, "%s", argv[6]);
	if (stage.size != UM_BOOT_PARAMS)
		errx(1, "%s: not the boot loader", argv[1]);
	if (bz.size < 0x1000 || memcmp(bz.data + 0x202, "HdrS", 4))
		errx(1, "%s: not a bzImage", argv[2]);
	if (strlen(argv[4]) >= CMDLINE_MAX)
		errx(1, "the kernel's command line is too long");

	memcpy(boot, stage.data, stage.size);
	header = 0x202 + bz.data[0x201] - HEADER_START;
	if (header > HEADER_MAX)
		errx(1, "%s: its setup header is too long", argv[2]);
	memcpy(boot + UM_BOOT_PARAMS + HEADER_START, bz.data + HEADER_START,
	       header);
	boot[UM_BOOT_PARAMS + 0x210] = 0xff;	/* type_of_loader: unnamed */
	set32(0x228, UM_BOOT_ADDR + UM_BOOT_CMDLINE);
	strcpy((char *)boot + UM_BOOT_CMDLINE, argv[4]);
	add_kernel(&kernel);
	add_initrds(argv + 7, strtoul(argv[5], NULL, 10));
	write_at(boot, sizeof(boot), 0);
	total = (size_t)next_sector * SECTOR + CYLINDER - 1;
	if (ftruncate(out, total - total % CYLINDER))
		err(1, "%s", argv[6]);
	return 0;
}
