// SPDX-License-Identifier: GPL-2.0
/*
 * What the MMU asks of the kernel (host.h), but for pinning (pin.c).
 */
#include "internal.h"

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <trace/events/ipi.h>
#include <umbra/host.h>

u64 *um_table_alloc(void)
{
	return (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

void um_table_free(u64 *table)
{
	free_page((unsigned long)table);
}

static void table_free_cb(struct rcu_head *head)
{
	struct page *page = container_of(head, struct page, rcu_head);
	atomic64_t *waiting = (atomic64_t *)page_private(page);

	__free_page(page);
	atomic64_dec(waiting);
}

void um_table_free_rcu(u64 *table, atomic64_t *waiting)
{
	/* struct page lends fields of its own while we own the page. */
	struct page *page = virt_to_page(table);

	set_page_private(page, (unsigned long)waiting);
	call_rcu(&page->rcu_head, table_free_cb);
}

void um_table_free_barrier(void)
{
	rcu_barrier();
}

/* The table, and the page of its twins behind it. */
#define SHADOW_ORDER 1

u64 *um_shadow_table_alloc(void *owner)
{
	struct page *page = alloc_pages(GFP_KERNEL_ACCOUNT, SHADOW_ORDER);

	if (!page)
		return NULL;
	set_page_private(page, (unsigned long)owner);
	clear_page(page_address(page));
	return page_address(page);
}

void *um_shadow_table_owner(const u64 *entry)
{
	return (void *)page_private(virt_to_page(entry));
}

static void shadow_free_cb(struct rcu_head *head)
{
	__free_pages(container_of(head, struct page, rcu_head), SHADOW_ORDER);
}

void um_shadow_table_free(u64 *table)
{
	call_rcu(&virt_to_page(table)->rcu_head, shadow_free_cb);
}

u64 *um_pdpt_alloc(void)
{
	return (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT | __GFP_DMA32);
}

/* Page faults are off. Entries of page tables go by single loads. */
static bool read_atomic(hva_t hva, void *buf, unsigned int len)
{
	if (len == sizeof(u64))
		return !__get_user(*(u64 *)buf, (u64 __user *)hva);
	if (len == sizeof(u32))
		return !__get_user(*(u32 *)buf, (u32 __user *)hva);
	return !__copy_from_user_inatomic(buf, (void __user *)hva, len);
}

bool um_host_read(struct um_mmu *mmu, gpa_t gpa, void *buf, unsigned int len)
{
	struct um_slot *slot;
	bool ok = false;
	hva_t hva;

	rcu_read_lock();
	slot = um_host_slot(mmu, gpa_to_gfn(gpa));
	if (slot) {
		hva = um_slot_hva(slot, gpa_to_gfn(gpa)) | offset_in_page(gpa);
		pagefault_disable();
		ok = read_atomic(hva, buf, len);
		pagefault_enable();
	}
	rcu_read_unlock();
	return ok;
}

struct um_slot *um_host_slot(struct um_mmu *mmu, gfn_t gfn)
{
	struct um_vm *vm = mmu_to_vm(mmu);

	return um_slot_find(rcu_dereference_check(vm->slots,
						  srcu_read_lock_held(&vm->srcu)),
			    gfn);
}

int um_host_read_lock(struct um_mmu *mmu)
	__acquires(&mmu_to_vm(mmu)->srcu)
{
	return srcu_read_lock(&mmu_to_vm(mmu)->srcu);
}

void um_host_read_unlock(struct um_mmu *mmu, int idx)
	__releases(&mmu_to_vm(mmu)->srcu)
{
	srcu_read_unlock(&mmu_to_vm(mmu)->srcu, idx);
}

/* Only vCPUs write guest memory: nobody else would have a ring. */
static void mark_in_ring(struct um_vm *vm, const struct um_slot *slot,
			 gfn_t gfn)
{
	struct um_vcpu *vcpu = this_cpu_read(um_running);

	if (!um_slot_is_logged(slot))
		return;
	if (WARN_ON_ONCE(!vcpu || vcpu->vm != vm))
		um_vm_kill(vm);
	else
		um_dirty_ring_push(vcpu, slot, gfn);
}

void um_host_mark_dirty(struct um_mmu *mmu, const struct um_slot *slot,
			gfn_t gfn)
{
	unsigned long bit = gfn - slot->base;

	if (mmu_to_vm(mmu)->ring_bytes) {
		mark_in_ring(mmu_to_vm(mmu), slot, gfn);
		return;
	}
	/*
	 * A bit that is set stays set until a harvest exchanges its word,
	 * and the harvest protects after that: the test saves a locked
	 * operation on a line that other vCPUs write too.
	 */
	if (slot->dirty && !test_bit(bit, slot->dirty))
		set_bit(bit, slot->dirty);
}

/* One mask per payer; a payer does not leave its CPU while it uses it. */
static DEFINE_PER_CPU(cpumask_var_t, kick_mask);

int um_host_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (!zalloc_cpumask_var_node(&per_cpu(kick_mask, cpu),
					     GFP_KERNEL, cpu_to_node(cpu))) {
			um_host_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

void um_host_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_cpumask_var(per_cpu(kick_mask, cpu));
#ifdef CONFIG_CPUMASK_OFFSTACK
		per_cpu(kick_mask, cpu) = NULL;
#endif
	}
}

static void kick_ack(void *unused)
{
}

/*
 * Why one look at each vCPU is enough (T1, T2 as drawn in tlb.h). A vCPU
 * stays on its CPU, with interrupts off, from in_guest = true until it has
 * left the guest, and the IPI is taken only when they are on again. So if
 * the IPI reaches the CPU on which that entry happened, its end proves that
 * the vCPU left.
 *
 * cpu is written before in_guest (release) and read after it (acquire): it is
 * the CPU of the entry that was seen or of a later one. If later, the vCPU
 * migrated, hence left the guest since, and the IPI is merely superfluous.
 *
 * Any entry later than the one seen, and any entry when none was seen, stored
 * in_guest after this read of it, so by T1 and T2 it sees the debt and flushes
 * before it enters.
 */
void um_host_kick_guests(struct um_mmu *mmu)
{
	struct um_vm *vm = mmu_to_vm(mmu);
	struct um_vcpu *vcpu;
	struct cpumask *mask;
	bool any = false;
	int i, cpu, me;

	smp_mb(); /* T1: what is owed before in_guest; pairs with T2 */
	me = get_cpu();
	mask = this_cpu_cpumask_var_ptr(kick_mask);
	um_for_each_vcpu(i, vcpu, vm) {
		/* C3: in_guest before cpu; see above. */
		if (!smp_load_acquire(&vcpu->in_guest))
			continue;
		cpu = READ_ONCE(vcpu->cpu);
		/* What ran here cannot be in the guest: this code runs. */
		if (cpu < 0 || cpu == me)
			continue;
		if (!any)
			cpumask_clear(mask);
		any = true;
		__cpumask_set_cpu(cpu, mask);
	}
	if (any)
		smp_call_function_many(mask, kick_ack, NULL, true);
	put_cpu();
}

/*
 * Without waiting for it. The caller wrote what the vCPU is to see, then a full
 * barrier; so an entry that is not seen here sees that, and so does one that is
 * about to wait in HLT.
 */
void um_vcpu_kick(struct um_vcpu *vcpu)
{
	int cpu;

	/* C3: in_guest before cpu; see um_host_kick_guests(). */
	if (!smp_load_acquire(&vcpu->in_guest)) {
		rcuwait_wake_up(&vcpu->wait);
		return;
	}
	cpu = READ_ONCE(vcpu->cpu);
	if (cpu >= 0)
		smp_send_reschedule(cpu);
}

void um_host_log_sync(struct um_mmu *mmu)
{
	if (mmu->log == UM_LOG_PML)
		um_host_kick_guests(mmu);
}

void um_host_vm_dead(struct um_mmu *mmu)
{
	um_vm_kill(mmu_to_vm(mmu));
}

void um_host_relax(void)
{
	cond_resched();
}
