/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loader of the emulated VT-x host: a boot sector and its second stage.
 *
 * GRUB and the kernel's own decompressor cost minutes in an emulator, so this
 * loads an uncompressed kernel and its initrd straight to their places and
 * jumps to the 64-bit entry. mkdisk fills in the pages below from offset
 * UM_BOOT_PARAMS on; disk.h has the layout that both share.
 *
 * The sector takes the rest with one BIOS read. The second stage asks the BIOS
 * for the memory map, enters long mode on 2 MiB identity pages and reads all
 * else by ATA PIO, because the BIOS reaches no memory above 1 MiB.
 */
#include "disk.h"

#define PML4		0x60000		/* then one PDPT and four PDs: 4 GiB */
#define PDPT		(PML4 + 0x1000)
#define PDS		(PML4 + 0x2000)
#define GDT_CODE	0x10		/* where Linux's boot protocol wants it */
#define GDT_DATA	0x18

#define ATA_DATA	0x1f0
#define ATA_COUNT	0x1f2
#define ATA_LBA0	0x1f3
#define ATA_DRIVE	0x1f6
#define ATA_COMMAND	0x1f7
#define ATA_CONTROL	0x3f6
#define ATA_READ	0x20
#define ATA_BURST	128		/* sectors per command */

	.text
	.code16
	.globl	start
start:
	ljmp	$0, $1f
1:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$UM_BOOT_ADDR, %sp
	movw	$packet, %si
	movb	$0x42, %ah
	int	$0x13
	jnc	stage2
	movw	$UM_BOOT_ADDR + failed - start, %si
2:	lodsb
	testb	%al, %al
	jz	3f
	movb	$0x0e, %ah
	int	$0x10
	jmp	2b
3:	hlt
	jmp	3b

failed:	.asciz	"umbra: cannot read the disk\r\n"
	.balign	4
packet:	.byte	16, 0
	.word	UM_BOOT_SECTORS - 1
	.word	stage2, 0
	.quad	1

	.org	510
	.word	0xaa55

stage2:
	inb	$0x92, %al		/* A20 */
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92

	/* the memory map, straight into boot_params */
	xorl	%ebx, %ebx
	movw	$UM_BOOT_ADDR + UM_BOOT_PARAMS + UM_BP_E820, %di
1:	movl	$0xe820, %eax
	movl	$20, %ecx
	movl	$0x534d4150, %edx	/* "SMAP" */
	int	$0x15
	jc	2f
	addw	$20, %di
	incb	UM_BOOT_ADDR + UM_BOOT_PARAMS + UM_BP_E820_COUNT
	testl	%ebx, %ebx
	jnz	1b

	/* page tables */
2:	movw	$PML4 >> 4, %ax
	movw	%ax, %es
	xorw	%di, %di
	xorl	%eax, %eax
	movw	$0x6000 / 4, %cx
	cld
	rep stosl
	movl	$PDPT + 3, %es:0
	movl	$PDS + 3, %eax
	movw	$0x1000, %di
3:	movl	%eax, %es:(%di)
	addl	$0x1000, %eax
	addw	$8, %di
	cmpw	$0x1020, %di
	jne	3b
	movl	$0x83, %eax		/* present, writable, 2 MiB */
	movw	$0x2000, %di
4:	movl	%eax, %es:(%di)
	addl	$0x200000, %eax
	addw	$8, %di
	cmpw	$0x6000, %di
	jne	4b

	lgdtl	gdt_ptr
	movl	$PML4, %eax
	movl	%eax, %cr3
	movl	$0x20, %eax		/* PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000001, %eax	/* PG, PE */
	movl	%eax, %cr0
	ljmpl	$GDT_CODE, $long_mode

	.code64
long_mode:
	movl	$GDT_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movw	$ATA_CONTROL, %dx
	movb	$2, %al			/* polled: no interrupts from the disk */
	outb	%al, %dx

	movl	$UM_BOOT_ADDR + UM_BOOT_TABLE, %ebp
	movq	(%rbp), %r8		/* the kernel's entry */
	addl	$16, %ebp
next_piece:
	movq	(%rbp), %rdi		/* where to */
	movl	8(%rbp), %r9d		/* first sector */
	movl	12(%rbp), %r10d		/* how many */
	addl	$16, %ebp
	testl	%r10d, %r10d
	jz	done
next_burst:
	movl	$ATA_BURST, %r11d
	cmpl	%r11d, %r10d
	cmovbl	%r10d, %r11d
	movw	$ATA_COUNT, %dx
	movl	%r11d, %eax
	outb	%al, %dx
	movl	%r9d, %eax
	movw	$ATA_LBA0, %dx
	outb	%al, %dx
	incl	%edx
	shrl	$8, %eax
	outb	%al, %dx
	incl	%edx
	shrl	$8, %eax
	outb	%al, %dx
	movw	$ATA_DRIVE, %dx
	shrl	$8, %eax
	orb	$0xe0, %al		/* LBA, master */
	outb	%al, %dx
	movw	$ATA_COMMAND, %dx
	movb	$ATA_READ, %al
	outb	%al, %dx
	movl	%r11d, %ebx
next_sector:
	movw	$ATA_COMMAND, %dx
1:	inb	%dx, %al
	testb	$0x80, %al		/* busy */
	jnz	1b
	testb	$0x08, %al		/* data wanted */
	jz	1b
	movw	$ATA_DATA, %dx
	movl	$256, %ecx
	rep insw
	decl	%ebx
	jnz	next_sector
	addl	%r11d, %r9d
	subl	%r11d, %r10d
	jnz	next_burst
	jmp	next_piece

done:
	movl	$UM_BOOT_ADDR + UM_BOOT_PARAMS, %esi
	jmpq	*%r8

	.balign	8
gdt:	.quad	0, 0
	.quad	0x00af9b000000ffff	/* GDT_CODE: 64-bit */
	.quad	0x00cf93000000ffff	/* GDT_DATA */
gdt_ptr:
	.word	gdt_ptr - gdt - 1
	.long	gdt

	.org	UM_BOOT_PARAMS
