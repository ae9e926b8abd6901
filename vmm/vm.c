// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine: memory, vCPUs, and who may run when.
 *
 * vm->goal says what all vCPUs shall do. It changes under vm->lock; each vCPU
 * thread compares it before each entry and parks itself when it is not
 * VM_RUNNING (vcpu.c). Whoever changes it kicks the vCPUs and waits for them to
 * be parked.
 */
#include "vm.h"

#include "pc.h"
#include "ports.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <umbra.h>
#include <unistd.h>

#define TSS_ADDR 0xfffbd000UL	/* three pages in the hole below 4 GiB */

static int set_slot(struct vm *vm, unsigned int i, __u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = i,
		.flags = flags,
		.guest_phys_addr = vm->slots[i].gpa,
		.memory_size = vm->slots[i].size,
		.userspace_addr = (uintptr_t)vm->slots[i].hva,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return -errno;
	return 0;
}

static void add_memory(struct vm *vm, uint64_t gpa, uint64_t size)
{
	struct vm_slot *slot = &vm->slots[vm->nslots];
	int err;

	slot->gpa = gpa;
	slot->size = size;
	slot->hva = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (slot->hva == MAP_FAILED)
		die("no %llu MiB of memory for the guest: %s",
		    (unsigned long long)(size / MIB), strerror(errno));
	slot->written = xcalloc((size / PAGE_SIZE + 63) / 64,
				sizeof(*slot->written));
	err = set_slot(vm, vm->nslots++, 0);
	if (err)
		die("KVM_SET_USER_MEMORY_REGION: %s", strerror(-err));
}

static void create_fd(struct vm *vm)
{
	struct device *dev = vm->dev;
	struct kvm_enable_cap ptw = {
		.cap = UM_CAP_PTW, .args = { dev->ptw },
	};

	vm->fd = ioctl(dev->fd, KVM_CREATE_VM, dev->vm_type);
	if (vm->fd < 0)
		die("%s: KVM_CREATE_VM: %s", dev->path, strerror(errno));
	if (dev->ptw >= 0 && ioctl(vm->fd, KVM_ENABLE_CAP, &ptw))
		die("%s: setting the mode of page table writes: %s", dev->path,
		    strerror(errno));
	vm->stats_fd = -1;
	if (dev->has_stats)
		vm->stats_fd = ioctl(vm->fd, KVM_GET_STATS_FD, 0);
}

static void check_shape(const struct device *dev, const struct vm_shape *shape)
{
	if (shape->cpus < 1 || shape->cpus > GUEST_MAX_CPUS ||
	    shape->cpus > dev->max_cpus)
		die("%u vCPUs: %s takes 1 to %u", shape->cpus, dev->path,
		    dev->max_cpus < GUEST_MAX_CPUS ? dev->max_cpus :
						     GUEST_MAX_CPUS);
	if (shape->bytes < 2 * MIB || shape->bytes > (GUEST_MAX_GIB - 1) * GIB)
		die("a guest has 2 MiB to %d GiB of memory", GUEST_MAX_GIB - 1);
}

void vm_create(struct vm *vm, struct device *dev, const struct vm_shape *shape)
{
	uint64_t bytes = shape->bytes;
	pthread_condattr_t attr;
	unsigned int i;

	memset(vm, 0, sizeof(*vm));
	vm->dev = dev;
	check_shape(dev, shape);
	create_fd(vm);
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) && errno != ENOTTY)
		die("KVM_SET_TSS_ADDR: %s", strerror(errno));
	pthread_mutex_init(&vm->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&vm->cond, &attr);
	vm->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->event_fd < 0)
		die("eventfd: %s", strerror(errno));
	add_memory(vm, 0, bytes < VM_LOW_MAX ? bytes : VM_LOW_MAX);
	if (bytes > VM_LOW_MAX)
		add_memory(vm, VM_HIGH, bytes - VM_LOW_MAX);
	vm->log = log_choose(vm, shape->log);
	rings_init(vm);
	serial_init(&vm->serial);
	if (shape->pc)
		pc_create(vm);
	vm->ncpus = shape->cpus;
	vm->cpus = xcalloc(vm->ncpus, sizeof(*vm->cpus));
	for (i = 0; i < vm->ncpus; i++)
		vcpu_create(&vm->cpus[i], vm, i);
}

/* On umbra: do the tables of the VM, which stands still, keep the invariants? */
static void audit(struct vm *vm)
{
	if (ioctl(vm->dev->fd, KVM_CHECK_EXTENSION, UM_CAP_VM_TYPES) <= 0)
		return;
	/* Busy: the host moved memory about meanwhile. */
	if (ioctl(vm->fd, UM_AUDIT, UM_AUDIT_QUIET) && errno != EBUSY)
		die("%s: the audit at the end: %s; see the kernel log",
		    vm->dev->path, strerror(errno));
}

void vm_destroy(struct vm *vm)
{
	unsigned int i;

	vm_stop(vm);
	rings_stop(vm);
	serial_flush(&vm->serial);
	if (vm->pc)
		pc_destroy(vm);
	for (i = 0; i < vm->ncpus; i++)
		vcpu_destroy(&vm->cpus[i]);
	audit(vm);
	free(vm->cpus);
	rings_free(vm);
	if (vm->stats_fd >= 0)
		close(vm->stats_fd);
	close(vm->fd);
	for (i = 0; i < vm->nslots; i++) {
		munmap(vm->slots[i].hva, vm->slots[i].size);
		free(vm->slots[i].written);
	}
	close(vm->event_fd);
	serial_destroy(&vm->serial);
	pthread_cond_destroy(&vm->cond);
	pthread_mutex_destroy(&vm->lock);
}

void *vm_memory(struct vm *vm, uint64_t gpa, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < vm->nslots; i++) {
		struct vm_slot *s = &vm->slots[i];

		if (gpa >= s->gpa && gpa - s->gpa <= s->size &&
		    len <= s->size - (gpa - s->gpa))
			return s->hva + (gpa - s->gpa);
	}
	return NULL;
}

void vm_written(struct vm *vm, uint64_t gpa, uint64_t len)
{
	uint64_t page, last;
	unsigned int i;

	for (i = 0; i < vm->nslots; i++) {
		struct vm_slot *s = &vm->slots[i];

		if (!len || gpa < s->gpa || gpa - s->gpa + len > s->size)
			continue;
		last = (gpa - s->gpa + len - 1) / PAGE_SIZE;
		for (page = (gpa - s->gpa) / PAGE_SIZE; page <= last; page++)
			atomic_fetch_or(&s->written[page / 64],
					1ULL << page % 64);
	}
}

uint64_t vm_memory_size(const struct vm *vm)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < vm->nslots; i++)
		sum += vm->slots[i].size;
	return sum;
}

int vm_log_dirty(struct vm *vm, bool on)
{
	unsigned int i;
	int err;

	if (!on)
		rings_stop(vm);
	for (i = 0; i < vm->nslots; i++) {
		err = set_slot(vm, i, on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
		if (err)
			return err;
	}
	if (on)
		rings_start(vm);
	return 0;
}

static uint64_t clock_locked(const struct vm *vm)
{
	if (!vm->clock_since)
		return vm->clock_us;
	return vm->clock_us + now_us() - vm->clock_since;
}

uint64_t vm_clock_us(struct vm *vm)
{
	uint64_t us;

	pthread_mutex_lock(&vm->lock);
	us = clock_locked(vm);
	pthread_mutex_unlock(&vm->lock);
	return us;
}

static bool all_parked(const struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++)
		if (!vm->cpus[i].parked)
			return false;
	return true;
}

void vm_run(struct vm *vm)
{
	unsigned int i;

	pthread_mutex_lock(&vm->lock);
	if (vm->ended || vm->goal == VM_RUNNING) {
		pthread_mutex_unlock(&vm->lock);
		return;
	}
	if (vm->pc)
		pc_run(vm);
	vm->goal = VM_RUNNING;
	vm->clock_since = now_us();
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
	if (vm->started)
		return;
	vm->started = true;
	for (i = 0; i < vm->ncpus; i++)
		vcpu_start(&vm->cpus[i]);
}

static void set_goal(struct vm *vm, enum vm_goal goal)
{
	unsigned int i;

	vm->clock_us = clock_locked(vm);
	vm->clock_since = 0;
	vm->goal = goal;
	for (i = 0; i < vm->ncpus; i++)
		vcpu_kick(&vm->cpus[i]);
	pthread_cond_broadcast(&vm->cond);
}

void vm_pause(struct vm *vm)
{
	if (!vm->started)
		return;
	pthread_mutex_lock(&vm->lock);
	set_goal(vm, VM_PAUSED);
	while (!all_parked(vm))
		pthread_cond_wait(&vm->cond, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
	if (vm->pc)
		pc_pause(vm);
	serial_flush(&vm->serial);
}

void vm_stop(struct vm *vm)
{
	unsigned int i;

	if (!vm->started)
		return;
	pthread_mutex_lock(&vm->lock);
	set_goal(vm, VM_STOPPED);
	pthread_mutex_unlock(&vm->lock);
	for (i = 0; i < vm->ncpus; i++)
		pthread_join(vm->cpus[i].thread, NULL);
	vm->started = false;
}

static void end_locked(struct vm *vm, int status, const char *fmt, va_list ap)
{
	uint64_t one = 1;

	vsnprintf(vm->why, sizeof(vm->why), fmt, ap);
	vm->status = status;
	vm->ended = true;
	/* Nobody goes on after the end, but each still parks. */
	set_goal(vm, VM_PAUSED);
	if (write(vm->event_fd, &one, sizeof(one)) < 0)
		say("eventfd: %s", strerror(errno));
}

void vm_end(struct vm *vm, int status, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&vm->lock);
	va_start(ap, fmt);
	if (!vm->ended)
		end_locked(vm, status, fmt, ap);
	va_end(ap);
	pthread_mutex_unlock(&vm->lock);
}

void vm_reboot(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->reboot = !vm->ended;
	pthread_mutex_unlock(&vm->lock);
	vm_end(vm, ST_OK, "the guest reboots");
}

void vm_finish(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->finish = true;
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}

bool vm_ended(struct vm *vm)
{
	bool ended;

	pthread_mutex_lock(&vm->lock);
	ended = vm->ended;
	pthread_mutex_unlock(&vm->lock);
	return ended;
}

uint64_t vm_work(struct vm *vm)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++)
		sum += vm->cpus[i].work;
	return sum;
}

uint64_t vm_max_gap(struct vm *vm)
{
	uint64_t max = 0;
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++)
		if (vm->cpus[i].max_gap > max)
			max = vm->cpus[i].max_gap;
	return max;
}

void vm_reset_gap(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++)
		vm->cpus[i].max_gap = 0;
}
