// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty rings (api.rst, KVM_CAP_DIRTY_LOG_RING): emptied by a thread while the
 * log is on, and by a vCPU that was sent out because its own is full.
 */
#include "log.h"

#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define HARVEST_NS 5000000	/* between two looks of the thread */

static uint64_t slot_words(const struct vm *vm, unsigned int slot)
{
	return (vm->slots[slot].size / PAGE_SIZE + 63) / 64;
}

void ring_map(struct vcpu *v)
{
	uint32_t bytes = v->vm->rings.bytes;

	if (!bytes)
		return;
	v->ring.gfns = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    v->fd, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE);
	if (v->ring.gfns == MAP_FAILED)
		die("mapping the dirty ring of vCPU %u: %s", v->id,
		    strerror(errno));
}

void ring_unmap(struct vcpu *v)
{
	if (v->ring.gfns)
		munmap(v->ring.gfns, v->vm->rings.bytes);
}

void rings_init(struct vm *vm)
{
	unsigned int i;

	pthread_mutex_init(&vm->rings.lock, NULL);
	for (i = 0; vm->rings.bytes && i < vm->nslots; i++)
		vm->rings.bits[i] = xcalloc(slot_words(vm, i),
					    sizeof(uint64_t));
}

void rings_free(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nslots; i++)
		free(vm->rings.bits[i]);
	pthread_mutex_destroy(&vm->rings.lock);
}

/* Entries of one ring, in order; rings.lock held. Returns how many. */
static unsigned int harvest(struct vm *vm, struct ring *ring)
{
	uint32_t size = vm->rings.bytes / sizeof(*ring->gfns);
	unsigned int n;

	for (n = 0; n < size; n++, ring->next++) {
		struct kvm_dirty_gfn *gfn = &ring->gfns[ring->next % size];

		if (__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) !=
		    KVM_DIRTY_GFN_F_DIRTY)
			break;
		if (gfn->slot < vm->nslots &&
		    gfn->offset / 64 < slot_words(vm, gfn->slot))
			vm->rings.bits[gfn->slot][gfn->offset / 64] |=
				1ULL << gfn->offset % 64;
		__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
	}
	return n;
}

/*
 * The reset must be over before anybody reads the pages; it stops early when a
 * signal comes, as a kick does.
 */
static int reset(struct vm *vm, unsigned int n)
{
	int done;

	while (n) {
		done = ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0);
		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0)
			n -= (unsigned int)done < n ? (unsigned int)done : n;
	}
	return 0;
}

int rings_collect(struct vm *vm)
{
	unsigned int i, n = 0;
	int err;

	if (!vm->rings.bytes)
		return 0;
	pthread_mutex_lock(&vm->rings.lock);
	for (i = 0; i < vm->ncpus; i++)
		n += harvest(vm, &vm->cpus[i].ring);
	err = reset(vm, n);
	pthread_mutex_unlock(&vm->rings.lock);
	return err;
}

int rings_fetch(struct vm *vm, unsigned int slot, uint64_t *bits)
{
	int err = rings_collect(vm);
	uint64_t w;

	pthread_mutex_lock(&vm->rings.lock);
	for (w = 0; w < slot_words(vm, slot); w++) {
		bits[w] = vm->rings.bits[slot][w];
		vm->rings.bits[slot][w] = 0;
	}
	pthread_mutex_unlock(&vm->rings.lock);
	return err;
}

static void *rings_main(void *arg)
{
	struct vm *vm = arg;
	struct timespec ts = { .tv_nsec = HARVEST_NS };

	while (!vm->rings.stop) {
		/* An error shows again when the sender fetches. */
		rings_collect(vm);
		nanosleep(&ts, NULL);
	}
	return NULL;
}

void rings_start(struct vm *vm)
{
	int err;

	if (!vm->rings.bytes || vm->rings.running)
		return;
	vm->rings.stop = false;
	err = pthread_create(&vm->rings.thread, NULL, rings_main, vm);
	if (err)
		die("a thread for the dirty rings: %s", strerror(err));
	vm->rings.running = true;
}

void rings_stop(struct vm *vm)
{
	if (!vm->rings.running)
		return;
	vm->rings.stop = true;
	pthread_join(vm->rings.thread, NULL);
	vm->rings.running = false;
}
