/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What mmu/, rmap/ and fastpath/ ask of the world they run in. core/host.c
 * implements it in the kernel, harness/ in userspace; chosen at link time.
 */
#ifndef _UMBRA_HOST_H
#define _UMBRA_HOST_H

#include <umbra/fault.h>

#include <linux/atomic.h>

struct um_mmu;
struct um_slot;

/*
 * um_table_alloc() - a zeroed page for 512 entries.
 * May sleep. Returns NULL when there is no memory. Charged to the VM's cgroup.
 */
u64 *um_table_alloc(void);
void um_table_free(u64 *table);
/*
 * um_table_free_rcu() - free after a grace period of rcu_read_lock() readers,
 * then count *@waiting down, and touch it no more. The table holds nothing but
 * dead entries. Any context.
 */
void um_table_free_rcu(u64 *table, atomic64_t *waiting);
/* Wait until every um_table_free_rcu() so far has freed. Sleeps. */
void um_table_free_barrier(void);

/*
 * um_shadow_table_alloc() - the table of a shadow page, zeroed, and a page of
 * as many words behind it, which is not. @owner is what um_shadow_table_owner()
 * says of any entry of it. May sleep. Returns NULL when there is no memory.
 * Charged to the VM's cgroup. um_shadow_table_free() frees after a grace period
 * of rcu_read_lock() readers; any context.
 *
 * um_pdpt_alloc() - a zeroed page below 4G.
 */
u64 *um_shadow_table_alloc(void *owner);
void *um_shadow_table_owner(const u64 *entry);
void um_shadow_table_free(u64 *table);
u64 *um_pdpt_alloc(void);

/*
 * um_host_read() - copy @len bytes of guest memory at @gpa, which do not cross
 * a page. Does not sleep. False: no memory there, or not without sleeping.
 */
bool um_host_read(struct um_mmu *mmu, gpa_t gpa, void *buf, unsigned int len);

/*
 * um_host_slot() - the slot of @gfn, or NULL. The caller holds the VM's SRCU
 * (um_host_read_lock()) or RCU for as long as it uses the slot.
 */
struct um_slot *um_host_slot(struct um_mmu *mmu, gfn_t gfn);
int um_host_read_lock(struct um_mmu *mmu);
void um_host_read_unlock(struct um_mmu *mmu, int idx);

/*
 * um_host_pin() - make the host page under f->gfn of f->slot present with
 * the rights that f->access asks for, and hold it. Fills pfn, page,
 * host_writable, device (not RAM), host_level (1 when um_mmu.hugepages is off
 * and f->piece is not set, or the page is not mapped huge by the host). A read fault takes the page
 * writable when that costs nothing (no COW is broken, no file page dirtied).
 * Runs in the VMM's address space. Sleeps.
 *
 * Returns CONTINUE, or BAD_HVA, HWPOISON, INTR, RETRY.
 */
enum um_pf um_host_pin(struct um_mmu *mmu, struct um_fault *f);
/*
 * um_host_unpin() - drop the reference; @dirty tells the host's writeback
 * that the guest may write. That it reads is told by aging, when asked.
 */
void um_host_unpin(struct um_fault *f, bool dirty);

/* @gfn of @slot was written: tell the log, if it has one. Any context. */
void um_host_mark_dirty(struct um_mmu *mmu, const struct um_slot *slot,
			gfn_t gfn);

/*
 * um_host_log_sync() - in log mode PML: make every vCPU in guest mode leave it,
 * which brings what its CPU has logged so far into the log. Sleeps.
 */
void um_host_log_sync(struct um_mmu *mmu);

/*
 * um_host_kick_guests() - make every vCPU of this VM that is in guest mode
 * leave it, and wait until it did. Full barrier before it looks (T1).
 */
void um_host_kick_guests(struct um_mmu *mmu);

/* The VM broke an invariant: mark it dead; it only returns -EIO from now on. */
void um_host_vm_dead(struct um_mmu *mmu);

/* A long loop of an ioctl may be descheduled here. Sleeps. */
void um_host_relax(void);

#endif
