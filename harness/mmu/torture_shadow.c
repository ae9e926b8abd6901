// SPDX-License-Identifier: GPL-2.0
/*
 * Torture of the shadow engine: vCPUs that access, edit their tables, flush or
 * do not, switch roots and modes; a host that moves and shares pages; users of
 * the dirty log; aging; slots that go and come; quotas; modes that change; failing
 * allocations and lost compare-and-exchanges. All at once. Its options:
 * torture_main.c.
 *
 * Proven at every access: it ended as the guest's tables allow, as they stand or
 * as they stood since the vCPU last flushed. The rest as in torture.c.
 */
#include "guest_play.h"
#include "torture_main.h"

#include <umbra/host.h>

#include <stdlib.h>
#include <unistd.h>

struct episode {
	u64 seed;
	struct guest *guest;
	bool stop;
	bool slots, switching;
	int host_sleep;
	pthread_rwlock_t pause; /* everybody reads; whoever looks writes */
};

struct actor {
	struct episode *episode;
	int id;
	void (*turn)(struct episode *ep, int id);
	int sleep;
	pthread_t thread;
};

static bool stopped(struct episode *ep)
{
	return __atomic_load_n(&ep->stop, __ATOMIC_RELAXED) || shim_warnings();
}

static void vcpu_turn(struct episode *ep, int id)
{
	int i;

	for (i = 0; i < 8 && !stopped(ep); i++)
		guest_step(ep->guest, &ep->guest->vcpu[id]);
}

static void host_turn(struct episode *ep, int id)
{
	struct um_mmu *mmu = &ep->guest->world->mmu;

	guest_host(ep->guest);
	if (ep->switching && chance(20))
		WRITE_ONCE(mmu->fast, below(UM_FAST_PAIR + 1));
	if (ep->switching && chance(20))
		WRITE_ONCE(mmu->rmap.mode, below(2));
}

/* What needs the slots, so one after the other. */
static void log_turn(struct episode *ep, int id)
{
	guest_log(ep->guest);
	if (ep->slots && chance(10))
		guest_slots(ep->guest);
}

static void audit_turn(struct episode *ep, int id)
{
	if (!um_mmu_audit(&ep->guest->world->mmu))
		world_bug("the audit at any time");
}

static void judge_turn(struct episode *ep, int id)
{
	pthread_rwlock_unlock(&ep->pause);
	pthread_rwlock_wrlock(&ep->pause);
	shim_pace = SHIM_BRISK;
	if (!stopped(ep))
		guest_check(ep->guest, true);
	shim_pace = SHIM_STEADY;
}

static void *act(void *arg)
{
	struct actor *actor = arg;
	struct episode *ep = actor->episode;

	shim_thread(ep->seed * 10 + actor->id);
	while (!stopped(ep)) {
		pthread_rwlock_rdlock(&ep->pause);
		actor->turn(ep, actor->id);
		pthread_rwlock_unlock(&ep->pause);
		if (actor->sleep)
			usleep(shim_random() % actor->sleep);
	}
	return NULL;
}

/* What the seed stands for. */
static struct episode *episode_new(u64 seed)
{
	static const enum um_fast_mode modes[] = {
		UM_FAST_TAG, UM_FAST_TAG, UM_FAST_PAIR, UM_FAST_OFF,
	};
	struct episode *ep = calloc(1, sizeof(*ep));
	int f, mode, ptw;
	bool mixed, allocs, races;

	shim_seed(seed);
	ep->seed = seed;
	f = below(GUEST_FORMATS);
	mixed = chance(20);
	mode = modes[below(4)];
	ptw = below(4) ? UM_PTW_OOS : UM_PTW_EMUL;
	ep->slots = chance(40);
	ep->switching = chance(30);
	ep->host_sleep = chance(50) ? 300 : 20000;
	allocs = chance(25);
	races = chance(50);
	printf("# episode %llu: %s, mode %d, ptw %d%s%s%s%s\n", seed,
	       mixed ? "mixed" : guest_format_name[f], mode, ptw,
	       ep->slots ? ", slots" : "", ep->switching ? ", switching" : "",
	       allocs ? ", allocations fail" : "",
	       races ? ", races are lost" : "");
	ep->guest = guest_new(mixed ? 0 : f, mixed ? GUEST_FORMATS - 1 : f,
			      mode, ptw);
	ep->guest->world->slots_move = ep->slots;
	ep->guest->world->mmu.audit = chance(50);
	ep->guest->world->cpu[VCPUS - 1].tag = chance(50) ? VCPUS : 0;
	torture_pause_init(&ep->pause);
	guest_mem.read_fails = chance(20);
	shim_alloc_fail = allocs ? 30 : 0;
	shim_cas_fail = races ? 50 : 0;
	return ep;
}

static void play(u64 seed)
{
	struct episode *ep = episode_new(seed);
	struct actor actors[] = {
		{ .id = 0, .turn = vcpu_turn },
		{ .id = 1, .turn = vcpu_turn },
		{ .id = 2, .turn = vcpu_turn },
		{ .id = 3, .turn = host_turn, .sleep = ep->host_sleep },
		{ .id = 4, .turn = log_turn, .sleep = 1000 },
		{ .id = 5, .turn = audit_turn, .sleep = 20000 },
		{ .id = 6, .turn = judge_turn, .sleep = 200000 },
	};
	const int n = sizeof(actors) / sizeof(actors[0]);
	int i;

	shim_yields = true;
	for (i = 0; i < n; i++) {
		actors[i].episode = ep;
		pthread_create(&actors[i].thread, NULL, act, &actors[i]);
	}
	torture_wait(&ep->stop);
	for (i = 0; i < n; i++)
		pthread_join(actors[i].thread, NULL);
	shim_yields = false;
	shim_alloc_fail = 0;
	shim_cas_fail = 0;
	guest_mem.read_fails = false;
	if (!shim_warnings())
		guest_check(ep->guest, true);
	guest_summary(ep->guest);
	if (!guest_free(ep->guest))
		world_bug("leak");
	free(ep);
}

int main(int argc, char **argv)
{
	shim_disturb = world_disturb_shadow;
	shim_settle = world_settle;
	return torture_main("torture_shadow", play, argc, argv);
}
