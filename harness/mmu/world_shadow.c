// SPDX-License-Identifier: GPL-2.0
/*
 * What a world with the shadow engine has besides: pages for shadow tables,
 * which cannot be touched when they are free, reverse maps, and a judgement of
 * every leaf by them.
 */
#include "guest.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#include <linux/bitops.h>
#include <linux/kvm.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SHADOW_TABLES 2048
#define PDPTS 256

/* A table and the page behind it. */
static u64 (*arena)[2 * UM_TABLE_ENTRIES];
static u64 (*pdpts)[UM_TABLE_ENTRIES];
static int pdpt_stack[PDPTS], npdpts;
static struct rcu_head heads[SHADOW_TABLES];
static void *owner[SHADOW_TABLES];
static bool used[SHADOW_TABLES];
static int free_stack[SHADOW_TABLES], nfree;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
int shadow_tables_in_use;
bool world_shadow_huge;

/* Next to the other tables' arena, so that its handler knows them. */
static void arena_init(void)
{
	int i;

	if (arena)
		return;
	arena = mmap(NULL, sizeof(*arena) * SHADOW_TABLES, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pdpts = mmap(NULL, sizeof(*pdpts) * PDPTS, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (arena == MAP_FAILED || pdpts == MAP_FAILED)
		abort();
	tables_guard(arena, sizeof(*arena) * SHADOW_TABLES);
	for (i = 0; i < SHADOW_TABLES; i++)
		free_stack[nfree++] = i;
	for (i = 0; i < PDPTS; i++)
		pdpt_stack[npdpts++] = i;
}

static int index_of(const u64 *entry)
{
	return (u64(*)[2 * UM_TABLE_ENTRIES])entry - arena;
}

bool shadow_table_is_used(const u64 *table)
{
	return used[index_of(table)];
}

u64 *um_shadow_table_alloc(void *by)
{
	int i = -1;

	shim_may_sleep("um_shadow_table_alloc");
	shim_yield();
	if (shim_alloc_fails())
		return NULL;
	pthread_mutex_lock(&lock);
	if (nfree) {
		i = free_stack[--nfree];
		used[i] = true;
		owner[i] = by;
		shadow_tables_in_use++;
	}
	pthread_mutex_unlock(&lock);
	if (i < 0)
		return NULL;
	if (mprotect(arena[i], sizeof(*arena), PROT_READ | PROT_WRITE))
		abort();
	memset(arena[i], 0, UM_PAGE_SIZE);
	memset(arena[i] + UM_TABLE_ENTRIES, 0x5a, UM_PAGE_SIZE);
	return arena[i];
}

void *um_shadow_table_owner(const u64 *entry)
{
	return owner[index_of(entry)];
}

static void free_after_grace(struct rcu_head *head)
{
	int i = head - heads, k;

	for (k = 0; k < UM_TABLE_ENTRIES; k++)
		if (arena[i][k])
			world_bug("a freed shadow table holds %llx",
				  arena[i][k]);
	if (mprotect(arena[i], sizeof(*arena), PROT_NONE))
		abort();
	pthread_mutex_lock(&lock);
	used[i] = false;
	shadow_tables_in_use--;
	free_stack[nfree++] = i;
	pthread_mutex_unlock(&lock);
}

void um_shadow_table_free(u64 *table)
{
	call_rcu(&heads[index_of(table)], free_after_grace);
}

u64 *um_pdpt_alloc(void)
{
	u64 *pdpt;

	shim_may_sleep("um_pdpt_alloc");
	if (shim_alloc_fails())
		return NULL;
	pthread_mutex_lock(&lock);
	if (!npdpts)
		abort();
	pdpt = pdpts[pdpt_stack[--npdpts]];
	shadow_tables_in_use++;
	pthread_mutex_unlock(&lock);
	memset(pdpt, 0, UM_PAGE_SIZE);
	return pdpt;
}

void pdpt_free(u64 *pdpt)
{
	pthread_mutex_lock(&lock);
	pdpt_stack[npdpts++] = (u64(*)[UM_TABLE_ENTRIES])pdpt - pdpts;
	shadow_tables_in_use--;
	pthread_mutex_unlock(&lock);
}

struct world *world_new_shadow(enum um_fast_mode mode, enum um_ptw_mode ptw)
{
	struct world *world = calloc(1, sizeof(*world));

	arena_init();
	guest_mem_init(true);
	if (um_rmap_cache_create())
		abort();
	world->guest = true;
	world->mmu.fast = mode;
	world->mmu.ptw = ptw;
	return world_make(world, true, world_shadow_huge, true);
}

bool world_free_shadow(struct world *world)
{
	bool good = world_free(world);

	rcu_barrier();
	if (shadow_tables_in_use) {
		shim_warn("%d shadow tables leaked\n", shadow_tables_in_use);
		good = false;
	}
	um_rmap_cache_destroy();
	return good;
}

struct judged {
	struct world *world;
	const struct um_slot *slot;
	gfn_t gfn;
	bool wrprot;
	bool good;
};

static bool judge_leaf(um_sptep_t sptep, void *data)
{
	struct judged *j = data;
	const struct hpte *h = &j->world->hpte[j->gfn];
	u64 sspte = um_spte_read(sptep);
	const char *what = NULL;

	if (!um_sspte_is_leaf(sspte))
		what = "is no leaf";
	else if (um_sspte_pfn(sspte) != h->pfn)
		what = "maps a frame of another";
	else if (*um_sspte_twin(sptep) != j->gfn)
		what = "has the twin of another";
	else if ((sspte & UM_SS_MW) && !h->writable)
		what = "may be written, the host's page is shared";
	else if ((sspte & (UM_SS_W | UM_SS_MW)) &&
		 (j->slot->flags & KVM_MEM_READONLY))
		what = "may be written, the slot may not";
	else if ((sspte & UM_SS_W) && j->wrprot)
		what = "may be written, it is a page table";
	else if ((sspte & UM_SS_W) && j->slot->dirty &&
		 !test_bit(j->gfn - j->slot->base, j->slot->dirty))
		what = "may be written, and is clean in the log";
	if (what) {
		world_bug("the leaf %llx of gfn %llx %s", sspte, j->gfn, what);
		j->good = false;
	}
	return false;
}

static bool check_slot(struct world *world, const struct um_slot *slot)
{
	struct judged j = { .world = world, .slot = slot, .good = true };
	u64 i;

	for (i = 0; i < slot->npages; i++) {
		struct um_rmap_head *head;

		j.gfn = slot->base + i;
		head = um_rmap_head(slot, j.gfn, 1);
		if (!head)
			continue;
		j.wrprot = um_rmap_is_wrprot(head);
		um_rmap_walk(&world->mmu.rmap, head, judge_leaf, &j);
	}
	return j.good;
}

bool world_check_shadow(struct world *world)
{
	bool good = true;
	int i;

	rcu_read_lock();
	for (i = 0; i < 2; i++)
		if (world->slots[i])
			good &= check_slot(world, world->slots[i]);
	rcu_read_unlock();
	return good;
}

/* As world_disturb(), to an entry of a shadow table: age it, break its claim. */
void world_disturb_shadow(u64 *word, u64 expected)
{
	bool table = (u64)word - (u64)arena < sizeof(*arena) * SHADOW_TABLES;

	if (!table)
		world_disturb(word, expected);
	else if (!um_sspte_is_leaf(expected))
		return;
	else
		__atomic_compare_exchange_n(word, &expected,
					    (expected & UM_SS_CLAIMS) ?
						    expected & ~UM_SS_CLAIMS :
						    expected ^ UM_SS_A,
					    false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
}
