/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of umbra-bench share. The data flows one way: a group of
 * measurements (exits.c, touch.c, log.c, unmap.c, life.c) makes a VM (vm.c),
 * opens windows on it (series.c), and each window's ticks and counters
 * (counters.c) end as lines of the result file (report.c).
 */
#ifndef _UMBRA_BENCH_H
#define _UMBRA_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/kvm.h>
#include <x86intrin.h>

#define PAGE		4096ul
#define HUGE		(2ul << 20)

#define ROUNDS_MAX	64
#define COUNTERS_MAX	128
#define COUNTER_NAME	64

/* Guest-physical layout: everything lies in the first GiB, mapped 1:1. */
#define GPA_LOW		0ul
#define GPA_LOW_SIZE	(16 * PAGE)
#define GPA_CODE	(8 * PAGE)
#define GPA_DATA	(256ul << 20)
#define GPA_HUGE	(512ul << 20)

enum slot {
	SLOT_LOW,
	SLOT_DATA,
	SLOT_HUGE,
};

struct bench {
	const char *device;
	const char *out_path;
	const char *only;	/* one group's name; NULL for all */
	unsigned int pages;
	unsigned int rounds;
	bool mark;
	FILE *out;
	int dev_fd;
};

/* One group of measurements that share a VM; runs in a process of its own. */
struct group {
	const char *name;
	const char *what;
	void (*run)(struct bench *b);
};

/* The cumulative counters behind one statistics file descriptor. */
struct counters {
	int fd;			/* -1 if the device gives none */
	unsigned int nr;
	size_t data_offset;
	size_t data_size;
	char name[COUNTERS_MAX][COUNTER_NAME];
	size_t offset[COUNTERS_MAX];
};

struct vm {
	struct bench *bench;
	int fd;
	int vcpu_fd;
	struct kvm_run *run;
	size_t run_size;
	void *low;
	struct counters counters[2];	/* of the VM, of the vCPU */
};

/* Several windows over the same operation. */
struct series {
	struct bench *bench;
	const char *name;
	struct vm *vm;			/* NULL: no counters to read */
	unsigned int rounds;
	unsigned long ops;		/* in all rounds together */
	double ticks[ROUNDS_MAX];	/* per operation */
	uint64_t before[2][COUNTERS_MAX];
	uint64_t spent[2][COUNTERS_MAX];
};

/* main.c */
void *memory_new(size_t size, size_t align);

/* report.c */
void report_run(struct bench *b);
void report_figure(struct bench *b, const char *name, double least,
		   double median, unsigned long ops);
void report_counter(struct bench *b, const char *name, const char *counter,
		    double per_op);
void report_skip(struct bench *b, const char *name, const char *reason);
void report_failure(struct bench *b, const char *group, int status);
void report_segment(struct bench *b, const char *name, unsigned long ops);

/* counters.c */
void counters_open(struct counters *c, int kvm_fd);
void counters_read(const struct counters *c, uint64_t *value);
void counters_close(struct counters *c);

/* vm.c */
struct vm *vm_new(struct bench *b);
void vm_free(struct vm *vm);
void vm_slot(struct vm *vm, enum slot slot, uint64_t gpa, void *memory,
	     size_t size, uint32_t flags);

/*
 * One run of a guest routine (guest.S): @count times from @gpa on, @stride
 * bytes apart. Returns the guest's own ticks from first to last operation.
 */
uint64_t vm_call(struct vm *vm, const char *routine, uint64_t gpa,
		 uint64_t stride, unsigned long count, bool mark);

extern const char guest_start[], guest_end[];
extern const char guest_nothing[], guest_cpuid[], guest_out[], guest_write[];

/* series.c */
void series_init(struct series *s, struct vm *vm, const char *name);
void series_guest(struct series *s, const char *routine, uint64_t gpa,
		  uint64_t stride, unsigned long count);
void series_open(struct series *s);
void series_close(struct series *s, uint64_t ticks, unsigned long ops);
double series_report(struct series *s);

/*
 * The emulator stops at this instruction when told to and counts what stands
 * between two of them; elsewhere it does nothing.
 */
static inline void marker(const struct bench *b)
{
	if (b->mark)
		asm volatile("xchg %%bx, %%bx" : : : "memory");
}

/* Time one call of user space: SERIES_TIME(&s, ops, ioctl(...)). */
#define SERIES_TIME(s, ops, call) ({					\
	uint64_t __start, __end;					\
	typeof(call) __ret;						\
									\
	series_open(s);							\
	marker((s)->bench);						\
	__start = __rdtsc();						\
	__ret = (call);							\
	__end = __rdtsc();						\
	marker((s)->bench);						\
	series_close(s, __end - __start, ops);				\
	__ret;								\
})

/* The groups */
void exits_run(struct bench *b);
void touch_4k_run(struct bench *b);
void touch_2m_run(struct bench *b);
void log_run(struct bench *b);
void unmap_run(struct bench *b);
void life_run(struct bench *b);

#endif /* _UMBRA_BENCH_H */
