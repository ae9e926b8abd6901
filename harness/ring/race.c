// SPDX-License-Identifier: GPL-2.0
/*
 * Rings against their users: vCPUs that write, a user space that harvests,
 * resets and copies. In the end the copy equals the memory.
 *
 * A page is a number and a W bit. A vCPU without W takes it and pushes; then it
 * writes. It holds its `guest` lock from the look at W to the write, as a CPU
 * keeps a translation; whoever took W pays by getting every such lock once.
 */
#include "../tap.h"

#include <umbra/ring.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VCPUS 2
#define PAGES 200
#define SIZE 64u
#define SOFT SIZE /* one push at most between two looks */
#define SLOT 3

struct vcpu {
	struct um_ring ring;
	struct kvm_dirty_gfn gfns[SIZE];
	pthread_mutex_t guest;
	pthread_t thread;
	u64 seed;
	u32 fetched; /* user space's index */
};

static struct vcpu vcpus[VCPUS];
static _Atomic u64 page[PAGES];
static _Atomic bool writable[PAGES];
static u64 copy[PAGES];
static _Atomic bool stop;
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread u64 state;
static u64 seed = 1;
static int rounds = 1;

static u64 random_below(u64 n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % n;
}

/* Yielding is not enough where every thread has a CPU: rarely, sleep. */
void shim_yield(void)
{
	u64 n = random_below(600);

	if (!n)
		usleep(20);
	else if (n <= 50)
		sched_yield();
}

static void write_page(struct vcpu *v, u64 i)
{
	bool was = false;

	pthread_mutex_lock(&v->guest);
	if (!atomic_load(&writable[i])) {
		/* The fault: out of the guest, W, then the log, and again. */
		pthread_mutex_unlock(&v->guest);
		if (atomic_compare_exchange_strong(&writable[i], &was, true))
			EXPECT(um_ring_push(&v->ring, SLOT, i), "ring is full");
		return;
	}
	shim_yield();
	atomic_fetch_add(&page[i], 1);
	pthread_mutex_unlock(&v->guest);
}

static void *run_vcpu(void *arg)
{
	struct vcpu *v = arg;

	state = v->seed;
	while (!stop) {
		if (um_ring_soft_full(&v->ring))
			sched_yield();
		else
			write_page(v, random_below(PAGES));
	}
	return NULL;
}

static void pay(void)
{
	int i;

	for (i = 0; i < VCPUS; i++) {
		pthread_mutex_lock(&vcpus[i].guest);
		pthread_mutex_unlock(&vcpus[i].guest);
	}
}

/* As KVM_RESET_DIRTY_RINGS: bounded, whatever the vCPUs do. */
static u32 reset(void)
{
	struct um_ring_run run;
	u32 n, left, sum = 0;
	int i;

	pthread_mutex_lock(&ring_lock);
	for (i = 0; i < VCPUS; i++) {
		for (left = SIZE; left; left -= n) {
			n = um_ring_collect(&vcpus[i].ring, left, &run);
			if (!n)
				break;
			sum += n;
			for (; run.mask; run.mask &= run.mask - 1) {
				u64 p = run.offset + __builtin_ctzl(run.mask);

				if (EXPECT(run.slot == SLOT && p < PAGES,
					   "slot %u page %llu", run.slot, p))
					atomic_store(&writable[p], false);
			}
		}
	}
	pthread_mutex_unlock(&ring_lock);
	pay();
	return sum;
}

/* Returns how many pages were named in @got. */
static u32 harvest(struct vcpu *v, u64 *got)
{
	struct kvm_dirty_gfn *e;
	u32 n = 0;

	for (; n < SIZE; n++, v->fetched++) {
		e = &v->gfns[v->fetched % SIZE];
		if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) !=
		    KVM_DIRTY_GFN_F_DIRTY)
			break;
		got[n] = __atomic_load_n(&e->offset, __ATOMIC_RELAXED);
		shim_yield();
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
	}
	return n;
}

static void collect_all(void)
{
	u64 got[VCPUS * SIZE];
	u32 i, n = 0, cleared;

	for (i = 0; i < VCPUS; i++)
		n += harvest(&vcpus[i], got + n);
	cleared = reset();
	EXPECT(cleared == n, "%u harvested, %u reset", n, cleared);
	for (i = 0; i < n; i++)
		if (EXPECT(got[i] < PAGES, "page %llu", got[i]))
			copy[got[i]] = atomic_load(&page[got[i]]);
}

static void begin(void)
{
	int i;

	stop = false;
	for (i = 0; i < PAGES; i++) {
		copy[i] = 0;
		page[i] = 0;
		writable[i] = false;
	}
	for (i = 0; i < VCPUS; i++) {
		struct vcpu *v = &vcpus[i];

		memset(v->gfns, 0, sizeof(v->gfns));
		v->ring = (struct um_ring){ .gfns = v->gfns, .size = SIZE,
					    .soft = SOFT, .dirty = -20u,
					    .reset = -20u };
		v->fetched = -20u;
		v->seed = seed * 100 + i;
		pthread_mutex_init(&v->guest, NULL);
		pthread_create(&v->thread, NULL, run_vcpu, v);
	}
}

static void join(void)
{
	int i;

	stop = true;
	for (i = 0; i < VCPUS; i++)
		pthread_join(vcpus[i].thread, NULL);
}

/* Each round ends with a look at the copy; the first bad one is enough. */
static void play(void (*round)(void))
{
	int i;

	for (i = 0; i < rounds && !tap_bad; i++, seed++)
		round();
}

static void write_and_harvest(void)
{
	int i, lost = 0;

	begin();
	for (i = 0; i < 2000 && !tap_bad; i++)
		collect_all();
	join();
	for (i = 0; i < 4; i++)
		collect_all();
	for (i = 0; i < PAGES; i++)
		lost += copy[i] != page[i];
	EXPECT(!lost, "%d pages of the copy are stale", lost);
}

/* Every write is in the copy. */
static void write_vs_harvest(void)
{
	play(write_and_harvest);
}

static void *run_reset(void *arg)
{
	state = (u64)arg;
	while (!stop)
		reset();
	return NULL;
}

static void harvest_and_reset(void)
{
	pthread_t other;
	u64 got[SIZE];
	int i, j, k, lost = 0;

	begin();
	pthread_create(&other, NULL, run_reset, (void *)(seed + 77));
	for (i = 0; i < 2000 && !tap_bad; i++) {
		u32 n = harvest(&vcpus[i % VCPUS], got);

		reset();
		for (j = 0; j < n; j++)
			copy[got[j]] = atomic_load(&page[got[j]]);
	}
	join();
	pthread_join(other, NULL);
	for (k = 0; k < 4; k++)
		collect_all();
	for (i = 0; i < PAGES; i++)
		lost += copy[i] != page[i];
	EXPECT(!lost, "%d pages of the copy are stale", lost);
}

/* A second thread resets meanwhile: each entry is collected once. */
static void reset_vs_reset(void)
{
	play(harvest_and_reset);
}

static void *run_hostile(void *arg)
{
	state = (u64)arg;
	while (!stop) {
		struct vcpu *v = &vcpus[random_below(VCPUS)];
		struct kvm_dirty_gfn *e = &v->gfns[random_below(SIZE)];

		__atomic_store_n(&e->flags, random_below(4), __ATOMIC_RELAXED);
		__atomic_store_n(&e->slot, random_below(6), __ATOMIC_RELAXED);
		__atomic_store_n(&e->offset, -random_below(300),
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Garbage in the rings costs its author pages, and nobody anything else. */
static void hostile_user(void)
{
	struct um_ring_run run;
	pthread_t other;
	u32 n, sum = 0;
	int i, k;

	begin();
	pthread_create(&other, NULL, run_hostile, (void *)(seed + 99));
	for (i = 0; i < 20000 * rounds; i++) {
		struct um_ring *ring = &vcpus[i % VCPUS].ring;

		n = um_ring_collect(ring, SIZE, &run);
		sum += n;
		for (k = 0; run.mask && k < PAGES; k++)
			if (run.mask >> (k % 64) & 1)
				atomic_store(&writable[k], false);
		EXPECT(!n == !run.mask, "%u entries, mask %lx", n, run.mask);
	}
	join();
	pthread_join(other, NULL);
	for (i = 0; i < VCPUS; i++) {
		struct um_ring *ring = &vcpus[i].ring;

		EXPECT(ring->dirty - ring->reset <= SIZE, "%u in use",
		       ring->dirty - ring->reset);
	}
	EXPECT(sum, "nothing was collected");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		rounds = atoi(argv[2]);
	state = seed;
	printf("# seed %llu\n", seed);
	TEST(write_vs_harvest);
	TEST(reset_vs_reset);
	TEST(hostile_user);
	return tap_done();
}
