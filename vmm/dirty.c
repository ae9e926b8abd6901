// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of guest pages, filled from the device's dirty log.
 */
#include "dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static uint64_t slot_pages(const struct dirty_set *d, unsigned int slot)
{
	return d->vm->slots[slot].size / PAGE_SIZE;
}

static uint64_t slot_words(const struct dirty_set *d, unsigned int slot)
{
	return (slot_pages(d, slot) + 63) / 64;
}

void dirty_init(struct dirty_set *d, struct vm *vm)
{
	uint64_t most = 0;
	unsigned int i;

	memset(d, 0, sizeof(*d));
	d->vm = vm;
	for (i = 0; i < vm->nslots; i++) {
		d->bits[i] = xcalloc(slot_words(d, i), sizeof(uint64_t));
		if (slot_words(d, i) > most)
			most = slot_words(d, i);
	}
	d->log = xcalloc(most, sizeof(uint64_t));
}

void dirty_free(struct dirty_set *d)
{
	unsigned int i;

	for (i = 0; i < d->vm->nslots; i++)
		free(d->bits[i]);
	free(d->log);
}

void dirty_fill(struct dirty_set *d)
{
	unsigned int i;
	uint64_t p;

	for (i = 0; i < d->vm->nslots; i++)
		for (p = 0; p < slot_pages(d, i); p++)
			d->bits[i][p / 64] |= 1ULL << p % 64;
}

/*
 * The test aid: forget every Nth page, whenever the device reports it. Always
 * the same ones, so that a later write does not make up for it.
 */
static uint64_t lose_some(const struct dirty_set *d, uint64_t word,
			  uint64_t first)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if ((first + bit) % d->break_every == 0)
			word &= ~(1ULL << bit);
	return word;
}

/* What the device has logged of a slot, into d->log. */
static int fetch(struct dirty_set *d, unsigned int slot)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = d->log };

	if (d->vm->log == LOG_RING)
		return rings_fetch(d->vm, slot, d->log);
	memset(d->log, 0, slot_words(d, slot) * sizeof(uint64_t));
	return ioctl(d->vm->fd, KVM_GET_DIRTY_LOG, &log) ? -errno : 0;
}

/* What penumbra's own devices wrote is in nobody's log. */
static void add_written(struct dirty_set *d, unsigned int slot)
{
	_Atomic uint64_t *written = d->vm->slots[slot].written;
	uint64_t w;

	for (w = 0; w < slot_words(d, slot); w++)
		if (atomic_load(&written[w]))
			d->log[w] |= atomic_exchange(&written[w], 0);
}

int dirty_harvest(struct dirty_set *d)
{
	unsigned int i;
	uint64_t w;
	int err;

	d->clear_slot = d->clear_end = 0;
	for (i = 0; i < d->vm->nslots; i++) {
		err = fetch(d, i);
		if (err)
			return err;
		add_written(d, i);
		for (w = 0; w < slot_words(d, i); w++) {
			if (d->break_every && d->log[w])
				d->log[w] = lose_some(d, d->log[w], w * 64);
			d->bits[i][w] |= d->log[w];
		}
	}
	return 0;
}

uint64_t dirty_count(const struct dirty_set *d)
{
	uint64_t n = 0, w;
	unsigned int i;

	for (i = 0; i < d->vm->nslots; i++)
		for (w = 0; w < slot_words(d, i); w++)
			n += __builtin_popcountll(d->bits[i][w]);
	return n;
}

static bool test_and_clear(uint64_t *bits, uint64_t page)
{
	uint64_t mask = 1ULL << page % 64;

	if (!(bits[page / 64] & mask))
		return false;
	bits[page / 64] &= ~mask;
	return true;
}

/* So many pages are logged anew at once: shortly before they are read. */
#define CLEAR_PAGES 1024

/*
 * With LOG_CLEAR: log the pages of the set around @page anew, unless they are.
 * 0 or -errno.
 */
static int clear_around(struct dirty_set *d, unsigned int slot, uint64_t page)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot,
		.first_page = page / 64 * 64,
		.dirty_bitmap = d->bits[slot] + page / 64,
	};
	uint64_t left = slot_pages(d, slot) - log.first_page;

	if (d->vm->log != LOG_CLEAR ||
	    (slot == d->clear_slot && page < d->clear_end))
		return 0;
	log.num_pages = left < CLEAR_PAGES ? left : CLEAR_PAGES;
	if (ioctl(d->vm->fd, KVM_CLEAR_DIRTY_LOG, &log))
		return -errno;
	d->clear_slot = slot;
	d->clear_end = log.first_page + log.num_pages;
	return 0;
}

/* The first page of the set from @page on; slot_pages() if there is none. */
static uint64_t find(const struct dirty_set *d, unsigned int slot,
		     uint64_t page)
{
	const uint64_t *bits = d->bits[slot];
	uint64_t end = slot_pages(d, slot);

	while (page < end && !(bits[page / 64] >> page % 64 & 1)) {
		/* Whole words of nothing are the usual case. */
		if (!bits[page / 64])
			page = (page / 64 + 1) * 64;
		else
			page++;
	}
	return page < end ? page : end;
}

int dirty_take_run(struct dirty_set *d, unsigned int *slot, uint64_t *page,
		   uint64_t max, uint64_t *run)
{
	for (; *slot < d->vm->nslots; (*slot)++, *page = 0) {
		uint64_t end = slot_pages(d, *slot);
		int err;

		*page = find(d, *slot, *page);
		if (*page == end)
			continue;
		err = clear_around(d, *slot, *page);
		if (err)
			return err;
		if (d->vm->log == LOG_CLEAR)
			end = d->clear_end;
		for (*run = 0; *run < max && *page + *run < end; (*run)++)
			if (!test_and_clear(d->bits[*slot], *page + *run))
				break;
		return 1;
	}
	return 0;
}
