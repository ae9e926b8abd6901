/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of umbra-bench share. The data flows one way: a group of
 * measurements (README.md has the list) makes a VM (vm.c) on memory of its
 * own (mem.c, with 4K tables of the guest's: paged.c), opens windows on it (series.c), and each window's ticks and
 * counters (counters.c) end as lines of the result file (report.c).
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

#define HUGE_PAGES	(HUGE / PAGE)

#define ROUNDS_MAX	64
#define COUNTERS_MAX	128
#define COUNTER_NAME	64
#define GROUPS_MAX	32

#define SPARSE		64u	/* one page in so many is dirty */

/* Guest-physical layout; mapped 1:1. */
#define GPA_LOW		0ul
#define GPA_LOW_SIZE	(16 * PAGE)
#define GPA_PML4	(1 * PAGE)
#define GPA_PDPT	(2 * PAGE)
#define GPA_PD		(3 * PAGE)
#define GPA_CODE	(8 * PAGE)
#define GPA_TABLES	(128ul << 20)
#define GPA_DATA	(256ul << 20)
#define GPA_HUGE	(512ul << 20)

enum slot {
	SLOT_LOW,
	SLOT_DATA,
	SLOT_HUGE,
	SLOT_TABLES,
};

/* Guest page table entries: P RW US, A, D, PS. */
#define PTE_TABLE	0x27ul
#define PTE_BLANK	0x07ul
#define PTE_USED	0x67ul
#define PTE_PS		0x80ul
#define PTE_LEAF	(PTE_USED | PTE_PS)

struct bench {
	const char *device;
	const char *out_path;
	const char *only[GROUPS_MAX];	/* names of groups; none: all */
	int log;		/* UM_LOG_MODE_*; -1: the module's */
	unsigned long type;	/* UM_VM_TYPE_*; 0: the device's own */
	unsigned int pages;	/* 4K pages in a window */
	unsigned int huge;	/* 2M pages in a window */
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

struct cpu {
	int fd;
	struct kvm_run *run;
	size_t run_size;
};

/* 4K pages that lie together in the guest, for its page tables. */
struct tables {
	void *memory;
	uint64_t gpa;
	unsigned int pages;
	unsigned int used;
};

struct vm {
	struct bench *bench;
	int fd;
	struct cpu cpu;
	void *low;
	struct counters counters[2];	/* of the VM, of the vCPU */

	/* What some routines of the guest want besides: in rbx and rbp. */
	uint64_t arg[2];

	/* paged.c: goes before each figure's name; where the data is seen */
	const char *prefix;
	uint64_t window;		/* 0: where it lies */
	struct tables tables;
};

/* Several windows over the same operation. */
struct series {
	struct bench *bench;
	char name[48];
	struct vm *vm;
	unsigned int rounds;
	unsigned long ops;		/* in all rounds together */
	double ticks[ROUNDS_MAX];	/* per operation */
	uint64_t before[2][COUNTERS_MAX];
	uint64_t spent[2][COUNTERS_MAX];
};

/* mem.c; both end the process where there is not enough */
void *memory_new(size_t size, size_t align);
/* NULL where the host has no huge pages to give. */
void *huge_memory_new(size_t size);

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
/* What KVM_CHECK_EXTENSION says; 0: the device has no such thing. */
unsigned int bench_has_cap(struct bench *b, unsigned int cap);
struct vm *vm_new(struct bench *b);
/* One with @cap enabled from its beginning: @cap is 0, or the device has it. */
struct vm *vm_new_cap(struct bench *b, unsigned int cap, uint64_t arg);
void vm_free(struct vm *vm);
void vm_slot(struct vm *vm, enum slot slot, uint64_t gpa, void *memory,
	     size_t size, uint32_t flags);
void vm_set_cap(struct vm *vm, unsigned int cap, uint64_t arg);
/* A vCPU in long mode, with the tables of the low slot. */
void cpu_new(struct vm *vm, unsigned int id, struct cpu *cpu);
void cpu_free(struct cpu *cpu);
/* Runs until HLT. */
void cpu_run(struct cpu *cpu);
void cpu_set_cr3(struct cpu *cpu, uint64_t cr3);

/*
 * One run of a guest routine (guest.S): @count times from @gpa on, @stride
 * bytes apart. Returns the guest's own ticks from first to last operation.
 */
uint64_t vm_call(struct vm *vm, const char *routine, uint64_t gpa,
		 uint64_t stride, unsigned long count, bool mark);

extern const char guest_start[], guest_end[];
extern const char guest_nothing[], guest_cpuid[], guest_out[], guest_write[];
extern const char guest_rewrite[], guest_invlpg[], guest_switch[];
extern const char guest_switch_touch[], guest_load[];
extern const char storm_image[], storm_image_end[];

/*
 * paged.c: a VM whose guest sees its data through 4K entries of its own, from
 * vm->window on, @spare pages of which are left for more tables.
 */
struct vm *paged_new(struct bench *b, unsigned int cap, uint64_t arg,
		     unsigned int spare);
/*
 * Map @pages from @gpa on at @gva, which is above all memory, by entries with
 * @flags. Before the guest has used that part of its tables.
 */
void paged_map(struct vm *vm, uint64_t gva, uint64_t gpa, unsigned int pages,
	       uint64_t flags);
/* The guest-physical address of the entry that maps @gva. */
uint64_t paged_entry(struct vm *vm, uint64_t gva);
/* One more top table that says what the first one does now. */
uint64_t paged_root(struct vm *vm);

/*
 * dirty.c: the log of one slot. Whatever fails, or tells another log than the
 * guest's writes made, ends the process: a log that loses a page has no speed.
 */
struct log {
	struct vm *vm;
	enum slot slot;
	uint64_t gpa;
	uint64_t gva;		/* where the guest writes to it */
	void *memory;
	unsigned int pages;	/* of 4K */
	uint64_t *bitmap;
};

void log_init(struct log *log, struct vm *vm, enum slot slot, uint64_t gpa,
	      void *memory, size_t size);
void log_fini(struct log *log);
void log_set(struct log *log, bool on);
/* The guest writes to every @stride-th page, outside of any window. */
void log_write(struct log *log, unsigned int stride);
int log_get(struct log *log);
/* Clear what log->bitmap says of the whole slot. */
int log_clear(struct log *log);
/* log->bitmap holds every @stride-th page and no other; 0: it holds none. */
void log_check(const struct log *log, unsigned int stride);

/* threads.c: the calling thread runs on this CPU from now on. */
void thread_pin(unsigned int cpu);

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
void log_2m_run(struct bench *b);
void clear_run(struct bench *b);
void clear_first_run(struct bench *b);
void ring_run(struct bench *b);
void modes_run(struct bench *b);
void density_run(struct bench *b);
void threads_run(struct bench *b);
void footprint_run(struct bench *b);
void unmap_run(struct bench *b);
void life_run(struct bench *b);

/* The same and others, of a guest with 4K tables of its own */
void paged_touch_run(struct bench *b);
void paged_log_run(struct bench *b);
void paged_clear_run(struct bench *b);
void paged_modes_run(struct bench *b);
void paged_unmap_run(struct bench *b);
void paged_edit_run(struct bench *b);
void paged_roots_run(struct bench *b);
void storm_run(struct bench *b);
void irq_run(struct bench *b);
void ipi_run(struct bench *b);

#endif /* _UMBRA_BENCH_H */
