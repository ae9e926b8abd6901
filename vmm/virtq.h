/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device's end of a split virtqueue (virtio 1.1, 2.6).
 *
 * Everything in it is the guest's to write, at any time: each field is read once
 * and then checked, and nothing that the guest writes makes work without end.
 */
#ifndef PENUMBRA_VIRTQ_H
#define PENUMBRA_VIRTQ_H

#include "vm.h"
#include "wire.h"

#include <sys/uio.h>

#define VIRTQ_MAX 128	/* descriptors of a queue, so also of a chain */

/* One request: first what the device reads, then what it writes. */
struct virtq_chain {
	uint16_t head;
	unsigned int nout, nin;
	struct iovec iov[VIRTQ_MAX];
	uint64_t gpa[VIRTQ_MAX];
};

/* May the device use it? The driver has just said where it is. */
bool virtq_ok(struct vm *vm, const struct wire_virtq *q);
/* 1: the next request; 0: there is none; -1: the driver has broken the queue. */
int virtq_pop(struct vm *vm, struct wire_virtq *q, struct virtq_chain *c);
/*
 * The request is done, @written bytes came in. Marks all that a device may have
 * written for it. False if the driver wants no interrupt.
 */
bool virtq_push(struct vm *vm, struct wire_virtq *q,
		const struct virtq_chain *c, uint32_t written);

#endif
