// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log of one slot, for the groups that measure it. The slot begins
 * without a log and fully mapped as far as log_write() reached.
 */
#include <err.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"

void log_init(struct log *log, struct vm *vm, enum slot slot, uint64_t gpa,
	      void *memory, size_t size)
{
	*log = (struct log){
		.vm = vm, .slot = slot, .gpa = gpa, .memory = memory,
		.gva = slot == SLOT_DATA && vm->window ? vm->window : gpa,
		.pages = size / PAGE, .bitmap = memory_new(PAGE, PAGE),
	};
	if (log->pages > PAGE * 8)
		errx(1, "%u pages for one bitmap", log->pages);
	log_set(log, false);
}

void log_fini(struct log *log)
{
	munmap(log->bitmap, PAGE);
}

void log_set(struct log *log, bool on)
{
	vm_slot(log->vm, log->slot, log->gpa, log->memory, log->pages * PAGE,
		on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
}

void log_write(struct log *log, unsigned int stride)
{
	vm_call(log->vm, guest_write, log->gva, stride * PAGE,
		log->pages / stride, false);
}

int log_get(struct log *log)
{
	struct kvm_dirty_log get = {
		.slot = log->slot, .dirty_bitmap = log->bitmap,
	};

	if (ioctl(log->vm->fd, KVM_GET_DIRTY_LOG, &get))
		err(1, "KVM_GET_DIRTY_LOG");
	return 0;
}

int log_clear(struct log *log)
{
	struct kvm_clear_dirty_log clear = {
		.slot = log->slot, .num_pages = log->pages,
		.dirty_bitmap = log->bitmap,
	};

	if (ioctl(log->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear))
		err(1, "KVM_CLEAR_DIRTY_LOG");
	return 0;
}

static bool wanted(unsigned int page, unsigned int stride)
{
	return stride && page % stride == 0;
}

void log_check(const struct log *log, unsigned int stride)
{
	for (unsigned int i = 0; i < log->pages; i++)
		if ((log->bitmap[i / 64] >> i % 64 & 1) != wanted(i, stride))
			errx(1, "page %u is %s in the dirty log", i,
			     wanted(i, stride) ? "missing" : "too much");
}
