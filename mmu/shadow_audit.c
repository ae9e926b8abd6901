// SPDX-License-Identifier: GPL-2.0
/*
 * The audit of shadow pages: which are looked at, when; what must hold is in
 * shadow_check.c. All of it runs with um_shadow.lock held: then leaves change in
 * W, A, D and claims alone, and whoever protects a frame has either not begun or
 * is done.
 */
#include "audit.h"
#include "shadow.h"

static bool um_check_way(struct um_check *check, const struct um_root *root,
			 gva_t va)
{
	const struct um_shadow_page *sp = root->page[um_root_index(root, va)];

	while (sp) {
		unsigned int i = um_va_index(va, sp->role.level);
		u64 sspte = um_spte_read(um_shadow_sptep(sp, i));

		if (sspte == UM_SS_EMPTY)
			break;
		if (!um_shadow_is_valid(sp))
			return um_check_bad(check, sp, i, "filled after its end");
		if (!um_check_entry(check, sp, i, sspte) ||
		    !um_check_page(check, sp))
			return false;
		sp = um_sspte_is_table(sspte) ? um_shadow_child(sspte) : NULL;
	}
	return true;
}

bool um_shadow_audit_fault(struct um_mmu *mmu, const struct um_fault *f)
{
	struct um_check check = { .mmu = mmu };
	bool good = true;

	um_shadow_lock(mmu);
	if (f->ctx)
		good = um_check_way(&check, um_context_root(f->ctx), f->va);
	if (good && f->slot)
		good = um_check_frame(mmu, f->slot, f->gfn);
	um_shadow_unlock(mmu);
	return good;
}

static bool um_check_whole(struct um_check *check,
			   const struct um_shadow_page *sp)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < UM_TABLE_ENTRIES; i++) {
		u64 sspte = um_spte_read(um_shadow_sptep(sp, i));

		any |= sspte != UM_SS_EMPTY;
		if (!um_check_entry(check, sp, i, sspte))
			return false;
	}
	return !any || um_check_page(check, sp);
}

/* Pages whose frames have the same hash. */
static bool um_check_bucket(struct um_check *check, unsigned int bucket)
{
	const struct hlist_node *node;
	bool good = true;

	um_shadow_lock(check->mmu);
	node = check->mmu->shadow->hash[bucket].first;
	for (; good && node; node = node->next)
		good = um_check_whole(check,
				      hlist_entry(node, struct um_shadow_page,
						  hash));
	um_shadow_unlock(check->mmu);
	return good;
}

/* Who is in which list; lock held. */
static bool um_check_lists(struct um_mmu *mmu)
{
	struct um_shadow *shadow = mmu->shadow;
	s64 active = 0, unsync = 0, invalid = 0;
	struct um_shadow_page *sp;

	list_for_each_entry(sp, &shadow->active, link) {
		active++;
		invalid += !um_shadow_is_valid(sp);
	}
	list_for_each_entry(sp, &shadow->unsync, unsync_link) {
		unsync++;
		invalid += !um_shadow_is_valid(sp);
	}
	list_for_each_entry(sp, &shadow->retired, link)
		invalid += um_shadow_is_valid(sp) || um_shadow_is_unsync(sp);
	if (invalid)
		return um_audit_fail(mmu, 0, 0, invalid,
				     "shadow pages in a wrong list");
	if (active != atomic64_read(&mmu->stat.shadow_pages))
		return um_audit_fail(mmu, 0, 0, active,
				     "shadow pages miscounted");
	if (unsync != atomic64_read(&mmu->stat.shadow_unsync))
		return um_audit_fail(mmu, 0, 0, unsync,
				     "pages out of sync miscounted");
	return true;
}

static bool um_check_counts(struct um_check *check)
{
	struct um_mmu *mmu = check->mmu;
	struct um_rmap_stat stat;

	um_rmap_read_stat(&mmu->rmap, &stat);
	if (stat.entries != check->leaves + check->links)
		return um_audit_unrest(mmu, check->quiet, 0, 0, stat.entries,
				       "in a set, and nowhere else");
	if (atomic64_read(&mmu->stat.shadow_leaves) != check->leaves)
		return um_audit_unrest(mmu, check->quiet, 0, 0, check->leaves,
				       "shadow leaves miscounted");
	return true;
}

bool um_shadow_audit(struct um_mmu *mmu, struct um_audit *audit)
{
	struct um_check check = {
		.mmu = mmu,
		.quiet = audit->quiet ? audit : NULL,
	};
	unsigned int i;
	bool good = true;

	for (i = 0; good && i < 1 << UM_SHADOW_HASH_BITS; i++) {
		good = um_check_bucket(&check, i);
		um_host_relax();
	}
	if (!good)
		return false;
	um_shadow_lock(mmu);
	good = um_check_lists(mmu);
	um_shadow_unlock(mmu);
	return good && (!check.quiet || um_check_counts(&check));
}
