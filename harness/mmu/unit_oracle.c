// SPDX-License-Identifier: GPL-2.0
/*
 * The oracle and the module's own walk were written apart, each from the SDM:
 * on random tables they say the same. And what the oracle knows of the past.
 */
#include "guest_random.h"
#include "unit.h"

#include <stdlib.h>

static struct world *world;

/* Only what a walk needs. */
static struct vcpu *watcher(void)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	v->cpu = &world->cpu[0];
	v->ctx.paging.maxphyaddr = 46;
	v->ctx.paging.read_gpte = guest_read_gpte;
	v->ctx.paging.cmpxchg_gpte = guest_cmpxchg_gpte;
	v->ctx.paging.priv = v;
	return v;
}

static void load_pdptes(struct um_guest_paging *p)
{
	int i;

	for (i = 0; i < 4; i++)
		p->pdpte[i] = guest_peek(world, p->cr3 + i * 8, 8);
}

static void compare(struct vcpu *v, u64 va, u32 access)
{
	struct um_guest_paging *p = &v->ctx.paging;
	struct oracle o = {
		.world = world, .paging = p, .va = va, .access = access,
		.since = guest_now(),
	};
	enum um_walk_result ret;
	struct um_guest_walk w;

	oracle_ask(&o);
	ret = um_guest_walk(p, va, access, &w);
	if (o.n != 1 || o.answer[0].fault != (ret != UM_WALK_OK) ||
	    o.answer[0].nowhere != (ret == UM_WALK_NOWHERE) ||
	    (ret == UM_WALK_OK ? o.answer[0].gpa != w.gpa :
				 o.answer[0].code != w.error_code))
		world_bug("%llx, access %x: the oracle %d %x %llx, the walk %d %x %llx",
			  va, access, o.answer[0].fault, o.answer[0].code,
			  o.answer[0].gpa, ret, w.error_code, w.gpa);
}

static void walk_agrees(void)
{
	struct random_tables r;
	struct vcpu *v;
	int i;

	world = world_new_shadow(UM_FAST_TAG, UM_PTW_EMUL);
	v = watcher();
	for (i = 0; i < 40000; i++) {
		static const u32 access[] = { 0, UM_WALK_WRITE, UM_WALK_FETCH };
		enum guest_format f = i / 100 % GUEST_FORMATS;

		if (i % 100 == 0)
			random_tables_init(&r, world, f, f, chance(50));
		random_mode(&r, &v->ctx.paging);
		load_pdptes(&v->ctx.paging);
		v->ctx.paging.rflags = chance(30) ? RFLAGS_AC : 0;
		compare(v, any_va(f),
			access[below(3)] | (chance(50) ? UM_WALK_USER : 0));
	}
	free(v);
	world_free_shadow(world);
}

int main(void)
{
	unit_start();
	UNIT(walk_agrees);
	return tap_done();
}
