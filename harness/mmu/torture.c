// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs that read and write, a host that moves, shares and collapses their
 * pages, a harvester, an ager and a second unmapper, all at once.
 *
 *   race [-s SEED] [-n ROUNDS] [-w WRITES]
 *
 * Proven at the end of each round, with everything stopped: every write is in
 * memory; every page equals its copy in the dirty log's keeping; no frame was
 * used after the host took it back; no shared page was written; every leaf
 * maps what the host maps; the audit is content; no table leaked.
 */
#include "world.h"

#include <umbra/host.h>

#include <linux/bitops.h>
#include <linux/compiler.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static u64 seed = 1;
static int writes = 1500;

/* What the round is about. */
struct profile {
	const char *name;
	int hot;	/* pages most accesses go to */
	int host_sleep; /* microseconds between the host's changes */
	int collapse;	/* of 64 changes */
	int noise_sleep;
	int toggle; /* of 64 harvests, logging goes on or off instead */
};

static const struct profile profiles[] = {
	{ "log", 64, 20000, 16, 20000, 2 },
	{ "churn", 4, 0, 0, 0, 2 },
	{ "huge", 16, 5000, 48, 5000, 16 },
};

/* Each mode of the fast path, then all of them by turns. */
static const char *const modes[] = { "off", "tag", "mw", "pair", "switch" };

#define MODES (UM_FAST_PAIR + 1)

struct round {
	struct world *world;
	bool stop;
	bool logging;
	bool switching; /* the mode, while vCPUs run */
	u64 copy[GFNS]; /* what the dirty log's user has */
	u64 seed;
	const struct profile *profile;
	pthread_rwlock_t pause; /* everybody reads; whoever looks writes */
};

static gfn_t any_gfn(const struct round *round)
{
	u64 r = shim_random();

	/* Half of the hot pages lie in each 2M region. */
	if (r % 16)
		return RAM_BASE + r / 16 % 2 * 512 +
		       r / 32 % (round->profile->hot / 2);
	return RAM_BASE + r / 16 % RAM_PAGES;
}

static void nap(int us)
{
	if (us)
		usleep(shim_random() % us);
}

struct job {
	struct round *round;
	int id;
	pthread_t thread;
	void *(*run)(void *arg);
};

static void vcpu_session(struct round *round, struct cpu *cpu)
{
	bool fault = false;
	int k;

	cpu_enter(cpu);
	for (k = 0; k < 64 && !fault && !READ_ONCE(cpu->kicked); k++) {
		u64 r = shim_random() % 4;
		u8 access = r < 2 ? UM_ACC_W : r < 3 ? UM_ACC_R : UM_ACC_X;

		fault = !cpu_access(cpu, any_gfn(round), access);
	}
	cpu_leave(cpu);
	if (!fault)
		return;
	switch (cpu_fault(cpu, NULL)) {
	case UM_PF_RETRY:
		nap(200);
		break;
	case UM_PF_FIXED:
	case UM_PF_SPURIOUS:
		break;
	default:
		world_bug("outcome of a fault");
	}
}

static void *vcpu_run(void *arg)
{
	struct job *job = arg;
	struct round *round = job->round;
	int i;

	shim_thread(round->seed + job->id);
	for (i = 0; i < writes && !shim_warnings(); i++) {
		pthread_rwlock_rdlock(&round->pause);
		vcpu_session(round, &round->world->cpu[job->id]);
		pthread_rwlock_unlock(&round->pause);
	}
	return NULL;
}

static void host_change(struct round *round)
{
	gfn_t gfn = any_gfn(round);
	u64 r = shim_random() % 64;

	if (r < round->profile->collapse)
		host_collapse(round->world, gfn);
	else if (r < 50)
		host_migrate(round->world, gfn);
	else
		host_share(round->world, gfn);
}

static void *host_run(void *arg)
{
	struct job *job = arg;
	struct round *round = job->round;

	shim_thread(round->seed + 100);
	while (!READ_ONCE(round->stop)) {
		pthread_rwlock_rdlock(&round->pause);
		host_change(round);
		pthread_rwlock_unlock(&round->pause);
		nap(round->profile->host_sleep);
	}
	return NULL;
}

/* Notifier calls that change nothing, and aging. */
static void noise(struct round *round)
{
	/* Claimants of two modes meet on one entry. */
	if (round->switching)
		WRITE_ONCE(round->world->mmu.fast, shim_random() % MODES);
	struct um_mmu *mmu = &round->world->mmu;
	const struct um_slot *slot = round->world->slots[1];
	gfn_t gfn = any_gfn(round);
	u64 r = shim_random() % 8;

	if (r < 4) {
		host_inval_begin(round->world, gfn, gfn + r * r + 1);
		if (um_mmu_unmap(mmu, slot, gfn, gfn + r * r + 1))
			um_tlb_pay(mmu);
		host_inval_end(round->world, gfn, gfn + r * r + 1);
	} else if (r < 7) {
		um_mmu_age(mmu, slot, gfn, gfn + 8);
	} else {
		um_mmu_test_age(mmu, slot, gfn, gfn + 8);
		um_table_free_barrier();
	}
}

static void *noise_run(void *arg)
{
	struct job *job = arg;
	struct round *round = job->round;

	shim_thread(round->seed + 200);
	while (!READ_ONCE(round->stop)) {
		pthread_rwlock_rdlock(&round->pause);
		noise(round);
		pthread_rwlock_unlock(&round->pause);
		nap(round->profile->noise_sleep);
	}
	return NULL;
}

static void copy_page(struct round *round, gfn_t gfn)
{
	round->copy[gfn] = host_read(round->world, gfn);
}

static void harvest(struct round *round)
{
	struct um_slot *slot = round->world->slots[0];
	u64 i;

	um_dirty_harvest(&round->world->mmu, slot);
	for (i = 0; i < slot->npages; i++)
		if (test_bit(i, slot->dirty_out))
			copy_page(round, slot->base + i);
}

static void set_logging(struct round *round, bool on)
{
	gfn_t gfn;

	if (round->logging == on)
		return;
	slot_log(round->world, on);
	round->logging = on;
	for (gfn = RAM_BASE; on && gfn < RAM_BASE + RAM_PAGES; gfn++)
		copy_page(round, gfn);
}

/* Nothing moves. */
static void judge(struct round *round)
{
	struct world *world = round->world;
	gfn_t gfn;
	int i;

	if (!um_mmu_audit_quiet(&world->mmu))
		world_bug("audit");
	world_check_leaves(world);
	if (round->logging)
		harvest(round);
	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++) {
		u64 sum = 0, value = host_read(world, gfn);

		for (i = 0; i < CPUS; i++)
			sum += world->cpu[i].writes[gfn];
		if (sum != value)
			world_bug("gfn %llx: %llu writes, memory has %llu",
				  gfn, sum, value);
		if (round->logging && round->copy[gfn] != value)
			world_bug("gfn %llx: missing from the dirty log", gfn);
	}
}

static void harvest_change(struct round *round)
{
	u64 r = shim_random() % 64;

	if (r < round->profile->toggle || !round->logging)
		set_logging(round, !round->logging);
	else
		harvest(round);
	if (r >= 60) {
		pthread_rwlock_wrlock(&round->pause);
		judge(round);
		pthread_rwlock_unlock(&round->pause);
	}
}

static void *harvest_run(void *arg)
{
	struct job *job = arg;
	struct round *round = job->round;

	shim_thread(round->seed + 300);
	while (!READ_ONCE(round->stop)) {
		harvest_change(round);
		nap(300);
	}
	set_logging(round, true);
	return NULL;
}

static void pause_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
}

static void play(const struct profile *profile, int mode, bool ad,
		 u64 round_seed)
{
	struct round *round = calloc(1, sizeof(*round));
	struct job jobs[] = {
		{ .id = 0, .run = vcpu_run }, { .id = 1, .run = vcpu_run },
		{ .id = 2, .run = vcpu_run }, { .run = host_run },
		{ .run = noise_run },	      { .run = harvest_run },
	};
	const int n = sizeof(jobs) / sizeof(jobs[0]);
	struct um_fault_stat sum = {};
	int i;

	round->switching = mode == MODES;
	round->world = world_new(mode % MODES, ad, true);
	round->seed = round_seed;
	round->profile = profile;
	pause_init(&round->pause);
	/* One vCPU has no tag of its own. */
	round->world->cpu[2].tag = 0;
	round->world->mmu.audit = true;
	for (i = 0; i < n; i++) {
		jobs[i].round = round;
		pthread_create(&jobs[i].thread, NULL, jobs[i].run, &jobs[i]);
	}
	for (i = 0; i < 3; i++)
		pthread_join(jobs[i].thread, NULL);
	WRITE_ONCE(round->stop, true);
	for (; i < n; i++)
		pthread_join(jobs[i].thread, NULL);

	judge(round);
	for (i = 0; i < CPUS; i++) {
		struct um_fault_stat *stat = &round->world->cpu[i].stat;

		sum.taken += stat->taken;
		sum.fixed += stat->fixed;
		sum.fast += stat->fast;
		sum.retry += stat->retry;
		sum.claim_lost += stat->claim_lost;
		sum.claim_taken += stat->claim_taken;
	}
	printf("# faults %llu fixed %llu fast %llu retry %llu lost %llu",
	       sum.taken, sum.fixed, sum.fast, sum.retry, sum.claim_lost);
	printf(" taken %llu splits %lld merges %lld flushes %lld\n",
	       sum.claim_taken, round->world->mmu.stat.splits.counter,
	       round->world->mmu.stat.merges.counter,
	       round->world->mmu.stat.flushes.counter);
	if (!world_free(round->world))
		world_bug("leak");
	free(round);
}

int main(int argc, char **argv)
{
	const int plays = 2 * (MODES + 1) * 3;
	int rounds = 1, opt, i, n = 0;

	while ((opt = getopt(argc, argv, "s:n:w:")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'n')
			rounds = atoi(optarg);
		else if (opt == 'w')
			writes = atoi(optarg);
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(seed);
	shim_yields = true;
	printf("TAP version 13\n1..%d\n# seed %llu\n", rounds * plays, seed);
	for (i = 0; i < rounds * plays; i++) {
		const struct profile *profile = &profiles[i % 3];
		int mode = (UM_FAST_TAG + i / 3) % (MODES + 1);
		bool ad = i * 2 / plays % 2 == 0;

		play(profile, mode, ad, seed + i * 1000);
		printf("%sok %d - race %s %s %s seed %llu\n",
		       shim_warnings() ? "not " : "", ++n, profile->name,
		       modes[mode], ad ? "ad" : "noad", seed + i * 1000);
		if (shim_warnings())
			return 1;
	}
	return 0;
}
