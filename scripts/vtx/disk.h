/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layout of the boot disk, shared by boot.S and mkdisk.c.
 *
 * The first UM_BOOT_SECTORS are read to UM_BOOT_ADDR as they stand:
 *
 *	0			boot sector and second stage
 *	UM_BOOT_PARAMS		struct boot_params (the zero page)
 *	UM_BOOT_CMDLINE		the kernel's command line
 *	UM_BOOT_TABLE		u64 entry, u64 0, then pieces of 16 bytes:
 *				u64 address, u32 first sector, u32 sectors;
 *				0 sectors end the table
 *
 * The pieces (the kernel's segments, the initrd) follow.
 */
#ifndef _UMBRA_VTX_DISK_H
#define _UMBRA_VTX_DISK_H

#define UM_BOOT_ADDR		0x7c00
#define UM_BOOT_PARAMS		0x1400
#define UM_BOOT_CMDLINE		0x2400
#define UM_BOOT_TABLE		0x3400
#define UM_BOOT_END		0x3600
#define UM_BOOT_SECTORS		(UM_BOOT_END / 512)

/* fields of struct boot_params that the loader fills in itself */
#define UM_BP_E820_COUNT	0x1e8
#define UM_BP_E820		0x2d0

#endif
