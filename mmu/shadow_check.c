// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold of a shadow page and of an entry, for the audit. um_shadow.lock
 * is held.
 *
 * A slot on its way out is not found any more while some of its leaves are still
 * there. Only in quiet, which keeps slots from changing, is that an offence.
 */
#include "audit.h"
#include "shadow.h"

#include <linux/bitops.h>

static const char *const um_check_names[] = {
	[1] = "shadow I1: not present, and not nothing",
	[2] = "shadow I2: W without MW",
	[3] = "shadow I3: a claim beside W",
	[4] = "shadow I4: W beside WP",
	[5] = "shadow I5: two claims",
	[6] = "shadow I6: a tag where there is no room for it",
	[7] = "shadow I7: misplaced frame",
	[8] = "shadow I8: bits of another kind",
};

bool um_check_bad(const struct um_check *check,
		  const struct um_shadow_page *sp, unsigned int i,
		  const char *what)
{
	return um_audit_fail(check->mmu, sp->gfn, sp->role.level, sp->table[i],
			     what);
}

static bool um_check_is(um_sptep_t sptep, void *data)
{
	return sptep == (__force um_sptep_t)data;
}

static bool um_check_in_set(struct um_mmu *mmu, struct um_rmap_head *head,
			    um_sptep_t sptep)
{
	return head && um_rmap_walk(&mmu->rmap, head, um_check_is,
				    (__force void *)sptep);
}

/* The set of a slot on its way out may have entries of other frames. */
static bool um_check_lacks_wp(um_sptep_t sptep, void *data)
{
	const gfn_t *gfn = data;
	u64 sspte = um_spte_read(sptep);

	return um_sspte_is_leaf(sspte) && !(sspte & UM_SS_WP) &&
	       READ_ONCE(*um_sspte_twin(sptep)) == *gfn;
}

bool um_check_frame(struct um_mmu *mmu, const struct um_slot *slot,
		    gfn_t gfn)
{
	struct um_rmap_head *head = um_rmap_head(slot, gfn, UM_LEVEL_4K);
	int level;
	u64 spte;

	if (!head || !um_rmap_is_wrprot(head))
		return true;
	if (um_rmap_walk(&mmu->rmap, head, um_check_lacks_wp, &gfn))
		return um_audit_fail(mmu, gfn, UM_LEVEL_4K, 0,
				     "a page table that a shadow leaf may write");
	um_walk(mmu, gfn, &level, &spte);
	if (um_spte_is_leaf(spte) && !(spte & UM_SPTE_WP))
		return um_audit_fail(mmu, gfn, level, spte,
				     "a page table that may be written under EPT");
	return true;
}

/* No more rights than the way to @sp leaves; CR0.WP=0 has an exception. */
static bool um_check_rights(const struct um_shadow_page *sp, u64 sspte)
{
	const u8 rights = sp->role.rights;

	if ((sspte & UM_SS_U) && !(rights & UM_WALK_MAY_USER))
		return false;
	if (!(sspte & UM_SS_NX) && !(rights & UM_WALK_MAY_EXEC))
		return false;
	if (!(sspte & UM_SS_MW) || (rights & UM_WALK_MAY_WRITE))
		return true;
	return !sp->role.wp && !(sspte & UM_SS_U);
}

/* The guest's entry that entry @i of @sp comes from. False: not to be had. */
static bool um_check_gpte(struct um_mmu *mmu, const struct um_shadow_page *sp,
			  unsigned int i, u64 *gpte)
{
	const unsigned int size = um_role_gpte_size(sp->role);

	/* An entry of 4M is two here. */
	if (sp->role.format == UM_FMT_32 && sp->role.level == UM_LEVEL_2M)
		i /= 2;
	*gpte = 0;
	return um_host_read(mmu, gfn_to_gpa(sp->gfn) +
				 um_role_offset(sp->role) + i * size,
			    gpte, size);
}

/* A page in sync says what the guest's table says. */
static bool um_check_in_step(struct um_check *check,
			     const struct um_shadow_page *sp, unsigned int i,
			     gfn_t gfn)
{
	u64 gpte;

	if (sp->role.direct || um_shadow_is_unsync(sp) ||
	    !um_check_gpte(check->mmu, sp, i, &gpte))
		return true;
	if ((gpte & UM_GPTE_P) && gpa_to_gfn(gpte & UM_GPTE_ADDR) == gfn)
		return true;
	return um_audit_unrest(check->mmu, check->quiet, sp->gfn,
			       sp->role.level, sp->table[i],
			       "not what the guest's table says");
}

static bool um_check_leaf_quiet(struct um_check *check,
				const struct um_shadow_page *sp, unsigned int i,
				u64 sspte, const struct um_slot *slot, gfn_t gfn)
{
	const char *what = NULL;

	if (sspte & UM_SS_CLAIMS)
		what = "left behind by nobody";
	else if (slot->dirty && (sspte & UM_SS_W) &&
		 !test_bit(gfn - slot->base, slot->dirty))
		what = "writable, and not marked dirty";
	if (what)
		return um_audit_unrest(check->mmu, check->quiet, gfn,
				       UM_LEVEL_4K, sspte, what);
	return um_check_in_step(check, sp, i, gfn);
}

static bool um_check_leaf(struct um_check *check,
			  const struct um_shadow_page *sp, unsigned int i,
			  u64 sspte)
{
	um_sptep_t sptep = um_shadow_sptep(sp, i);
	gfn_t gfn = READ_ONCE(*um_sspte_twin(sptep));
	struct um_slot *slot = um_host_slot(check->mmu, gfn);
	struct um_rmap_head *head;

	check->leaves++;
	if (sp->role.direct && gfn != sp->gfn + i)
		return um_check_bad(check, sp, i, "not the frame of its place");
	if (!um_check_rights(sp, sspte))
		return um_check_bad(check, sp, i, "rights that nobody gave");
	if (!slot)
		return !check->quiet ||
		       um_check_bad(check, sp, i, "a leaf outside its slot");
	if ((sspte & UM_SS_MW) && (slot->flags & KVM_MEM_READONLY))
		return um_check_bad(check, sp, i,
				    "a read-only slot may be written");
	head = um_rmap_head(slot, gfn, UM_LEVEL_4K);
	if (!um_check_in_set(check->mmu, head, sptep))
		return um_check_bad(check, sp, i, "not in the set of its frame");
	if (um_rmap_is_wrprot(head) && !(sspte & UM_SS_WP))
		return um_check_bad(check, sp, i, "may write a page table");
	return !check->quiet ||
	       um_check_leaf_quiet(check, sp, i, sspte, slot, gfn);
}

/* Does the frame of @child fit into entry @i of @sp? */
static bool um_check_child_gfn(const struct um_shadow_page *sp, unsigned int i,
			       const struct um_shadow_page *child)
{
	const u64 pages = um_level_pages(sp->role.level);

	if (sp->role.direct)
		return child->role.direct && child->gfn == sp->gfn + i * pages;
	return !child->role.direct || !(child->gfn & (pages - 1));
}

static bool um_check_link(struct um_check *check,
			  const struct um_shadow_page *sp, unsigned int i,
			  u64 sspte)
{
	struct um_shadow_page *child = um_shadow_child(sspte);
	union um_role role = child->role;

	check->links++;
	if (!um_shadow_is_valid(child))
		return um_check_bad(check, sp, i, "leads to a page taken away");
	/* What may differ on the way down. */
	role.level++;
	role.direct = sp->role.direct;
	role.quadrant = sp->role.quadrant;
	role.rights = sp->role.rights;
	if (!sp->role.direct)
		role.clean = 0;
	if (role.word != sp->role.word ||
	    (child->role.rights & ~sp->role.rights))
		return um_check_bad(check, sp, i, "leads to another role");
	if (!um_check_child_gfn(sp, i, child))
		return um_check_bad(check, sp, i, "leads to another frame");
	if (!um_check_in_set(check->mmu, &child->parents,
			     um_shadow_sptep(sp, i)))
		return um_check_bad(check, sp, i, "not among the parents");
	return !check->quiet || child->role.direct ||
	       um_check_in_step(check, sp, i, child->gfn);
}

bool um_check_entry(struct um_check *check,
		    const struct um_shadow_page *sp, unsigned int i,
		    u64 sspte)
{
	int broken = um_sspte_check(sspte, sp->role.level,
				    um_role_is_pae(sp->role),
				    check->mmu->caps.maxphyaddr);

	if (broken)
		return um_check_bad(check, sp, i, um_check_names[broken]);
	if (um_sspte_is_leaf(sspte))
		return um_check_leaf(check, sp, i, sspte);
	return sspte == UM_SS_EMPTY || um_check_link(check, sp, i, sspte);
}

bool um_check_page(struct um_check *check,
		   const struct um_shadow_page *sp)
{
	const bool unsync = um_shadow_is_unsync(sp);
	struct um_rmap_head *head;
	struct um_slot *slot;

	if (unsync && (sp->role.direct || sp->role.level > UM_LEVEL_4K))
		return um_check_bad(check, sp, 0, "out of sync, and no leaf");
	slot = sp->role.direct ? NULL : um_host_slot(check->mmu, sp->gfn);
	if (!slot)
		return true;
	head = um_rmap_head(slot, sp->gfn, UM_LEVEL_4K);
	if (!unsync && !(head && um_rmap_is_wrprot(head)))
		return um_check_bad(check, sp, 0, "in sync, and not protected");
	return um_check_frame(check->mmu, slot, sp->gfn);
}
