/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VM with all of irq/ as it is in the kernel, and vCPUs that run: enter, are
 * given what the point of injection has for them, serve it, halt or run on, and
 * leave when they are told to. What vmx/run.c and core/host.c do of this is in
 * machine.c once more, in few lines.
 */
#ifndef _HARNESS_IRQ_MACHINE_H
#define _HARNESS_IRQ_MACHINE_H

#include "vmx.h"

#include <irq/glue.h>
#include <shim.h>

#define MACHINE_CPUS 3

struct cpu {
	struct um_vmx vmx;
	struct kvm_run run;
	bool kicked;	/* an IPI is on its way; any */
	int serving;	/* vectors that it took and has not ended */
	/* How it passes its time: of 8 entries so many end in HLT, and so many
	 * by an exit of its own; else it runs on. By the test, between rounds.
	 */
	int halts, exits;
	bool starts_always; /* each INIT is followed by a SIPI */
	/* Counts its ways into the guest, from before each; alone in its line. */
	unsigned int entries __attribute__((__aligned__(64)));
	char pad[60];
	/* What it saw. */
	unsigned int got[UM_VECTORS];
	unsigned int ended;   /* vectors, by an EOI */
	unsigned int settled; /* of them, all that came of it is done, too */
	unsigned int nmis, resets, starts;
	u8 start;		 /* the page that the last SIPI named */
	unsigned int eois;	 /* KVM_EXIT_IOAPIC_EOI */
	u8 eoi_vector;		 /* of the last */
};

struct machine {
	struct um_vm vm;
	struct cpu cpu[MACHINE_CPUS];
	/* What was sent to vCPUs: begun, and told to the end; any. */
	unsigned int begun, told;
	bool over;	/* nothing more will be */
};

extern struct machine machine;

/* A VM with @ncpus vCPUs, which run, and interrupt controllers. */
void machine_new(int ncpus, bool split);
void machine_free(void);
struct um_irqchip *machine_chip(void);
struct um_lapic *machine_apic(int i);

/*
 * As KVM_RUN, until all is over and done. It complains when the guest runs on,
 * or sleeps, beside something that is there for it, and of which nobody is
 * about to tell it. The vCPU's own thread.
 */
void cpu_run(struct cpu *cpu);
/* Around whatever sends something to a vCPU. */
void machine_begin(void);
void machine_end(void);
/* Back to what it was after machine_new(); alone. */
void cpu_reset(struct cpu *cpu);
/* The ioctls, with arguments in memory of the test; as KVM. */
long machine_ioctl(unsigned int nr, void *arg);
/* KVM_IRQ_LINE_STATUS */
int machine_line(u32 gsi, bool up);

#endif
