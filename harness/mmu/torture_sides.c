// SPDX-License-Identifier: GPL-2.0
/*
 * Who takes part in the torture.
 */
#include "torture.h"

#include <umbra/host.h>

#include <linux/bitops.h>

#include <unistd.h>

static gfn_t any_gfn(const struct episode *ep)
{
	u64 r = shim_random();

	/* Half of the hot pages lie in each 2M region. */
	if (r % 16)
		return RAM_BASE + r / 16 % 2 * 512 +
		       r / 32 % (ep->profile->hot / 2);
	return RAM_BASE + r / 16 % RAM_PAGES;
}

static void nap(int us)
{
	if (us)
		usleep(shim_random() % us);
}

static bool stopped(struct episode *ep)
{
	return __atomic_load_n(&ep->stop, __ATOMIC_RELAXED) || shim_warnings();
}

/* A turn is not begun while somebody judges. */
static void turns(struct episode *ep, void (*turn)(struct episode *ep),
		  int sleep)
{
	while (!stopped(ep)) {
		pthread_rwlock_rdlock(&ep->pause);
		turn(ep);
		pthread_rwlock_unlock(&ep->pause);
		nap(sleep);
	}
}

static void vcpu_session(struct episode *ep, struct cpu *cpu)
{
	bool fault = false;
	int k;

	cpu_enter(cpu);
	for (k = 0; k < 64 && !fault && !READ_ONCE(cpu->kicked); k++) {
		u64 r = shim_random() % 4;
		u8 access = r < 2 ? UM_ACC_W : r < 3 ? UM_ACC_R : UM_ACC_X;

		fault = !cpu_access(cpu, any_gfn(ep), access);
	}
	cpu_leave(cpu);
	if (!fault)
		return;
	switch (cpu_fault(cpu, NULL)) {
	case UM_PF_RETRY:
	case UM_PF_EMULATE: /* the slot is gone just now */
		nap(200);
		break;
	case UM_PF_NOMEM:
	case UM_PF_FIXED:
	case UM_PF_SPURIOUS:
		break;
	default:
		world_bug("outcome of a fault");
	}
}

void *vcpu_run(void *arg)
{
	struct actor *actor = arg;
	struct episode *ep = actor->episode;

	shim_thread(ep->seed + actor->id);
	while (!stopped(ep)) {
		pthread_rwlock_rdlock(&ep->pause);
		vcpu_session(ep, &ep->world->cpu[actor->id]);
		pthread_rwlock_unlock(&ep->pause);
	}
	return NULL;
}

static void host_turn(struct episode *ep)
{
	gfn_t gfn = any_gfn(ep);
	u64 r = shim_random() % 64;

	if (r < ep->profile->collapse)
		host_collapse(ep->world, gfn);
	else if (r < 50)
		host_migrate(ep->world, gfn);
	else
		host_share(ep->world, gfn);
	ep->changes++;
}

void *host_run(void *arg)
{
	struct actor *actor = arg;
	struct episode *ep = actor->episode;

	shim_thread(ep->seed + 100);
	turns(ep, host_turn, ep->profile->host_sleep);
	return NULL;
}

/* Aging, and notifier calls that change nothing. */
static void noise_turn(struct episode *ep)
{
	struct world *world = ep->world;
	struct um_mmu *mmu = &world->mmu;
	gfn_t gfn = any_gfn(ep);
	u64 r = shim_random() % 8;

	/* Claimants of two modes meet on one entry. */
	if (ep->switching)
		WRITE_ONCE(mmu->fast, shim_random() % (UM_FAST_PAIR + 1));
	if (r < 4) {
		host_inval_begin(world, gfn, gfn + r * r + 1);
		host_unmap(world, gfn, gfn + r * r + 1);
		host_inval_end(world, gfn, gfn + r * r + 1);
	} else if (r < 7) {
		um_mmu_age(mmu, world->slots[1], gfn, gfn + 8);
	} else {
		um_mmu_test_age(mmu, world->slots[1], gfn, gfn + 8);
		um_table_free_barrier();
	}
}

void *noise_run(void *arg)
{
	struct actor *actor = arg;
	struct episode *ep = actor->episode;

	shim_thread(ep->seed + 200);
	turns(ep, noise_turn, ep->profile->noise_sleep);
	return NULL;
}

void *audit_run(void *arg)
{
	struct actor *actor = arg;
	struct episode *ep = actor->episode;

	shim_thread(ep->seed + 300);
	while (!stopped(ep)) {
		if (!um_mmu_audit(&ep->world->mmu))
			world_bug("the audit at any time");
		nap(20000);
	}
	return NULL;
}

/* What is read last is kept last. */
static void copy_page(struct episode *ep, gfn_t gfn)
{
	pthread_mutex_lock(&ep->copying);
	ep->copy[gfn] = host_read(ep->world, gfn);
	pthread_mutex_unlock(&ep->copying);
}

static void get(struct episode *ep)
{
	struct um_slot *slot = ep->world->slots[0];
	u64 i;

	um_dirty_sync(&ep->world->mmu, slot);
	um_dirty_harvest(&ep->world->mmu, slot);
	for (i = 0; i < slot->npages; i++)
		if (test_bit(i, slot->dirty_out))
			copy_page(ep, slot->base + i);
	ep->harvests++;
}

#define CLEAR_WORDS (RAM_PAGES / BITS_PER_LONG / CLEARERS)

/* Read the bitmap of a part, clear what is set in it, copy those pages. */
static void clear(struct episode *ep, struct um_slot *slot, size_t first)
{
	unsigned long mask[CLEAR_WORDS];
	u64 i;

	for (i = 0; i < CLEAR_WORDS; i++)
		mask[i] = READ_ONCE(slot->dirty[first + i]);
	if (um_dirty_clear(&ep->world->mmu, slot, first, CLEAR_WORDS, mask))
		um_tlb_pay(&ep->world->mmu);
	for (i = 0; i < CLEAR_WORDS * BITS_PER_LONG; i++)
		if (test_bit(i, mask))
			copy_page(ep, slot->base + first * BITS_PER_LONG + i);
	__atomic_fetch_add(&ep->clears, 1, __ATOMIC_RELAXED);
}

/* KVM_CLEAR_DIRTY_LOG: under SRCU alone, beside whoever harvests. */
void *clear_run(void *arg)
{
	struct actor *actor = arg;
	struct episode *ep = actor->episode;
	struct um_mmu *mmu = &ep->world->mmu;

	shim_thread(ep->seed + 600 + actor->id);
	while (!stopped(ep)) {
		struct um_slot *slot;
		int idx;

		pthread_rwlock_rdlock(&ep->pause);
		idx = um_host_read_lock(mmu);
		slot = um_host_slot(mmu, RAM_BASE);
		if (slot && slot->dirty)
			clear(ep, slot, actor->id * CLEAR_WORDS);
		um_host_read_unlock(mmu, idx);
		pthread_rwlock_unlock(&ep->pause);
		nap(2000);
	}
	return NULL;
}

/* slots held */
static void copy_all(struct episode *ep)
{
	gfn_t gfn;

	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++)
		copy_page(ep, gfn);
}

void set_logging(struct episode *ep, bool on)
{
	if (ep->logging == on)
		return;
	slot_log(ep->world, on);
	ep->logging = on;
	if (on)
		copy_all(ep);
}

static void log_turn(struct episode *ep)
{
	u64 r = shim_random() % 64;

	pthread_mutex_lock(&ep->slots);
	if (r < ep->profile->toggle || !ep->logging)
		set_logging(ep, !ep->logging);
	else
		get(ep);
	pthread_mutex_unlock(&ep->slots);
	if (r < 60)
		return;
	pthread_rwlock_wrlock(&ep->pause);
	judge(ep);
	pthread_rwlock_unlock(&ep->pause);
}

void *log_run(void *arg)
{
	struct actor *actor = arg;
	struct episode *ep = actor->episode;

	shim_thread(ep->seed + 400);
	while (!stopped(ep)) {
		log_turn(ep);
		nap(300);
	}
	return NULL;
}

/*
 * Deleted and made again, as a move does it. Its bitmap lives on, but what
 * only the CPU knew by then, in its log or in D, is for nobody.
 */
static void slot_turn(struct episode *ep)
{
	pthread_mutex_lock(&ep->slots);
	slot_insert(ep->world, 0, slot_remove(ep->world, 0));
	if (ep->world->mmu.log != UM_LOG_WRPROT)
		copy_all(ep);
	pthread_mutex_unlock(&ep->slots);
	ep->slot_changes++;
}

void *slot_run(void *arg)
{
	struct actor *actor = arg;
	struct episode *ep = actor->episode;

	shim_thread(ep->seed + 500);
	while (!stopped(ep)) {
		nap(100000);
		slot_turn(ep);
	}
	return NULL;
}

void judge(struct episode *ep)
{
	struct world *world = ep->world;
	gfn_t gfn;

	shim_pace = SHIM_BRISK;
	pthread_mutex_lock(&ep->slots);
	if (!um_mmu_audit_quiet(&world->mmu))
		world_bug("audit");
	world_check_leaves(world);
	if (ep->logging)
		get(ep);
	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++)
		world_check_page(world, gfn, ep->logging ? ep->copy : NULL);
	pthread_mutex_unlock(&ep->slots);
	ep->audits++;
	shim_pace = SHIM_STEADY;
}
