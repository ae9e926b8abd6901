/* SPDX-License-Identifier: GPL-2.0 */
/* REAL: read sections end before a grace period does (shim.c). */
#ifndef _SHIM_LINUX_RCUPDATE_H
#define _SHIM_LINUX_RCUPDATE_H

void rcu_read_lock(void);
void rcu_read_unlock(void);
void synchronize_rcu(void);

#endif
