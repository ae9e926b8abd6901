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

int dirty_harvest(struct dirty_set *d)
{
	struct kvm_dirty_log log = { .dirty_bitmap = d->log };
	unsigned int i;
	uint64_t w;

	for (i = 0; i < d->vm->nslots; i++) {
		log.slot = i;
		memset(d->log, 0, slot_words(d, i) * sizeof(uint64_t));
		if (ioctl(d->vm->fd, KVM_GET_DIRTY_LOG, &log))
			return -errno;
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

bool dirty_take_run(struct dirty_set *d, unsigned int *slot, uint64_t *page,
		    uint64_t max, uint64_t *run)
{
	for (; *slot < d->vm->nslots; (*slot)++, *page = 0) {
		uint64_t *bits = d->bits[*slot], end = slot_pages(d, *slot);
		uint64_t p = *page;

		while (p < end && !test_and_clear(bits, p)) {
			/* Whole words of nothing are the usual case. */
			if (!bits[p / 64])
				p = (p / 64 + 1) * 64;
			else
				p++;
		}
		if (p >= end)
			continue;
		*page = p;
		for (*run = 1; *run < max && p + *run < end; (*run)++)
			if (!test_and_clear(bits, p + *run))
				break;
		return true;
	}
	return false;
}
