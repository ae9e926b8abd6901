// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory by guest-physical address, for emulation and guest walks.
 *
 * Access goes through the VMM's own mapping, so whatever the host does to the
 * pages (swap, COW, userfaultfd) happens by itself. The caller runs in the
 * VMM's address space and may sleep. A page is marked dirty after the write,
 * never before (a harvest in between would take the mark, not the data).
 */
#include "internal.h"

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <umbra/host.h>

/* The slot of @gpa if it may be accessed so. SRCU held. */
static struct um_slot *slot_of(struct um_vm *vm, gpa_t gpa, bool write)
{
	struct um_slot *slot = um_host_slot(&vm->mmu, gpa_to_gfn(gpa));

	if (slot && write && slot->flags & KVM_MEM_READONLY)
		return NULL;
	return slot;
}

static void __user *user_ptr(const struct um_slot *slot, gpa_t gpa)
{
	return (void __user *)(um_slot_hva(slot, gpa_to_gfn(gpa)) |
			       offset_in_page(gpa));
}

static unsigned int in_page(gpa_t gpa, unsigned int len)
{
	return min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gpa));
}

int um_guest_read(struct um_vm *vm, gpa_t gpa, void *data, unsigned int len)
{
	int idx = um_host_read_lock(&vm->mmu);
	int r = 0;

	while (len && !r) {
		struct um_slot *slot = slot_of(vm, gpa, false);
		unsigned int n = in_page(gpa, len);

		if (!slot || copy_from_user(data, user_ptr(slot, gpa), n))
			r = -EFAULT;
		data += n;
		gpa += n;
		len -= n;
	}
	um_host_read_unlock(&vm->mmu, idx);
	return r;
}

int um_guest_write(struct um_vm *vm, gpa_t gpa, const void *data,
		   unsigned int len)
{
	int idx = um_host_read_lock(&vm->mmu);
	int r = 0;

	while (len && !r) {
		struct um_slot *slot = slot_of(vm, gpa, true);
		unsigned int n = in_page(gpa, len);

		if (!slot) {
			r = -EFAULT;
			break;
		}
		/* Part of it may have been written before it faulted. */
		if (copy_to_user(user_ptr(slot, gpa), data, n))
			r = -EFAULT;
		smp_mb(); /* G1: data before the bit. Pairs with H1. */
		um_host_mark_dirty(&vm->mmu, slot, gpa_to_gfn(gpa));
		data += n;
		gpa += n;
		len -= n;
	}
	um_host_read_unlock(&vm->mmu, idx);
	return r;
}

/* By the mapping: 0 done, 1 differed, -EFAULT. */
static int cmpxchg_1(u8 __user *ptr, u8 *old, const u8 *new)
{
	return __try_cmpxchg_user(ptr, old, *new, efault);
}

static int cmpxchg_2(u16 __user *ptr, u16 *old, const u16 *new)
{
	return __try_cmpxchg_user(ptr, old, *new, efault);
}

static int cmpxchg_4(u32 __user *ptr, u32 *old, const u32 *new)
{
	return __try_cmpxchg_user(ptr, old, *new, efault);
}

static int cmpxchg_8(u64 __user *ptr, u64 *old, const u64 *new)
{
	return __try_cmpxchg_user(ptr, old, *new, efault);
}

/* The user macros know no 16 bytes: reach the page by its kernel address. */
static int cmpxchg_16(u64 __user *ptr, u64 *old, const u64 *new)
{
	unsigned long hva = (unsigned long)ptr;
	struct page *page;
	void *map;
	bool done;

	if (!boot_cpu_has(X86_FEATURE_CX16) ||
	    get_user_pages_fast(hva, 1, FOLL_WRITE, &page) != 1)
		return -EFAULT;
	map = kmap_local_page(page);
	asm volatile("lock cmpxchg16b %1"
		     : "=@ccz"(done),
		       "+m"(*(unsigned __int128 *)(map + offset_in_page(hva))),
		       "+a"(old[0]), "+d"(old[1])
		     : "b"(new[0]), "c"(new[1])
		     : "memory");
	kunmap_local(map);
	if (done)
		set_page_dirty_lock(page);
	put_page(page);
	return !done;
}

static int cmpxchg_len(void __user *ptr, void *old, const void *new,
		       unsigned int len)
{
	switch (len) {
	case 1:
		return cmpxchg_1(ptr, old, new);
	case 2:
		return cmpxchg_2(ptr, old, new);
	case 4:
		return cmpxchg_4(ptr, old, new);
	case 8:
		return cmpxchg_8(ptr, old, new);
	case 16:
		return cmpxchg_16(ptr, old, new);
	default:
		return -EFAULT;
	}
}

int um_guest_cmpxchg(struct um_vm *vm, gpa_t gpa, void *old, const void *new,
		     unsigned int len)
{
	int idx, r = -EFAULT;
	struct um_slot *slot;

	/* Also what keeps it within one page. */
	if (!is_power_of_2(len) || gpa & (len - 1))
		return -EFAULT;
	idx = um_host_read_lock(&vm->mmu);
	slot = slot_of(vm, gpa, true);
	if (slot)
		r = cmpxchg_len(user_ptr(slot, gpa), old, new, len);
	if (!r)
		um_host_mark_dirty(&vm->mmu, slot, gpa_to_gfn(gpa));
	um_host_read_unlock(&vm->mmu, idx);
	return r;
}

bool um_guest_is_mmio(struct um_vm *vm, gpa_t gpa, bool write)
{
	int idx = um_host_read_lock(&vm->mmu);
	bool mmio = !slot_of(vm, gpa, write);

	um_host_read_unlock(&vm->mmu, idx);
	return mmio;
}
