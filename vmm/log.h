/* SPDX-License-Identifier: GPL-2.0 */
/* How a device tells which pages its guest wrote. */
#ifndef PENUMBRA_LOG_H
#define PENUMBRA_LOG_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define VM_MAX_SLOTS 2

struct vcpu;
struct vm;

enum log_kind {
	LOG_AUTO,	/* clear if there, else bitmap */
	LOG_BITMAP,	/* GET_DIRTY_LOG fetches and begins anew */
	LOG_CLEAR,	/* and CLEAR_DIRTY_LOG begins anew, part by part */
	LOG_RING,	/* a ring per vCPU, harvested by a thread */
};

/* The ring of one vCPU. */
struct ring {
	struct kvm_dirty_gfn *gfns;
	uint32_t next;			/* rings.lock */
};

/* What has been harvested from all rings of a VM and not been fetched. */
struct rings {
	uint32_t bytes;			/* of each; 0: the VM has none */
	pthread_mutex_t lock;
	uint64_t *bits[VM_MAX_SLOTS];	/* lock */
	pthread_t thread;		/* while the log is on */
	bool running;
	_Atomic bool stop;
};

const char *log_name(enum log_kind kind);
/* False if @name is none. */
bool log_parse(const char *name, enum log_kind *kind);
/*
 * Choose, before the VM has vCPUs. Ends the program when the device has no such
 * log. Returns what LOG_AUTO stands for.
 */
enum log_kind log_choose(struct vm *vm, enum log_kind kind);

/* Rings; all but the first two do nothing in a VM without. */
void ring_map(struct vcpu *v);
void ring_unmap(struct vcpu *v);
void rings_init(struct vm *vm);
void rings_free(struct vm *vm);
/* The thread that keeps the rings from filling up. */
void rings_start(struct vm *vm);
void rings_stop(struct vm *vm);
/*
 * Harvest and reset all rings; any thread. What is in the bits afterwards may
 * be read: later writes will be in the rings again. 0 or -errno.
 */
int rings_collect(struct vm *vm);
/* Move what was collected of @slot into @bits; 0 or -errno. */
int rings_fetch(struct vm *vm, unsigned int slot, uint64_t *bits);

#endif
