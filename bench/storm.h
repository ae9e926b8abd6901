/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What storm.c and its guest agree on. All of it lies in one slot, reached
 * one to one: the image, an area for each vCPU, and its pages for tables.
 */
#ifndef _UMBRA_BENCH_STORM_H
#define _UMBRA_BENCH_STORM_H

#define STORM_CPUS	2
#define STORM_PAGES	64	/* of a process */
#define STORM_FRAMES	(2 * STORM_PAGES)
#define STORM_TABLES	20	/* 4 levels: the parent, and 4 children in turn */
#define STORM_AREA	0x10000ul

/* At the bottom of its area, which the stack is at the top of. */
struct storm_cpu {
	/* from the host */
	unsigned long long forks;	/* to make in this run */
	unsigned long long tables;
	unsigned long long frames;
	/* to the host */
	unsigned long long error;	/* the line that found something wrong */
	unsigned long long faults;
	/* the guest's own, zero at first */
	unsigned long long made;
	unsigned long long *parent[4], *child[4];	/* by level, leaf first */
	unsigned long long *current;	/* the leaf table in use */
	unsigned int taken;		/* tables, since the beginning */
	unsigned int nfree;
	unsigned char free[STORM_FRAMES];
	unsigned char ref[STORM_FRAMES];
	unsigned long long gdt[3];
	unsigned long long idt[2 * 15];
};

#endif
