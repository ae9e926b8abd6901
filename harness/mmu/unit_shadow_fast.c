// SPDX-License-Identifier: GPL-2.0
/*
 * The fast fix of a shadow leaf by two vCPUs: between the claim and the commit of
 * one, the leaf comes to map another gfn of the same frame, and the other one
 * claims it. The gfn that is written must be marked.
 */
#include "unit_shadow.h"

#include <semaphore.h>
#include <unistd.h>

#define OTHER (GFN + 1)
#define THIRD (GFN + 2)

static sem_t claimed, committed;
static pthread_t rival;

/* As when the VMM maps the same memory at three places of the guest. */
static void alias_frames(void)
{
	world->hpte[OTHER].pfn = world->hpte[GFN].pfn;
	world->hpte[THIRD].pfn = world->hpte[GFN].pfn;
}

/* vCPU 1 has the leaf claimed, and stands before its commit. */
static void wait_for_commit(void)
{
	sem_post(&claimed);
	sem_wait(&committed);
}

static void *claim(void *arg)
{
	struct vaccess a = { .kind = STORE, .size = 4 };

	shim_thread(2);
	vcpu[1].stall = wait_for_commit;
	vcpu[1].stall_skip = 1;
	vcpu_access(&vcpu[1], VA, &a, NULL);
	return NULL;
}

/* By vCPU 2, in a thread of its own: vCPU 0 stands still, under RCU. */
static void *remap(void *arg)
{
	gfn_t gfn = (gfn_t)arg;

	shim_thread(3);
	edit(2, 1, VA, gfn_to_gpa(gfn) | RWUD);
	vcpu_invlpg(&vcpu[2], VA);
	LOADS(2, VA);
	return NULL;
}

static void remap_to(gfn_t gfn)
{
	pthread_t thread;

	pthread_create(&thread, NULL, remap, (void *)gfn);
	pthread_join(thread, NULL);
}

static void remap_and_claim(void)
{
	remap_to(OTHER);
	pthread_create(&rival, NULL, claim, NULL);
	sem_wait(&claimed);
}

static void remap_again(void)
{
	remap_to(THIRD);
}

/* All is mapped and logged, and nothing is marked. */
static void prepare(enum guest_format format, enum um_fast_mode mode)
{
	begin(format, mode, UM_PTW_EMUL);
	alias_frames();
	slot_log(world, LOG_ON);
	LOADS(0, VA);
	LOADS(1, VA);
	guest_mem.keeps = false; /* frames have one owner in the oracle */
	vcpu[0].watched = vcpu[1].watched = vcpu[2].watched = false;
}

static void finish_it(void)
{
	world->hpte[OTHER].pfn = world->hpte[GFN].pfn;
	world_check_shadow(world);
	end();
}

/*
 * With a name, the commit finds another's claim. With PF it does not, and has
 * to look at the gfn again.
 */
static void remapped_under_claim(enum guest_format format,
				 enum um_fast_mode mode)
{
	sem_init(&claimed, 0, 0);
	sem_init(&committed, 0, 0);
	prepare(format, mode);
	vcpu[0].stall = remap_and_claim;
	vcpu[0].stall_skip = 1;
	STORES(0, VA);
	/* vCPU 1 is still before its commit. */
	CHECK(!(sspte_of(0, VA) & UM_SS_W) || is_dirty(OTHER));
	sem_post(&committed);
	pthread_join(rival, NULL);
	CHECK(is_dirty(OTHER));
	finish_it();
}

/* The leaf that got W is gone when its gfn is looked at again. */
static void gone_before_mark(enum guest_format format, enum um_fast_mode mode)
{
	sem_init(&claimed, 0, 0);
	sem_init(&committed, 0, 0);
	prepare(format, mode);
	vcpu[0].stall = remap_and_claim;
	vcpu[0].stall_skip = 1;
	world_on_mark = remap_again;
	STORES(0, VA);
	CHECK(is_dirty(OTHER));
	sem_post(&committed);
	pthread_join(rival, NULL);
	finish_it();
}

static void every_mode(void (*test)(enum guest_format, enum um_fast_mode))
{
	test(GUEST_64, UM_FAST_TAG);
	test(GUEST_PAE, UM_FAST_TAG);
	test(GUEST_32, UM_FAST_PAIR);
}

static void remaps_and_claims(void)
{
	every_mode(remapped_under_claim);
}

static void remaps_twice(void)
{
	gone_before_mark(GUEST_PAE, UM_FAST_TAG);
	gone_before_mark(GUEST_32, UM_FAST_PAIR);
}

int main(void)
{
	unit_start();
	UNIT(remaps_and_claims);
	UNIT(remaps_twice);
	return tap_done();
}
