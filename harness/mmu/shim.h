/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seeds, yields and two kinds of read-side sections for the MMU's harness.
 */
#ifndef _HARNESS_SHIM_H
#define _HARNESS_SHIM_H

#include <linux/types.h>

/* Every thread calls this first; @seed decides where it yields. */
void shim_thread(u64 seed);
u64 shim_random(void);
void shim_yield_hard(void); /* more often, longer */
extern bool shim_yields; /* off in unit tests */
extern int shim_warnings;

/* Grace periods: RCU for tables, SRCU for slots. */
enum shim_domain { SHIM_RCU, SHIM_SRCU, SHIM_DOMAINS };

void shim_read_lock(enum shim_domain domain);
void shim_read_unlock(enum shim_domain domain);
void shim_synchronize(enum shim_domain domain);

#endif
