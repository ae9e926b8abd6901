// SPDX-License-Identifier: GPL-2.0
/*
 * One list of descriptors, changed under the lock while others walk it.
 *
 *   1.  A descriptor is pushed at the head; only the head is part-full.
 *   2.  A hole is filled from the head's highest slot, so an entry moves only
 *       to a later descriptor or to a lower slot: the way a walk goes.
 *   3.  It stands in the hole before it leaves the slot (R3).
 *   4.  Only an empty head is unlinked and freed. It keeps its link, so a walk
 *       that stands in it goes on.
 *   5.  The last link is the list's name, by which a walk knows where it is.
 */
#include "internal.h"

/* A new head. What a set of one had comes along, at the lowest slot. */
static struct um_rmap_desc *list_grow(const struct rmap_list *list,
				      struct um_rmap_pool *pool)
{
	struct um_rmap_desc *head = rmap_list_first(list);
	struct um_rmap_desc *desc = rmap_desc_get(pool);

	desc->used = 0;
	desc->below = head ? head->below + head->used : 0;
	/* Single stores: a walk of another list may stand here. */
	WRITE_ONCE(desc->next, head ? (unsigned long)head :
				      list->name | RMAP_NULLS);
	if (!head && rmap_addr(list->head->val))
		smp_store_release(&desc->sptep[desc->used++], /* R2 */
				  rmap_single(list->head->val));
	return desc;
}

/* The pool has a descriptor, or the head has room. */
void rmap_list_push(const struct rmap_list *list, um_sptep_t sptep,
		    struct um_rmap_pool *pool)
{
	struct um_rmap_desc *head = rmap_list_first(list);
	struct um_rmap_desc *desc = head;

	if (!head || head->used == RMAP_SLOTS)
		desc = list_grow(list, pool);
	/* R2: the table that @sptep lies in, before @sptep. Pairs with R5. */
	smp_store_release(&desc->sptep[desc->used++], sptep);
	if (desc != head)
		rmap_set_word(list->head, (unsigned long)desc | RMAP_LIST);
}

/*
 * Take entry @i of @desc out. Returns the head when that left it empty: it is
 * unlinked, and the caller's.
 */
struct um_rmap_desc *rmap_list_take(const struct rmap_list *list,
				    struct um_rmap_desc *desc, int i)
{
	struct um_rmap_desc *head = rmap_list_first(list), *next;
	int last = head->used - 1;

	if (desc != head || i != last)
		smp_store_release(&desc->sptep[i], head->sptep[last]); /* R2 */
	/* R3: the hole is filled before the slot is cleared. Pairs with R5. */
	smp_store_release(&head->sptep[last], NULL);
	head->used = last;
	if (last)
		return NULL;
	next = rmap_desc_next(head);
	rmap_set_word(list->head, next ? (unsigned long)next | RMAP_LIST : 0);
	return head;
}

struct um_rmap_desc *rmap_list_find(const struct rmap_list *list,
				    um_sptep_t sptep, int *i)
{
	struct um_rmap_desc *desc = rmap_list_first(list);

	for (; desc; desc = rmap_desc_next(desc))
		for (*i = desc->used; (*i)--;)
			if (desc->sptep[*i] == sptep)
				return desc;
	return NULL;
}
