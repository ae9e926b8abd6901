// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of virtio-mmio, version 2 (virtio 1.1, 4.2.2), and virtio-blk's
 * configuration behind them.
 */
#include "disk.h"

#include "virtq.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC		0x74726976	/* "virt" */
#define VENDOR		0x61726d75	/* "umra" */
#define FEATURES_LOW	(1U << VIRTIO_BLK_F_SEG_MAX | 1U << VIRTIO_BLK_F_FLUSH)
#define FEATURES_HIGH	(1U << (VIRTIO_F_VERSION_1 - 32))
/* Less the header and the status. */
#define SEG_MAX		(VIRTQ_MAX - 2)

/* Registers that only keep what is written. */
struct reg {
	uint16_t offset;
	uint16_t field;		/* in struct wire_disk */
	bool queue;		/* of the queue that is selected */
};

#define REG(name, f, q) { VIRTIO_MMIO_##name, offsetof(struct wire_disk, f), q }
#define HALF(name, f) { VIRTIO_MMIO_##name##_HIGH, \
			offsetof(struct wire_disk, f) + 4, true }

static const struct reg regs[] = {
	REG(DEVICE_FEATURES_SEL, device_select, false),
	REG(DRIVER_FEATURES_SEL, driver_select, false),
	REG(QUEUE_SEL, queue_select, false),
	REG(QUEUE_NUM, queue.num, true),
	REG(QUEUE_DESC_LOW, queue.desc, true),
	HALF(QUEUE_DESC, queue.desc),
	REG(QUEUE_AVAIL_LOW, queue.avail, true),
	HALF(QUEUE_AVAIL, queue.avail),
	REG(QUEUE_USED_LOW, queue.used, true),
	HALF(QUEUE_USED, queue.used),
};

static uint32_t features(const struct disk *d, uint32_t word)
{
	if (word == 0)
		return FEATURES_LOW | (d->ro ? 1U << VIRTIO_BLK_F_RO : 0);
	return word == 1 ? FEATURES_HIGH : 0;
}

static void reset(struct disk *d)
{
	d->st = (struct wire_disk){ .capacity = d->st.capacity };
}

static void set_status(struct disk *d, uint32_t value)
{
	const uint32_t *f = d->st.driver_features;

	if (!value) {
		reset(d);
		return;
	}
	if (f[0] & ~features(d, 0) || f[1] != FEATURES_HIGH)
		value &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	d->st.status = value | (d->st.status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void set_ready(struct disk *d, uint32_t value)
{
	struct wire_virtq *q = &d->st.queue;

	q->next_avail = q->next_used = 0;
	q->ready = value & 1 && virtq_ok(d->vm, q);
	if (value & 1 && !q->ready)
		disk_break(d);
}

static void set_plain(struct disk *d, uint32_t offset, uint32_t value)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		if (regs[i].offset != offset)
			continue;
		/* Where a queue is does not change while it is in use. */
		if (regs[i].queue && (d->st.queue_select || d->st.queue.ready))
			return;
		memcpy((uint8_t *)&d->st + regs[i].field, &value,
		       sizeof(value));
		return;
	}
}

static void write_locked(struct disk *d, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (d->st.driver_select < 2 &&
		    !(d->st.status & VIRTIO_CONFIG_S_FEATURES_OK))
			d->st.driver_features[d->st.driver_select] = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (!d->st.queue_select)
			set_ready(d, value);
		break;
	case VIRTIO_MMIO_STATUS:
		set_status(d, value);
		break;
	default:
		set_plain(d, offset, value);
	}
}

static uint32_t read_locked(struct disk *d, uint32_t offset)
{
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return VIRTIO_ID_BLOCK;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return features(d, d->st.device_select);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return d->st.queue_select ? 0 : VIRTQ_MAX;
	case VIRTIO_MMIO_QUEUE_READY:
		return d->st.queue_select ? 0 : d->st.queue.ready;
	case VIRTIO_MMIO_STATUS:
		return d->st.status;
	default:
		return 0;
	}
}

static void read_config(struct disk *d, uint32_t offset, void *data,
			uint32_t len)
{
	const struct virtio_blk_config config = {
		.capacity = d->st.capacity, .seg_max = SEG_MAX,
	};

	memset(data, 0, len);
	if (offset < sizeof(config))
		memcpy(data, (const uint8_t *)&config + offset,
		       len < sizeof(config) - offset ?
			       len : sizeof(config) - offset);
}

void disk_read(struct disk *d, uint32_t offset, void *data, uint32_t len)
{
	uint32_t value;

	if (offset >= VIRTIO_MMIO_CONFIG) {
		read_config(d, offset - VIRTIO_MMIO_CONFIG, data, len);
		return;
	}
	memset(data, 0, len);
	if (len != sizeof(value))
		return;
	/* An interrupt's cause, without waiting for what is being served. */
	if (offset == VIRTIO_MMIO_INTERRUPT_STATUS) {
		value = __atomic_load_n(&d->st.interrupt, __ATOMIC_SEQ_CST);
	} else {
		pthread_mutex_lock(&d->lock);
		value = read_locked(d, offset);
		pthread_mutex_unlock(&d->lock);
	}
	memcpy(data, &value, sizeof(value));
}

void disk_write(struct disk *d, uint32_t offset, const void *data,
		uint32_t len)
{
	uint64_t one = 1;
	uint32_t value;

	if (len != sizeof(value) || offset >= VIRTIO_MMIO_CONFIG)
		return;
	memcpy(&value, data, sizeof(value));
	if (offset == VIRTIO_MMIO_INTERRUPT_ACK) {
		__atomic_and_fetch(&d->st.interrupt, ~value, __ATOMIC_SEQ_CST);
		return;
	}
	/* Comes here only when the device did not take it by the ioeventfd. */
	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
		if (write(d->notify_fd, &one, sizeof(one)) < 0)
			say("eventfd: %s", strerror(errno));
		return;
	}
	pthread_mutex_lock(&d->lock);
	write_locked(d, offset, value);
	pthread_mutex_unlock(&d->lock);
}
