// SPDX-License-Identifier: GPL-2.0
/*
 * Which of a device's dirty logs a VM uses.
 */
#include "log.h"

#include "vm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define RING_BYTES (4096 * sizeof(struct kvm_dirty_gfn))

static const char *const names[] = {
	[LOG_AUTO] = "auto",
	[LOG_BITMAP] = "bitmap",
	[LOG_CLEAR] = "clear",
	[LOG_RING] = "ring",
};

const char *log_name(enum log_kind kind)
{
	return names[kind];
}

bool log_parse(const char *name, enum log_kind *kind)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(name, names[i])) {
			*kind = i;
			return true;
		}
	}
	return false;
}

static int offers(const struct vm *vm, int cap)
{
	return ioctl(vm->dev->fd, KVM_CHECK_EXTENSION, cap);
}

static bool enable(struct vm *vm, __u32 number, __u64 arg)
{
	struct kvm_enable_cap cap = { .cap = number, .args = { arg } };

	return !ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

static bool enable_clear(struct vm *vm)
{
	const int cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;

	return offers(vm, cap) & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE &&
	       enable(vm, cap, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
}

static bool enable_rings(struct vm *vm)
{
	const int cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL;

	if (offers(vm, cap) <= 0 || !enable(vm, cap, RING_BYTES))
		return false;
	vm->rings.bytes = RING_BYTES;
	return true;
}

enum log_kind log_choose(struct vm *vm, enum log_kind kind)
{
	bool there = true;

	if (kind == LOG_AUTO)
		return enable_clear(vm) ? LOG_CLEAR : LOG_BITMAP;
	if (kind == LOG_CLEAR)
		there = enable_clear(vm);
	else if (kind == LOG_RING)
		there = enable_rings(vm);
	if (!there)
		die("%s offers no dirty log of the kind \"%s\"", vm->dev->path,
		    log_name(kind));
	return kind;
}
