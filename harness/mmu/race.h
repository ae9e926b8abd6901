/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Races: a few sides that act on one world at the same time, again and again.
 * Every round starts all sides by a barrier, and is judged when all are done.
 * One file per race, race_<a>_vs_<b>.c; each has planted bugs in plants/ that
 * it must catch.
 */
#ifndef _HARNESS_RACE_H
#define _HARNESS_RACE_H

#include "guest.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#define RACE_SIDES CPUS

/* Pages that sides meet on: first of RAM, all in one table. */
#define RACE_GFN RAM_BASE
#define RACE_PAGES 4

struct race {
	const char *name;
	enum um_fast_mode mode;
	enum um_log_mode log;
	bool noad;	/* the CPU keeps no A/D flags */
	bool huge;	/* the host has huge pages */
	bool logged;	/* the slot is logged from the start */
	int rounds;	/* 0: some hundred */
	/* The shadow engine, with a vCPU for each CPU: see below. */
	bool shadow;
	bool watched; /* the oracle looks at each access */
	enum um_ptw_mode ptw;
	enum guest_format format;
	/* Alone. */
	void (*before)(struct world *world);
	/* Each in a thread of its own, with a CPU of its own. */
	void (*side[RACE_SIDES])(struct world *world, struct cpu *cpu);
	/* Alone; what every race must keep is judged anyway. */
	void (*after)(struct world *world);
};

/* Play it on a stage of its own, @times as long. */
void race_run(const struct race *race, u64 seed, int times);
#include "../race_main.h"

gfn_t race_gfn(void); /* any of the pages */
/* Access it, with faults as they come; false after some tries. */
bool race_access(struct cpu *cpu, gfn_t gfn, u8 access);
/* Enter, access some pages, leave. */
void race_write(struct world *world, struct cpu *cpu);
void race_read(struct world *world, struct cpu *cpu);
/* Harvest the log into the copies of the pages. */
void race_harvest(struct world *world, struct cpu *cpu);
/* As user space does with manual protection, for pages with a bit in @mask. */
void race_clear(struct world *world, unsigned long mask);
void race_migrate(struct world *world, struct cpu *cpu);
void race_share(struct world *world, struct cpu *cpu);
/* Age the pages, some times. */
void race_age(struct world *world, struct cpu *cpu);
/* Rely for a while on the page's being protected. */
void race_trust(struct world *world, gfn_t gfn);

/*
 * With the shadow engine: every vCPU runs on the same tables, which map the
 * pages at RACE_VA, with D set, by one leaf table, and all of RAM in the window.
 */
#define RACE_VA 0x400000UL
extern struct vcpu race_vcpu[CPUS];
extern struct guest_tables race_tables;

struct vcpu *race_vcpu_of(struct cpu *cpu);
/* Sides: store to some pages; load. */
void race_vstore(struct world *world, struct cpu *cpu);
void race_vload(struct world *world, struct cpu *cpu);
/* Store @value, an entry, to guest memory through the window. */
enum vresult race_edit(struct vcpu *v, gpa_t gpa, u64 value);

/* What the dirty log's user has of each page of RAM. */
extern u64 race_copy[GFNS];
void race_copy_all(struct world *world);

#endif
