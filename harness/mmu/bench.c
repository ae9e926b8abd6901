// SPDX-License-Identifier: GPL-2.0
/*
 * Faults per second of one to four vCPU threads while another thread harvests
 * the dirty log without pause: without a lock, in each mode of the fast path,
 * and the same code under one lock for readers (faults) and writers
 * (harvests), as other hypervisors have it. And the longest single fault.
 *
 *   bench [MILLISECONDS]    lines for gnuplot; comments begin with #
 */
#include "world.h"

#include <umbra/host.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Pages of each vCPU, so that they meet the harvest and not each other. */
#define PAGES (RAM_PAGES / CPUS)

static const struct way {
	const char *name;
	enum um_fast_mode mode;
	bool locked;
} ways[] = {
	{ "tag", UM_FAST_TAG, false },
	{ "pair", UM_FAST_PAIR, false },
	{ "mw", UM_FAST_MW, false },
	{ "lock", UM_FAST_TAG, true },
};

static pthread_rwlock_t one_lock;
static const struct way *way;
static struct world *world;
static bool stop;

struct runner {
	pthread_t thread;
	int id;
	u64 faults;
	u64 longest; /* ns */
};

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void fault(struct runner *runner, struct cpu *cpu)
{
	u64 start = now(), took;

	if (way->locked)
		pthread_rwlock_rdlock(&one_lock);
	cpu_fault(cpu, NULL);
	if (way->locked)
		pthread_rwlock_unlock(&one_lock);
	took = now() - start;
	runner->faults++;
	if (took > runner->longest)
		runner->longest = took;
}

static void *vcpu(void *arg)
{
	struct runner *runner = arg;
	struct cpu *cpu = &world->cpu[runner->id];
	gfn_t base = RAM_BASE + runner->id * PAGES;
	unsigned int i;

	shim_thread(runner->id);
	for (i = 0; !stopped(); i++) {
		bool done;

		cpu_enter(cpu);
		done = cpu_access(cpu, base + i % PAGES, UM_ACC_W);
		cpu_leave(cpu);
		if (!done)
			fault(runner, cpu);
	}
	return NULL;
}

static void *harvester(void *arg)
{
	u64 *harvests = arg;

	shim_thread(CPUS);
	while (!stopped()) {
		if (way->locked)
			pthread_rwlock_wrlock(&one_lock);
		um_dirty_harvest(&world->mmu, world->slots[0]);
		if (way->locked)
			pthread_rwlock_unlock(&one_lock);
		++*harvests;
	}
	return NULL;
}

static void measure(int vcpus, int ms)
{
	struct runner runners[CPUS] = {};
	u64 faults = 0, longest = 0, harvests = 0, start;
	pthread_t log;
	int i;

	world = world_new(way->mode, true, false);
	slot_log(world, true);
	stop = false;
	start = now();
	pthread_create(&log, NULL, harvester, &harvests);
	for (i = 0; i < vcpus; i++) {
		runners[i].id = i;
		pthread_create(&runners[i].thread, NULL, vcpu, &runners[i]);
	}
	usleep(ms * 1000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(log, NULL);
	for (i = 0; i < vcpus; i++) {
		pthread_join(runners[i].thread, NULL);
		faults += runners[i].faults;
		if (runners[i].longest > longest)
			longest = runners[i].longest;
	}
	printf("%-5s %5d %12.0f %12.1f %12.0f\n", way->name, vcpus,
	       faults * 1e9 / (now() - start), longest / 1000.0,
	       harvests * 1e9 / (now() - start));
	world_free(world);
}

int main(int argc, char **argv)
{
	int ms = argc > 1 ? atoi(argv[1]) : 500, n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(1);
	pthread_rwlock_init(&one_lock, NULL);
	printf("# %ld CPUs here, for up to %d vCPUs and a harvester\n",
	       sysconf(_SC_NPROCESSORS_ONLN), CPUS);
	printf("# way  vcpus   faults/s   longest, us   harvests/s\n");
	for (way = ways; way < ways + sizeof(ways) / sizeof(*ways); way++) {
		for (n = 1; n <= CPUS; n++)
			measure(n, ms);
		printf("\n\n");
	}
	return shim_warnings() ? 1 : 0;
}
