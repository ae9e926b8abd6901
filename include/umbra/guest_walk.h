/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest_walk.h - translate a guest linear address by the guest's own tables
 *
 * What the CPU's page walker does, in software: for the emulator, for user
 * space that asks for a translation, and for shadowing guest tables. Covers
 * paging off, 32-bit (PSE, PSE-36), PAE, 4-level and 5-level. Protection keys
 * and shadow stacks are not known here and must not be offered to a guest.
 *
 * Canonicality is the caller's business: the walk ignores the bits above those
 * that index a table. No locks; the callbacks decide about sleeping.
 */
#ifndef _UMBRA_GUEST_WALK_H
#define _UMBRA_GUEST_WALK_H

#include <linux/bits.h>
#include <linux/types.h>

/* What paging depends on: SDM, "Control Registers", "IA32_EFER". */
#define UM_CR0_WP BIT_ULL(16)
#define UM_CR0_PG BIT_ULL(31)
#define UM_CR4_PSE BIT_ULL(4)
#define UM_CR4_PAE BIT_ULL(5)
#define UM_CR4_LA57 BIT_ULL(12)
#define UM_CR4_PCIDE BIT_ULL(17)
#define UM_CR4_SMEP BIT_ULL(20)
#define UM_CR4_SMAP BIT_ULL(21)
#define UM_EFER_LMA BIT_ULL(10)
#define UM_EFER_NXE BIT_ULL(11)
#define UM_RFLAGS_AC BIT_ULL(18)

/* An entry of a guest's table, of whatever format. */
#define UM_GPTE_P BIT_ULL(0)
#define UM_GPTE_W BIT_ULL(1)
#define UM_GPTE_U BIT_ULL(2)
#define UM_GPTE_A BIT_ULL(5)
#define UM_GPTE_D BIT_ULL(6)
#define UM_GPTE_PS BIT_ULL(7)
#define UM_GPTE_ADDR GENMASK_ULL(51, 12)
#define UM_GPTE_NX BIT_ULL(63)

/* The kind of access. Not USER means supervisor. */
#define UM_WALK_WRITE		0x01
#define UM_WALK_FETCH		0x02
#define UM_WALK_USER		0x04
#define UM_WALK_IMPLICIT	0x08	/* supervisor: RFLAGS.AC does not help */
#define UM_WALK_PEEK		0x10	/* leave the A and D bits alone */

/* #PF error code. */
#define UM_PFEC_PRESENT		0x01
#define UM_PFEC_WRITE		0x02
#define UM_PFEC_USER		0x04
#define UM_PFEC_RSVD		0x08
#define UM_PFEC_FETCH		0x10

/* Rights a walk found, before CR0.WP, SMEP and SMAP are applied. */
#define UM_WALK_MAY_WRITE	0x1
#define UM_WALK_MAY_USER	0x2
#define UM_WALK_MAY_EXEC	0x4

#define UM_RIGHTS_ALL \
	(UM_WALK_MAY_WRITE | UM_WALK_MAY_USER | UM_WALK_MAY_EXEC)

#define UM_WALK_LEVELS 5

enum um_gpte_rc {
	UM_GPTE_OK,
	UM_GPTE_CHANGED,	/* cmpxchg: another value stands there now */
	UM_GPTE_READONLY,	/* cmpxchg: no A/D bits for this table */
	UM_GPTE_NOWHERE,	/* no memory at this gpa */
};

struct um_guest_paging {
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u64 rflags;		/* AC only */
	u64 pdpte[4];		/* PAE: as loaded by the last MOV to CR3 */
	u8 maxphyaddr;
	bool no_gbpages;	/* CPUID: PS in a PDPTE is reserved */

	/* @size is that of an entry, 4 or 8 bytes, @gpa aligned to it. */
	enum um_gpte_rc (*read_gpte)(void *priv, u64 gpa, unsigned int size,
				     u64 *val);
	enum um_gpte_rc (*cmpxchg_gpte)(void *priv, u64 gpa, unsigned int size,
					u64 old, u64 new);
	void *priv;
};

enum um_format {
	UM_FMT_32,
	UM_FMT_PAE,
	UM_FMT_64, /* 4 or 5 levels */
};

static inline enum um_format um_guest_format(const struct um_guest_paging *p)
{
	if (p->efer & UM_EFER_LMA)
		return UM_FMT_64;
	return p->cr4 & UM_CR4_PAE ? UM_FMT_PAE : UM_FMT_32;
}

/* What an entry without reserved bits allows by itself: UM_WALK_MAY_*. */
static inline u8 um_gpte_rights(enum um_format fmt, u64 gpte)
{
	bool nx = fmt != UM_FMT_32 && (gpte & UM_GPTE_NX);

	return (gpte & UM_GPTE_W ? UM_WALK_MAY_WRITE : 0) |
	       (gpte & UM_GPTE_U ? UM_WALK_MAY_USER : 0) |
	       (nx ? 0 : UM_WALK_MAY_EXEC);
}

enum um_walk_result {
	UM_WALK_OK,
	UM_WALK_FAULT,		/* #PF with error_code */
	/* a table is outside of memory; error_code as if not present */
	UM_WALK_NOWHERE,
	UM_WALK_RETRY,		/* entries change faster than they are read */
};

struct um_guest_walk {
	u64 linear;
	u32 access;

	u64 gpa;		/* OK: of this very byte */
	u32 error_code;		/* FAULT, NOWHERE */
	/* UM_WALK_MAY_*; also valid with a FAULT for lack of rights */
	u8 rights;
	/* of the last entry read: 1 = 4K; 0 with paging off */
	u8 level;
	u8 top;			/* level of the root */
	/* Entries read and where they are, by level - 1; with A/D as set. */
	u64 gpte[UM_WALK_LEVELS];
	u64 gpte_gpa[UM_WALK_LEVELS];
};

enum um_walk_result um_guest_walk(const struct um_guest_paging *paging,
				  u64 linear, u32 access,
				  struct um_guest_walk *walk);

/* What of all that decides which bits of an entry are reserved. */
struct um_gpte_rules {
	u8 format; /* enum um_format */
	u8 maxphyaddr;
	bool nx;
	bool pse;
	bool gbpages;
};

/* Has @gpte, present and of a table of @level, a bit that must be 0? */
bool um_gpte_is_reserved(struct um_gpte_rules rules, unsigned int level,
			 u64 gpte);

/*
 * The last step alone, for who knows what the entries above come to: @walk has
 * linear, access, gpte_gpa[0], and in rights what those above leave. What is
 * not OK is for um_guest_walk() to say.
 */
enum um_walk_result um_guest_walk_last(const struct um_guest_paging *paging,
				       struct um_guest_walk *walk);

/* May @access (UM_WALK_*) be made to a page of @rights (UM_WALK_MAY_*)? */
bool um_guest_allows(const struct um_guest_paging *p, u32 access, u8 rights);

/* May this value be loaded into a PDPTE register? If not: #GP(0). */
bool um_guest_pdpte_is_valid(u64 pdpte, u8 maxphyaddr);

#endif
