// SPDX-License-Identifier: GPL-2.0
/*
 * No path of a fault, of the dirty log or of the notifier takes a lock: none
 * of the MMU's own, which it counts itself, and no other spinlock.
 */
#include "unit.h"

#include <linux/bitops.h>

static struct world *world;

static void populate(void)
{
	touch(world, GFN, UM_ACC_R);
	touch(world, GFN + 1, UM_ACC_W);
}

static void log_start(void)
{
	slot_log(world, true);
}

static void fix(void)
{
	CHECK(touch(world, GFN, UM_ACC_W) & UM_PATH_DIRTY);
}

static void get(void)
{
	set_bit(GFN - RAM_BASE, world->dirty);
	CHECK(um_dirty_harvest(&world->mmu, world->slots[0]));
}

static void notifier(void)
{
	host_migrate(world, GFN);
}

static void age(void)
{
	touch(world, GFN, UM_ACC_R);
	um_mmu_age(&world->mmu, world->slots[0], GFN, GFN + 1);
	um_mmu_test_age(&world->mmu, world->slots[0], GFN, GFN + 1);
}

static void log_stop(void)
{
	slot_log(world, false);
}

static void slot_zap(void)
{
	slot_insert(world, 0, slot_remove(world, 0));
}

static void (*const acts[])(void) = {
	populate, log_start, fix, get, notifier, populate, age, log_stop,
	slot_zap,
};

static void play(enum um_fast_mode mode, bool ad, bool huge)
{
	unsigned int i;

	world = world_new(mode, ad, huge);
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		u64 taken = shim_locks_taken;

		acts[i]();
		EXPECT(shim_locks_taken == taken, "act %u took a spinlock", i);
		EXPECT(!locks_taken(world), "act %u took a lock", i);
	}
	finish(world);
}

static void lockless(void)
{
	int i;

	for (i = 0; i < 12; i++)
		play(i % 3, i / 3 % 2, i / 6);
}

/* The counters count: a vCPU without an id takes the one lock there is. */
static void counted(void)
{
	world = world_new(UM_FAST_TAG, true, false);
	world->cpu[0].tag = 0;
	touch(world, GFN, UM_ACC_R);
	CHECK(locks_taken(world) == 1);
	finish(world);
}

int main(void)
{
	unit_start();
	UNIT(lockless);
	UNIT(counted);
	return tap_done();
}
