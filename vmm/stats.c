// SPDX-License-Identifier: GPL-2.0
/*
 * The device's own statistics of a VM, by KVM_GET_STATS_FD.
 *
 * The file behind that descriptor describes itself (header, descriptors, data).
 * Wanted are the cumulative single counters whose names speak of page faults, and
 * those of exits and of the MMU's locks.
 */
#include "stats.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DESCS 512
#define MAX_NAME 512

static bool wanted(const char *name)
{
	return !strncmp(name, "pf_", 3) || strstr(name, "fault") ||
	       !strcmp(name, "exits") || !strcmp(name, "mmu_lock");
}

static void add(struct fault_stats *out, const char *name, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < out->n; i++)
		if (!strcmp(out->stat[i].name, name))
			break;
	if (i == STATS_MAX)
		return;
	if (i == out->n) {
		out->n++;
		strncpy(out->stat[i].name, name, STATS_NAME - 1);
		out->stat[i].value = 0;
	}
	out->stat[i].value += value;
}

static void read_descs(int fd, const struct kvm_stats_header *h,
		       const uint8_t *descs, size_t stride,
		       struct fault_stats *out)
{
	__u32 i;

	for (i = 0; i < h->num_desc; i++) {
		const struct kvm_stats_desc *d =
			(const void *)(descs + i * stride);
		uint64_t value;

		if ((d->flags & KVM_STATS_TYPE_MASK) !=
		    KVM_STATS_TYPE_CUMULATIVE || d->size != 1 ||
		    !wanted(d->name) || strlen(d->name) >= STATS_NAME)
			continue;
		if (pread(fd, &value, sizeof(value),
			  h->data_offset + d->offset) == sizeof(value))
			add(out, d->name, value);
	}
}

static void read_fd(int fd, struct fault_stats *out)
{
	struct kvm_stats_header h;
	size_t stride, size;
	uint8_t *descs;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) ||
	    h.num_desc > MAX_DESCS || !h.name_size || h.name_size > MAX_NAME)
		return;
	stride = sizeof(struct kvm_stats_desc) + h.name_size;
	size = stride * h.num_desc;
	descs = xcalloc(1, size + 1);
	if (pread(fd, descs, size, h.desc_offset) == (ssize_t)size)
		read_descs(fd, &h, descs, stride, out);
	free(descs);
}

void stats_read(struct vm *vm, struct fault_stats *out)
{
	unsigned int i;

	memset(out, 0, sizeof(*out));
	if (vm->stats_fd >= 0)
		read_fd(vm->stats_fd, out);
	for (i = 0; i < vm->ncpus; i++)
		if (vm->cpus[i].stats_fd >= 0)
			read_fd(vm->cpus[i].stats_fd, out);
}

void stats_since(const struct fault_stats *before,
		 const struct fault_stats *now, struct fault_stats *out)
{
	unsigned int i;

	*out = *now;
	for (i = 0; i < out->n; i++)
		out->stat[i].value -= stats_value(before, out->stat[i].name);
}

uint64_t stats_value(const struct fault_stats *s, const char *name)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->stat[i].name, name))
			return s->stat[i].value;
	return 0;
}
