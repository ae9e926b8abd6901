// SPDX-License-Identifier: GPL-2.0
/*
 * How far a guest comes that lives in its page tables while its memory is
 * logged: two vCPUs fork, copy on write and exit (storm_guest.c) as a third
 * thread harvests the log every millisecond. The figure is the time from the
 * first vCPU's start to the last one's end for each fork.
 *
 * Where instructions are counted, one vCPU does so, and nobody harvests
 * meanwhile: a trace is of one CPU.
 */
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "storm.h"

#define IMAGE_SIZE	STORM_AREA
#define CPU_SIZE	(STORM_AREA + STORM_TABLES * PAGE)
#define SIZE		(IMAGE_SIZE + STORM_CPUS * CPU_SIZE)
#define DATA_SIZE	(STORM_CPUS * STORM_FRAMES * PAGE)
#define PERIOD_US	1000

#define FORKS		24	/* of each vCPU in a round */
#define FORKS_MARKED	2
#define ROUNDS		3

struct storm;

struct runner {
	struct storm *storm;
	unsigned int nr;
	struct cpu *cpu;
	struct storm_cpu *area;
	pthread_t thread;
	uint64_t start, end;
};

struct storm {
	struct vm *vm;
	struct cpu second;
	struct log data, tables;
	uint64_t seen[DATA_SIZE / PAGE / 64];
	struct runner runner[STORM_CPUS];
	unsigned int cpus, forks;
	atomic_uint ready, ended;
};

static void *run(void *arg)
{
	struct runner *r = arg;
	struct storm *s = r->storm;
	uint64_t area = GPA_TABLES + IMAGE_SIZE + r->nr * STORM_AREA;
	struct kvm_regs regs = {
		/* as after a call: the ABI's alignment */
		.rip = GPA_TABLES, .rsp = area + STORM_AREA - 8, .rdi = area,
		.rflags = 0x202,
	};

	thread_pin(r->nr);
	r->area->forks = s->forks;
	if (ioctl(r->cpu->fd, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_REGS");
	atomic_fetch_add(&s->ready, 1);
	while (atomic_load(&s->ready) < s->cpus)
		;
	marker(s->vm->bench);
	r->start = __rdtsc();
	cpu_run(r->cpu);
	r->end = __rdtsc();
	marker(s->vm->bench);
	atomic_fetch_add(&s->ended, 1);
	return NULL;
}

static void harvest(struct storm *s)
{
	log_get(&s->data);
	for (unsigned int i = 0; i < DATA_SIZE / PAGE / 64; i++)
		s->seen[i] |= s->data.bitmap[i];
	log_get(&s->tables);
}

/* What is not as it was at first has been written, so the log has it. */
static void check(struct storm *s)
{
	const uint64_t *words = s->data.memory;

	for (unsigned int i = 0; i < s->cpus; i++)
		if (s->runner[i].area->error)
			errx(1, "vCPU %u: storm_guest.c:%llu", i,
			     s->runner[i].area->error);
	for (unsigned int i = 0; i < DATA_SIZE / PAGE; i++)
		if ((words[i * 512] || words[i * 512 + 1]) &&
		    !(s->seen[i / 64] >> i % 64 & 1))
			errx(1, "page %u is missing in the dirty log", i);
}

/* Returns the ticks from the first start to the last end. */
static uint64_t round_of(struct storm *s)
{
	uint64_t start = UINT64_MAX, end = 0;

	atomic_store(&s->ready, 0);
	atomic_store(&s->ended, 0);
	for (unsigned int i = 0; i < s->cpus; i++)
		if (pthread_create(&s->runner[i].thread, NULL, run,
				   &s->runner[i]))
			errx(1, "pthread_create");
	while (!s->vm->bench->mark && atomic_load(&s->ended) < s->cpus) {
		usleep(PERIOD_US);
		harvest(s);
	}
	for (unsigned int i = 0; i < s->cpus; i++) {
		pthread_join(s->runner[i].thread, NULL);
		if (s->runner[i].start < start)
			start = s->runner[i].start;
		if (s->runner[i].end > end)
			end = s->runner[i].end;
	}
	harvest(s);
	check(s);
	return end - start;
}

static void set_up(struct storm *s, struct vm *vm)
{
	char *memory = memory_new(SIZE, HUGE);
	uint64_t tables = GPA_TABLES + IMAGE_SIZE + STORM_CPUS * STORM_AREA;

	memcpy(memory, storm_image, storm_image_end - storm_image);
	s->vm = vm;
	s->cpus = vm->bench->mark ? 1 : STORM_CPUS;
	s->forks = vm->bench->mark ? FORKS_MARKED : FORKS;
	log_init(&s->tables, vm, SLOT_TABLES, GPA_TABLES, memory, SIZE);
	log_init(&s->data, vm, SLOT_DATA, GPA_DATA,
		 memory_new(DATA_SIZE, HUGE), DATA_SIZE);
	cpu_new(vm, 1, &s->second);
	for (unsigned int i = 0; i < STORM_CPUS; i++) {
		struct runner *r = &s->runner[i];

		r->storm = s;
		r->nr = i;
		r->cpu = i ? &s->second : &vm->cpu;
		r->area = (void *)(memory + IMAGE_SIZE + i * STORM_AREA);
		r->area->tables = tables + i * STORM_TABLES * PAGE;
		r->area->frames = GPA_DATA + i * STORM_FRAMES * PAGE;
	}
	log_set(&s->data, true);
	log_set(&s->tables, true);
}

void storm_run(struct bench *b)
{
	static struct storm s;
	static struct series fork;

	if (!b->mark && sysconf(_SC_NPROCESSORS_ONLN) < STORM_CPUS) {
		report_skip(b, "storm-fork", "one CPU only");
		return;
	}
	set_up(&s, vm_new(b));
	series_init(&fork, s.vm, "storm-fork");
	for (unsigned int i = 0; i < (b->mark ? b->rounds : ROUNDS); i++) {
		series_open(&fork);
		series_close(&fork, round_of(&s), s.forks * s.cpus);
	}
	series_report(&fork);
	cpu_free(&s.second);
	vm_free(s.vm);
	munmap(s.tables.memory, SIZE);
	munmap(s.data.memory, DATA_SIZE);
	log_fini(&s.data);
	log_fini(&s.tables);
}
