/* REAL: walks need no lock; what is taken out still leads on. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_RCULIST_H
#define _SHIM_LINUX_RCULIST_H

#include <linux/list.h>
#include <linux/rcupdate.h>

#define list_for_each_entry_rcu(pos, head, member)                         \
	for (pos = list_entry(rcu_dereference((head)->next),               \
			      __typeof__(*(pos)), member);                 \
	     &(pos)->member != (head);                                     \
	     pos = list_entry(rcu_dereference((pos)->member.next),         \
			      __typeof__(*(pos)), member))
#define hlist_for_each_entry_rcu(pos, head, member)                        \
	for (pos = hlist_entry_safe(rcu_dereference((head)->first),        \
				    __typeof__(*(pos)), member);           \
	     pos;                                                          \
	     pos = hlist_entry_safe(rcu_dereference((pos)->member.next),   \
				    __typeof__(*(pos)), member))

static inline void list_add_rcu(struct list_head *node, struct list_head *head)
{
	node->next = head->next;
	node->prev = head;
	head->next->prev = node;
	rcu_assign_pointer(head->next, node);
}

static inline void list_del_rcu(struct list_head *node)
{
	struct list_head *next = node->next;

	if (list_is_gone(node))
		return;
	next->prev = node->prev;
	WRITE_ONCE(node->prev->next, next);
	node->prev = LIST_GONE;
}

static inline void hlist_add_head_rcu(struct hlist_node *node,
				      struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (node->next)
		node->next->pprev = &node->next;
	rcu_assign_pointer(head->first, node);
}

static inline void hlist_del_rcu(struct hlist_node *node)
{
	WRITE_ONCE(*node->pprev, node->next);
	if (node->next)
		node->next->pprev = node->pprev;
	node->pprev = NULL;
}

#endif
