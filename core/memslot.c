// SPDX-License-Identifier: GPL-2.0
/*
 * Memslots: which guest frames there are, and the VMM's memory behind them.
 *
 * Readers hold vm->srcu, or RCU when they do not sleep, and see one array for
 * as long as they do. A change is made under vm->slots_lock by building a new
 * array; old ones go after a grace period. vm->slot_ids changes before that
 * too, so that who finds a slot by its id under SRCU may use it. What the
 * change means for leaves already mapped is told to mmu/ in this order:
 *
 *   create  publish
 *   log on  publish, wait for readers, um_mmu_slot_log_start()
 *   log off publish, um_mmu_slot_log_stop()
 *   delete  publish without the slot, wait, um_mmu_slot_zap(), forget the
 *           dying one, wait, free
 *   move    as delete, but a second array has the slot at its new place
 *
 * Against the MMU notifier. A slot that is being deleted has left the arrays
 * while its leaves are still mapped: um_slots.dying keeps it in sight of the
 * notifier until they are gone. The opposite, a slot that appears after a
 * notifier call has looked at the array, is safe because that call marked its
 * host addresses (inval.h) before it looked and until the host is done, whether
 * or not a slot was there: a fault in the new slot that pins one of them
 * meanwhile goes by the same addresses, so by the same word, and finds that it
 * moved when it checks before its commit. (KVM, which looks only at
 * overlapping slots in both start and end, must hold back the swap instead.)
 */
#include "internal.h"

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <umbra/host.h>

#define SLOT_PAGES_MAX ((1UL << 31) - 1) /* KVM_MEM_MAX_NR_PAGES */
#define SLOT_FLAGS (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)
#define GPA_BITS_MAX 48 /* four levels of tables */

/* Covers nothing. */
static struct um_slot no_slot;

/* Of a VM without slots; never freed. */
static struct um_slots no_slots = { .hint = { &no_slot, &no_slot } };

static struct um_slots *slots_locked(struct um_vm *vm)
{
	return rcu_dereference_protected(vm->slots,
					 lockdep_is_held(&vm->slots_lock));
}

static void slots_drop(struct um_slots *slots)
{
	if (slots != &no_slots)
		kvfree(slots);
}

static void slots_drop_rcu(struct rcu_head *head)
{
	struct um_slots *slots = container_of(head, struct um_slots, rcu);

	if (slots->last) {
		kvfree(slots->last->dirty);
		kfree(slots->last);
	}
	kvfree(slots);
}

/* Nobody is left in SRCU; then the fast path's readers. */
static void slots_drop_srcu(struct rcu_head *head)
{
	call_rcu(head, slots_drop_rcu);
}

/* Index of the first slot that ends above @gfn. */
static int slots_upper(const struct um_slots *slots, gfn_t gfn)
{
	int lo = 0, hi = slots->n;

	while (lo < hi) {
		int mid = (lo + hi) / 2;
		const struct um_slot *slot = slots->by_gfn[mid];

		if (gfn < slot->base + slot->npages)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

struct um_slot *um_slot_search(struct um_slots *slots, gfn_t gfn)
{
	int i = slots_upper(slots, gfn);

	if (i == slots->n || gfn < slots->by_gfn[i]->base)
		return NULL;
	WRITE_ONCE(slots->hint[1], READ_ONCE(slots->hint[0]));
	WRITE_ONCE(slots->hint[0], slots->by_gfn[i]);
	return slots->by_gfn[i];
}

static bool slots_overlap(const struct um_slots *slots,
			  const struct um_slot *skip, gfn_t base, u64 npages)
{
	int i = slots_upper(slots, base);

	if (i < slots->n && slots->by_gfn[i] == skip)
		i++;
	return i < slots->n && slots->by_gfn[i]->base < base + npages;
}

static struct um_slots *slots_alloc(int n)
{
	struct um_slots *slots;
	size_t head = struct_size(slots, by_gfn, n);

	slots = kvmalloc(head + n * sizeof(*slots->by_hva),
			 GFP_KERNEL_ACCOUNT);
	if (slots) {
		slots->n = n;
		slots->last = NULL;
		slots->dying = NULL;
		slots->hint[0] = &no_slot;
		slots->hint[1] = &no_slot;
		slots->by_hva = (void *)slots + head;
	}
	return slots;
}

/*
 * Copy @n elements of @size bytes but the one at @drop, with room for one more
 * before that at @add; -1 is nowhere. Returns where the room is, or -1.
 */
static int copy_but(void *to, const void *from, int n, size_t size, int drop,
		    int add)
{
	int i = 0, out = 0, room = -1, end;

	while (i < n || (add == n && room < 0)) {
		if (i == add && room < 0) {
			room = out++;
			continue;
		}
		if (i == drop) {
			i++;
			continue;
		}
		end = n;
		if (add > i)
			end = min(end, add);
		if (drop > i)
			end = min(end, drop);
		memcpy(to + out * size, from + i * size, (end - i) * size);
		out += end - i;
		i = end;
	}
	return room;
}

static void slots_fill_gfn(struct um_slots *next, const struct um_slots *old,
			   const struct um_slot *drop, struct um_slot *add)
{
	int room = copy_but(next->by_gfn, old->by_gfn, old->n,
			    sizeof(*old->by_gfn),
			    drop ? slots_upper(old, drop->base) : -1,
			    add ? slots_upper(old, add->base) : -1);

	if (room >= 0)
		next->by_gfn[room] = add;
}

/* Index of the first slot that starts at @hva or above. */
static int slots_lower_hva(const struct um_slots *slots, hva_t hva)
{
	int lo = 0, hi = slots->n;

	while (lo < hi) {
		int mid = (lo + hi) / 2;

		if (hva <= slots->by_hva[mid].start)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* end_max from index @i on; past @stop it may turn out to be right already. */
static void slots_fix_end(struct um_slots *slots, int i, int stop)
{
	hva_t end_max = i ? slots->by_hva[i - 1].end_max : 0;

	for (; i < slots->n; i++) {
		struct um_slot_hva *h = &slots->by_hva[i];

		end_max = max(end_max,
			      h->start + (h->slot->npages << PAGE_SHIFT));
		if (i > stop && h->end_max == end_max)
			break;
		h->end_max = end_max;
	}
}

static void slots_fill_hva(struct um_slots *next, const struct um_slots *old,
			   const struct um_slot *drop, struct um_slot *add)
{
	int gone = -1, place = -1, room;

	if (drop) {
		/* Slots may alias: several start there. */
		gone = slots_lower_hva(old, drop->hva);
		while (old->by_hva[gone].slot != drop)
			gone++;
	}
	if (add)
		place = slots_lower_hva(old, add->hva);
	room = copy_but(next->by_hva, old->by_hva, old->n,
			sizeof(*old->by_hva), gone, place);
	if (room >= 0) {
		next->by_hva[room].start = add->hva;
		next->by_hva[room].slot = add;
	}
	if (gone < 0 || (room >= 0 && room < gone))
		slots_fix_end(next, room, max(room, gone));
	else
		slots_fix_end(next, gone, max(room, gone));
}

/* The slots of @old without @drop and with @add; either may be NULL. */
static struct um_slots *slots_build(const struct um_slots *old,
				    const struct um_slot *drop,
				    struct um_slot *add)
{
	struct um_slots *next = slots_alloc(old->n - !!drop + !!add);

	if (!next)
		return NULL;
	slots_fill_gfn(next, old, drop, add);
	slots_fill_hva(next, old, drop, add);
	return next;
}

/*
 * On return nobody reads the array that was there before. The fast path stands
 * in RCU only, which spares it the two barriers of SRCU.
 */
static void slots_publish(struct um_vm *vm, struct um_slots *next)
{
	rcu_assign_pointer(vm->slots, next);
	synchronize_srcu_expedited(&vm->srcu);
	synchronize_rcu_expedited();
}

static void slot_free(struct um_slot *slot)
{
	um_rmap_slot_free(slot);
	kvfree(slot->dirty);
	kfree(slot);
}

/* As KVM, also for a slot that is logged from its birth. */
static bool is_initially_set(const struct um_vm *vm)
{
	return vm->manual_protect & KVM_DIRTY_LOG_INITIALLY_SET;
}

/* One allocation: the bitmap, then the copy that user space gets. */
static int dirty_alloc(struct um_slot *slot, bool all_set)
{
	size_t bytes = um_dirty_bytes(slot);

	slot->dirty = kvzalloc(2 * bytes, GFP_KERNEL_ACCOUNT);
	if (!slot->dirty)
		return -ENOMEM;
	slot->dirty_out = slot->dirty + bytes / sizeof(long);
	if (all_set)
		bitmap_set(slot->dirty, 0, slot->npages);
	return 0;
}

/* @slot takes @old's place, or never came to be, when @slot is the loser. */
static void slot_free_shared(struct um_slot *loser, const struct um_slot *other)
{
	if (other && loser->dirty == other->dirty)
		loser->dirty = NULL;
	if (other && loser->rmap == other->rmap)
		loser->rmap = NULL;
	slot_free(loser);
}

/* What the slot needs and was not lent. */
static int slot_fill(struct um_vm *vm, struct um_slot *slot)
{
	int r = 0;

	if (um_slot_is_logged(slot) && !vm->ring_bytes && !slot->dirty)
		r = dirty_alloc(slot, is_initially_set(vm));
	if (!r && vm->has_rmaps)
		r = um_rmap_slot_alloc(slot);
	return r;
}

/*
 * @old, if any, lends its bitmap to a slot that goes on logging, and its
 * reverse maps to one that stays in its place.
 */
static struct um_slot *slot_alloc(struct um_vm *vm,
				  const struct kvm_userspace_memory_region *mem,
				  const struct um_slot *old)
{
	struct um_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->base = mem->guest_phys_addr >> PAGE_SHIFT;
	slot->npages = mem->memory_size >> PAGE_SHIFT;
	slot->hva = mem->userspace_addr;
	slot->flags = mem->flags;
	slot->id = mem->slot;
	if (old && old->base == slot->base)
		slot->rmap = old->rmap;
	if (um_slot_is_logged(slot) && !vm->ring_bytes && old && old->dirty) {
		slot->dirty = old->dirty;
		slot->dirty_out = old->dirty_out;
	}
	if (slot_fill(vm, slot)) {
		slot_free_shared(slot, old);
		return NULL;
	}
	return slot;
}

static int slot_create(struct um_vm *vm, struct um_slot *new)
{
	struct um_slots *old = slots_locked(vm);
	struct um_slots *next = slots_build(old, NULL, new);
	int r = -ENOMEM;

	if (!next)
		return r;
	r = xa_err(xa_store(&vm->slot_ids, new->id, new, GFP_KERNEL_ACCOUNT));
	if (r) {
		kvfree(next);
		return r;
	}
	um_quota_add(vm, new);
	rcu_assign_pointer(vm->slots, next);
	/* Who still reads the old array took nothing from it that changes. */
	if (old != &no_slots)
		call_srcu(&vm->srcu, &old->rcu, slots_drop_srcu);
	return 0;
}

/*
 * By its id @new, or nothing, is found in @old's place. The grace period that
 * comes next is for those who found @old.
 */
static void slot_rename(struct um_vm *vm, struct um_slot *old,
			struct um_slot *new)
{
	if (new)
		xa_store(&vm->slot_ids, new->id, new, GFP_KERNEL_ACCOUNT);
	else
		xa_erase(&vm->slot_ids, old->id);
}

/* Take @old out; @new, or nothing, comes in its place. */
static int slot_replace(struct um_vm *vm, struct um_slot *old,
			struct um_slot *new)
{
	struct um_slots *was = slots_locked(vm);
	struct um_slots *without = slots_build(was, old, NULL);
	struct um_slots *next = new ? slots_build(was, old, new) : without;

	if (!without || !next) {
		kvfree(without);
		if (new)
			kvfree(next);
		return -ENOMEM;
	}
	without->dying = old;
	slots_publish(vm, without);
	slots_drop(was);
	um_mmu_slot_zap(&vm->mmu, old);
	if (new)
		um_quota_add(vm, new);
	um_quota_remove(vm, old);
	if (new && new->dirty && vm->mmu.log != UM_LOG_WRPROT)
		/* What the CPU noted of the old place went with it. */
		bitmap_set(new->dirty, 0, new->npages);
	/* Nothing of it is mapped: even the notifier may forget it. */
	WRITE_ONCE(without->dying, NULL);
	slot_rename(vm, old, new);
	slots_publish(vm, next);
	if (new)
		kvfree(without);
	slot_free_shared(old, new);
	return 0;
}

/*
 * Nobody may write unnoticed any more, so every reader of @old must have left.
 * Where all pages count as dirty they may, until they are cleared.
 */
static void slot_log_on(struct um_vm *vm, struct um_slots *was,
			struct um_slots *next, struct um_slot *old,
			struct um_slot *new)
{
	slots_publish(vm, next);
	if (!new->dirty || !is_initially_set(vm))
		um_mmu_slot_log_start(&vm->mmu, new);
	kvfree(was);
	slot_free_shared(old, new);
}

/*
 * Who still reads @old marks a bitmap that nobody looks at, and maps small
 * pages: neither does harm, so nobody is waited for. What @new has of it, it
 * keeps.
 */
static void slot_log_off(struct um_vm *vm, struct um_slots *was,
			 struct um_slots *next, struct um_slot *old,
			 struct um_slot *new)
{
	rcu_assign_pointer(vm->slots, next);
	um_mmu_slot_log_stop(&vm->mmu, new);
	was->last = old;
	call_srcu(&vm->srcu, &was->rcu, slots_drop_srcu);
}

/* The flag that may change is that of the log. */
static int slot_set_flags(struct um_vm *vm, struct um_slot *old,
			  struct um_slot *new)
{
	struct um_slots *was = slots_locked(vm);
	struct um_slots *next = slots_build(was, old, new);

	if (!next)
		return -ENOMEM;
	slot_rename(vm, old, new);
	um_quota_add(vm, new);
	um_quota_remove(vm, old);
	if (um_slot_is_logged(new))
		slot_log_on(vm, was, next, old, new);
	else
		slot_log_off(vm, was, next, old, new);
	return 0;
}

static gfn_t gfn_limit(const struct um_vm *vm)
{
	int bits = min_t(int, vm->mmu.caps.maxphyaddr, GPA_BITS_MAX);

	return 1ULL << (bits - PAGE_SHIFT);
}

/* What can be said of a region without knowing the slots. */
static int region_check(const struct kvm_userspace_memory_region *mem)
{
	unsigned long hva = mem->userspace_addr;

	if (mem->flags & ~SLOT_FLAGS || mem->slot >= UM_SLOTS_MAX)
		return -EINVAL;
	if ((mem->memory_size | mem->guest_phys_addr | hva) & ~PAGE_MASK)
		return -EINVAL;
	/* Guest memory is reached by copy_to_user() and its like later on. */
	if (hva > TASK_SIZE_MAX || mem->memory_size > TASK_SIZE_MAX - hva)
		return -EINVAL;
	if (mem->guest_phys_addr + mem->memory_size < mem->guest_phys_addr)
		return -EINVAL;
	if (mem->memory_size >> PAGE_SHIFT > SLOT_PAGES_MAX)
		return -EINVAL;
	return 0;
}

/* Size, memory and read-only of a slot are fixed for its life. */
static bool region_fits(const struct kvm_userspace_memory_region *mem,
			const struct um_slot *old)
{
	return mem->userspace_addr == old->hva &&
	       mem->memory_size >> PAGE_SHIFT == old->npages &&
	       !((mem->flags ^ old->flags) & KVM_MEM_READONLY);
}

/* @mem has a size; @old is the slot of that id or NULL. */
static int slot_set(struct um_vm *vm,
		    const struct kvm_userspace_memory_region *mem,
		    struct um_slot *old)
{
	gfn_t base = mem->guest_phys_addr >> PAGE_SHIFT;
	u64 npages = mem->memory_size >> PAGE_SHIFT;
	bool placed = !old || base != old->base;
	struct um_slot *new;
	int r;

	if (old && !region_fits(mem, old))
		return -EINVAL;
	if (!placed && mem->flags == old->flags)
		return 0;
	if (placed && slots_overlap(slots_locked(vm), old, base, npages))
		return -EEXIST;
	if (placed && base + npages > gfn_limit(vm))
		return -EINVAL;
	new = slot_alloc(vm, mem, old);
	if (!new)
		return -ENOMEM;
	if (!old)
		r = slot_create(vm, new);
	else if (placed)
		r = slot_replace(vm, old, new);
	else
		r = slot_set_flags(vm, old, new);
	if (r)
		slot_free_shared(new, old);
	else if (mem->flags & KVM_MEM_LOG_DIRTY_PAGES)
		vm->log_begun = true;
	return r;
}

/* Before a logged slot is published: from then on no write goes unnoticed. */
static void log_get(struct um_vm *vm)
{
	if (vm->nr_logged++ || vm->mmu.log != UM_LOG_PML)
		return;
	WRITE_ONCE(vm->pml, true);
	/* Who enters from now on sees it; who is inside comes out. */
	um_host_kick_guests(&vm->mmu);
}

static void log_put(struct um_vm *vm)
{
	if (!--vm->nr_logged)
		WRITE_ONCE(vm->pml, false);
}

/* As slot_set(), with the CPUs' own log on while a slot is logged. */
static int slot_set_logged(struct um_vm *vm,
			   const struct kvm_userspace_memory_region *mem,
			   struct um_slot *old)
{
	bool was = old && um_slot_is_logged(old);
	bool will = mem->memory_size && mem->flags & KVM_MEM_LOG_DIRTY_PAGES;
	int r;

	if (will && !was)
		log_get(vm);
	if (mem->memory_size)
		r = slot_set(vm, mem, old);
	else
		r = old ? slot_replace(vm, old, NULL) : -EINVAL;
	if (r ? will && !was : was && !will)
		log_put(vm);
	return r;
}

int um_slot_set(struct um_vm *vm,
		const struct kvm_userspace_memory_region *mem)
{
	struct um_slot *old;
	int r = region_check(mem);

	if (r)
		return r;
	mutex_lock(&vm->slots_lock);
	old = xa_load(&vm->slot_ids,
		      array_index_nospec(mem->slot, UM_SLOTS_MAX));
	r = slot_set_logged(vm, mem, old);
	mutex_unlock(&vm->slots_lock);
	return r;
}

int um_slots_shadow(struct um_vm *vm)
{
	struct um_slots *slots;
	int i, r = 0;

	mutex_lock(&vm->slots_lock);
	slots = slots_locked(vm);
	for (i = 0; i < slots->n && !r && !vm->has_rmaps; i++) {
		struct um_slot *slot = slots->by_gfn[i];
		u64 had = um_rmap_slot_bytes(slot);

		r = um_rmap_slot_alloc(slot);
		atomic64_add(um_rmap_slot_bytes(slot) - had,
			     &vm->mmu.stat.bytes_meta);
	}
	vm->has_rmaps |= !r;
	mutex_unlock(&vm->slots_lock);
	return r;
}

struct um_slot *um_slot_by_id(struct um_vm *vm, u32 id)
{
	if (id >= UM_SLOTS_MAX)
		return NULL;
	return xa_load(&vm->slot_ids, array_index_nospec(id, UM_SLOTS_MAX));
}

void um_slots_init(struct um_vm *vm)
{
	xa_init(&vm->slot_ids);
	RCU_INIT_POINTER(vm->slots, &no_slots);
}

void um_slots_retire(struct um_vm *vm)
{
	struct um_slots *old = rcu_replace_pointer(vm->slots, &no_slots, true);

	if (old != &no_slots)
		call_srcu(&vm->srcu, &old->rcu, slots_drop_srcu);
}

void um_slots_free(struct um_vm *vm)
{
	struct um_slot *slot;
	unsigned long id;

	srcu_barrier(&vm->srcu);
	xa_for_each(&vm->slot_ids, id, slot)
		slot_free(slot);
	xa_destroy(&vm->slot_ids);
}
