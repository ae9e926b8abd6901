// SPDX-License-Identifier: GPL-2.0
/*
 * What a VM has of devices in the kernel beside the chips, and without them,
 * too: ioeventfds and coalesced zones.
 */
#include "glue.h"

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

int um_io_create(struct um_vm *vm)
{
	struct um_io *io = kzalloc(sizeof(*io), GFP_KERNEL_ACCOUNT);

	if (!io)
		return -ENOMEM;
	io->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!io->ring) {
		kfree(io);
		return -ENOMEM;
	}
	mutex_init(&io->lock);
	spin_lock_init(&io->ring_lock);
	INIT_LIST_HEAD(&io->zones);
	vm->io = io;
	return 0;
}

void um_io_free(struct um_vm *vm)
{
	struct um_io *io = vm->io;

	um_ioevents_free(io);
	um_coalesced_free(io);
	free_page((unsigned long)io->ring);
	kfree(io);
}

struct page *um_io_ring_page(const struct um_vm *vm)
{
	return virt_to_page(vm->io->ring);
}
