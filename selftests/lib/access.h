/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that does single accesses, through page-table entries that it sets
 * first, and writes down what came of each: in 32-bit mode with two levels or
 * PAE, in 64-bit mode with four or five. It takes its exceptions itself.
 */
#ifndef SELFTEST_ACCESS_H
#define SELFTEST_ACCESS_H

#define ACCESS_READ 0
#define ACCESS_WRITE 1
#define ACCESS_FETCH 2
#define ACCESS_USER 4	/* at CPL 3 */
#define ACCESS_AC 8	/* with EFLAGS.AC */

#define ACCESS_SETUPS 64
#define ACCESS_EACH 8

/* Selectors. */
#define ACCESS_TSS 0x18
#define ACCESS_CODE32 0x28
#define ACCESS_USER_CODE64 0x33
#define ACCESS_USER_CODE32 0x3b
#define ACCESS_USER_DATA 0x43

/* Interrupts stay on: see vcpu_setup(). */
#define ACCESS_FLAGS 0x202
#define ACCESS_FLAG_AC 0x40000

/* Of the structures below, for assembly. */
#define B_CR0 0
#define B_CR4 8
#define B_EFER 16
#define B_NR 24
#define B_STUB 32
#define B_SIZE 40
#define B_CR3 48
#define B_SETUP 56
#define S_NR 0
#define S_NR_ENTRIES 8
#define S_VA 16
#define S_GPA 24
#define S_ENTRY 64
#define S_ACCESS 104
#define S_BYTES 808
#define A_OP 0
#define A_VALUE 8
#define A_VECTOR 16
#define A_ERROR 24
#define A_CR2 32
#define A_ENTRY 40
#define A_BYTES 88

#ifndef __ASSEMBLER__

#include "lib/gpt.h"

struct access {
	u64 op;
	u64 value;		/* of a write; of a read afterwards */
	u64 vector;		/* 6: it was done */
	u64 error, cr2;
	u64 entry[PT_LEVELS_MAX]; /* of the setup, after the access */
	u64 spare;
};

struct access_setup {
	u64 nr;			/* of accesses, at least one */
	u64 nr_entries;
	u64 va;
	u64 gpa[PT_LEVELS_MAX];	/* where entries are, and what they become */
	u64 entry[PT_LEVELS_MAX];
	struct access access[ACCESS_EACH];
};

struct access_batch {
	u64 cr0, cr4, efer;
	u64 nr;			/* of setups, at least one */
	u64 stub;		/* where users find their code */
	u64 size;		/* of an entry */
	u64 cr3;		/* 0: as it is */
	struct access_setup setup[ACCESS_SETUPS];
};

/* In the guest; GUEST_PTR(). */
extern struct access_batch access_batch;

#define ACCESS_DONE 6
#define ACCESS_FAULT 14

/* Tables of so many levels, with the program at its own addresses. */
void access_tables(struct gpt *gpt, struct vm *vm, int levels);
/* A vCPU that is about to take the first batch. */
struct vcpu *access_boot(struct gpt *gpt);
/* Do the batch. */
void access_run(struct vcpu *vcpu);

#endif
#endif
