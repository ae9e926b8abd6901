// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's memory. A frame's value counts the stores to it, as in any
 * world; here it has bytes too.
 */
#include "guest.h"

#include <umbra/host.h>

#include <linux/kvm.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct guest_mem guest_mem;

void guest_mem_init(bool keeps)
{
	const size_t bytes = FRAMES * UM_PAGE_SIZE;

	if (guest_mem.page)
		munmap(guest_mem.page, bytes);
	guest_mem.page = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			      0);
	if (guest_mem.page == MAP_FAILED)
		abort();
	guest_mem.keeps = keeps;
	guest_mem.read_fails = false;
	guest_mem.history.now = 0;
	pthread_mutex_init(&guest_mem.history.lock, NULL);
}

/* Who moves it has seen to it that nobody writes; who reads, reads old. */
void guest_page_move(um_pfn_t from, um_pfn_t to)
{
	int i;

	for (i = 0; i < UM_TABLE_ENTRIES; i++) {
		u64 *word = &guest_mem.page[from][i];

		__atomic_store_n(&guest_mem.page[to][i],
				 __atomic_load_n(word, __ATOMIC_RELAXED),
				 __ATOMIC_RELEASE);
		__atomic_store_n(word, 0xdead000000000000ULL, __ATOMIC_RELAXED);
	}
}

u64 guest_now(void)
{
	return __atomic_load_n(&guest_mem.history.now, __ATOMIC_SEQ_CST);
}

static u64 *word_in(um_pfn_t pfn, gpa_t gpa)
{
	return &guest_mem.page[pfn][gpa % UM_PAGE_SIZE / 8];
}

/* Part @gpa, of @size bytes, of a word. */
static u64 part(u64 word, gpa_t gpa, unsigned int size)
{
	return size == 8 ? word : (u32)(word >> gpa % 8 * 8);
}

static u64 with_part(u64 word, gpa_t gpa, unsigned int size, u64 value)
{
	const unsigned int shift = gpa % 8 * 8;

	if (size == 8)
		return value;
	return (word & ~(0xffffffffULL << shift)) | (u64)(u32)value << shift;
}

/* False: it is not @old, which may be NULL. */
static bool change(gpa_t gpa, u64 *word, unsigned int size, const u64 *old,
		   u64 value)
{
	u64 was = __atomic_load_n(word, __ATOMIC_RELAXED), new;

	do {
		if (old && part(was, gpa, size) != *old)
			return false;
		new = with_part(was, gpa, size, value);
	} while (!__atomic_compare_exchange_n(word, &was, new, false,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (guest_mem.keeps && !old) {
		struct history *h = &guest_mem.history;

		h->edit[h->now % EDITS].word = gpa & ~7ULL;
		h->edit[h->now % EDITS].old = was;
		__atomic_store_n(&h->now, h->now + 1, __ATOMIC_SEQ_CST);
	}
	return true;
}

static bool change_noted(gpa_t gpa, u64 *word, unsigned int size,
			 const u64 *old, u64 value)
{
	struct history *h = &guest_mem.history;
	bool done;

	if (!guest_mem.keeps)
		return change(gpa, word, size, old, value);
	pthread_mutex_lock(&h->lock);
	done = change(gpa, word, size, old, value);
	pthread_mutex_unlock(&h->lock);
	return done;
}

void guest_store(gpa_t gpa, um_pfn_t pfn, unsigned int size, u64 value)
{
	change_noted(gpa, word_in(pfn, gpa), size, NULL, value);
}

static u64 *word_at(struct world *world, gpa_t gpa)
{
	return word_in(world->hpte[gpa_to_gfn(gpa)].pfn, gpa);
}

void guest_poke(struct world *world, gpa_t gpa, unsigned int size, u64 value)
{
	change_noted(gpa, word_at(world, gpa), size, NULL, value);
}

u64 guest_peek_locked(struct world *world, gpa_t gpa, unsigned int size)
{
	if (gpa_to_gfn(gpa) >= GFNS)
		return 0;
	return part(__atomic_load_n(word_at(world, gpa), __ATOMIC_ACQUIRE), gpa,
		    size);
}

u64 guest_peek(struct world *world, gpa_t gpa, unsigned int size)
{
	u64 value;

	pthread_mutex_lock(&world->mm);
	value = guest_peek_locked(world, gpa, size);
	pthread_mutex_unlock(&world->mm);
	return value;
}

/* By the VMM's own mapping; breaks COW. Returns with SRCU and mm held. */
static struct um_slot *open_page(struct world *world, gfn_t gfn, bool write,
				 int *idx)
{
	struct um_slot *slot;

	shim_may_sleep("an access to guest memory");
	*idx = um_host_read_lock(&world->mmu);
	slot = um_host_slot(&world->mmu, gfn);
	if (!slot || (write && (slot->flags & KVM_MEM_READONLY))) {
		um_host_read_unlock(&world->mmu, *idx);
		return slot;
	}
	pthread_mutex_lock(&world->mm);
	while (write && !world->hpte[gfn].writable) {
		pthread_mutex_unlock(&world->mm);
		host_migrate(world, gfn);
		pthread_mutex_lock(&world->mm);
	}
	return slot;
}

static bool is_open(const struct um_slot *slot, bool write)
{
	return slot && !(write && (slot->flags & KVM_MEM_READONLY));
}

/* cmpxchg when @old; the page is marked after it was written. */
static enum um_gpte_rc modify(struct cpu *cpu, gpa_t gpa, unsigned int size,
			      const u64 *old, u64 value)
{
	struct world *world = cpu->world;
	gfn_t gfn = gpa_to_gfn(gpa);
	struct um_slot *slot;
	bool done;
	int idx;

	slot = open_page(world, gfn, true, &idx);
	if (!is_open(slot, true))
		return slot ? UM_GPTE_READONLY : UM_GPTE_NOWHERE;
	done = change_noted(gpa, word_at(world, gpa), size, old, value);
	if (done) {
		u64 *count = &world->frame[world->hpte[gfn].pfn].value;

		__atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
		cpu->writes[gfn]++;
	}
	pthread_mutex_unlock(&world->mm);
	smp_mb();
	if (done)
		um_host_mark_dirty(&world->mmu, slot, gfn);
	um_host_read_unlock(&world->mmu, idx);
	return done ? UM_GPTE_OK : UM_GPTE_CHANGED;
}

bool guest_write(struct cpu *cpu, gpa_t gpa, unsigned int size, u64 value)
{
	return modify(cpu, gpa, size, NULL, value) == UM_GPTE_OK;
}

enum um_gpte_rc guest_read_gpte(void *priv, u64 gpa, unsigned int size,
				u64 *value)
{
	struct world *world = ((struct vcpu *)priv)->cpu->world;
	int idx;

	shim_yield();
	if (!open_page(world, gpa_to_gfn(gpa), false, &idx))
		return UM_GPTE_NOWHERE;
	*value = part(__atomic_load_n(word_at(world, gpa), __ATOMIC_ACQUIRE),
		      gpa, size);
	pthread_mutex_unlock(&world->mm);
	um_host_read_unlock(&world->mmu, idx);
	return UM_GPTE_OK;
}

enum um_gpte_rc guest_cmpxchg_gpte(void *priv, u64 gpa, unsigned int size,
				   u64 old, u64 new)
{
	struct vcpu *v = priv;

	if ((old & ~new) || (new & ~old & ~(PTE_A | PTE_D)))
		world_bug("a walk makes %llx of gpte %llx", new, old);
	shim_yield_hard();
	return modify(v->cpu, gpa, size, &old, new);
}

bool um_host_read(struct um_mmu *mmu, gpa_t gpa, void *buf, unsigned int len)
{
	struct world *world = (struct world *)mmu;
	bool good;
	u64 *to = buf;
	unsigned int i;

	if (gpa % 8 || len % 8 || gpa % UM_PAGE_SIZE + len > UM_PAGE_SIZE) {
		u64 word;

		if (len > 8 || gpa / 8 != (gpa + len - 1) / 8)
			world_bug("um_host_read of %u at %llx", len, gpa);
		good = um_host_read(mmu, gpa & ~7ULL, &word, 8);
		word = part(word, gpa, len);
		memcpy(buf, &word, len);
		return good;
	}
	if (guest_mem.read_fails && shim_random() % 16 == 0)
		return false;
	rcu_read_lock();
	good = um_host_slot(mmu, gpa_to_gfn(gpa));
	if (good) {
		pthread_mutex_lock(&world->mm);
		for (i = 0; i < len / 8; i++)
			to[i] = __atomic_load_n(word_at(world, gpa) + i,
						__ATOMIC_ACQUIRE);
		pthread_mutex_unlock(&world->mm);
	}
	rcu_read_unlock();
	return good;
}
