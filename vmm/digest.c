// SPDX-License-Identifier: GPL-2.0
/*
 * XXH64, written from its specification (xxHash, 64-bit variant).
 *
 * It guards against accidents on the way, not against an adversary.
 */
#include "digest.h"

#include <string.h>

#define P1 0x9e3779b185ebca87ULL
#define P2 0xc2b2ae3d27d4eb4fULL
#define P3 0x165667b19e3779f9ULL
#define P4 0x85ebca77c2b2ae63ULL
#define P5 0x27d4eb2f165667c5ULL

static uint64_t rotl(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t lane_round(uint64_t acc, uint64_t lane)
{
	return rotl(acc + lane * P2, 31) * P1;
}

static uint64_t merge(uint64_t acc, uint64_t lane)
{
	return (acc ^ lane_round(0, lane)) * P1 + P4;
}

static uint64_t stripes(const uint8_t **p, const uint8_t *end, uint64_t seed)
{
	uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
	uint64_t acc;

	for (; end - *p >= 32; *p += 32) {
		a = lane_round(a, load64(*p));
		b = lane_round(b, load64(*p + 8));
		c = lane_round(c, load64(*p + 16));
		d = lane_round(d, load64(*p + 24));
	}
	acc = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
	return merge(merge(merge(merge(acc, a), b), c), d);
}

uint64_t digest64(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data, *end = p + len;
	uint64_t acc;

	acc = len >= 32 ? stripes(&p, end, seed) : seed + P5;
	acc += len;
	for (; end - p >= 8; p += 8)
		acc = rotl(acc ^ lane_round(0, load64(p)), 27) * P1 + P4;
	if (end - p >= 4) {
		acc = rotl(acc ^ load32(p) * P1, 23) * P2 + P3;
		p += 4;
	}
	for (; p < end; p++)
		acc = rotl(acc ^ *p * P5, 11) * P1;
	acc = (acc ^ acc >> 33) * P2;
	acc = (acc ^ acc >> 29) * P3;
	return acc ^ acc >> 32;
}

uint64_t digest_memory(const struct vm *vm)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < vm->nslots; i++) {
		const struct vm_slot *s = &vm->slots[i];

		sum = digest64(s->hva, s->size, sum ^ s->gpa);
	}
	return sum;
}
