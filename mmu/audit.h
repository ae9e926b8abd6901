/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the audits of the tree and of shadow pages share.
 */
#ifndef _UMBRA_MMU_AUDIT_H
#define _UMBRA_MMU_AUDIT_H

#include "internal.h"

struct um_shadow_page;

/*
 * What a walk over everything counts, and what it saw before it began, to tell
 * whether anything moved since.
 */
struct um_audit {
	u64 pages[UM_LEVEL_1G];
	u64 tables;
	u64 inval;
	s64 owed;
	bool quiet; /* check also what holds only while nothing moves */
	enum um_audited found;
};

/* audit.c */
/* An invariant is broken: say so once, and the VM is dead. Returns false. */
bool um_audit_fail(struct um_mmu *mmu, gfn_t gfn, int level, u64 spte,
		   const char *what);
/*
 * What holds in quiet does not hold. Somebody's fault, if nothing moved: no
 * invalidation, and no party that takes rights. Returns false.
 */
bool um_audit_unrest(struct um_mmu *mmu, struct um_audit *audit, gfn_t gfn,
		     int level, u64 spte, const char *what);

/* One look at shadow pages. */
struct um_check {
	struct um_mmu *mmu;
	struct um_audit *quiet; /* NULL: things move */
	u64 leaves;
	u64 links;
};

/* shadow_check.c; um_shadow.lock held. False: an invariant is broken */
/* Says so, at entry @i of @sp. */
bool um_check_bad(const struct um_check *check, const struct um_shadow_page *sp,
		  unsigned int i, const char *what);
/* If protected: neither a shadow leaf nor one under EPT can get W. */
bool um_check_frame(struct um_mmu *mmu, const struct um_slot *slot, gfn_t gfn);
/* Entry @i of @sp is @sspte. */
bool um_check_entry(struct um_check *check, const struct um_shadow_page *sp,
		    unsigned int i, u64 sspte);
/* @sp, which has an entry. */
bool um_check_page(struct um_check *check, const struct um_shadow_page *sp);

/* shadow_audit.c; mmu->shadow is there */
/* The way to f->va, if there is a context, and who may write f->gfn. */
bool um_shadow_audit_fault(struct um_mmu *mmu, const struct um_fault *f);
/* Every shadow page. Sleeps. */
bool um_shadow_audit(struct um_mmu *mmu, struct um_audit *audit);

#endif
