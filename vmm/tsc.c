// SPDX-License-Identifier: GPL-2.0
/*
 * The guests' time-stamp counter across hosts, by its offset to the host's
 * (Documentation/virt/kvm/devices/vcpu.rst, KVM_VCPU_TSC_OFFSET).
 *
 * The TSC is the guest's clock: it must go on through the downtime, and stay the
 * same on all vCPUs. So one moment of each host serves all of them.
 */
#include "tsc.h"

#include "pc.h"

#include <sys/ioctl.h>
#include <time.h>
#include <x86intrin.h>

#define TRIES 16

struct tsc_moment tsc_now(void)
{
	struct tsc_moment best = { 0 };
	uint64_t before, after, least = ~0ULL;
	struct timespec ts;
	unsigned int i;

	/* An interrupt between the two would be the guest's loss. */
	for (i = 0; i < TRIES; i++) {
		before = __rdtsc();
		clock_gettime(CLOCK_REALTIME, &ts);
		after = __rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		best.tsc = before + least / 2;
		best.real_ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	}
	return best;
}

static int offset_ioctl(struct vcpu *v, unsigned long op, uint64_t *offset)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};

	return ioctl(v->fd, op, &attr);
}

bool tsc_save(struct vcpu *v, struct wire_tsc *out)
{
	const struct tsc_moment *at = &v->vm->pc->moment;
	uint64_t offset;

	if (offset_ioctl(v, KVM_GET_DEVICE_ATTR, &offset))
		return false;
	out->guest = at->tsc + offset;
	out->real_ns = at->real_ns;
	return true;
}

int tsc_load(struct vcpu *v, const struct wire_tsc *in)
{
	const struct tsc_moment *at = &v->vm->pc->moment;
	uint32_t khz = pc_tsc_khz(v->vm);
	uint64_t ns = 0, offset;

	/* Clocks that do not agree must not turn it back. */
	if (at->real_ns > in->real_ns)
		ns = at->real_ns - in->real_ns;
	offset = in->guest - at->tsc +
		 (uint64_t)((unsigned __int128)ns * khz / 1000000);
	return offset_ioctl(v, KVM_SET_DEVICE_ATTR, &offset);
}
