/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest with page tables of its own: memory with bytes in it, tables in that
 * memory, vCPUs that run on shadow tables, and an oracle that tells from the
 * guest's tables alone how an access may end.
 */
#ifndef _HARNESS_GUEST_H
#define _HARNESS_GUEST_H

#include "world.h"

#include <umbra/context.h>
#include <umbra/sspte.h>

#define CR0_PE BIT_ULL(0)
#define CR0_WP BIT_ULL(16)
#define CR0_PG BIT_ULL(31)
#define CR4_PSE BIT_ULL(4)
#define CR4_PAE BIT_ULL(5)
#define CR4_PGE BIT_ULL(7)
#define CR4_LA57 BIT_ULL(12)
#define CR4_PCIDE BIT_ULL(17)
#define CR4_SMEP BIT_ULL(20)
#define CR4_SMAP BIT_ULL(21)
#define EFER_LME BIT_ULL(8)
#define EFER_LMA BIT_ULL(10)
#define EFER_NXE BIT_ULL(11)
#define RFLAGS_AC BIT_ULL(18)

#define PTE_P BIT_ULL(0)
#define PTE_W BIT_ULL(1)
#define PTE_U BIT_ULL(2)
#define PTE_A BIT_ULL(5)
#define PTE_D BIT_ULL(6)
#define PTE_PS BIT_ULL(7)
#define PTE_NX BIT_ULL(63)
#define PTE_ALL (PTE_P | PTE_W | PTE_U)

/* guest_mem.c: the guest's memory, as the VMM and software walks see it. */

/*
 * Each store to it is noted, with what stood there before, so that the oracle
 * knows what a TLB may still remember. Times are numbers of stores.
 */
#define EDITS 8192

struct edit {
	u64 word; /* gpa, of 8 bytes */
	u64 old;
};

struct history {
	pthread_mutex_t lock; /* inside world->mm */
	u64 now;
	struct edit edit[EDITS];
};

struct guest_mem {
	u64 (*page)[UM_TABLE_ENTRIES]; /* by pfn */
	bool keeps; /* the history; costs a lock for each store */
	bool read_fails; /* um_host_read(), now and then */
	struct history history;
};

extern struct guest_mem guest_mem;

void guest_mem_init(bool keeps);
u64 guest_now(void);
/* A store of a CPU to a frame that it reaches by a TLB. */
void guest_store(gpa_t gpa, um_pfn_t pfn, unsigned int size, u64 value);
/* By the VMM while nothing runs; also to read-only memory. */
void guest_poke(struct world *world, gpa_t gpa, unsigned int size, u64 value);
u64 guest_peek(struct world *world, gpa_t gpa, unsigned int size);
u64 guest_peek_locked(struct world *world, gpa_t gpa, unsigned int size);
/* As core/guest_mem.c; false: no memory there that may be written. */
bool guest_write(struct cpu *cpu, gpa_t gpa, unsigned int size, u64 value);
enum um_gpte_rc guest_read_gpte(void *priv, u64 gpa, unsigned int size,
				u64 *value);
enum um_gpte_rc guest_cmpxchg_gpte(void *priv, u64 gpa, unsigned int size,
				   u64 old, u64 new);

/* vcpu.c, cpu_shadow.c */

#define STLB 128
#define PSC 8
#define FLUSHED 32

struct stlb {
	bool valid;
	bool dirty; /* D is set in the entry */
	u16 vpid;
	u64 page;
	um_pfn_t pfn;
	u64 rights; /* UM_SS_W, U, NX */
};

/* Tables of @level, by the address bits that led there. */
struct psc {
	u64 *table;
	u64 prefix;
	u64 rights;
	u16 vpid;
};

struct vcpu {
	struct cpu *cpu;
	struct um_context ctx;
	bool watched; /* every access is held against the oracle */
	bool idle;    /* the emulator does nothing */
	/* For shim_stall, while the next fault is handled. */
	void (*stall)(void);
	int stall_skip;
	/* as loaded at VM entry */
	hpa_t hw_root;
	u64 hw_pdpte[4];
	u16 vpid;
	struct stlb tlb[STLB];
	struct psc psc[6][PSC]; /* by level */
	/* the last #PF exit */
	gva_t fault_va;
	u32 fault_pfec;
	/* For the oracle: when what was cached was last given up. */
	u64 since[4]; /* by PCID */
	struct {
		u64 page, time;
	} flushed[FLUSHED]; /* INVLPG, #PF */
	int nflushed;
	u64 outcomes[UM_PF_DEAD + 1];
	u64 accesses, pfs, edits;
	u32 path; /* of the last fault */
};

enum vkind { LOAD, STORE, FETCH };

struct vaccess {
	enum vkind kind;
	bool user;
	bool ac;	   /* RFLAGS.AC */
	u8 size;	   /* STORE: 4 or 8; aligned */
	u64 value;
	bool unshadow;	   /* the emulator does not know the instruction */
};

enum vresult { V_DONE, V_PF, V_MMIO, V_STUCK };

static inline struct world *vcpu_world(const struct vcpu *v)
{
	return v->cpu->world;
}

static inline bool vcpu_is_paging(const struct vcpu *v)
{
	return v->ctx.paging.cr0 & CR0_PG;
}

void vcpu_init(struct vcpu *v, struct cpu *cpu);
void vcpu_destroy(struct vcpu *v);
/* Loads what must be, and is in guest mode then. False: no memory. */
bool vcpu_enter(struct vcpu *v);
void vcpu_leave(struct vcpu *v);
/* In guest mode: one access. False: an exit, to be handled or not. */
bool vcpu_attempt(struct vcpu *v, gva_t va, const struct vaccess *a,
		  gpa_t *gpa);
/*
 * One access, with faults handled until it ends somehow. *@gpa: where it went.
 * V_PF: v->ctx.walk.error_code.
 */
enum vresult vcpu_access(struct vcpu *v, gva_t va, const struct vaccess *a,
			 gpa_t *gpa);
/* The guest's instructions. False: #GP. */
bool vcpu_set_cr3(struct vcpu *v, u64 cr3, bool keep);
bool vcpu_set_mode(struct vcpu *v, u64 cr0, u64 cr4, u64 efer, u64 cr3);
void vcpu_invlpg(struct vcpu *v, gva_t va);
void vcpu_flush(struct vcpu *v);

/* cpu_shadow.c. In guest mode. True: *@pfn; false: a #PF exit. */
bool cpu_shadow_walk(struct vcpu *v, gva_t va, const struct vaccess *a,
		     um_pfn_t *pfn);
void cpu_shadow_load(struct vcpu *v, const struct um_root *root);
void cpu_shadow_flush(struct vcpu *v, u16 vpid);

/* oracle.c */
#define ANSWERS 64

struct answer {
	bool fault;
	bool nowhere;	/* a table is outside of memory */
	u32 code;
	u64 gpa;
	int n;		/* entries on the way, and what stood in them */
	u64 at[5], entry[5];
};

struct oracle {
	struct world *world;
	const struct um_guest_paging *paging;
	u64 va;
	u32 access; /* UM_WALK_* */
	u64 since;
	int n;
	bool full; /* there are more */
	struct answer answer[ANSWERS];
};

/* Every way in which the access may end that began when @since was now. */
void oracle_ask(struct oracle *o);
/* How long ago a TLB may have learnt what it says of @va. */
u64 oracle_since(const struct vcpu *v, gva_t va);
void oracle_check_done(struct vcpu *v, gva_t va, const struct vaccess *a,
		       gfn_t gfn);
void oracle_check_fault(struct vcpu *v, gva_t va, const struct vaccess *a,
			u64 since);

/* guest_tables.c */
enum guest_format { GUEST_32, GUEST_PAE, GUEST_64, GUEST_57, GUEST_FORMATS };

struct guest_tables {
	enum guest_format format;
	gfn_t root;	/* PAE: the page with the four pointers */
	gva_t window;	/* where all of RAM is mapped */
	gfn_t next, end; /* pages for tables */
};

extern const char *const guest_format_name[GUEST_FORMATS];
int guest_levels(enum guest_format format); /* PAE: 3 */
unsigned int guest_gpte_size(enum guest_format format);
/* Of an entry of @level for @va. */
unsigned int guest_index(enum guest_format format, int level, gva_t va);
u64 guest_cr4(enum guest_format format);
u64 guest_efer(enum guest_format format);
/* Tables from frames [next, end) on, with the window in them. */
void guest_tables_init(struct guest_tables *t, struct world *world,
		       enum guest_format format, gfn_t next, gfn_t end);
gfn_t guest_table_page(struct guest_tables *t, struct world *world);
/* The gpa of the entry of @level for @va; makes tables down to there. */
gpa_t guest_entry(struct guest_tables *t, struct world *world, int level,
		  gva_t va);
void guest_map(struct guest_tables *t, struct world *world, gva_t va, gfn_t gfn,
	       u64 flags);
static inline gva_t guest_window(const struct guest_tables *t, gpa_t gpa)
{
	return t->window + (gpa - ((gpa_t)RAM_BASE << UM_PAGE_SHIFT));
}

/* world_shadow.c */
/* Is its memory huge, where it can be? */
extern bool world_shadow_huge;
struct world *world_new_shadow(enum um_fast_mode mode, enum um_ptw_mode ptw);
bool world_free_shadow(struct world *world);
/* Each leaf against the host, the slots, the rmap. Nothing else runs. */
bool world_check_shadow(struct world *world);
void world_disturb_shadow(u64 *word, u64 expected);
bool shadow_table_is_used(const u64 *table);
extern int shadow_tables_in_use;

#endif
