// SPDX-License-Identifier: GPL-2.0
/*
 * From a guest frame to the host page behind it, held.
 *
 * Runs on the vCPU's thread, in the VMM's address space, and may sleep: in the
 * host's page fault handler, for swap, or for userfaultfd. The reference keeps
 * the frame from being reused until the commit; whether the VMM still maps it
 * is told by the bucket's word (inval.h), which the caller read before.
 */
#include "internal.h"

#include <linux/mm.h>
#include <umbra/compat.h>
#include <umbra/host.h>

static bool is_signal(long r)
{
	return r == -EINTR || r == -ERESTARTSYS || r == -ERESTARTNOINTR ||
	       r == -ERESTARTNOHAND;
}

/* A writable page if that costs nothing: no fault, no COW. */
static bool pin_writable(hva_t hva, struct page **page)
{
	return get_user_page_fast_only(hva, FOLL_WRITE, page);
}

/*
 * A page that only a fault brings. For a read, the fault may have made it
 * writable all the same (shared memory): look again.
 */
static long pin_slow(hva_t hva, struct um_fault *f, bool want_write)
{
	bool write = f->access & UM_ACC_W;
	unsigned int flags = UM_FOLL_GUEST;
	struct page *page;
	long r;

	flags |= write ? FOLL_WRITE : UM_FOLL_NUMA;
	r = get_user_pages_unlocked(hva, 1, &f->page, flags);
	if (r != 1)
		return r;
	f->host_writable = write;
	if (!write && want_write && pin_writable(hva, &page)) {
		put_page(f->page);
		f->page = page;
		f->host_writable = true;
	}
	return 1;
}

static long pin_page(hva_t hva, struct um_fault *f)
{
	bool want_write = !(f->slot->flags & KVM_MEM_READONLY);

	if (want_write && pin_writable(hva, &f->page)) {
		f->host_writable = true;
		return 1;
	}
	return pin_slow(hva, f, want_write);
}

enum um_pf um_host_pin(struct um_mmu *mmu, struct um_fault *f)
{
	hva_t hva = um_slot_hva(f->slot, f->gfn);
	long r;

	f->page = NULL;
	f->host_writable = false;
	f->device = false;
	f->host_level = UM_LEVEL_4K;
	r = pin_page(hva, f);
	if (r == 1) {
		f->pfn = page_to_pfn(f->page);
		f->host_level = um_host_level(mmu, f, hva);
		return UM_PF_CONTINUE;
	}
	f->page = NULL;
	if (r == -EHWPOISON)
		return UM_PF_HWPOISON;
	if (is_signal(r))
		return UM_PF_INTR;
	if (r == -EAGAIN)
		return UM_PF_RETRY;
	return um_pin_pfnmap(f, hva);
}

void um_host_unpin(struct um_fault *f, bool dirty)
{
	struct page *page = f->page;

	if (!page)
		return;
	/* The zero page and its like belong to nobody's writeback. */
	if (dirty && !PageDirty(page) && !PageReserved(page))
		SetPageDirty(page);
	put_page(page);
	f->page = NULL;
}
