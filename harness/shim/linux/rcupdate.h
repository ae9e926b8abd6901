/* REAL: liburcu's read sections and grace periods (rcu.c). */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_RCUPDATE_H
#define _SHIM_LINUX_RCUPDATE_H

#include <linux/compiler.h>

#include <shim.h>
#include <stddef.h>

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

void rcu_read_lock(void);
void rcu_read_unlock(void);
void synchronize_rcu(void);
#define synchronize_rcu_expedited() synchronize_rcu()
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void rcu_barrier(void);

/* Not liburcu's: ThreadSanitizer does not understand those. */
#define rcu_dereference(p)                                           \
	({                                                           \
		typeof(p) __p = __atomic_load_n(&(p), __ATOMIC_ACQUIRE); \
		shim_yield();                                        \
		__p;                                                 \
	})
#define rcu_assign_pointer(p, v)                                     \
	do {                                                         \
		shim_yield();                                        \
		__atomic_store_n(&(p), (v), __ATOMIC_RELEASE);       \
		shim_yield();                                        \
	} while (0)

#define rcu_replace_pointer(p, v, cond)                              \
	({                                                           \
		typeof(p) __was = (p);                               \
		(void)(cond);                                        \
		rcu_assign_pointer(p, v);                            \
		__was;                                               \
	})
#define rcu_dereference_protected(p, cond) (p)

/* As the kernel: in the place of a function, where the head is. */
#define kfree_rcu(ptr, field)                                        \
	call_rcu(&(ptr)->field,                                      \
		 (void (*)(struct rcu_head *))offsetof(typeof(*(ptr)), field))
#define kvfree_rcu(ptr, field) kfree_rcu(ptr, field)

#endif
