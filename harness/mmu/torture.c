// SPDX-License-Identifier: GPL-2.0
/*
 * Torture: vCPUs that read and write; a host that moves, shares and collapses
 * their pages; users of the dirty log who harvest it, clear parts of it, and
 * turn it on and off; aging; notifier calls; slots that go and come; modes that
 * change; failing allocations and lost compare-and-exchanges. All at once, in
 * one world after the other.
 *
 *   torture [-t SECONDS] [-s SEED] [-l LENGTH]    until the time is over
 *   torture -e EPISODE...                         only these; a failure names
 *                                                 the episode it came in
 *   torture -f FILE                               those that the file lists
 *
 * Proven whenever everybody is stopped, and at the end: every write is in
 * memory; every page equals its copy in the log's user's keeping; no shared
 * page was written; every leaf maps what the host maps; the audit is content.
 * At any time: no frame and no table is used after it was given back; the
 * audit that needs no rest is content. At the end no table is left.
 */
#include "torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct profile profiles[] = {
	{ "log", 64, 20000, 16, 20000, 2 },
	{ "churn", 4, 0, 0, 0, 2 },
	{ "huge", 16, 5000, 48, 5000, 16 },
};

static const char *const modes[] = { "off", "tag", "mw", "pair", "switched" };
static const char *const logs[] = { "wrprot", "pml", "dbit" };

static int length = 2; /* seconds of an episode */

static struct {
	u64 episodes, faults, fast, lost, taken, harvests, clears, changes;
	u64 audits;
	u64 slots;
} total;

static void pause_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
}

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
	pause_init(&ep->pause);
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

static bool play(u64 seed)
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
	for (i = 0; i < length * 10 && !shim_warnings(); i++)
		usleep(100000);
	__atomic_store_n(&ep->stop, true, __ATOMIC_RELAXED);
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
	if (shim_warnings())
		printf("not ok - torture: again with -e %llu\n", seed);
	return !shim_warnings();
}

static void progress(time_t seconds)
{
	printf("# %lld s: %llu episodes, %llu faults (%llu fast, %llu claims lost, %llu taken), ",
	       (long long)seconds, total.episodes, total.faults, total.fast,
	       total.lost, total.taken);
	printf("%llu harvests, %llu clears, %llu host changes, %llu slot changes, %llu audits\n",
	       total.harvests, total.clears, total.changes, total.slots, total.audits);
}

static bool play_for(int seconds, u64 seed)
{
	time_t start = time(NULL), said = start, now = start;
	u64 i;

	for (i = 0; now < start + seconds; i++) {
		if (!play(seed * 1000000 + i))
			return false;
		now = time(NULL);
		if (now >= said + 10) {
			progress(now - start);
			said = now;
		}
	}
	progress(now - start);
	printf("ok - torture: %d s, seed %llu\n", seconds, seed);
	return true;
}

/* Lines of "EPISODE what it once found"; # begins a comment. */
static bool play_file(const char *name)
{
	FILE *file = fopen(name, "r");
	char line[200];
	bool good = true;
	int n = 0;

	while (good && file && fgets(line, sizeof(line), file)) {
		if (*line == '#' || *line == '\n')
			continue;
		good = play(strtoull(line, NULL, 0));
		printf("%sok %d - episode %s", good ? "" : "not ", ++n, line);
	}
	printf("1..%d\n", n);
	return good && file && !fclose(file);
}

int main(int argc, char **argv)
{
	const char *file = NULL;
	int seconds = 10, opt;
	bool good = true;
	u64 seed = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(1);
	shim_disturb = world_disturb;
	shim_settle = world_settle;
	while ((opt = getopt(argc, argv, "t:s:l:e:f:")) != -1) {
		if (opt == 't')
			seconds = atoi(optarg);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'l')
			length = atoi(optarg);
		else if (opt == 'e')
			return !play(strtoull(optarg, NULL, 0));
		else if (opt == 'f')
			file = optarg;
		else
			return 2;
	}
	good = file ? play_file(file) : play_for(seconds, seed);
	return !good;
}
