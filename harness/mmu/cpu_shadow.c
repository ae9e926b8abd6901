// SPDX-License-Identifier: GPL-2.0
/*
 * The model CPU on shadow tables: it walks what CR3 says, in the format of the
 * guest's mode, with CR0.WP and EFER.NXE on, and remembers by VPID in a TLB and in
 * paging-structure caches what it was not told to forget.
 */
#include "guest.h"

#include <umbra/iter.h>

#include <string.h>

#define MAXPHYADDR 48
#define ADDRESS GENMASK_ULL(51, 12)
/* SDM, "Intel-64 Linear-Address Translation", "PAE Paging". */
#define RESERVED_64 GENMASK_ULL(51, MAXPHYADDR)
#define RESERVED_PAE GENMASK_ULL(62, MAXPHYADDR)
#define RESERVED_PDPTE \
	(GENMASK_ULL(63, MAXPHYADDR) | GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1))

static bool is_64(const struct vcpu *v)
{
	return v->ctx.paging.efer & EFER_LMA;
}

static int top_level(const struct vcpu *v)
{
	if (!is_64(v))
		return UM_LEVEL_2M;
	return v->ctx.paging.cr4 & CR4_LA57 ? 5 : 4;
}

void cpu_shadow_flush(struct vcpu *v, u16 vpid)
{
	int i, level;

	for (i = 0; i < STLB; i++)
		if (v->tlb[i].vpid == vpid)
			v->tlb[i].valid = false;
	for (level = 1; level < 6; level++)
		for (i = 0; i < PSC; i++)
			if (v->psc[level][i].vpid == vpid)
				v->psc[level][i].table = NULL;
}

/* VM entry: with PAE paging the pointers are read now, and no more. */
void cpu_shadow_load(struct vcpu *v, const struct um_root *root)
{
	int i;

	v->hw_root = root->hpa;
	v->vpid = root->vpid;
	if (!root->hpa)
		world_bug("entry without a root");
	if (is_64(v))
		return;
	if (root->hpa >> 32 || root->hpa % 32)
		world_bug("CR3 is %llx with PAE", root->hpa);
	for (i = 0; i < 4; i++) {
		u64 pdpte = __atomic_load_n((u64 *)root->hpa + i,
					    __ATOMIC_ACQUIRE);

		if ((pdpte & PTE_P) && (pdpte & RESERVED_PDPTE))
			world_bug("pdpte %d is %llx", i, pdpte);
		v->hw_pdpte[i] = pdpte;
	}
}

static u64 prefix(u64 va, int level)
{
	return va >> (UM_PAGE_SHIFT + level * UM_TABLE_BITS);
}

/* The lowest table for @va that is remembered, else the root. */
static u64 *start(struct vcpu *v, u64 va, int *level, u64 *rights)
{
	u64 hpa = v->hw_root;
	int l;

	for (l = UM_LEVEL_4K; l < top_level(v); l++) {
		struct psc *psc = &v->psc[l][prefix(va, l) % PSC];

		if (!psc->table || psc->vpid != v->vpid ||
		    psc->prefix != prefix(va, l))
			continue;
		*level = l;
		*rights = psc->rights;
		return psc->table;
	}
	*level = top_level(v);
	*rights = UM_SS_W | UM_SS_U;
	if (!is_64(v)) {
		hpa = v->hw_pdpte[va >> 30 & 3];
		if (!(hpa & PTE_P))
			return NULL;
	}
	return __va(hpa & ADDRESS);
}

static void remember(struct vcpu *v, u64 va, int level, u64 *table, u64 rights)
{
	struct psc *psc = &v->psc[level][prefix(va, level) % PSC];

	psc->table = table;
	psc->prefix = prefix(va, level);
	psc->rights = rights;
	psc->vpid = v->vpid;
}

/* What an entry leaves of @rights; NX is kept as a bit that is set. */
static u64 narrow(u64 rights, u64 entry)
{
	return (rights & entry & (UM_SS_W | UM_SS_U)) |
	       ((rights | entry) & UM_SS_NX);
}

static bool allows(const struct vcpu *v, u64 rights, const struct vaccess *a)
{
	const u64 cr4 = v->ctx.paging.cr4;

	if (a->kind == STORE && !(rights & UM_SS_W))
		return false;
	if (a->kind == FETCH && (rights & UM_SS_NX))
		return false;
	if (a->user)
		return rights & UM_SS_U;
	if (!(rights & UM_SS_U))
		return true;
	if (a->kind == FETCH)
		return !(cr4 & CR4_SMEP);
	return !(cr4 & CR4_SMAP) || a->ac;
}

static void check_reserved(const struct vcpu *v, u64 entry, int level)
{
	u64 bad = is_64(v) ? RESERVED_64 : RESERVED_PAE;

	if (level > UM_LEVEL_4K)
		bad |= PTE_PS; /* no huge leaf is ever made */
	if (entry & bad)
		world_bug("reserved bits in %llx, level %d", entry, level);
}

static struct stlb *slot_of(struct vcpu *v, u64 page)
{
	return &v->tlb[(page ^ page >> 7 ^ v->vpid * 37) % STLB];
}

/*
 * A page fault forgets what there is of the address, and the structures that
 * led to it.
 */
static bool fault(struct vcpu *v, u64 va, const struct vaccess *a, u32 code)
{
	struct stlb *tlb = slot_of(v, va >> UM_PAGE_SHIFT);
	int level;

	if (tlb->vpid == v->vpid && tlb->page == va >> UM_PAGE_SHIFT)
		tlb->valid = false;
	for (level = 1; level < 6; level++)
		v->psc[level][prefix(va, level) % PSC].table = NULL;
	if (a->kind == STORE)
		code |= UM_PFEC_WRITE;
	if (a->kind == FETCH)
		code |= UM_PFEC_FETCH;
	v->fault_va = va;
	v->fault_pfec = code | (a->user ? UM_PFEC_USER : 0);
	return false;
}

/* False: it changed, walk again. */
static bool use(u64 *entry, u64 old, u64 bits)
{
	return (old & bits) == bits ||
	       __atomic_compare_exchange_n(entry, &old, old | bits, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* 1: filled in; 0: fault, with *@code; -1: again. */
static int walk_once(struct vcpu *v, u64 va, const struct vaccess *a,
		     struct stlb *tlb, u32 *code)
{
	u64 rights, entry, bits = UM_SS_A;
	int level;
	u64 *table = start(v, va, &level, &rights), *where;

	*code = 0;
	for (; table; level--) {
		if (!shadow_table_is_used(table))
			world_bug("a walk into a freed shadow table");
		where = table + um_gfn_index(va >> UM_PAGE_SHIFT, level);
		shim_yield();
		entry = __atomic_load_n(where, __ATOMIC_ACQUIRE);
		if (!(entry & UM_SS_P))
			return 0;
		check_reserved(v, entry, level);
		rights = narrow(rights, entry);
		if (level == UM_LEVEL_4K)
			break;
		if (!use(where, entry, UM_SS_A))
			return -1;
		table = __va(entry & ADDRESS);
		remember(v, va, level - 1, table, rights);
	}
	if (!table)
		return 0;
	*code = UM_PFEC_PRESENT;
	if (!allows(v, rights, a))
		return 0;
	if (a->kind == STORE)
		bits |= UM_SS_D;
	if (!use(where, entry, bits))
		return -1;
	*tlb = (struct stlb){
		.valid = true,
		.dirty = (entry | bits) & UM_SS_D,
		.vpid = v->vpid,
		.page = va >> UM_PAGE_SHIFT,
		.pfn = (entry & ADDRESS) >> UM_PAGE_SHIFT,
		.rights = rights,
	};
	return 1;
}

bool cpu_shadow_walk(struct vcpu *v, gva_t va, const struct vaccess *a,
		     um_pfn_t *pfn)
{
	struct stlb *tlb = slot_of(v, va >> UM_PAGE_SHIFT);
	u32 code;
	int done = -1;

	if (tlb->valid && tlb->vpid == v->vpid &&
	    tlb->page == va >> UM_PAGE_SHIFT && allows(v, tlb->rights, a) &&
	    (tlb->dirty || a->kind != STORE)) {
		*pfn = tlb->pfn;
		return true;
	}
	while (done < 0)
		done = walk_once(v, va, a, tlb, &code);
	if (!done)
		return fault(v, va, a, code);
	*pfn = tlb->pfn;
	return true;
}
