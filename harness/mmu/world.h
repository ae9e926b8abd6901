/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world around the MMU: a host whose pages move, and CPUs that walk the
 * tables as EPT hardware does, with TLBs that remember what they were not told
 * to forget.
 */
#ifndef _HARNESS_WORLD_H
#define _HARNESS_WORLD_H

#include <umbra/mmu.h>
#include <umbra/slot.h>

#include <linux/rcupdate.h>

#include <shim.h>

#include <pthread.h>

#define GFNS 4096	 /* gfns the model knows */
#define RAM_BASE 512	 /* the writable slot */
#define RAM_PAGES 1024
#define ROM_BASE 3072	 /* the read-only slot */
#define ROM_PAGES 16
#define FRAMES (16 * 512)
#define TABLES 4096
#define CPUS 4
#define TLB_ENTRIES 16
#define PML_ENTRIES 8

/* Where the VMM has its memory. */
static inline hva_t gfn_to_hva(gfn_t gfn)
{
	return (0x10000000ULL + gfn) << UM_PAGE_SHIFT;
}

/* A host page. owner is the gfn it backs, or -1: freed. */
struct frame {
	u64 value;
	int owner;
};

/* The VMM's page tables, by gfn. */
struct hpte {
	um_pfn_t pfn;
	bool writable;
	bool huge;
	u64 shared; /* value that must not change while not writable */
};

struct tlb_entry {
	bool valid;
	gfn_t gfn;
	um_pfn_t pfn;
	u8 rights;
};

struct cpu {
	struct world *world;
	u8 tag;
	bool in_guest;
	bool kicked;
	u64 exits;
	u64 seen; /* debts flushed for */
	struct tlb_entry tlb[TLB_ENTRIES];
	u64 *pde[GFNS / 512]; /* paging-structure cache */
	gfn_t log[PML_ENTRIES]; /* page-modification log */
	int nr_log;
	gfn_t fault_gfn;
	u8 fault_access;
	u8 fault_allowed;
	u64 writes[GFNS];
	struct um_fault_stat stat;
};

struct world {
	struct um_mmu mmu;
	struct um_slot *slots[2]; /* SRCU */
	struct um_slot *dying;	  /* SRCU; for the notifier alone */
	pthread_mutex_t ops; /* one change of host memory at a time */
	pthread_mutex_t mm;  /* hpte, frames; inside ops */
	struct hpte hpte[GFNS];
	struct frame frame[FRAMES];
	um_pfn_t free_frames[FRAMES];
	int nr_free;
	struct cpu cpu[CPUS];
	bool dead;
	bool pin_fails;
	bool giant; /* the host maps 1G at once */
	bool slots_move; /* they come and go at any time */
	bool guest; /* its memory has bytes: guest.h */
	unsigned long dirty[RAM_PAGES / 64];
	unsigned long dirty_out[RAM_PAGES / 64];
};

struct world *world_new(enum um_fast_mode mode, bool ad, bool huge);
/* As it was set up in part: the rest, and the MMU. */
struct world *world_make(struct world *world, bool ad, bool huge, bool shadow);
/* Returns false, having said why, when something was left behind. */
bool world_free(struct world *world);
void world_bug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Memory under the slots; huge where it can be. */
void host_init(struct world *world, bool huge);
/* Frames have bytes that move with them. */
void guest_page_move(um_pfn_t from, um_pfn_t to);
/* The notifier's bracket around a change of frames [start, end). */
void host_inval_begin(struct world *world, gfn_t start, gfn_t end);
void host_inval_end(struct world *world, gfn_t start, gfn_t end);
/* Frames [start, end) of one slot, without that bracket. */
void host_unmap(struct world *world, gfn_t start, gfn_t end);
/* What a host does to its pages; @gfn in RAM. */
void host_migrate(struct world *world, gfn_t gfn);
void host_share(struct world *world, gfn_t gfn);
void host_collapse(struct world *world, gfn_t gfn);
u64 host_read(struct world *world, gfn_t gfn);

/* One at a time. Off; on; on with every page dirty and nothing protected. */
enum slot_log { LOG_OFF, LOG_ON, LOG_ALL_SET };
void slot_log(struct world *world, enum slot_log log);
struct um_slot *slot_remove(struct world *world, int i);
void slot_insert(struct world *world, int i, struct um_slot *slot);

void cpu_enter(struct cpu *cpu);
void cpu_leave(struct cpu *cpu);
/* One access. False: an EPT violation, told in cpu->fault_*. */
bool cpu_access(struct cpu *cpu, gfn_t gfn, u8 access);
/* The same without touching memory; NULL: a violation. */
struct tlb_entry *cpu_translate(struct cpu *cpu, gfn_t gfn, u8 access);
/* Leaves the guest, handles the violation. */
enum um_pf cpu_fault(struct cpu *cpu, u32 *path);

/*
 * For shim_disturb and shim_settle: do to an entry what another party might do at any time, so
 * that a compare-and-exchange fails: age a leaf, break a claim, try to claim.
 */
void world_disturb(u64 *word, u64 expected);
void world_settle(void);

/* What the thread does once, when it has marked a page. */
extern __thread void (*world_on_mark)(void);

/* Every leaf maps what the host maps. Nothing else runs. */
bool world_check_leaves(struct world *world);
/*
 * All CPUs' writes to @gfn are in memory, and in @copy, which the log's user
 * keeps, unless that is NULL.
 */
void world_check_page(struct world *world, gfn_t gfn, const u64 *copy);
extern struct world *world_newest;

/* Pages for tables. */
void tables_init(void);
/* A touch of these pages while they are free says so too. */
void tables_guard(void *start, size_t bytes);
void pdpt_free(u64 *pdpt); /* of um_pdpt_alloc() */
bool table_is_used(const u64 *table);
extern int tables_in_use;

#endif
