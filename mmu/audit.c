// SPDX-License-Identifier: GPL-2.0
/*
 * Look at everything again, slowly, and compare with what must hold. A broken
 * invariant costs the VM its life and the log one line, never the host.
 */
#include "audit.h"

#include <umbra/host.h>
#include <umbra/log.h>

#include <linux/bitops.h>
#include <linux/bug.h>

bool um_audit_fail(struct um_mmu *mmu, gfn_t gfn, int level, u64 spte,
		   const char *what)
{
	WARN_ONCE(true, "umbra: gfn %llx level %d spte %llx: %s\n",
		  (unsigned long long)gfn, level, (unsigned long long)spte,
		  what);
	um_host_vm_dead(mmu);
	return false;
}

static const char *const um_audit_names[] = {
	[1] = "I1: W without MW",
	[2] = "I2: MW without HW",
	[3] = "I3: a claim beside W",
	[4] = "I4: not present, and not nothing",
	[5] = "I5: W or X without R",
	[6] = "I6: a leaf of another level",
	[7] = "I7: misplaced frame",
	[8] = "I8: memory type",
	[9] = "I9: two claims",
	[10] = "I10: saved rights beside rights",
	[11] = "I11: a table with rights bits",
	[12] = "I12: W beside WP",
};

static bool um_audit_spte(struct um_mmu *mmu, gfn_t gfn, int level, u64 spte)
{
	int broken = um_spte_check(spte, level, mmu->caps.maxphyaddr);

	if (broken)
		return um_audit_fail(mmu, gfn, level, spte,
				     um_audit_names[broken]);
	if (um_spte_is_leaf(spte) && mmu->caps.ad && um_spte_is_tracked(spte))
		return um_audit_fail(mmu, gfn, level, spte,
				     "tracked though the CPU has A/D");
	return true;
}

/* What the slot of a leaf asks for. */
static bool um_audit_slot(struct um_mmu *mmu, const struct um_slot *slot,
			  gfn_t gfn, int level, u64 spte)
{
	if (!um_spte_is_leaf(spte))
		return true;
	if (!slot || !um_slot_fits(slot, gfn, level))
		return um_audit_fail(mmu, gfn, level, spte,
				     "a leaf outside its slot");
	if ((spte & UM_SPTE_MW) && (slot->flags & KVM_MEM_READONLY))
		return um_audit_fail(mmu, gfn, level, spte,
				     "a read-only slot may be written");
	return true;
}

/* A slot may be replaced meanwhile, but not while a fault holds its own. */
bool um_audit_fault(struct um_mmu *mmu, const struct um_fault *f)
{
	gfn_t start, end;
	struct um_iter iter;
	bool good = true;

	if (mmu->shadow && !um_shadow_audit_fault(mmu, f))
		return false;
	if (f->gfn >= UM_GFN_END)
		return true;
	start = um_gfn_round_down(f->gfn, UM_LEVEL_2M);
	end = start + um_level_pages(UM_LEVEL_2M);
	rcu_read_lock();
	um_for_each_spte(iter, mmu, start, end) {
		gfn_t base = um_iter_base(&iter);

		good = um_audit_spte(mmu, base, iter.level, iter.old);
		if (good && f->slot &&
		    f->gfn - base < um_level_pages(iter.level))
			good = um_audit_slot(mmu, f->slot, base, iter.level,
					     iter.old);
		if (!good)
			break;
	}
	rcu_read_unlock();
	return good;
}

static void um_audit_begin(struct um_mmu *mmu, struct um_audit *audit)
{
	audit->inval = um_inval_read(&mmu->inval, 0, true);
	audit->owed = atomic64_read(&mmu->tlb.owed);
	/* A1: these before the entries. Pairs with M3 and T3. */
	smp_rmb();
}

bool um_audit_unrest(struct um_mmu *mmu, struct um_audit *audit, gfn_t gfn,
		     int level, u64 spte, const char *what)
{
	bool moved;

	/* A1: the entries before these. Pairs with M2 and T3. */
	smp_rmb();
	moved = um_inval_moved(&mmu->inval, 0, true, audit->inval) ||
		atomic_read(&mmu->tlb.taking);
	smp_rmb(); /* A1: taking before owed, as who takes lowers it last. */
	if (moved || atomic64_read(&mmu->tlb.owed) != audit->owed) {
		audit->found = UM_AUDIT_MOVED;
		return false;
	}
	return um_audit_fail(mmu, gfn, level, spte, what);
}

static bool um_audit_marked(const struct um_slot *slot, gfn_t gfn, int level)
{
	gfn_t end = gfn + um_level_pages(level);

	for (; gfn < end; gfn++)
		if (!test_bit(gfn - slot->base, slot->dirty))
			return false;
	return true;
}

/* Is every page in the bitmap that may be written unnoticed? */
static bool um_audit_logged(struct um_mmu *mmu, const struct um_slot *slot,
			    gfn_t gfn, int level, u64 spte)
{
	u64 bit = level > UM_LEVEL_4K ? UM_SPTE_W : um_log_bit(mmu);

	if (!slot->dirty || !(spte & bit))
		return true;
	/* There D is the mark. */
	if (mmu->log == UM_LOG_DBIT && level == UM_LEVEL_4K)
		return true;
	return um_audit_marked(slot, gfn, level);
}

static bool um_audit_quiet_spte(struct um_mmu *mmu, const struct um_iter *iter,
				struct um_audit *audit)
{
	const gfn_t gfn = um_iter_base(iter);
	struct um_slot *slot;
	u64 spte = iter->old;

	if (um_spte_is_table(spte)) {
		/* Met again by each stretch that begins inside it. */
		audit->tables += gfn == iter->gfn;
		return true;
	}
	if (spte == UM_SPTE_EMPTY)
		return true;
	if (!um_spte_is_leaf(spte) || (spte & UM_SPTE_CLAIMS))
		return um_audit_unrest(mmu, audit, gfn, iter->level, spte,
				       "left behind by nobody");
	audit->pages[iter->level - 1]++;
	slot = um_host_slot(mmu, gfn);
	if (!um_audit_slot(mmu, slot, gfn, iter->level, spte))
		return false;
	if (!um_audit_logged(mmu, slot, gfn, iter->level, spte))
		return um_audit_unrest(mmu, audit, gfn, iter->level, spte,
				       "written, or to be, and not marked dirty");
	return true;
}

static bool um_audit_counts(struct um_mmu *mmu, struct um_audit *audit)
{
	int level;

	for (level = UM_LEVEL_4K; level <= UM_LEVEL_1G; level++)
		if (atomic64_read(&mmu->stat.pages[level - 1]) !=
		    audit->pages[level - 1])
			return um_audit_unrest(mmu, audit, 0, level,
					       audit->pages[level - 1],
					       "leaves miscounted");
	if (atomic64_read(&mmu->stat.tables) != audit->tables)
		return um_audit_unrest(mmu, audit, 0, 0, audit->tables,
				       "tables miscounted");
	return true;
}

/* From *@gfn on, about 1G without leaving RCU. */
static bool um_audit_some(struct um_mmu *mmu, gfn_t *gfn,
			  struct um_audit *audit)
{
	gfn_t end = um_gfn_round_down(*gfn, UM_LEVEL_1G) +
		    um_level_pages(UM_LEVEL_1G);
	struct um_iter iter;
	bool good = true;

	rcu_read_lock();
	um_for_each_spte(iter, mmu, *gfn, end) {
		good = um_audit_spte(mmu, um_iter_base(&iter), iter.level,
				     iter.old) &&
		       (!audit->quiet ||
			um_audit_quiet_spte(mmu, &iter, audit));
		if (!good)
			break;
	}
	rcu_read_unlock();
	*gfn = iter.gfn;
	return good;
}

static enum um_audited um_audit_tree(struct um_mmu *mmu, bool quiet)
{
	struct um_audit audit = { .quiet = quiet, .found = UM_AUDIT_BROKEN };
	bool good = true;
	gfn_t gfn = 0;

	um_audit_begin(mmu, &audit);
	while (good && gfn < UM_GFN_END) {
		good = um_audit_some(mmu, &gfn, &audit);
		um_host_relax();
	}
	if (good && quiet)
		good = um_audit_counts(mmu, &audit);
	if (good && mmu->shadow)
		good = um_shadow_audit(mmu, &audit);
	return good ? UM_AUDIT_GOOD : audit.found;
}

bool um_mmu_audit(struct um_mmu *mmu)
{
	return um_audit_tree(mmu, false) == UM_AUDIT_GOOD;
}

enum um_audited um_mmu_audit_try_quiet(struct um_mmu *mmu)
{
	int idx = um_host_read_lock(mmu);
	enum um_audited found = um_audit_tree(mmu, true);

	um_host_read_unlock(mmu, idx);
	return found;
}
