// SPDX-License-Identifier: GPL-2.0
/*
 * host.h in userspace: tables, slots, and host memory whose pages move, are
 * shared and collapse into huge ones, as an mmu notifier would tell of it.
 */
#include "shim.h"
#include "world.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/kvm.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Tables: an arena, so that a walk into a freed one is noticed. */

enum { TABLE_FREE, TABLE_USED };

static u64 (*arena)[UM_TABLE_ENTRIES];
static u8 table_state[TABLES];
static int free_stack[TABLES], nr_free_tables;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
int tables_in_use;

static void tables_init(void)
{
	int i;

	if (arena)
		return;
	arena = mmap(NULL, TABLES * UM_PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < TABLES; i++)
		free_stack[nr_free_tables++] = i;
}

u64 *um_table_alloc(void)
{
	u64 *table = NULL;

	shim_yield();
	pthread_mutex_lock(&table_lock);
	if (nr_free_tables) {
		int i = free_stack[--nr_free_tables];

		table = arena[i];
		table_state[i] = TABLE_USED;
		tables_in_use++;
	}
	pthread_mutex_unlock(&table_lock);
	if (table)
		memset(table, 0, UM_PAGE_SIZE);
	return table;
}

void um_table_free(u64 *table)
{
	int i = (u64(*)[UM_TABLE_ENTRIES])table - arena;

	memset(table, 0xa5, UM_PAGE_SIZE);
	pthread_mutex_lock(&table_lock);
	table_state[i] = TABLE_FREE;
	tables_in_use--;
	free_stack[nr_free_tables++] = i;
	pthread_mutex_unlock(&table_lock);
}

/* Waiting for a grace period; whoever relaxes reaps. */
static u64 *reap[TABLES];
static int nr_reap;
static pthread_mutex_t reap_lock = PTHREAD_MUTEX_INITIALIZER;

static struct world *newest;

void um_table_free_rcu(u64 *table)
{
	struct um_tlb *tlb = &newest->mmu.tlb;

	/* With many threads, the debt may be another one's. */
	if (!shim_yields &&
	    atomic64_read(&tlb->owed) != atomic64_read(&tlb->paid))
		world_bug("a table is given up before its debt is paid");
	pthread_mutex_lock(&reap_lock);
	reap[nr_reap++] = table;
	pthread_mutex_unlock(&reap_lock);
}

static void reap_once(void)
{
	static u64 *batch[TABLES];
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	int i, j, n;

	pthread_mutex_lock(&one);
	pthread_mutex_lock(&reap_lock);
	n = nr_reap;
	memcpy(batch, reap, n * sizeof(*batch));
	nr_reap = 0;
	pthread_mutex_unlock(&reap_lock);
	if (n)
		synchronize_rcu();
	for (i = 0; i < n; i++) {
		for (j = 0; j < UM_TABLE_ENTRIES; j++)
			if (batch[i][j] != UM_SPTE_DEAD)
				world_bug("freed table holds %llx",
					  batch[i][j]);
		um_table_free(batch[i]);
	}
	pthread_mutex_unlock(&one);
}

void um_table_free_barrier(void)
{
	reap_once();
}

static bool table_is_used(const u64 *table)
{
	return table_state[(u64(*)[UM_TABLE_ENTRIES])table - arena];
}

/* Slots. */

int um_host_read_lock(struct um_mmu *mmu)
{
	shim_read_lock(SHIM_SRCU);
	return 0;
}

void um_host_read_unlock(struct um_mmu *mmu, int idx)
{
	shim_read_unlock(SHIM_SRCU);
}

struct um_slot *um_host_slot(struct um_mmu *mmu, gfn_t gfn)
{
	struct world *world = (struct world *)mmu;
	int i;

	for (i = 0; i < 2; i++) {
		struct um_slot *slot = READ_ONCE(world->slots[i]);

		if (slot && um_slot_covers(slot, gfn))
			return slot;
	}
	return NULL;
}

void um_host_mark_dirty(struct um_mmu *mmu, struct um_slot *slot, gfn_t gfn)
{
	if (slot->dirty)
		set_bit(gfn - slot->base, slot->dirty);
}

void slot_log(struct world *world, bool on)
{
	struct um_slot *old = world->slots[0];
	struct um_slot *new = malloc(sizeof(*new));

	*new = *old;
	new->flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0;
	new->dirty = on ? world->dirty : NULL;
	new->dirty_out = on ? world->dirty_out : NULL;
	if (on)
		memset(world->dirty, 0, sizeof(world->dirty));
	__atomic_store_n(&world->slots[0], new, __ATOMIC_SEQ_CST);
	shim_synchronize(SHIM_SRCU);
	free(old);
	if (on)
		um_mmu_slot_log_start(&world->mmu, new);
	else
		um_mmu_slot_log_stop(&world->mmu, new);
}

/*
 * Host memory. A change is bracketed by the notifier; between its begin and
 * the change a fault may still pin the old page.
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

/* ops held; returns with mm held, and nothing of the range in use. */
static void change_begin(struct world *world, gfn_t start, gfn_t end)
{
	um_mmu_invalidate_begin(&world->mmu);
	if (um_mmu_unmap(&world->mmu, world->slots[0], start, end))
		um_tlb_pay(&world->mmu);
	shim_yield_hard();
	pthread_mutex_lock(&world->mm);
}

static void change_end(struct world *world)
{
	pthread_mutex_unlock(&world->mm);
	shim_yield_hard();
	um_mmu_invalidate_end(&world->mmu);
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
	change_end(world);
}

static void move_page(struct world *world, gfn_t gfn, um_pfn_t pfn)
{
	struct hpte *h = &world->hpte[gfn];

	check_shared(world, gfn);
	world->frame[pfn].value = world->frame[h->pfn].value;
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
	change_end(world);
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
	change_end(world);
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
		change_end(world);
	}
	pthread_mutex_unlock(&world->ops);
}

u64 host_read(struct world *world, gfn_t gfn)
{
	u64 value;

	pthread_mutex_lock(&world->mm);
	value = READ_ONCE(world->frame[world->hpte[gfn].pfn].value);
	pthread_mutex_unlock(&world->mm);
	return value;
}

enum um_pf um_host_pin(struct um_mmu *mmu, struct um_fault *f)
{
	struct world *world = (struct world *)mmu;
	struct hpte *h = &world->hpte[f->gfn];

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
	pthread_mutex_unlock(&world->mm);
	shim_yield_hard();
	return UM_PF_CONTINUE;
}

void um_host_unpin(struct um_fault *f, bool accessed, bool dirty)
{
}

void um_host_kick_guests(struct um_mmu *mmu)
{
	struct world *world = (struct world *)mmu;
	int i;

	smp_mb(); /* T1 */
	for (i = 0; i < CPUS; i++) {
		struct cpu *cpu = &world->cpu[i];
		u64 exits = __atomic_load_n(&cpu->exits, __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&cpu->in_guest, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&cpu->exits, __ATOMIC_SEQ_CST) ==
			       exits) {
			WRITE_ONCE(cpu->kicked, true);
			usleep(10);
		}
	}
}

void um_host_vm_dead(struct um_mmu *mmu)
{
	((struct world *)mmu)->dead = true;
}

void um_host_relax(void)
{
	shim_yield();
	reap_once();
}

/* The CPU. It knows nothing of RCU: only a flush makes it forget. */

void cpu_enter(struct cpu *cpu)
{
	u64 owed;

	__atomic_store_n(&cpu->in_guest, true, __ATOMIC_SEQ_CST);
	smp_mb(); /* T2 */
	owed = um_tlb_owed(&cpu->world->mmu.tlb);
	if (owed == cpu->seen)
		return;
	memset(cpu->tlb, 0, sizeof(cpu->tlb));
	memset(cpu->pde, 0, sizeof(cpu->pde));
	cpu->seen = owed;
}

void cpu_leave(struct cpu *cpu)
{
	WRITE_ONCE(cpu->kicked, false);
	__atomic_fetch_add(&cpu->exits, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&cpu->in_guest, false, __ATOMIC_SEQ_CST);
}

static bool cpu_violation(struct cpu *cpu, gfn_t gfn, u8 access, u8 allowed)
{
	cpu->fault_gfn = gfn;
	cpu->fault_access = access;
	cpu->fault_allowed = allowed;
	/* It also forgets what it knew of this address. */
	cpu->tlb[gfn % TLB_ENTRIES].valid = false;
	cpu->pde[gfn / 512] = NULL;
	return false;
}

static u64 *cpu_table(struct cpu *cpu, gfn_t gfn, int *level)
{
	*level = UM_LEVEL_ROOT;
	if (!cpu->pde[gfn / 512])
		return cpu->world->mmu.root;
	*level = UM_LEVEL_4K;
	return cpu->pde[gfn / 512];
}

/* Set A and D as EPT does. False: the entry changed, walk again. */
static bool cpu_use(struct cpu *cpu, u64 *sptep, u64 old, u8 access)
{
	u64 new = old | UM_SPTE_A;

	if (!cpu->world->mmu.caps.ad)
		return true;
	if (access & UM_ACC_W)
		new |= UM_SPTE_D;
	return new == old || try_cmpxchg64(sptep, &old, new);
}

static bool cpu_walk(struct cpu *cpu, gfn_t gfn, u8 access,
		     struct tlb_entry *entry)
{
	u64 *table, *sptep, spte;
	int level;

again:
	table = cpu_table(cpu, gfn, &level);
	for (;; level--) {
		if (!table_is_used(table))
			world_bug("walk into a freed table");
		sptep = table + um_gfn_index(gfn, level);
		spte = READ_ONCE(*sptep);
		if (!(spte & UM_SPTE_RWX))
			return cpu_violation(cpu, gfn, access, 0);
		if (level == UM_LEVEL_4K || (spte & UM_SPTE_HUGE))
			break;
		table = __va(spte & UM_SPTE_PFN);
		if (level == UM_LEVEL_2M)
			cpu->pde[gfn / 512] = table;
	}
	if ((spte & access) != access)
		return cpu_violation(cpu, gfn, access, spte & UM_SPTE_RWX);
	if (!cpu_use(cpu, sptep, spte, access))
		goto again;
	entry->valid = true;
	entry->gfn = gfn;
	entry->pfn = um_spte_pfn(spte) +
		     (gfn & (um_level_pages(level) - 1));
	entry->rights = spte & UM_SPTE_RWX;
	/* D is set by the first write that a TLB entry is used for. */
	if (cpu->world->mmu.caps.ad && !(access & UM_ACC_W))
		entry->rights &= ~UM_ACC_W;
	return true;
}

bool cpu_access(struct cpu *cpu, gfn_t gfn, u8 access)
{
	struct tlb_entry *entry = &cpu->tlb[gfn % TLB_ENTRIES];
	struct frame *frame;

	if (!entry->valid || entry->gfn != gfn ||
	    (entry->rights & access) != access)
		if (!cpu_walk(cpu, gfn, access, entry))
			return false;
	shim_yield();
	if (entry->pfn >= FRAMES) {
		world_bug("gfn %llx maps pfn %llx", gfn, entry->pfn);
		return true;
	}
	frame = &cpu->world->frame[entry->pfn];
	if (READ_ONCE(frame->owner) != (int)gfn)
		world_bug("gfn %llx uses a frame of %d", gfn, frame->owner);
	if (access & UM_ACC_W) {
		__atomic_fetch_add(&frame->value, 1, __ATOMIC_SEQ_CST);
		cpu->writes[gfn]++;
	}
	return true;
}

enum um_pf cpu_fault(struct cpu *cpu, u32 *path)
{
	struct um_fault f = {
		.gpa = gfn_to_gpa(cpu->fault_gfn),
		.gfn = cpu->fault_gfn,
		.access = cpu->fault_access,
		.allowed = cpu->fault_allowed,
		.tag = cpu->tag,
	};
	enum um_pf ret = um_fault_handle(&cpu->world->mmu, &f, &cpu->stat);

	if (path)
		*path = f.path;
	return ret;
}

/* Birth, death, judgement. */

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
		__atomic_fetch_add(&shim_warnings, 1, __ATOMIC_SEQ_CST);
}

static struct um_slot *slot_new(gfn_t base, u64 npages, u32 flags)
{
	struct um_slot *slot = calloc(1, sizeof(*slot));

	slot->base = base;
	slot->npages = npages;
	slot->hva = (0x10000000ULL + base) << UM_PAGE_SHIFT;
	slot->flags = flags;
	return slot;
}

struct world *world_new(enum um_fast_mode mode, bool ad, bool huge)
{
	const struct um_mmu_caps caps = {
		.ad = ad, .huge2m = true, .huge1g = true, .maxphyaddr = 48,
	};
	struct world *world = calloc(1, sizeof(*world));
	um_pfn_t pfn;
	gfn_t gfn;
	int i;

	tables_init();
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
	world->slots[0] = slot_new(RAM_BASE, RAM_PAGES, 0);
	world->slots[1] = slot_new(ROM_BASE, ROM_PAGES, KVM_MEM_READONLY);
	for (i = 0; i < CPUS; i++) {
		world->cpu[i].world = world;
		world->cpu[i].tag = i + 1;
	}
	newest = world;
	world->mmu.fast = mode;
	world->mmu.hugepages = true;
	if (um_mmu_init(&world->mmu, &caps))
		abort();
	return world;
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
	free(world->slots[0]);
	free(world->slots[1]);
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
