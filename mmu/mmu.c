// SPDX-License-Identifier: GPL-2.0
/*
 * Birth and death of a VM's tables.
 */
#include "shadow.h"

#include <linux/errno.h>

int um_mmu_init(struct um_mmu *mmu, const struct um_mmu_caps *caps,
		bool shadow)
{
	mmu->root = um_table_alloc();
	if (!mmu->root)
		return -ENOMEM;
	mmu->root_pa = __pa(mmu->root);
	atomic64_add(UM_PAGE_SIZE, &mmu->stat.bytes_meta);
	mmu->caps = *caps;
	um_lock_init(&mmu->untagged, UM_LOCK_UNTAGGED, &mmu->locks);
	if (shadow && um_shadow_init(mmu)) {
		um_table_free(mmu->root);
		mmu->root = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Nobody else is left, neither CPU nor hardware: no freezing, no debts. */
static void um_mmu_free_table(um_sptep_t table)
{
	int i;

	for (i = 0; i < UM_TABLE_ENTRIES; i++) {
		u64 spte = um_spte_read(table + i);

		if (um_spte_is_table(spte))
			um_mmu_free_table(um_spte_child(spte));
	}
	um_table_free(um_sptep_table(table));
}

void um_mmu_destroy(struct um_mmu *mmu)
{
	if (!mmu->root)
		return;
	um_shadow_destroy(mmu);
	um_mmu_free_table(um_table_sptep(mmu->root));
	mmu->root = NULL;
	/* They count in here. */
	if (atomic64_read(&mmu->stat.waiting))
		um_table_free_barrier();
}

/* Memory type and walk length of an EPTP, SDM "Format of Extended-Page-Table
 * Pointer".
 */
#define UM_EPTP_WB 6ULL
#define UM_EPTP_WALK ((u64)(UM_LEVEL_ROOT - 1) << 3)
#define UM_EPTP_AD BIT_ULL(6)

u64 um_mmu_eptp(const struct um_mmu *mmu)
{
	return UM_EPTP_WB | UM_EPTP_WALK | (mmu->caps.ad ? UM_EPTP_AD : 0);
}
