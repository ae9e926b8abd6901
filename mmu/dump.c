// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at the tables from outside. RCU is left between two runs, so a
 * reader who takes hours holds nobody up, and sees each run as it was then.
 */
#include "internal.h"

#include <umbra/dump.h>

/* Entries to look at before RCU is left. */
#define UM_DUMP_STEP 4096

/* May differ between neighbours of a run. */
#define UM_DUMP_VARIES (UM_SPTE_PFN | UM_SPTE_A | UM_SPTE_D)

static bool um_dump_wants(u64 spte, enum um_dump_what what)
{
	if (spte == UM_SPTE_EMPTY || um_spte_is_table(spte))
		return false;
	return what == UM_DUMP_ALL || um_spte_is_claim(spte) ||
	       (um_spte_is_leaf(spte) && (spte & UM_SPTE_CLAIMS));
}

static bool um_dump_alike(const struct um_run *run, const struct um_iter *iter)
{
	return iter->level == run->level &&
	       !((iter->old ^ run->spte) & ~UM_DUMP_VARIES);
}

/* The frame after the run, if it went on in one piece. */
static void um_dump_add(struct um_run *run, const struct um_iter *iter,
			um_pfn_t *next)
{
	um_pfn_t pfn = um_spte_pfn(iter->old);

	run->pieces += !run->pieces || pfn != *next;
	*next = pfn + um_level_pages(iter->level);
	run->entries++;
	run->pages += um_level_pages(iter->level);
	run->accessed += !!(iter->old & UM_SPTE_A);
	run->dirty += !!(iter->old & UM_SPTE_D);
}

bool um_dump_next(struct um_mmu *mmu, gfn_t from, enum um_dump_what what,
		  struct um_run *run)
{
	int steps = UM_DUMP_STEP;
	struct um_iter iter;
	um_pfn_t next = 0;

	*run = (struct um_run){};
	rcu_read_lock();
	um_for_each_spte(iter, mmu, from, UM_GFN_END) {
		bool wants = um_dump_wants(iter.old, what);

		if (!steps--)
			break;
		if (run->pages && !(wants && um_dump_alike(run, &iter)))
			break;
		if (!wants)
			continue;
		if (!run->pages) {
			run->gfn = um_iter_base(&iter);
			run->level = iter.level;
			run->spte = iter.old;
		}
		um_dump_add(run, &iter, &next);
	}
	rcu_read_unlock();
	if (!run->pages)
		run->gfn = iter.gfn;
	return run->pages || um_iter_valid(&iter);
}
