// SPDX-License-Identifier: GPL-2.0
/*
 * What a shadow entry says: the leaf for a fault, made from what the guest's
 * tables, the slot and the host allow; and the invariants of sspte.h as code.
 */
#include "shadow.h"

/* All that a leaf may have. */
#define UM_SS_LEAF_BITS                                                 \
	(UM_SS_P | UM_SS_W | UM_SS_U | UM_SS_UC | UM_SS_A | UM_SS_D |   \
	 UM_SS_LEAF | UM_SS_MW | UM_SS_CLAIMS | UM_SS_WP | UM_SS_PFN | \
	 UM_SS_NX)

/*
 * CR0.WP is 0, and the supervisor writes what is read-only: the walk lets no
 * other write through without that right. The CPU runs with WP set, so W is
 * needed, which no user may have; and without U, SMEP does not see that the
 * page is a user's.
 */
static u8 um_shadow_rights(const struct um_fault *f)
{
	const union um_role role = { .word = f->ctx->role };
	const u8 rights = f->ctx->walk.rights;

	if (!(f->access & UM_ACC_W) || (rights & UM_WALK_MAY_WRITE) ||
	    !(rights & UM_WALK_MAY_USER))
		return rights;
	return role.smep ? 0 : rights & UM_WALK_MAY_EXEC;
}

/*
 * Do slot, host and guest allow writing? A write that the walk let through, the
 * guest allows; it has set D, unless the table is read-only and cannot have it.
 * Ahead of a write, D must be there: nobody else would set it.
 */
static bool um_shadow_writable(const struct um_fault *f)
{
	const struct um_guest_walk *walk = &f->ctx->walk;

	if ((f->slot->flags & KVM_MEM_READONLY) || !f->host_writable)
		return false;
	if (f->access & UM_ACC_W)
		return true;
	return (walk->rights & UM_WALK_MAY_WRITE) &&
	       (walk->gpte[walk->level - 1] & UM_GPTE_D);
}

u64 um_shadow_leaf(const struct um_fault *f)
{
	u64 leaf = um_sspte_make_leaf(f->pfn, um_shadow_rights(f), f->device);

	if (!um_shadow_writable(f))
		return leaf;
	leaf |= UM_SS_MW;
	/* Ahead of the first write, unless that must be noticed. */
	if ((f->access & UM_ACC_W) || !um_slot_is_logged(f->slot))
		leaf |= UM_SS_W;
	/* Set here what the CPU would come to set. */
	if (f->access & UM_ACC_W)
		leaf |= UM_SS_D;
	return leaf;
}

static int um_sspte_check_table(u64 sspte, int level)
{
	if (level == UM_LEVEL_4K ||
	    (sspte & ~UM_SS_PFN) != UM_SS_TABLE)
		return 8;
	return 0;
}

static int um_sspte_check_leaf(u64 sspte, int level, bool pae)
{
	if ((sspte & UM_SS_W) && !(sspte & UM_SS_MW))
		return 2;
	if ((sspte & UM_SS_CLAIMS) && (sspte & UM_SS_W))
		return 3;
	if ((sspte & UM_SS_WP) && (sspte & UM_SS_W))
		return 4;
	if ((sspte & UM_SS_TAG) && (sspte & UM_SS_PF))
		return 5;
	if ((sspte & UM_SS_TAG) && pae)
		return 6;
	if (level != UM_LEVEL_4K || (sspte & ~UM_SS_LEAF_BITS))
		return 8;
	return 0;
}

int um_sspte_check(u64 sspte, int level, bool pae, u8 maxphyaddr)
{
	if (!um_sspte_is_present(sspte))
		return sspte ? 1 : 0;
	if (um_sspte_pfn(sspte) >> (maxphyaddr - UM_PAGE_SHIFT))
		return 7;
	if (um_sspte_is_leaf(sspte))
		return um_sspte_check_leaf(sspte, level, pae);
	return um_sspte_check_table(sspte, level);
}
