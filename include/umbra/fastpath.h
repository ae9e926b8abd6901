/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The face of fastpath/: the lockless fix of a leaf that lacks only rights
 * which nobody needs to be asked for. fastpath/README.md tells why it is safe.
 */
#ifndef _UMBRA_FASTPATH_H
#define _UMBRA_FASTPATH_H

#include <umbra/fault.h>

struct um_mmu;

/*
 * um_fast_fault() - f->slot is set and rcu_read_lock() is held. Takes no lock
 * and does not sleep. FIXED, SPURIOUS, or CONTINUE: go the slow way.
 */
enum um_pf um_fast_fault(struct um_mmu *mmu, struct um_fault *f);
/*
 * um_fast_indirect() - the same for a leaf of shadow tables: f->ctx is set, and
 * the slot is found here. With FIXED, f->slot and f->gfn are the leaf's.
 */
enum um_pf um_fast_indirect(struct um_mmu *mmu, struct um_fault *f);

#endif
