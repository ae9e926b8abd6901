/* SPDX-License-Identifier: GPL-2.0 */
/* A virtual machine: memory, vCPUs, and who may run when. */
#ifndef PENUMBRA_VM_H
#define PENUMBRA_VM_H

#include "device.h"
#include "log.h"
#include "serial.h"
#include "util.h"

#include <pthread.h>
#include <stdatomic.h>

#define VM_LOW_MAX (3 * GIB)	/* what does not fit below starts at 4 GiB */
#define VM_HIGH (4 * GIB)

struct vm;
struct pc;

struct vm_slot {
	uint64_t gpa;
	uint64_t size;
	uint8_t *hva;
	_Atomic uint64_t *written;	/* a bit per page: see vm_written() */
};

enum vm_goal {
	VM_PAUSED,
	VM_RUNNING,
	VM_STOPPED,
};

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	int stats_fd;		/* -1: the device has none */
	struct kvm_run *run;
	struct ring ring;
	pthread_t thread;
	bool parked;		/* vm->lock */
	bool halted;		/* vm->lock */
	struct kvm_cpuid2 *cpuid;	/* const once the vCPU runs */
	/* Written by the vCPU's thread; max_gap reset by vm_reset_gap(). */
	_Atomic uint64_t last_beat;
	_Atomic uint64_t max_gap;
	_Atomic uint64_t work;
};

struct vm {
	struct device *dev;
	int fd;
	struct vm_slot slots[VM_MAX_SLOTS];
	unsigned int nslots;
	unsigned int ncpus;
	struct vcpu *cpus;
	struct serial serial;
	struct pc *pc;		/* NULL: a plain machine */
	enum log_kind log;	/* never LOG_AUTO */
	struct rings rings;
	int stats_fd;		/* -1: the device has none */

	pthread_mutex_t lock;
	pthread_cond_t cond;
	_Atomic enum vm_goal goal;	/* written under lock */
	bool started;			/* vCPU threads exist */
	bool ended;			/* lock; by the guest or by an error */
	bool reboot;			/* lock; it ended to begin anew */
	int status;			/* lock */
	char why[200];			/* lock */
	int event_fd;			/* readable once ended */

	_Atomic bool finish;		/* the guest is asked to end */
	uint64_t clock_us;		/* lived until clock_since; lock */
	uint64_t clock_since;		/* 0 while paused; lock */
};

struct vm_shape {
	unsigned int cpus;
	uint64_t bytes;		/* of memory, zeroed */
	enum log_kind log;
	bool pc;		/* for Linux, else the plain machine of ports.h */
};

void vm_create(struct vm *vm, struct device *dev, const struct vm_shape *shape);
void vm_destroy(struct vm *vm);

/* The host address of guest memory, or NULL if it is not all memory. */
void *vm_memory(struct vm *vm, uint64_t gpa, uint64_t len);
uint64_t vm_memory_size(const struct vm *vm);

/*
 * A device of penumbra's own has written guest memory, which no KVM device logs.
 * To be called after the write: a page that is read between the two is read
 * again.
 */
void vm_written(struct vm *vm, uint64_t gpa, uint64_t len);

/* Turn dirty logging on or off for all slots; 0 or -errno. */
int vm_log_dirty(struct vm *vm, bool on);

/*
 * Let all vCPUs run; their threads are made at the first call. Does nothing when
 * they run or when the guest is over.
 */
void vm_run(struct vm *vm);
/* Stop all vCPUs between two instructions, half-done I/O completed. */
void vm_pause(struct vm *vm);
/* Stop for good and join all threads. */
void vm_stop(struct vm *vm);
/* Called from anywhere: the guest is over. The first caller wins. */
void vm_end(struct vm *vm, int status, const char *fmt, ...) PRINTF(3, 4);
/* The same; whoever has the guest's kernel begins anew. */
void vm_reboot(struct vm *vm);
bool vm_ended(struct vm *vm);
/* Ask the guest to check itself and end. */
void vm_finish(struct vm *vm);

uint64_t vm_clock_us(struct vm *vm);
uint64_t vm_work(struct vm *vm);
/* Longest time between two heartbeats of one vCPU; 0 if none were seen. */
uint64_t vm_max_gap(struct vm *vm);
void vm_reset_gap(struct vm *vm);

/* vcpu.c */
void vcpu_create(struct vcpu *v, struct vm *vm, unsigned int id);
void vcpu_destroy(struct vcpu *v);
void vcpu_start(struct vcpu *v);
/* Make KVM_RUN return, now or at its next call. */
void vcpu_kick(struct vcpu *v);

#endif
