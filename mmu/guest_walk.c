// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's page-table walk, as its CPU would do it.
 *
 * Kept apart from the shadow engine because emulation needs it under both
 * engines. Three steps: go down reading entries, judge the rights found, mark
 * A and D. Nothing is marked for an access that faults, and an entry that
 * changed since it was read restarts the walk, so A and D are never set in an
 * entry that was not used.
 */
#include "umbra/guest_walk.h"

#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/string.h>

/* Restarts after a lost cmpxchg before the caller is asked to try later. */
#define WALK_TRIES 8

static struct um_gpte_rules rules_of(const struct um_guest_paging *p)
{
	enum um_format fmt = um_guest_format(p);

	return (struct um_gpte_rules){
		.format = fmt,
		.maxphyaddr = p->maxphyaddr,
		.nx = fmt != UM_FMT_32 && (p->efer & UM_EFER_NXE),
		.pse = p->cr4 & UM_CR4_PSE,
		.gbpages = !p->no_gbpages,
	};
}

/* Bits high..low, or none when the range is empty. */
static u64 bit_range(int high, int low)
{
	return high < low ? 0 : GENMASK_ULL(high, low);
}

static unsigned int index_bits(enum um_format fmt)
{
	return fmt == UM_FMT_32 ? 10 : 9;
}

static unsigned int level_shift(enum um_format fmt, unsigned int level)
{
	return 12 + index_bits(fmt) * (level - 1);
}

static bool is_leaf(struct um_gpte_rules rules, unsigned int level, u64 gpte)
{
	if (level == 1)
		return true;
	if (level > 3 || !(gpte & UM_GPTE_PS))
		return false;
	if (rules.format == UM_FMT_32)
		return rules.pse;
	/* A PAE pdpte has reserved bits there and was checked when loaded. */
	return rules.format == UM_FMT_64 || level == 2;
}

static u64 reserved_bits_32(struct um_gpte_rules rules, bool large)
{
	/* PSE-36: bits 20:13 are address bits 39:32. */
	int width = clamp_t(int, rules.maxphyaddr, 32, 40);

	return large ? bit_range(21, width - 19) : 0;
}

static inline u64 reserved_bits(struct um_gpte_rules rules, unsigned int level,
				bool leaf)
{
	bool large = leaf && level > 1;
	u64 rsvd;

	if (rules.format == UM_FMT_32)
		return reserved_bits_32(rules, large);

	rsvd = bit_range(rules.format == UM_FMT_PAE ? 62 : 51,
			 rules.maxphyaddr);
	if (!rules.nx)
		rsvd |= UM_GPTE_NX;
	if (large)
		rsvd |= bit_range(level_shift(rules.format, level) - 1, 13);
	if (level > 3 || (level == 3 && !rules.gbpages))
		rsvd |= UM_GPTE_PS;
	return rsvd;
}

bool um_gpte_is_reserved(struct um_gpte_rules rules, unsigned int level,
			 u64 gpte)
{
	/* What is asked most. */
	if (level == 1)
		return gpte & reserved_bits(rules, 1, true);
	return gpte & reserved_bits(rules, level, is_leaf(rules, level, gpte));
}

bool um_guest_pdpte_is_valid(u64 pdpte, u8 maxphyaddr)
{
	u64 rsvd = bit_range(63, maxphyaddr) | bit_range(8, 5) |
		   bit_range(2, 1);

	return !(pdpte & UM_GPTE_P) || !(pdpte & rsvd);
}

static u64 leaf_gpa(const struct um_guest_walk *w, enum um_format fmt)
{
	u64 gpte = w->gpte[w->level - 1];
	u64 offset = bit_range(level_shift(fmt, w->level) - 1, 0);
	u64 gpa = gpte & bit_range(51, 12) & ~offset;

	if (fmt == UM_FMT_32 && w->level == 2)
		gpa |= (gpte & bit_range(20, 13)) << 19;
	return gpa | (w->linear & offset);
}

static u32 base_error_code(const struct um_guest_paging *p, bool nx, u32 access)
{
	u32 code = 0;

	if (access & UM_WALK_WRITE)
		code |= UM_PFEC_WRITE;
	if (access & UM_WALK_USER)
		code |= UM_PFEC_USER;
	if ((access & UM_WALK_FETCH) &&
	    (nx || (p->cr4 & UM_CR4_SMEP)))
		code |= UM_PFEC_FETCH;
	return code;
}

/* Where the walk starts; the PDPTE registers take the place of a PAE root. */
static u64 root_entry(const struct um_guest_paging *p, enum um_format fmt,
		      struct um_guest_walk *w)
{
	switch (fmt) {
	case UM_FMT_32:
		w->top = 2;
		return p->cr3 & bit_range(31, 12);
	case UM_FMT_PAE:
		w->top = 2;
		return p->pdpte[w->linear >> 30 & 3];
	default:
		w->top = p->cr4 & UM_CR4_LA57 ? 5 : 4;
		return p->cr3 & bit_range(51, 12);
	}
}

/* Reads entries down to the leaf and gathers the rights of all of them. */
static enum um_walk_result walk_down(const struct um_guest_paging *p,
				     struct um_gpte_rules rules,
				     struct um_guest_walk *w)
{
	enum um_format fmt = rules.format;
	unsigned int size = fmt == UM_FMT_32 ? 4 : 8;
	u64 table = root_entry(p, fmt, w);
	u8 rights = UM_RIGHTS_ALL;
	u64 gpte, gpa;
	bool leaf;

	if (fmt == UM_FMT_PAE && !(table & UM_GPTE_P))
		return UM_WALK_FAULT;
	for (w->level = w->top; ; w->level--) {
		gpa = w->linear >> level_shift(fmt, w->level);
		gpa &= bit_range(index_bits(fmt) - 1, 0);
		gpa = (table & bit_range(51, 12)) + gpa * size;
		w->gpte_gpa[w->level - 1] = gpa;
		if (p->read_gpte(p->priv, gpa, size, &gpte) != UM_GPTE_OK)
			return UM_WALK_NOWHERE;
		w->gpte[w->level - 1] = gpte;
		if (!(gpte & UM_GPTE_P))
			return UM_WALK_FAULT;

		leaf = is_leaf(rules, w->level, gpte);
		if (gpte & reserved_bits(rules, w->level, leaf)) {
			w->error_code |= UM_PFEC_PRESENT | UM_PFEC_RSVD;
			return UM_WALK_FAULT;
		}
		rights &= um_gpte_rights(fmt, gpte);
		if (leaf)
			break;
		table = gpte;
	}
	w->rights = rights;
	return UM_WALK_OK;
}

bool um_guest_allows(const struct um_guest_paging *p, u32 access, u8 rights)
{
	bool user_page = rights & UM_WALK_MAY_USER;
	bool user = access & UM_WALK_USER;
	bool fetch = access & UM_WALK_FETCH;

	if (user && !user_page)
		return false;
	if (fetch && !(rights & UM_WALK_MAY_EXEC))
		return false;
	if ((access & UM_WALK_WRITE) && !(rights & UM_WALK_MAY_WRITE) &&
	    (user || (p->cr0 & UM_CR0_WP)))
		return false;
	if (user || !user_page)
		return true;

	/* A supervisor's access to a user page. */
	if (fetch)
		return !(p->cr4 & UM_CR4_SMEP);
	return !(p->cr4 & UM_CR4_SMAP) ||
	       (!(access & UM_WALK_IMPLICIT) && (p->rflags & UM_RFLAGS_AC));
}

/* False: the entry of @level changed meanwhile. */
static bool mark(const struct um_guest_paging *p, enum um_format fmt,
		 struct um_guest_walk *w, unsigned int level, u64 bits)
{
	u64 old = w->gpte[level - 1];
	u64 new = old | bits;
	enum um_gpte_rc rc;

	if (new == old)
		return true;
	rc = p->cmpxchg_gpte(p->priv, w->gpte_gpa[level - 1],
			     fmt == UM_FMT_32 ? 4 : 8, old, new);
	if (rc == UM_GPTE_OK)
		w->gpte[level - 1] = new;
	return rc != UM_GPTE_CHANGED;
}

static bool mark_leaf(const struct um_guest_paging *p, enum um_format fmt,
		      struct um_guest_walk *w)
{
	u64 dirty = w->access & UM_WALK_WRITE ? UM_GPTE_D : 0;

	return mark(p, fmt, w, w->level, UM_GPTE_A | dirty);
}

/* From the root down; an entry that changed meanwhile ends it. */
static enum um_walk_result mark_used(const struct um_guest_paging *p,
				     enum um_format fmt, struct um_guest_walk *w)
{
	unsigned int level;

	for (level = w->top; level > w->level; level--)
		if (!mark(p, fmt, w, level, UM_GPTE_A))
			return UM_WALK_RETRY;
	return mark_leaf(p, fmt, w) ? UM_WALK_OK : UM_WALK_RETRY;
}

static enum um_walk_result walk_once(const struct um_guest_paging *p,
				     struct um_gpte_rules rules,
				     struct um_guest_walk *w)
{
	enum um_walk_result result;

	w->error_code = base_error_code(p, rules.nx, w->access);
	result = walk_down(p, rules, w);
	if (result != UM_WALK_OK)
		return result;
	if (!um_guest_allows(p, w->access, w->rights)) {
		w->error_code |= UM_PFEC_PRESENT;
		return UM_WALK_FAULT;
	}
	w->gpa = leaf_gpa(w, rules.format);
	if (w->access & UM_WALK_PEEK)
		return UM_WALK_OK;
	return mark_used(p, rules.format, w);
}

enum um_walk_result um_guest_walk(const struct um_guest_paging *paging,
				  u64 linear, u32 access,
				  struct um_guest_walk *walk)
{
	struct um_gpte_rules rules = rules_of(paging);
	enum um_walk_result result;
	unsigned int tries;

	memset(walk, 0, sizeof(*walk));
	walk->linear = rules.format == UM_FMT_64 ? linear : (u32)linear;
	walk->access = access;
	if (!(paging->cr0 & UM_CR0_PG)) {
		walk->gpa = walk->linear;
		walk->rights = UM_WALK_MAY_WRITE | UM_WALK_MAY_USER |
			       UM_WALK_MAY_EXEC;
		return UM_WALK_OK;
	}
	for (tries = 0; tries < WALK_TRIES; tries++) {
		result = walk_once(paging, rules, walk);
		if (result != UM_WALK_RETRY)
			break;
	}
	return result;
}

enum um_walk_result um_guest_walk_last(const struct um_guest_paging *paging,
				       struct um_guest_walk *walk)
{
	struct um_gpte_rules rules = rules_of(paging);
	u8 above = walk->rights;
	u64 gpte;

	walk->top = 1;
	walk->level = 1;
	if (paging->read_gpte(paging->priv, walk->gpte_gpa[0],
			      rules.format == UM_FMT_32 ? 4 : 8, &gpte))
		return UM_WALK_NOWHERE;
	walk->gpte[0] = gpte;
	if (!(gpte & UM_GPTE_P) || (gpte & reserved_bits(rules, 1, true)))
		return UM_WALK_FAULT;
	walk->rights = above & um_gpte_rights(rules.format, gpte);
	if (!um_guest_allows(paging, walk->access, walk->rights))
		return UM_WALK_FAULT;
	walk->gpa = (gpte & UM_GPTE_ADDR) | (walk->linear & bit_range(11, 0));
	if (!mark_leaf(paging, rules.format, walk))
		return UM_WALK_RETRY;
	return UM_WALK_OK;
}
