// SPDX-License-Identifier: GPL-2.0
/*
 * The devices behind the I/O ports of ports.h.
 *
 * Runs on the vCPU's own thread. Nothing here is kept between two exits but what
 * struct vm and struct vcpu hold, so a guest can be moved after any exit.
 */
#include "pio.h"

#include "ports.h"

#include <string.h>
#include <time.h>

#define SLEEP_MAX_MS 10000

static void heartbeat(struct vcpu *v)
{
	uint64_t now = now_us(), last = v->last_beat;

	if (last && now - last > v->max_gap)
		v->max_gap = now - last;
	v->last_beat = now;
}

/* Rest until the time is over or the vCPU is wanted elsewhere. */
static void rest(struct vcpu *v, uint32_t ms)
{
	struct vm *vm = v->vm;
	struct timespec until;
	uint64_t ns;

	if (ms > SLEEP_MAX_MS)
		ms = SLEEP_MAX_MS;
	clock_gettime(CLOCK_MONOTONIC, &until);
	ns = until.tv_nsec + ms * 1000000ULL;
	until.tv_sec += ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	pthread_mutex_lock(&vm->lock);
	while (vm->goal == VM_RUNNING && !vm->finish)
		if (pthread_cond_timedwait(&vm->cond, &vm->lock, &until))
			break;
	pthread_mutex_unlock(&vm->lock);
}

static void out(struct vcpu *v, uint16_t port, uint32_t value)
{
	if (port >= PORT_SERIAL && port < PORT_SERIAL + 8)
		serial_write(&v->vm->serial, port - PORT_SERIAL, value);
	else if (port == PORT_EXIT)
		vm_end(v->vm, value <= ST_GUEST_MAX ? value : ST_GUEST_MAX,
		       "the guest ended with status %u", value);
	else if (port == PORT_SLEEP)
		rest(v, value);
	else if (port == PORT_WORK)
		v->work += value;
	/* Others: nobody there, as on a PC. */
}

static uint32_t in(struct vcpu *v, uint16_t port)
{
	if (port >= PORT_SERIAL && port < PORT_SERIAL + 8)
		return serial_read(&v->vm->serial, port - PORT_SERIAL);
	switch (port) {
	case PORT_COMMAND:
		heartbeat(v);
		return v->vm->finish ? CMD_FINISH : CMD_GO_ON;
	case PORT_CLOCK:
		return vm_clock_us(v->vm) / 1000;
	default:
		return ~0U;
	}
}

void pio_handle(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint8_t size = run->io.size;
	uint32_t value, i;

	for (i = 0; i < run->io.count; i++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			value = 0;
			memcpy(&value, data, size);
			out(v, run->io.port, value);
		} else {
			value = in(v, run->io.port);
			memcpy(data, &value, size);
		}
	}
}
