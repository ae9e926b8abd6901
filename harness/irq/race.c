// SPDX-License-Identifier: GPL-2.0
/*
 * The stage on which races run. The thread of the first side directs.
 */
#include "race.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define MS 400 /* unless told otherwise */
#define PATIENCE_MS 5000

struct stage {
	const struct race *race;
	u64 seed;
	pthread_barrier_t barrier;
	bool brisk; /* this round, nothing but the CPU decides who comes when */
	int telling; /* sides that are not done with the round */
	bool over;
};

struct actor {
	struct stage *stage;
	void (*side)(void); /* NULL: a vCPU */
	struct cpu *cpu;
	int n;
	pthread_t thread;
};

static u64 clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void race_dawdle(void)
{
	int n = shim_random() % 8 ? shim_random() % 64 : shim_random() % 2048;

	while (n--)
		__builtin_ia32_pause();
}

void race_meet(struct cpu *cpu)
{
	unsigned int was = READ_ONCE(cpu->entries);
	/* As it says that it enters, or as it looks at its events. */
	int i, n = shim_random() % (shim_random() % 2 ? 64 : 1024);

	for (i = 0; i < 2000; i++) {
		if (__atomic_load_n(&cpu->entries, __ATOMIC_RELAXED) != was)
			break;
	}
	while (n--)
		asm volatile("");
}

/* There may be fewer CPUs than threads. */
bool race_wait(u64 *since)
{
	static __thread unsigned int spins;

	__builtin_ia32_pause();
	if (++spins % 4096)
		return !shim_warnings();
	if (!*since)
		*since = clock_ms();
	if (clock_ms() > *since + PATIENCE_MS)
		shim_warn("somebody waits in vain\n");
	sched_yield();
	return !shim_warnings();
}

void race_send(int times, void (*send)(void), bool (*taken)(void))
{
	u64 since;

	if (shim_pace != SHIM_BRISK)
		times = times / 4 + 1;
	while (times-- && !shim_warnings()) {
		machine_begin();
		send();
		machine_end();
		since = 0;
		while (taken && !taken() && race_wait(&since))
			;
	}
}

static void act(struct actor *actor)
{
	struct stage *stage = actor->stage;

	if (!stage->brisk)
		shim_pace = SHIM_STEADY + !(shim_random() % 4);
	pthread_barrier_wait(&stage->barrier);
	if (actor->cpu) {
		cpu_run(actor->cpu);
	} else {
		actor->side();
		if (!__atomic_sub_fetch(&stage->telling, 1, __ATOMIC_SEQ_CST))
			__atomic_store_n(&machine.over, true, __ATOMIC_RELEASE);
	}
	pthread_barrier_wait(&stage->barrier);
	shim_pace = SHIM_BRISK;
}

static void *act_all(void *arg)
{
	struct actor *actor = arg;
	struct stage *stage = actor->stage;

	shim_thread(stage->seed + actor->n + 1);
	for (;;) {
		pthread_barrier_wait(&stage->barrier);
		if (stage->over)
			return NULL;
		act(actor);
	}
}

/* @n actors; the first is this thread. */
static void play(struct stage *stage, struct actor *actors, int n, int sides,
		 int ms)
{
	const struct race *race = stage->race;
	u64 end = clock_ms() + ms;
	int i;

	__atomic_store_n(&shim_yields, true, __ATOMIC_RELAXED);
	do {
		stage->brisk = shim_random() % 4;
		if (race->before)
			race->before();
		machine.over = false;
		stage->telling = sides;
		pthread_barrier_wait(&stage->barrier);
		act(&actors[0]);
		if (race->after)
			race->after();
	} while (clock_ms() < end && !shim_warnings());
	stage->over = true;
	pthread_barrier_wait(&stage->barrier);
	for (i = 1; i < n; i++)
		pthread_join(actors[i].thread, NULL);
	__atomic_store_n(&shim_yields, false, __ATOMIC_RELAXED);
}

void race_run(const struct race *race, u64 seed, int times)
{
	struct stage stage = { .race = race, .seed = seed * 1000 };
	struct actor actors[RACE_SIDES + MACHINE_CPUS] = {};
	int n = 0, sides, i;

	machine_new(race->cpus, race->split);
	if (race->setup)
		race->setup();
	for (; n < RACE_SIDES && race->side[n]; n++)
		actors[n].side = race->side[n];
	sides = n;
	for (i = 0; i < race->cpus; i++)
		actors[n++].cpu = &machine.cpu[i];
	pthread_barrier_init(&stage.barrier, NULL, n);
	for (i = 0; i < n; i++) {
		actors[i].stage = &stage;
		actors[i].n = i;
		if (i)
			pthread_create(&actors[i].thread, NULL, act_all,
				       &actors[i]);
	}
	play(&stage, actors, n, sides, times * (race->ms ?: MS));
	pthread_barrier_destroy(&stage.barrier);
	if (race->teardown)
		race->teardown();
	machine_free();
}
