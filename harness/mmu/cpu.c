// SPDX-License-Identifier: GPL-2.0
/*
 * The model CPU: it walks the tables as EPT does, sets A and D, and remembers
 * in a TLB and in a paging-structure cache what it was not told to forget. It
 * knows nothing of RCU. What it knows of the format is in entry_*().
 */
#include "world.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#include <string.h>
#include <unistd.h>

void cpu_enter(struct cpu *cpu)
{
	u64 owed;

	WRITE_ONCE(cpu->in_guest, true);
	smp_mb(); /* T2 */
	owed = um_tlb_owed(&cpu->world->mmu.tlb);
	if (owed == cpu->seen)
		return;
	memset(cpu->tlb, 0, sizeof(cpu->tlb));
	memset(cpu->pde, 0, sizeof(cpu->pde));
	cpu->seen = owed;
}

/* What an exit does in log mode PML. */
static void cpu_drain(struct cpu *cpu)
{
	struct um_mmu *mmu = &cpu->world->mmu;
	struct um_slot *slot;
	int idx = um_host_read_lock(mmu);

	while (cpu->nr_log) {
		gfn_t gfn = cpu->log[--cpu->nr_log];

		slot = um_host_slot(mmu, gfn);
		if (slot && um_slot_is_logged(slot))
			um_host_mark_dirty(mmu, slot, gfn);
	}
	um_host_read_unlock(mmu, idx);
}

void cpu_leave(struct cpu *cpu)
{
	cpu_drain(cpu);
	WRITE_ONCE(cpu->kicked, false);
	__atomic_fetch_add(&cpu->exits, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&cpu->in_guest, false, __ATOMIC_SEQ_CST);
}

static bool cpu_violation(struct cpu *cpu, gfn_t gfn, u8 access, u8 allowed)
{
	cpu->fault_gfn = gfn;
	cpu->fault_access = access;
	cpu->fault_allowed = allowed;
	/* It also forgets what it knew of this address. */
	cpu->tlb[gfn % TLB_ENTRIES].valid = false;
	cpu->pde[gfn / 512] = NULL;
	return false;
}

/* The format of the tables, as the hardware sees it. */
static u8 entry_rights(u64 entry)
{
	return entry & UM_ACC_ALL;
}

static bool entry_is_leaf(u64 entry, int level)
{
	return level == UM_LEVEL_4K || (entry & BIT_ULL(7));
}

static um_pfn_t entry_frame(u64 entry, int level, gfn_t gfn)
{
	return (entry & GENMASK_ULL(51, 12)) / UM_PAGE_SIZE +
	       (gfn & (um_level_pages(level) - 1));
}

/* Set A and D, as EPT does. */
static u64 entry_used(u64 entry, u8 access)
{
	return entry | BIT_ULL(8) | (access & UM_ACC_W ? BIT_ULL(9) : 0);
}

static u64 *cpu_table(struct cpu *cpu, gfn_t gfn, int *level)
{
	*level = UM_LEVEL_ROOT;
	if (!cpu->pde[gfn / 512])
		return cpu->world->mmu.root;
	*level = UM_LEVEL_4K;
	return cpu->pde[gfn / 512];
}

/* False: the entry changed, walk again. */
static bool cpu_use(struct cpu *cpu, u64 *entry, u64 old, u8 access, gfn_t gfn)
{
	u64 new = entry_used(old, access);

	if (!cpu->world->mmu.caps.ad || new == old)
		return true;
	if (!__atomic_compare_exchange_n(entry, &old, new, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	if (cpu->world->mmu.log == UM_LOG_PML && (new & ~old & BIT_ULL(9))) {
		if (cpu->nr_log == PML_ENTRIES)
			cpu_drain(cpu);
		cpu->log[cpu->nr_log++] = gfn;
	}
	return true;
}

static bool cpu_walk(struct cpu *cpu, gfn_t gfn, u8 access,
		     struct tlb_entry *tlb)
{
	u64 *table, *where, entry;
	int level;

again:
	table = cpu_table(cpu, gfn, &level);
	for (;; level--) {
		if (!table_is_used(table))
			world_bug("walk into a freed table");
		where = table + um_gfn_index(gfn, level);
		shim_yield();
		entry = __atomic_load_n(where, __ATOMIC_ACQUIRE);
		if (!entry_rights(entry))
			return cpu_violation(cpu, gfn, access, 0);
		if (entry_is_leaf(entry, level))
			break;
		table = __va(entry_frame(entry, UM_LEVEL_4K, 0) * UM_PAGE_SIZE);
		if (level == UM_LEVEL_2M)
			cpu->pde[gfn / 512] = table;
	}
	if (access & ~entry_rights(entry))
		return cpu_violation(cpu, gfn, access, entry_rights(entry));
	if (!cpu_use(cpu, where, entry, access, gfn))
		goto again;
	tlb->valid = true;
	tlb->gfn = gfn;
	tlb->pfn = entry_frame(entry, level, gfn);
	tlb->rights = entry_rights(entry);
	/* D is set by the first write that a TLB entry is used for. */
	if (cpu->world->mmu.caps.ad && !(access & UM_ACC_W))
		tlb->rights &= ~UM_ACC_W;
	return true;
}

struct tlb_entry *cpu_translate(struct cpu *cpu, gfn_t gfn, u8 access)
{
	struct tlb_entry *entry = &cpu->tlb[gfn % TLB_ENTRIES];

	if (!entry->valid || entry->gfn != gfn ||
	    (entry->rights & access) != access)
		if (!cpu_walk(cpu, gfn, access, entry))
			return NULL;
	return entry;
}

bool cpu_access(struct cpu *cpu, gfn_t gfn, u8 access)
{
	struct tlb_entry *entry = cpu_translate(cpu, gfn, access);
	struct frame *frame;

	if (!entry)
		return false;
	shim_yield();
	if (entry->pfn >= FRAMES) {
		world_bug("gfn %llx maps pfn %llx", gfn, entry->pfn);
		return true;
	}
	frame = &cpu->world->frame[entry->pfn];
	if (READ_ONCE(frame->owner) != (int)gfn)
		world_bug("gfn %llx uses a frame of %d", gfn, frame->owner);
	if (access & UM_ACC_W) {
		__atomic_fetch_add(&frame->value, 1, __ATOMIC_SEQ_CST);
		cpu->writes[gfn]++;
	}
	return true;
}

enum um_pf cpu_fault(struct cpu *cpu, u32 *path)
{
	struct um_fault f = {
		.gfn = cpu->fault_gfn,
		.access = cpu->fault_access,
		.allowed = cpu->fault_allowed,
		.tag = cpu->tag,
	};
	enum um_pf ret = um_fault_handle(&cpu->world->mmu, &f, &cpu->stat);

	if (path)
		*path = f.path;
	return ret;
}

void um_host_kick_guests(struct um_mmu *mmu)
{
	struct world *world = (struct world *)mmu;
	int i;

	smp_mb(); /* T1 */
	for (i = 0; i < CPUS; i++) {
		struct cpu *cpu = &world->cpu[i];
		u64 exits = __atomic_load_n(&cpu->exits, __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&cpu->in_guest, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&cpu->exits, __ATOMIC_SEQ_CST) ==
			       exits) {
			WRITE_ONCE(cpu->kicked, true);
			usleep(10);
		}
	}
}
