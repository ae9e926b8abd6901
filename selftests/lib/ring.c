// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty rings as a well-behaved user space uses them (api.rst 8.29).
 */
#include "lib/vm.h"

int rings_enable(struct vm *vm, u32 bytes)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL,
		.args = { bytes },
	};

	return KERR(vm->fd, KVM_ENABLE_CAP, &cap);
}

void ring_map(struct ring *ring, struct vcpu *vcpu, u32 bytes)
{
	ring->size = bytes / sizeof(*ring->gfns);
	ring->next = 0;
	ring->gfns = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			  vcpu->fd, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE);
	REQUIRE(ring->gfns != MAP_FAILED, "mmap of a ring");
}

void ring_unmap(struct ring *ring)
{
	munmap(ring->gfns, ring->size * sizeof(*ring->gfns));
}

bool ring_harvest(struct ring *ring, u32 *slot, u64 *offset)
{
	struct kvm_dirty_gfn *gfn = &ring->gfns[ring->next % ring->size];

	if (__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) !=
	    KVM_DIRTY_GFN_F_DIRTY)
		return false;
	*slot = gfn->slot;
	*offset = gfn->offset;
	__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	ring->next++;
	return true;
}

int rings_reset(struct vm *vm)
{
	int n = KIOCTL(vm->fd, KVM_RESET_DIRTY_RINGS, 0);

	return n < 0 ? -errno : n;
}
