/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unit tests: one thread, each path once, a file for each file of the module.
 */
#ifndef _HARNESS_UNIT_H
#define _HARNESS_UNIT_H

#include "world.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#include "../tap.h"

#define CHECK(cond) EXPECT(cond, "%s", #cond)

/* A test fails by a check of its own, and by any complaint. */
#define UNIT(fn) unit_test(#fn, fn)

static void (*unit_fn)(void);

static inline void unit_body(void)
{
	int said = shim_warnings();

	unit_fn();
	EXPECT(shim_warnings() == said, "there were complaints");
}

static inline void unit_test(const char *name, void (*fn)(void))
{
	unit_fn = fn;
	tap_test(name, unit_body);
}

void unit_start(void);

#define GFN (RAM_BASE + 3)
#define LEAF (um_spte_make_leaf(0x400, 1, false) | UM_SPTE_R | UM_SPTE_X)
#define WRITABLE (LEAF | UM_SPTE_HW | UM_SPTE_MW | UM_SPTE_W)
#define TAG(n) ((u64)(n) << UM_SPTE_TAG_SHIFT)

/* The entry that ends the walk to @gfn. */
u64 spte_at(struct world *world, gfn_t gfn, int *level);
/* Put @spte there. */
void put(struct world *world, gfn_t gfn, u64 spte);
/* The access, with faults until it went through; the last one's path. */
u32 touch(struct world *world, gfn_t gfn, u8 access);
enum um_pf fault(struct world *world, gfn_t gfn, u8 access, u32 *path);
/* How many of the MMU's own locks were taken, as it counts them. */
u64 locks_taken(struct world *world);
/* Judge the world, complain, and free it. */
void finish(struct world *world);

#endif
