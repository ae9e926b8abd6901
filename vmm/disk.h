/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio-blk device over a file, by the virtio-mmio transport (version 2).
 *
 * The guest's notifications are an ioeventfd on which a thread waits that does
 * the reading and writing; its interrupts are an irqfd.
 */
#ifndef PENUMBRA_DISK_H
#define PENUMBRA_DISK_H

#include "options.h"
#include "vm.h"
#include "wire.h"

struct disk {
	struct vm *vm;
	const char *path;
	bool ro;
	int fd;
	int notify_fd, irq_fd;
	pthread_t thread;
	_Atomic bool running;	/* the guest is; requests may be served */
	_Atomic bool quit;
	pthread_mutex_t lock;	/* st, but for its interrupt; held in a request */
	struct wire_disk st;
};

/* Of the VM, at @gpa, with interrupt @gsi; paused. */
struct disk *disk_create(struct vm *vm, const struct disk_option *o,
			 uint64_t gpa, uint32_t gsi);
void disk_destroy(struct disk *d);

/* disk_regs.c: registers, on the vCPUs' threads. */
void disk_read(struct disk *d, uint32_t offset, void *data, uint32_t len);
void disk_write(struct disk *d, uint32_t offset, const void *data,
		uint32_t len);

/* No request is half done afterwards, none is begun until the next run. */
void disk_pause(struct disk *d);
void disk_run(struct disk *d);

/* Serve one request, if there is one; d->lock held. True if there was. */
bool disk_serve(struct disk *d);
/* The driver has broken the rules: it must reset the device. d->lock held. */
void disk_break(struct disk *d);

/* What travels, of a disk that is paused. */
void disk_save(struct disk *d, struct wire_disk *out);
/* NULL, or why it can not be. */
const char *disk_load(struct disk *d, const struct wire_disk *in);

#endif
