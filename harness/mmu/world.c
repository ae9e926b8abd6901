// SPDX-License-Identifier: GPL-2.0
/*
 * Birth, death and judgement of a world, and its slots.
 */
#include "world.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#include <linux/bitops.h>
#include <linux/kvm.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Slots. */

int um_host_read_lock(struct um_mmu *mmu)
{
	shim_srcu_read_lock();
	return 0;
}

void um_host_read_unlock(struct um_mmu *mmu, int idx)
{
	shim_srcu_read_unlock();
}

struct um_slot *um_host_slot(struct um_mmu *mmu, gfn_t gfn)
{
	struct world *world = (struct world *)mmu;
	int i;

	for (i = 0; i < 2; i++) {
		struct um_slot *slot = rcu_dereference(world->slots[i]);

		if (slot && um_slot_covers(slot, gfn))
			return slot;
	}
	return NULL;
}

__thread void (*world_on_mark)(void);

void um_host_mark_dirty(struct um_mmu *mmu, const struct um_slot *slot,
			gfn_t gfn)
{
	void (*then)(void) = world_on_mark;

	world_on_mark = NULL;
	if (slot->dirty)
		set_bit(gfn - slot->base, slot->dirty);
	if (then)
		then();
}

void um_host_log_sync(struct um_mmu *mmu)
{
	shim_may_sleep("um_host_log_sync");
	if (mmu->log == UM_LOG_PML)
		um_host_kick_guests(mmu);
}

void slot_log(struct world *world, enum slot_log log)
{
	bool on = log != LOG_OFF;
	struct um_slot *old = world->slots[0];
	struct um_slot *new = malloc(sizeof(*new));

	*new = *old;
	new->flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0;
	new->dirty = on ? world->dirty : NULL;
	new->dirty_out = on ? world->dirty_out : NULL;
	if (on)
		memset(world->dirty, log == LOG_ALL_SET ? 0xff : 0,
		       sizeof(world->dirty));
	rcu_assign_pointer(world->slots[0], new);
	shim_synchronize_srcu();
	synchronize_rcu();
	free(old);
	if (log == LOG_ON)
		um_mmu_slot_log_start(&world->mmu, new);
	else if (log == LOG_OFF)
		um_mmu_slot_log_stop(&world->mmu, new);
}

/*
 * As core/ deletes a slot: unpublish, let readers leave, zap. Until then the
 * notifier goes on to find it.
 */
struct um_slot *slot_remove(struct world *world, int i)
{
	struct um_slot *slot = world->slots[i];

	rcu_assign_pointer(world->dying, slot);
	rcu_assign_pointer(world->slots[i], NULL);
	shim_synchronize_srcu();
	synchronize_rcu();
	um_mmu_slot_zap(&world->mmu, slot);
	rcu_assign_pointer(world->dying, NULL);
	return slot;
}

void slot_insert(struct world *world, int i, struct um_slot *slot)
{
	if (slot->rmap) {
		/* The notifier may still find it. */
		shim_synchronize_srcu();
		um_rmap_slot_free(slot);
		slot->rmap = NULL;
		while (um_rmap_slot_alloc(slot))
			;
	}
	rcu_assign_pointer(world->slots[i], slot);
	shim_synchronize_srcu();
	synchronize_rcu();
}

struct world *world_newest;

void um_host_vm_dead(struct um_mmu *mmu)
{
	WRITE_ONCE(((struct world *)mmu)->dead, true);
}

void um_host_relax(void)
{
	shim_may_sleep("um_host_relax");
	shim_yield();
}

void world_bug(const char *fmt, ...)
{
	static int said;
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (__atomic_fetch_add(&said, 1, __ATOMIC_SEQ_CST) < 5)
		shim_warn("%s\n", text);
	else
		shim_forgive(-1);
}

static struct um_slot *slot_new(gfn_t base, u64 npages, u32 flags)
{
	struct um_slot *slot = calloc(1, sizeof(*slot));

	slot->base = base;
	slot->npages = npages;
	slot->hva = gfn_to_hva(base);
	slot->flags = flags;
	return slot;
}

static void slot_free(struct um_slot *slot)
{
	if (slot && slot->rmap)
		um_rmap_slot_free(slot);
	free(slot);
}

struct world *world_make(struct world *world, bool ad, bool huge, bool shadow)
{
	const struct um_mmu_caps caps = {
		.ad = ad, .huge2m = true, .huge1g = true, .maxphyaddr = 48,
	};
	int i;

	tables_init();
	host_init(world, huge);
	world->slots[0] = slot_new(RAM_BASE, RAM_PAGES, 0);
	world->slots[1] = slot_new(ROM_BASE, ROM_PAGES, KVM_MEM_READONLY);
	for (i = 0; i < 2 && shadow; i++)
		if (um_rmap_slot_alloc(world->slots[i]))
			abort();
	for (i = 0; i < CPUS; i++) {
		world->cpu[i].world = world;
		world->cpu[i].tag = i + 1;
	}
	world_newest = world;
	world->mmu.hugepages = !shadow;
	world->mmu.waiting_max = 8;
	world->mmu.tables_max = TABLES;
	um_rmap_init(&world->mmu.rmap, UM_RMAP_NULLS, &world->mmu.locks);
	if (um_mmu_init(&world->mmu, &caps, shadow))
		abort();
	return world;
}

struct world *world_new(enum um_fast_mode mode, bool ad, bool huge)
{
	struct world *world = calloc(1, sizeof(*world));

	world->mmu.fast = mode;
	return world_make(world, ad, huge, false);
}

bool world_free(struct world *world)
{
	bool good = true;

	um_mmu_destroy(&world->mmu);
	um_table_free_barrier();
	if (tables_in_use) {
		shim_warn("%d tables leaked\n", tables_in_use);
		good = false;
	}
	slot_free(world->slots[0]);
	slot_free(world->slots[1]);
	free(world);
	return good;
}

bool world_check_leaves(struct world *world)
{
	struct um_iter iter;
	bool good = true;

	um_for_each_spte(iter, &world->mmu, 0, GFNS) {
		gfn_t base = um_iter_base(&iter), g;

		if (!um_spte_is_leaf(iter.old))
			continue;
		for (g = base; g < base + um_level_pages(iter.level); g++) {
			struct hpte *h = &world->hpte[g];

			if (h->pfn == um_spte_pfn(iter.old) + (g - base) &&
			    (h->writable || !(iter.old & UM_SPTE_HW)))
				continue;
			world_bug("gfn %llx maps %llx, the host %llx%s", g,
				  um_spte_pfn(iter.old) + (g - base), h->pfn,
				  h->writable ? "" : " shared");
			good = false;
			break;
		}
	}
	return good;
}

void world_check_page(struct world *world, gfn_t gfn, const u64 *copy)
{
	u64 sum = 0, value = host_read(world, gfn);
	int i;

	for (i = 0; i < CPUS; i++)
		sum += world->cpu[i].writes[gfn];
	if (sum != value)
		world_bug("gfn %llx: %llu writes, memory has %llu", gfn, sum,
			  value);
	if (copy && copy[gfn] != value)
		world_bug("gfn %llx: missing from the dirty log", gfn);
}
