/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HARNESS_GUEST_RANDOM_H
#define _HARNESS_GUEST_RANDOM_H

#include "guest.h"

#define ROOTS 3
#define POOL 24 /* pages that are tables at any level */
#define POOL_GFN (RAM_BASE + 256)
#define DATA 8
#define ROM_POOL 2

struct random_tables {
	struct world *world;
	enum guest_format first, last;
	bool tidy; /* entries are likely good, leaf tables only that */
	struct guest_tables tables[GUEST_FORMATS];
	gfn_t root[GUEST_FORMATS][ROOTS];
	gfn_t pool[POOL];
};

u64 below(u64 n);
bool chance(int percent);

void random_tables_init(struct random_tables *r, struct world *world,
			enum guest_format first, enum guest_format last, bool tidy);
enum guest_format format_of(const struct um_guest_paging *p);
/* Control registers and a root for one of the formats. */
void random_mode(const struct random_tables *r, struct um_guest_paging *p);
/* What the random entries lead to. */
gva_t any_va(enum guest_format format);
gfn_t any_data(void);
gfn_t any_target(const struct random_tables *r);
u64 any_gpte(const struct random_tables *r, enum guest_format format,
	     int level);
u64 any_pdpte(const struct random_tables *r);

#endif
