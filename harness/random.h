/* SPDX-License-Identifier: GPL-2.0 */
/* random.h - a small seeded generator, so that every run can be repeated. */
#ifndef _HARNESS_RANDOM_H
#define _HARNESS_RANDOM_H

#include <linux/kernel.h>

#include <stdio.h>
#include <stdlib.h>

static unsigned long long random_state;

/* UM_SEED in the environment replaces the fixed seed. */
static inline void random_start(unsigned long long seed)
{
	const char *env = getenv("UM_SEED");

	random_state = env ? strtoull(env, NULL, 0) : seed;
	printf("# seed 0x%llx\n", random_state);
}

/* splitmix64 */
static inline unsigned long long random_u64(void)
{
	unsigned long long z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline unsigned int random_below(unsigned int n)
{
	return random_u64() % n;
}

/* Values at which arithmetic turns over are as likely as all others. */
static inline unsigned long long random_operand(void)
{
	static const unsigned long long edges[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
		0x80000000, 0xffffffff, 0x7fffffffffffffff, 1ULL << 63, -1ULL,
	};

	if (random_below(2))
		return random_u64();
	return edges[random_below(ARRAY_SIZE(edges))];
}

#endif
