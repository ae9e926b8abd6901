/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest of penumbra finds: I/O ports, memory map, parameter page.
 *
 * Shared by the VMM and the guests. All vCPUs enter at the image's entry point
 * at once, in 64-bit mode, memory mapped one to one (by five levels if they are
 * to make tables of five), interrupts off, with rdi = address of the parameter
 * page, rsi = vCPU id, rsp = end of its stack. A 32-bit image is entered in
 * protected mode, paging off, with edi, esi, esp likewise.
 */
#ifndef PENUMBRA_PORTS_H
#define PENUMBRA_PORTS_H

#define PORT_SERIAL	0x3f8	/* 8 registers of a 16550, output only */
#define PORT_EXIT	0x0f4	/* out: the guest is over, with this status */
#define PORT_COMMAND	0x510	/* in 32: see CMD_*; counts as a heartbeat */
#define PORT_CLOCK	0x514	/* in 32: milliseconds the guest has lived */
#define PORT_SLEEP	0x518	/* out 32: rest for up to so many ms */
#define PORT_WORK	0x51c	/* out 32: units of work done since last time */

#define CMD_GO_ON	0
#define CMD_FINISH	1	/* check everything, then exit */

#define GUEST_GDT	0x1000UL
#define GUEST_PARAMS	0x2000UL
#define GUEST_PML5	0x3000UL
#define GUEST_PML4	0x4000UL
#define GUEST_PDPT	0x5000UL
#define GUEST_PD	0x10000UL	/* one page per GiB mapped */
#define GUEST_MAX_GIB	64
#define GUEST_STACKS	0x50000UL
#define GUEST_STACK	0x1000UL	/* bytes for each vCPU */
#define GUEST_MAX_CPUS	64
#define GUEST_IMAGE	0x100000UL	/* where a flat image is put */

#define GUEST_MAGIC	0x61726264756e6570ULL

struct guest_params {
	unsigned long long magic;
	unsigned int cpus;
	unsigned int paging;	/* levels of its own tables; 0: as entered */
	unsigned long long low_memory;	/* bytes from address 0 */
	unsigned long long high_memory;	/* bytes from 4 GiB */
	unsigned long long free_start;	/* first byte behind the image */
	char args[2048];
};

#endif
