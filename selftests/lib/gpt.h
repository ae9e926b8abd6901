/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's page tables in any format, as the host writes them.
 */
#ifndef SELFTEST_GPT_H
#define SELFTEST_GPT_H

#include "lib/vm.h"

#define PT_P (1ul << 0)
#define PT_W (1ul << 1)
#define PT_U (1ul << 2)
#define PT_A (1ul << 5)
#define PT_D (1ul << 6)
#define PT_PS (1ul << 7)
#define PT_G (1ul << 8)
#define PT_NX (1ul << 63)
#define PT_ADDR 0x000ffffffffff000ul
#define PT_LEVELS_MAX 5

/* levels: 2 with entries of 4 bytes; 3 is PAE; 4; 5. */
struct gpt {
	struct vm *vm;
	int levels;
	u64 root;
};

/* A zeroed page of slot 0 for a table; its gpa. */
u64 gpt_page(struct vm *vm);
void gpt_init(struct gpt *gpt, struct vm *vm, int levels);
u64 gpt_get(const struct gpt *gpt, u64 gpa);
void gpt_set(const struct gpt *gpt, u64 gpa, u64 entry);
/* gpa of the entry for va in a table of that level that is at table. */
u64 gpt_slot(const struct gpt *gpt, u64 table, u64 va, int level);
/* The same of a level; tables on the way are made, with all rights. */
u64 gpt_entry(struct gpt *gpt, u64 va, int level);
/* flags and pa of a leaf of that level, as they are. */
void gpt_map(struct gpt *gpt, u64 va, u64 leaf, int level);
/* The program and its tables, for the supervisor, in pages of 4K. */
void gpt_identity(struct gpt *gpt, u64 size);

#endif
