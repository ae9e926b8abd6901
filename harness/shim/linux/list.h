/* REAL: lists with a head, and lists for hash buckets. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LIST_H
#define _SHIM_LIST_H

#include <linux/compiler.h>
#include <linux/types.h>

#include <shim.h>
#include <stddef.h>

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define list_entry(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) \
	list_entry((head)->prev, type, member)
#define list_next_entry(pos, member) \
	list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_for_each_entry(pos, head, member)                             \
	for (pos = list_first_entry(head, __typeof__(*(pos)), member);     \
	     &(pos)->member != (head); pos = list_next_entry(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)                     \
	for (pos = list_first_entry(head, __typeof__(*(pos)), member),     \
	    n = list_next_entry(pos, member);                              \
	     &(pos)->member != (head);                                     \
	     pos = n, n = list_next_entry(n, member))

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static inline void list_add(struct list_head *node, struct list_head *head)
{
	node->next = head->next;
	node->prev = head;
	head->next->prev = node;
	head->next = node;
}

static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
	list_add(node, head->prev);
}

/* What was taken out says so. */
#define LIST_GONE ((struct list_head *)0x122)

static inline bool list_is_gone(const struct list_head *node)
{
	if (node->prev != LIST_GONE)
		return false;
	shim_warn("a node is taken out of its list twice\n");
	return true;
}

static inline void list_del(struct list_head *node)
{
	if (list_is_gone(node))
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = LIST_GONE;
}

static inline void list_del_init(struct list_head *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	INIT_LIST_HEAD(node);
}

static inline void list_move(struct list_head *node, struct list_head *head)
{
	list_del_init(node);
	list_add(node, head);
}

static inline void list_move_tail(struct list_head *node,
				  struct list_head *head)
{
	list_del_init(node);
	list_add_tail(node, head);
}

static inline void INIT_HLIST_HEAD(struct hlist_head *head)
{
	head->first = NULL;
}

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

static inline bool hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

static inline void hlist_add_head(struct hlist_node *node,
				  struct hlist_head *head)
{
	node->next = head->first;
	if (node->next)
		node->next->pprev = &node->next;
	head->first = node;
	node->pprev = &head->first;
}

static inline void hlist_del_init(struct hlist_node *node)
{
	if (!node->pprev)
		return;
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	INIT_HLIST_NODE(node);
}

#define hlist_entry(ptr, type, member) list_entry(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)                                \
	({                                                                 \
		__typeof__(ptr) __node = (ptr);                            \
		__node ? hlist_entry(__node, type, member) : NULL;         \
	})
#define hlist_for_each_entry(pos, head, member)                            \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*(pos)),     \
				    member);                               \
	     pos;                                                          \
	     pos = hlist_entry_safe((pos)->member.next,                    \
				    __typeof__(*(pos)), member))
#define hlist_for_each_entry_safe(pos, n, head, member)                    \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*(pos)),     \
				    member);                               \
	     pos && ({ n = (pos)->member.next; 1; });                      \
	     pos = hlist_entry_safe(n, __typeof__(*(pos)), member))

#endif
