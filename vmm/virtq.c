// SPDX-License-Identifier: GPL-2.0
/*
 * The device's end of a split virtqueue (virtio 1.1, 2.6).
 */
#include "virtq.h"

#include <linux/virtio_ring.h>

#define AVAIL_SIZE(n) (4 + 2 * (uint64_t)(n))
#define USED_SIZE(n) (4 + sizeof(struct vring_used_elem) * (uint64_t)(n))

bool virtq_ok(struct vm *vm, const struct wire_virtq *q)
{
	uint32_t n = q->num;

	return n && n <= VIRTQ_MAX && !(n & (n - 1)) &&
	       q->desc % sizeof(struct vring_desc) == 0 &&
	       q->avail % 2 == 0 && q->used % 4 == 0 &&
	       vm_memory(vm, q->desc, n * sizeof(struct vring_desc)) &&
	       vm_memory(vm, q->avail, AVAIL_SIZE(n)) &&
	       vm_memory(vm, q->used, USED_SIZE(n));
}

static struct vring_avail *avail_ring(struct vm *vm, const struct wire_virtq *q)
{
	return vm_memory(vm, q->avail, AVAIL_SIZE(q->num));
}

/* The guest may write there meanwhile: each field is read once. */
static struct vring_desc copy(const struct vring_desc *from)
{
	return (struct vring_desc){
		.addr = __atomic_load_n(&from->addr, __ATOMIC_RELAXED),
		.len = __atomic_load_n(&from->len, __ATOMIC_RELAXED),
		.flags = __atomic_load_n(&from->flags, __ATOMIC_RELAXED),
		.next = __atomic_load_n(&from->next, __ATOMIC_RELAXED),
	};
}

/* Add what a descriptor names. False if it is no memory, or comes out of turn. */
static bool add(struct vm *vm, struct virtq_chain *c,
		const struct vring_desc *d)
{
	unsigned int i = c->nout + c->nin;

	if (i == VIRTQ_MAX || !d->len || d->flags & VRING_DESC_F_INDIRECT ||
	    (c->nin && !(d->flags & VRING_DESC_F_WRITE)))
		return false;
	c->gpa[i] = d->addr;
	c->iov[i].iov_len = d->len;
	c->iov[i].iov_base = vm_memory(vm, d->addr, d->len);
	if (d->flags & VRING_DESC_F_WRITE)
		c->nin++;
	else
		c->nout++;
	return c->iov[i].iov_base;
}

/* A chain longer than the queue is a loop, and ends in add(). */
static bool walk(struct vm *vm, const struct wire_virtq *q,
		 struct virtq_chain *c)
{
	const struct vring_desc *table =
		vm_memory(vm, q->desc, q->num * sizeof(*table));
	struct vring_desc d = { .next = c->head, .flags = VRING_DESC_F_NEXT };

	while (d.flags & VRING_DESC_F_NEXT) {
		if (d.next >= q->num)
			return false;
		d = copy(&table[d.next]);
		if (!add(vm, c, &d))
			return false;
	}
	return true;
}

int virtq_pop(struct vm *vm, struct wire_virtq *q, struct virtq_chain *c)
{
	struct vring_avail *avail = avail_ring(vm, q);
	/* Pairs with the driver's barrier between an entry and the index. */
	uint16_t idx = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
	uint16_t waiting = idx - q->next_avail;

	if (!waiting)
		return 0;
	if (waiting > q->num)
		return -1;
	c->nout = c->nin = 0;
	c->head = __atomic_load_n(&avail->ring[q->next_avail % q->num],
				  __ATOMIC_RELAXED);
	if (!walk(vm, q, c))
		return -1;
	q->next_avail++;
	return 1;
}

bool virtq_push(struct vm *vm, struct wire_virtq *q,
		const struct virtq_chain *c, uint32_t written)
{
	struct vring_used *used = vm_memory(vm, q->used, USED_SIZE(q->num));
	struct vring_avail *avail = avail_ring(vm, q);
	unsigned int i;

	for (i = c->nout; i < c->nout + c->nin; i++)
		vm_written(vm, c->gpa[i], c->iov[i].iov_len);
	used->ring[q->next_used % q->num] =
		(struct vring_used_elem){ .id = c->head, .len = written };
	/* The data and the entry before the index. */
	__atomic_store_n(&used->idx, ++q->next_used, __ATOMIC_RELEASE);
	vm_written(vm, q->used, USED_SIZE(q->num));
	/* Before the driver's wish is read, the index must be seen. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(__atomic_load_n(&avail->flags, __ATOMIC_RELAXED) &
		 VRING_AVAIL_F_NO_INTERRUPT);
}
