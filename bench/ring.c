// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty rings: the vCPU pushes each page that it dirties, user space collects
 * and has them reset. Pushing is timed by the guest and holds its write
 * fault; a cycle is timed by the host from the first write to the end of
 * RESET, with the collecting in it, which is user space's and the same for
 * both devices.
 */
#include <err.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"

#define RING		KVM_CAP_DIRTY_LOG_RING_ACQ_REL
#define RING_SIZE	(sizeof(struct kvm_dirty_gfn) << 13)
#define RING_ENTRIES	(RING_SIZE / sizeof(struct kvm_dirty_gfn))

struct ring {
	struct log log;
	struct kvm_dirty_gfn *gfns;
	unsigned int next;	/* the entry to be collected next, mod size */
	uint64_t seen[64];	/* one bit for each page of the slot */
};

static void seen_by_ring(struct ring *ring, const struct kvm_dirty_gfn *gfn)
{
	uint64_t bit = 1ull << gfn->offset % 64;

	if (gfn->slot != SLOT_DATA || gfn->offset >= ring->log.pages)
		errx(1, "the ring tells of slot %u page %llu", gfn->slot,
		     gfn->offset);
	if (ring->seen[gfn->offset / 64] & bit)
		errx(1, "page %llu is twice in the ring", gfn->offset);
	ring->seen[gfn->offset / 64] |= bit;
}

/* Returns how many entries there were. */
static unsigned int collect(struct ring *ring)
{
	struct kvm_dirty_gfn *gfn;
	unsigned int n = 0;

	for (;; n++) {
		gfn = &ring->gfns[ring->next % RING_ENTRIES];
		if (__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) !=
		    KVM_DIRTY_GFN_F_DIRTY)
			return n;
		seen_by_ring(ring, gfn);
		__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
		ring->next++;
	}
}

static unsigned int reset(struct ring *ring)
{
	int n = ioctl(ring->log.vm->fd, KVM_RESET_DIRTY_RINGS, 0);

	if (n < 0)
		err(1, "KVM_RESET_DIRTY_RINGS");
	return n;
}

/* Every page was told once, and every entry was taken back. */
static void check(struct ring *ring, unsigned int n)
{
	if (n != ring->log.pages)
		errx(1, "%u pages were reset of %u", n, ring->log.pages);
	for (unsigned int i = 0; i < ring->log.pages / 64; i++)
		if (ring->seen[i] != ~0ull)
			errx(1, "pages of %u to %u are missing in the ring",
			     i * 64, i * 64 + 63);
	memset(ring->seen, 0, sizeof(ring->seen));
}

static unsigned int cycle(struct ring *ring)
{
	log_write(&ring->log, 1);
	collect(ring);
	return reset(ring);
}

static void ring_open(struct ring *ring, struct vm *vm, void *memory,
		      size_t size)
{
	memset(ring, 0, sizeof(*ring));
	ring->gfns = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  vm->cpu.fd, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	if (ring->gfns == MAP_FAILED)
		err(1, "mmap of the dirty ring");
	log_init(&ring->log, vm, SLOT_DATA, GPA_DATA, memory, size);
	log_write(&ring->log, 1);
	log_set(&ring->log, true);
}

static void ring_close(struct ring *ring)
{
	log_fini(&ring->log);
	munmap(ring->gfns, RING_SIZE);
}

void ring_run(struct bench *b)
{
	static struct series push, take, both;
	size_t size = b->pages * PAGE;
	static struct ring ring;
	double ticks;
	void *memory;
	struct vm *vm;

	if (!bench_has_cap(b, RING)) {
		report_skip(b, "ring-push-reset", "no dirty rings");
		return;
	}
	vm = vm_new_cap(b, RING, RING_SIZE);
	memory = memory_new(size, HUGE);
	series_init(&push, vm, "ring-push");
	series_init(&take, vm, "ring-reset");
	series_init(&both, vm, "ring-cycle");
	ring_open(&ring, vm, memory, size);
	for (unsigned int i = 0; i < b->rounds; i++) {
		series_guest(&push, guest_write, GPA_DATA, PAGE, b->pages);
		collect(&ring);
		check(&ring, SERIES_TIME(&take, b->pages, reset(&ring)));
		check(&ring, SERIES_TIME(&both, b->pages, cycle(&ring)));
	}
	ticks = series_report(&push) + series_report(&take);
	report_figure(b, "ring-push-reset", ticks, ticks, push.ops);
	series_report(&both);
	ring_close(&ring);
	vm_free(vm);
	munmap(memory, size);
}
