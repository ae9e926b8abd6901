// SPDX-License-Identifier: GPL-2.0
/*
 * The host's memory: pages that move, are shared, and collapse into huge ones,
 * as an mmu notifier would tell of it.
 */
#include "world.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#include <stdlib.h>
#include <unistd.h>

/*
 * A change is bracketed by the notifier; between its begin and the change a
 * fault may still pin the old page.
 */

/* mm held */
static um_pfn_t frame_get(struct world *world, gfn_t gfn)
{
	um_pfn_t pfn;

	if (!world->nr_free)
		abort();
	pfn = world->free_frames[--world->nr_free];
	world->frame[pfn].value = 0;
	WRITE_ONCE(world->frame[pfn].owner, gfn);
	return pfn;
}

/* mm held */
static void frame_put(struct world *world, um_pfn_t pfn)
{
	WRITE_ONCE(world->frame[pfn].owner, -1);
	world->frame[pfn].value = 0xdeadULL << 32;
	/* Huge blocks stay apart from single frames. */
	if (pfn >= FRAMES / 2)
		world->free_frames[world->nr_free++] = pfn;
}

void host_inval_begin(struct world *world, gfn_t start, gfn_t end)
{
	um_inval_begin(&world->mmu.inval, gfn_to_hva(start), gfn_to_hva(end));
}

void host_inval_end(struct world *world, gfn_t start, gfn_t end)
{
	um_inval_end(&world->mmu.inval, gfn_to_hva(start), gfn_to_hva(end));
}

/* As core/notifier.c: the slot, if there is one just now, under SRCU. */
void host_unmap(struct world *world, gfn_t start, gfn_t end)
{
	int idx = um_host_read_lock(&world->mmu);
	struct um_slot *slot = um_host_slot(&world->mmu, start);

	if (!slot)
		slot = rcu_dereference(world->dying);
	if (slot && um_mmu_unmap(&world->mmu, slot, start, end))
		um_tlb_pay(&world->mmu);
	um_host_read_unlock(&world->mmu, idx);
}

/* ops held; returns with mm held, and nothing of the range in use. */
static void change_begin(struct world *world, gfn_t start, gfn_t end)
{
	host_inval_begin(world, start, end);
	host_unmap(world, start, end);
	/*
	 * When another party has paid, um_tlb_settled() saw it by a marked read
	 * and a fence, which ThreadSanitizer does not count.
	 */
	__tsan_acquire(&world->mmu.tlb.paid);
	shim_yield_hard();
	pthread_mutex_lock(&world->mm);
}

static void change_end(struct world *world, gfn_t start, gfn_t end)
{
	pthread_mutex_unlock(&world->mm);
	shim_yield_hard();
	host_inval_end(world, start, end);
}

static void check_shared(struct world *world, gfn_t gfn)
{
	struct hpte *h = &world->hpte[gfn];

	if (!h->writable && world->frame[h->pfn].value != h->shared)
		world_bug("gfn %llx was written while shared", gfn);
}

/* A huge host page becomes 512 small ones; the frames stay. */
static void split_locked(struct world *world, gfn_t gfn)
{
	gfn_t base = um_gfn_round_down(gfn, UM_LEVEL_2M), g;

	if (!world->hpte[gfn].huge)
		return;
	change_begin(world, base, base + 512);
	for (g = base; g < base + 512; g++)
		world->hpte[g].huge = false;
	change_end(world, base, base + 512);
}

static void move_page(struct world *world, gfn_t gfn, um_pfn_t pfn)
{
	struct hpte *h = &world->hpte[gfn];

	check_shared(world, gfn);
	world->frame[pfn].value = world->frame[h->pfn].value;
	if (world->guest)
		guest_page_move(h->pfn, pfn);
	frame_put(world, h->pfn);
	h->pfn = pfn;
	h->writable = true;
}

void host_migrate(struct world *world, gfn_t gfn)
{
	pthread_mutex_lock(&world->ops);
	split_locked(world, gfn);
	change_begin(world, gfn, gfn + 1);
	move_page(world, gfn, frame_get(world, gfn));
	change_end(world, gfn, gfn + 1);
	pthread_mutex_unlock(&world->ops);
}

void host_share(struct world *world, gfn_t gfn)
{
	struct hpte *h = &world->hpte[gfn];

	pthread_mutex_lock(&world->ops);
	split_locked(world, gfn);
	change_begin(world, gfn, gfn + 1);
	check_shared(world, gfn);
	h->writable = false;
	h->shared = world->frame[h->pfn].value;
	change_end(world, gfn, gfn + 1);
	pthread_mutex_unlock(&world->ops);
}

/* Aligned blocks of 512 frames, one of which nobody uses. */
static um_pfn_t free_block(struct world *world)
{
	um_pfn_t pfn;
	int i;

	for (pfn = 512; pfn < FRAMES / 2; pfn += 512) {
		for (i = 0; i < 512; i++)
			if (world->frame[pfn + i].owner >= 0)
				break;
		if (i == 512)
			return pfn;
	}
	return 0;
}

void host_collapse(struct world *world, gfn_t gfn)
{
	gfn_t base = um_gfn_round_down(gfn, UM_LEVEL_2M);
	um_pfn_t block;
	int i;

	pthread_mutex_lock(&world->ops);
	block = free_block(world);
	if (block && !world->hpte[base].huge) {
		change_begin(world, base, base + 512);
		for (i = 0; i < 512; i++) {
			world->frame[block + i].owner = base + i;
			move_page(world, base + i, block + i);
			world->hpte[base + i].huge = true;
		}
		change_end(world, base, base + 512);
	}
	pthread_mutex_unlock(&world->ops);
}

u64 host_read(struct world *world, gfn_t gfn)
{
	u64 value;

	pthread_mutex_lock(&world->mm);
	value = __atomic_load_n(&world->frame[world->hpte[gfn].pfn].value,
				__ATOMIC_RELAXED);
	pthread_mutex_unlock(&world->mm);
	return value;
}

enum um_pf um_host_pin(struct um_mmu *mmu, struct um_fault *f)
{
	struct world *world = (struct world *)mmu;
	struct hpte *h = &world->hpte[f->gfn];

	shim_may_sleep("um_host_pin");
	if (world->pin_fails)
		return UM_PF_BAD_HVA;
	pthread_mutex_lock(&world->mm);
	while ((f->access & UM_ACC_W) && !h->writable) {
		pthread_mutex_unlock(&world->mm);
		host_migrate(world, f->gfn); /* breaks COW */
		pthread_mutex_lock(&world->mm);
	}
	f->pfn = h->pfn;
	f->host_writable = h->writable;
	f->host_level = h->huge ? UM_LEVEL_2M : UM_LEVEL_4K;
	if (world->giant)
		f->host_level = UM_LEVEL_1G;
	pthread_mutex_unlock(&world->mm);
	shim_yield_hard();
	return UM_PF_CONTINUE;
}

void um_host_unpin(struct um_fault *f, bool dirty)
{
}

void host_init(struct world *world, bool huge)
{
	um_pfn_t pfn;
	gfn_t gfn;

	pthread_mutex_init(&world->ops, NULL);
	pthread_mutex_init(&world->mm, NULL);
	for (pfn = 0; pfn < FRAMES; pfn++)
		world->frame[pfn].owner = -1;
	for (pfn = FRAMES / 2; pfn < FRAMES; pfn++)
		world->free_frames[world->nr_free++] = pfn;
	for (gfn = 0; gfn < GFNS; gfn++) {
		bool ram = gfn - RAM_BASE < RAM_PAGES;
		struct hpte *h = &world->hpte[gfn];

		if (!ram && gfn - ROM_BASE >= ROM_PAGES)
			continue;
		h->writable = ram;
		h->huge = ram && huge;
		h->pfn = h->huge ? gfn : frame_get(world, gfn);
		world->frame[h->pfn].owner = gfn;
	}
}
