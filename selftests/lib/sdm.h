/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the SDM says of one access (volume 3, "Paging"), computed from the
 * entries it goes through: no memory, no tables, nothing cached.
 */
#ifndef SELFTEST_SDM_H
#define SELFTEST_SDM_H

#include "lib/access.h"

#define CR0_PE (1ul << 0)
#define CR0_WP (1ul << 16)
#define CR0_PG (1ul << 31)
#define CR4_PSE (1ul << 4)
#define CR4_PAE (1ul << 5)
#define CR4_PGE (1ul << 7)
#define CR4_LA57 (1ul << 12)
#define CR4_PCIDE (1ul << 17)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)
#define EFER_LMA (1ul << 10)
#define EFER_NXE (1ul << 11)

#define PF_P 1
#define PF_W 2
#define PF_U 4
#define PF_RSVD 8
#define PF_I 16

struct sdm_cpu {
	int levels;	/* 2, 3 (PAE), 4, 5 */
	int maxphyaddr;
	bool gbpages;
	u64 cr0, cr4, efer;
};

struct sdm_outcome {
	bool fault;
	u32 error;
	int level;	/* of the last entry read */
	u64 frame;	/* no fault: gpa of the page of 4K */
};

/* entry[level - 1]; those of PAE's level 3 are not looked at. */
void sdm_access(const struct sdm_cpu *cpu, const u64 *entry, u64 va, u64 op,
		struct sdm_outcome *out);
/* Bits that must be 0 in a present entry of that level. */
u64 sdm_reserved(const struct sdm_cpu *cpu, u64 entry, int level);
bool sdm_is_leaf(const struct sdm_cpu *cpu, u64 entry, int level);

#endif
