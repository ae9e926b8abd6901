// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that CLEAR disjoint ranges of one slot at once, each pinned to a
 * CPU of its own: the time from the start of the first to the end of the
 * last, per page of the slot. A device without a lock around it takes half of
 * the time with two.
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define THREADS_MAX	8u
#define PAGES		4096u
#define CHUNK		256u	/* pages of one call */

struct team {
	struct log *log;
	unsigned int size;
	atomic_uint ready;
	atomic_bool go;
};

struct member {
	struct team *team;
	unsigned int nr;	/* its CPU, and its share of the slot */
	pthread_t thread;
	uint64_t start, end;
};

void thread_pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "sched_setaffinity to CPU %u", cpu);
}

static void clear_range(struct log *log, unsigned int first, unsigned int end)
{
	struct kvm_clear_dirty_log clear = {
		.slot = log->slot, .num_pages = CHUNK,
		.dirty_bitmap = log->bitmap,
	};

	for (; first < end; first += CHUNK) {
		clear.first_page = first;
		if (ioctl(log->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear))
			err(1, "KVM_CLEAR_DIRTY_LOG from page %u", first);
	}
}

static void *work(void *arg)
{
	struct member *me = arg;
	struct team *team = me->team;
	unsigned int share = PAGES / team->size;

	thread_pin(me->nr);
	atomic_fetch_add(&team->ready, 1);
	while (!atomic_load(&team->go))
		;
	me->start = __rdtsc();
	clear_range(team->log, me->nr * share, (me->nr + 1) * share);
	me->end = __rdtsc();
	return NULL;
}

/* Returns the ticks from the first start to the last end. */
static uint64_t clear_together(struct log *log, unsigned int size)
{
	struct team team = { .log = log, .size = size };
	struct member member[THREADS_MAX];
	uint64_t start = UINT64_MAX, end = 0;

	for (unsigned int i = 0; i < size; i++) {
		member[i] = (struct member){ .team = &team, .nr = i };
		if (pthread_create(&member[i].thread, NULL, work, &member[i]))
			errx(1, "pthread_create");
	}
	while (atomic_load(&team.ready) < size)
		sched_yield();
	atomic_store(&team.go, true);
	for (unsigned int i = 0; i < size; i++) {
		pthread_join(member[i].thread, NULL);
		if (member[i].start < start)
			start = member[i].start;
		if (member[i].end > end)
			end = member[i].end;
	}
	return end - start;
}

static void one_size(struct log *log, unsigned int size)
{
	struct series s;
	char name[32];

	snprintf(name, sizeof(name), "clear-threads-%u", size);
	series_init(&s, log->vm, name);
	for (unsigned int i = 0; i < log->vm->bench->rounds; i++) {
		log_write(log, 1);
		log_get(log);
		log_check(log, 1);
		series_open(&s);
		series_close(&s, clear_together(log, size), PAGES);
		log_get(log);
		log_check(log, 0);
	}
	series_report(&s);
}

void threads_run(struct bench *b)
{
	unsigned int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t size = PAGES * PAGE;
	void *memory;
	struct log log;
	struct vm *vm;

	if (cpus < 2 || !bench_has_cap(b, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2)) {
		report_skip(b, "clear-threads-2", cpus < 2 ? "one CPU only" :
			    "no manual protection");
		return;
	}
	vm = vm_new_cap(b, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	memory = memory_new(size, HUGE);
	log_init(&log, vm, SLOT_DATA, GPA_DATA, memory, size);
	log_write(&log, 1);
	log_set(&log, true);
	for (unsigned int n = 1; n <= cpus && n <= THREADS_MAX; n *= 2)
		one_size(&log, n);
	log_fini(&log);
	vm_free(vm);
	munmap(memory, size);
}
