// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU and its thread.
 *
 * The thread enters the guest until vm->goal says otherwise, then completes a
 * half-done I/O, parks and waits. A kick is run->immediate_exit, which catches
 * an entry that has not begun, plus a signal, which catches one that has.
 * immediate_exit is cleared under vm->lock only, when the thread leaves its
 * parking place; so a kick can not be lost.
 */
#include "vm.h"

#include "pc.h"
#include "pio.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIG_KICK SIGUSR2
/* One instruction's I/O takes fewer exits than this to complete. */
#define IO_STEPS_MAX 100000

static void on_kick(int sig)
{
	(void)sig;	/* KVM_RUN returns EINTR; that is all it is for */
}

void vcpu_create(struct vcpu *v, struct vm *vm, unsigned int id)
{
	v->vm = vm;
	v->id = id;
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (v->fd < 0)
		die("KVM_CREATE_VCPU %u: %s", id, strerror(errno));
	v->run = mmap(NULL, vm->dev->run_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		die("mapping the run page of vCPU %u: %s", id, strerror(errno));
	/* Now: no ioctl of a vCPU that runs returns before KVM_RUN does. */
	v->stats_fd = -1;
	if (vm->dev->has_stats)
		v->stats_fd = ioctl(v->fd, KVM_GET_STATS_FD, 0);
	ring_map(v);
}

void vcpu_destroy(struct vcpu *v)
{
	ring_unmap(v);
	munmap(v->run, v->vm->dev->run_size);
	if (v->stats_fd >= 0)
		close(v->stats_fd);
	close(v->fd);
	free(v->cpuid);
}

void vcpu_kick(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (v->thread && !v->parked)
		pthread_kill(v->thread, SIG_KICK);
}

static unsigned long long rip(struct vcpu *v)
{
	struct kvm_regs regs;

	if (ioctl(v->fd, KVM_GET_REGS, &regs))
		return 0;
	return regs.rip;
}

static void internal_error(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	unsigned long long d[2] = { 0, 0 };
	unsigned int i;

	for (i = 0; i < run->internal.ndata && i < ARRAY_SIZE(d); i++)
		d[i] = run->internal.data[i];
	vm_end(v->vm, ST_ERROR,
	       "vCPU %u: internal error %u (%#llx %#llx) at rip %#llx", v->id,
	       run->internal.suberror, d[0], d[1], rip(v));
}

static void halt(struct vcpu *v)
{
	struct vm *vm = v->vm;
	bool all = true;
	unsigned int i;

	pthread_mutex_lock(&vm->lock);
	v->halted = true;
	for (i = 0; i < vm->ncpus; i++)
		all = all && vm->cpus[i].halted;
	pthread_mutex_unlock(&vm->lock);
	/* Without interrupts nothing wakes them any more. */
	if (all)
		vm_end(vm, ST_OK, "all vCPUs halted");
}

static void mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	if (v->vm->pc)
		pc_mmio(v);
	else
		vm_end(v->vm, ST_ERROR,
		       "vCPU %u: %s at %#llx, rip %#llx: nothing is there",
		       v->id, run->mmio.is_write ? "write" : "read",
		       run->mmio.phys_addr, rip(v));
}

/* Where there is a reset line, a triple fault pulls it. */
static void shutdown(struct vcpu *v)
{
	if (v->vm->pc)
		vm_reboot(v->vm);
	else
		vm_end(v->vm, ST_ERROR, "vCPU %u: triple fault at rip %#llx",
		       v->id, rip(v));
}

static void handle_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	struct vm *vm = v->vm;
	int err;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (vm->pc)
			pc_pio(v);
		else
			pio_handle(v);
		break;
	case KVM_EXIT_HLT:
		halt(v);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_DIRTY_RING_FULL:
		err = rings_collect(vm);
		if (err)
			vm_end(vm, ST_ERROR, "KVM_RESET_DIRTY_RINGS: %s",
			       strerror(-err));
		break;
	case KVM_EXIT_MMIO:
		mmio(v);
		break;
	case KVM_EXIT_SHUTDOWN:
		shutdown(v);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		vm_end(vm, ST_ERROR, "vCPU %u: entry failed, reason %#llx",
		       v->id,
		       run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		internal_error(v);
		break;
	default:
		vm_end(vm, ST_ERROR, "vCPU %u: exit %u, rip %#llx: unknown",
		       v->id, run->exit_reason, rip(v));
	}
}

/* Enter the guest once. Return false if it was cut short by a kick. */
static bool enter(struct vcpu *v)
{
	if (!ioctl(v->fd, KVM_RUN, 0)) {
		handle_exit(v);
		return true;
	}
	if (errno == EINTR)
		return false;
	if (errno != EAGAIN)
		vm_end(v->vm, ST_ERROR, "vCPU %u: KVM_RUN: %s", v->id,
		       strerror(errno));
	return false;
}

/*
 * The registers are right only after the kernel has taken in the answer to the
 * last exit, which it does at the next KVM_RUN; immediate_exit, set by the kick,
 * keeps it from going on into the guest.
 */
static void complete_io(struct vcpu *v)
{
	unsigned int i;

	for (i = 0; i < IO_STEPS_MAX; i++)
		if (!enter(v))
			return;
	vm_end(v->vm, ST_ERROR, "vCPU %u: immediate_exit does not end KVM_RUN",
	       v->id);
}

/* Wait until the vCPU shall run. Return false when it shall end. */
static bool take_turn(struct vcpu *v)
{
	struct vm *vm = v->vm;
	enum vm_goal goal;

	if (vm->goal == VM_RUNNING && !v->halted)
		return true;
	/* A halted vCPU may park before anyone has kicked it. */
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	complete_io(v);
	pthread_mutex_lock(&vm->lock);
	v->parked = true;
	pthread_cond_broadcast(&vm->cond);
	while (vm->goal == VM_PAUSED || (vm->goal == VM_RUNNING && v->halted))
		pthread_cond_wait(&vm->cond, &vm->lock);
	goal = vm->goal;
	if (goal == VM_RUNNING) {
		v->parked = false;
		v->run->immediate_exit = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return goal == VM_RUNNING;
}

static void *vcpu_main(void *arg)
{
	struct vcpu *v = arg;

	while (take_turn(v))
		enter(v);
	return NULL;
}

void vcpu_start(struct vcpu *v)
{
	struct sigaction sa = { .sa_handler = on_kick };
	sigset_t all, old;
	int err;

	sigaction(SIG_KICK, &sa, NULL);
	sigfillset(&all);
	sigdelset(&all, SIG_KICK);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_mutex_lock(&v->vm->lock);
	err = pthread_create(&v->thread, NULL, vcpu_main, v);
	pthread_mutex_unlock(&v->vm->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		die("a thread for vCPU %u: %s", v->id, strerror(err));
}
