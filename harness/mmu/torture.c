// SPDX-License-Identifier: GPL-2.0
/*
 * Torture: vCPUs that read and write; a host that moves, shares and collapses
 * their pages; users of the dirty log who harvest it, clear parts of it, and
 * turn it on and off; aging; notifier calls; slots that go and come; modes that
 * change; failing allocations and lost compare-and-exchanges. All at once, in
 * one world after the other. Its options: torture_main.c.
 *
 * Proven whenever everybody is stopped, and at the end: every write is in
 * memory; every page equals its copy in the log's user's keeping; no shared
 * page was written; every leaf maps what the host maps; the audit is content.
 * At any time: no frame and no table is used after it was given back; the
 * audit that needs no rest is content. At the end no table is left.
 */
#include "torture.h"
#include "torture_main.h"

#include <stdio.h>
#include <stdlib.h>

static const struct profile profiles[] = {
	{ "log", 64, 20000, 16, 20000, 2 },
	{ "churn", 4, 0, 0, 0, 2 },
	{ "huge", 16, 5000, 48, 5000, 16 },
};

static const char *const modes[] = { "off", "tag", "mw", "pair", "switched" };
static const char *const logs[] = { "wrprot", "pml", "dbit" };

static struct {
	u64 episodes, faults, fast, lost, taken, harvests, clears, changes;
	u64 audits;
	u64 slots;
} total;

/* What the seed stands for. */
static struct episode *episode_new(u64 seed)
{
	struct episode *ep = calloc(1, sizeof(*ep));
	bool ad, allocs, races;
	int mode, log;

	shim_seed(seed);
	ep->seed = seed;
	ep->profile = &profiles[shim_random() % 3];
	mode = shim_random() % (UM_FAST_PAIR + 2);
	ep->switching = mode > UM_FAST_PAIR;
	ad = shim_random() % 3;
	log = ad ? shim_random() % 3 : UM_LOG_WRPROT;
	allocs = shim_random() % 2;
	races = shim_random() % 2;
	printf("# episode %llu: %s, fast %s, log %s, %s%s%s\n", seed,
	       ep->profile->name, modes[mode], logs[log], ad ? "A/D" : "no A/D",
	       allocs ? ", allocations fail" : "",
	       races ? ", races are lost" : "");

	ep->world = world_new(ep->switching ? UM_FAST_TAG : mode, ad, true);
	ep->world->mmu.log = log;
	ep->world->mmu.audit = true;
	ep->world->cpu[VCPUS - 1].tag = 0;
	pthread_mutex_init(&ep->slots, NULL);
	pthread_mutex_init(&ep->copying, NULL);
	torture_pause_init(&ep->pause);
	shim_alloc_fail = allocs ? 50 : 0;
	shim_cas_fail = races ? 50 : 0;
	return ep;
}

static void add_up(struct episode *ep)
{
	int i;

	for (i = 0; i < CPUS; i++) {
		struct um_fault_stat *stat = &ep->world->cpu[i].stat;

		total.faults += stat->taken;
		total.fast += stat->fast;
		total.lost += stat->claim_lost;
		total.taken += stat->claim_taken;
	}
	total.harvests += ep->harvests;
	total.clears += ep->clears;
	total.changes += ep->changes;
	total.audits += ep->audits;
	total.slots += ep->slot_changes;
	total.episodes++;
}

static void progress(void)
{
	printf("# %llu episodes, %llu faults (%llu fast, %llu claims lost, %llu taken), ",
	       total.episodes, total.faults, total.fast, total.lost,
	       total.taken);
	printf("%llu harvests, %llu clears, %llu host changes, %llu slot changes, %llu audits\n",
	       total.harvests, total.clears, total.changes, total.slots,
	       total.audits);
}

static void play(u64 seed)
{
	struct episode *ep = episode_new(seed);
	struct actor actors[] = {
		{ .id = 0, .run = vcpu_run }, { .id = 1, .run = vcpu_run },
		{ .id = 2, .run = vcpu_run }, { .run = host_run },
		{ .run = noise_run },	      { .run = log_run },
		{ .run = slot_run },	      { .run = audit_run },
		{ .id = 0, .run = clear_run }, { .id = 1, .run = clear_run },
	};
	const int n = sizeof(actors) / sizeof(actors[0]);
	int i;

	shim_yields = true;
	for (i = 0; i < n; i++) {
		actors[i].episode = ep;
		pthread_create(&actors[i].thread, NULL, actors[i].run,
			       &actors[i]);
	}
	torture_wait(&ep->stop);
	for (i = 0; i < n; i++)
		pthread_join(actors[i].thread, NULL);
	shim_yields = false;
	shim_alloc_fail = 0;
	shim_cas_fail = 0;

	set_logging(ep, true);
	judge(ep);
	add_up(ep);
	if (!world_free(ep->world))
		world_bug("leak");
	free(ep);
	if (total.episodes % 5 == 0)
		progress();
}

int main(int argc, char **argv)
{
	int rc;

	shim_disturb = world_disturb;
	shim_settle = world_settle;
	rc = torture_main("torture", play, argc, argv);
	progress();
	return rc;
}
