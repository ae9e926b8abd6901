// SPDX-License-Identifier: GPL-2.0
/*
 * The arrays of a slot: a word for each frame and level, and what can be said
 * of all of them.
 */
#include "internal.h"

#include <umbra/host.h>
#include <umbra/slot.h>

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static unsigned long level_index(const struct um_slot *slot, gfn_t gfn,
				 int level)
{
	int shift = (level - 1) * UM_TABLE_BITS;

	return (gfn >> shift) - (slot->base >> shift);
}

static unsigned long level_heads(const struct um_slot *slot, int level)
{
	return level_index(slot, slot->base + slot->npages - 1, level) + 1;
}

static u64 array_bytes(const struct um_slot *slot)
{
	u64 heads = 0;
	int level;

	for (level = UM_LEVEL_4K; level <= UM_LEVEL_1G; level++)
		heads += level_heads(slot, level);
	return sizeof(struct um_rmap_array) +
	       heads * sizeof(struct um_rmap_head);
}

u64 um_rmap_slot_bytes(const struct um_slot *slot)
{
	return slot->rmap ? array_bytes(slot) : 0;
}

int um_rmap_slot_alloc(struct um_slot *slot)
{
	struct um_rmap_array *array;
	struct um_rmap_head *head;
	int level;

	if (slot->rmap)
		return 0;
	/* More than kvmalloc() gives, for a slot above 1 TiB. */
	array = __vcalloc(1, array_bytes(slot), GFP_KERNEL_ACCOUNT);
	if (!array)
		return -ENOMEM;
	head = array->head;
	for (level = UM_LEVEL_4K; level <= UM_LEVEL_1G; level++) {
		array->level[level - 1] = head;
		head += level_heads(slot, level);
	}
	/* R7: the arrays before their address. Pairs with R8. */
	smp_store_release(&slot->rmap, array);
	return 0;
}

void um_rmap_slot_free(struct um_slot *slot)
{
	vfree(slot->rmap);
	slot->rmap = NULL;
}

struct um_rmap_head *um_rmap_head(const struct um_slot *slot, gfn_t gfn,
				  int level)
{
	/* R8: the address before what lies there. Pairs with R7. */
	struct um_rmap_array *array = smp_load_acquire(&slot->rmap);

	if (!array)
		return NULL;
	return array->level[level - 1] + level_index(slot, gfn, level);
}

void um_rmap_histogram(struct um_rmap *rmap, const struct um_slot *slot,
		       int level, u64 hist[UM_RMAP_HIST])
{
	struct um_rmap_head *head = um_rmap_head(slot, slot->base, level);
	unsigned long i, n = head ? level_heads(slot, level) : 0;

	for (i = 0; i < n; i++) {
		u64 count = um_rmap_count(rmap, head + i);

		hist[count ? min(__fls(count) + 1, UM_RMAP_HIST - 1UL) : 0]++;
		if (i % 4096 == 4095)
			um_host_relax();
	}
}
