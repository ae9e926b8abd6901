// SPDX-License-Identifier: GPL-2.0
/*
 * The device's own counters (KVM_GET_STATS_FD), whatever their names: only
 * single cumulative ones are kept, for only those make sense as differences.
 * A device without statistics gives no counters and nothing fails.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

static void read_at(int fd, void *buf, size_t size, size_t offset)
{
	ssize_t got = pread(fd, buf, size, offset);

	if (got < 0)
		err(1, "statistics at %zu", offset);
	if ((size_t)got != size)
		errx(1, "statistics at %zu: %zd bytes of %zu", offset, got,
		     size);
}

static void keep(struct counters *c, const struct kvm_stats_desc *desc)
{
	size_t end = desc->offset + desc->size * sizeof(uint64_t);

	if (end > c->data_size)
		c->data_size = end;
	if ((desc->flags & KVM_STATS_TYPE_MASK) != KVM_STATS_TYPE_CUMULATIVE ||
	    desc->size != 1 || c->nr == COUNTERS_MAX)
		return;
	snprintf(c->name[c->nr], COUNTER_NAME, "%s", desc->name);
	c->offset[c->nr++] = desc->offset;
}

void counters_open(struct counters *c, int kvm_fd)
{
	struct kvm_stats_header header;
	struct kvm_stats_desc *desc;
	size_t size;

	c->fd = ioctl(kvm_fd, KVM_GET_STATS_FD, NULL);
	if (c->fd < 0) {
		if (errno != ENOTTY && errno != EINVAL)
			err(1, "KVM_GET_STATS_FD");
		return;
	}
	read_at(c->fd, &header, sizeof(header), 0);
	size = sizeof(*desc) + header.name_size;
	desc = calloc(1, size + 1);
	if (!desc)
		err(1, "calloc");
	for (unsigned int i = 0; i < header.num_desc; i++) {
		read_at(c->fd, desc, size, header.desc_offset + i * size);
		keep(c, desc);
	}
	c->data_offset = header.data_offset;
	free(desc);
}

void counters_read(const struct counters *c, uint64_t *value)
{
	char data[1 << 14];

	if (!c->nr)
		return;
	if (c->data_size > sizeof(data))
		errx(1, "%zu bytes of statistics", c->data_size);
	read_at(c->fd, data, c->data_size, c->data_offset);
	for (unsigned int i = 0; i < c->nr; i++)
		memcpy(&value[i], data + c->offset[i], sizeof(value[i]));
}

void counters_close(struct counters *c)
{
	if (c->fd >= 0)
		close(c->fd);
}
