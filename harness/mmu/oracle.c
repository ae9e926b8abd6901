// SPDX-License-Identifier: GPL-2.0
/*
 * The oracle: how may an access end, going by the guest's tables alone?
 *
 * Written from the SDM, "Paging", and from nothing of umbra's. An entry may be
 * used as it stands, or as it stood at any time since the CPU last gave up what
 * it had cached of the address: TLBs and paging-structure caches may mix old
 * and new at every level. A fault is judged by what stood there while the access
 * was under way, for a CPU looks before it faults.
 */
#include "guest.h"

#include <umbra/host.h>

#include <linux/kvm.h>

#include <stdio.h>

#define VALUES 16

static bool is_64(const struct um_guest_paging *p)
{
	return p->efer & EFER_LMA;
}

static bool is_32(const struct um_guest_paging *p)
{
	return !is_64(p) && !(p->cr4 & CR4_PAE);
}

static unsigned int entry_size(const struct um_guest_paging *p)
{
	return is_32(p) ? 4 : 8;
}

static unsigned int shift_of(const struct um_guest_paging *p, int level)
{
	return 12 + (level - 1) * (is_32(p) ? 10 : 9);
}

static bool has_memory(struct oracle *o, gpa_t gpa)
{
	return um_host_slot(&o->world->mmu, gpa_to_gfn(gpa));
}

static int add_value(u64 *value, int n, u64 word)
{
	int i;

	for (i = 0; i < n; i++)
		if (value[i] == word)
			return n;
	value[n] = word;
	return n + 1;
}

static int add_edit(struct oracle *o, const struct edit *e, gpa_t gpa,
		    u64 value[VALUES], int n)
{
	u64 old = e->old;

	if (e->word != (gpa & ~7ULL))
		return n;
	if (n == VALUES) {
		o->full = true;
		return n;
	}
	if (entry_size(o->paging) == 4)
		old = (u32)(old >> gpa % 8 * 8);
	return add_value(value, n, old);
}

/* What stood at @gpa at some time since o->since. */
static int values(struct oracle *o, gpa_t gpa, u64 value[VALUES])
{
	struct history *h = &guest_mem.history;
	int n = 1;
	u64 i;

	value[0] = guest_peek_locked(o->world, gpa, entry_size(o->paging));
	if (!guest_mem.keeps)
		return n;
	if (h->now - o->since >= EDITS)
		o->full = true;
	for (i = h->now; i > o->since && !o->full; i--)
		n = add_edit(o, &h->edit[(i - 1) % EDITS], gpa, value, n);
	return n;
}

/* SDM, "Reserved Bits": those of an entry that maps a page or a table. */
static u64 reserved(const struct um_guest_paging *p, int level, bool page)
{
	u64 bits = 0;

	if (is_32(p)) {
		if (page && level == 2) /* PSE-36, 40 bits at most */
			bits = GENMASK_ULL(21, 21);
		if (page && level == 2 && p->maxphyaddr < 40)
			bits |= GENMASK_ULL(20, p->maxphyaddr - 19);
		return bits;
	}
	bits = GENMASK_ULL(is_64(p) ? 51 : 62, p->maxphyaddr);
	if (!(p->efer & EFER_NXE))
		bits |= PTE_NX;
	if (page && level == 2)
		bits |= GENMASK_ULL(20, 13);
	if (page && level == 3)
		bits |= GENMASK_ULL(29, 13);
	if (level > 3 || (level == 3 && p->no_gbpages))
		bits |= PTE_PS;
	return bits;
}

static bool maps_page(const struct um_guest_paging *p, int level, u64 entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS) || level > 3)
		return false;
	return !is_32(p) || (p->cr4 & CR4_PSE);
}

static u64 page_address(const struct um_guest_paging *p, int level, u64 entry,
			u64 va)
{
	u64 offset = (1ULL << shift_of(p, level)) - 1;
	u64 base = entry & GENMASK_ULL(51, 12) & ~offset;

	if (is_32(p) && level == 2)
		base = (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return base | (va & offset);
}

static bool permitted(const struct oracle *o, u64 all, bool nx)
{
	const struct um_guest_paging *p = o->paging;
	const u32 a = o->access;

	if (a & UM_WALK_USER) {
		if (!(all & PTE_U))
			return false;
		if ((a & UM_WALK_WRITE) && !(all & PTE_W))
			return false;
		return !(a & UM_WALK_FETCH) || !nx;
	}
	if (a & UM_WALK_FETCH)
		return !nx && !((all & PTE_U) && (p->cr4 & CR4_SMEP));
	if ((all & PTE_U) && (p->cr4 & CR4_SMAP) && !(p->rflags & RFLAGS_AC))
		return false;
	return !(a & UM_WALK_WRITE) || (all & PTE_W) || !(p->cr0 & CR0_WP);
}

static void answer(struct oracle *o, struct answer *a)
{
	if (o->n == ANSWERS)
		o->full = true;
	else
		o->answer[o->n++] = *a;
}

static void answer_fault(struct oracle *o, struct answer *a, u32 code)
{
	const struct um_guest_paging *p = o->paging;

	a->fault = true;
	a->code = code;
	if (o->access & UM_WALK_WRITE)
		a->code |= UM_PFEC_WRITE;
	if (o->access & UM_WALK_USER)
		a->code |= UM_PFEC_USER;
	if ((o->access & UM_WALK_FETCH) &&
	    ((p->cr4 & CR4_SMEP) || (!is_32(p) && (p->efer & EFER_NXE))))
		a->code |= UM_PFEC_FETCH;
	answer(o, a);
}

static void descend(struct oracle *o, int level, u64 table, u64 all, bool nx,
		    struct answer a);

static void consider(struct oracle *o, int level, u64 entry, u64 all, bool nx,
		     struct answer a)
{
	const struct um_guest_paging *p = o->paging;
	const bool page = maps_page(p, level, entry);

	a.entry[a.n++] = entry;
	if (!(entry & PTE_P)) {
		answer_fault(o, &a, 0);
		return;
	}
	if (entry & reserved(p, level, page)) {
		answer_fault(o, &a, UM_PFEC_PRESENT | UM_PFEC_RSVD);
		return;
	}
	all &= entry;
	nx = nx || (!is_32(p) && (entry & PTE_NX));
	if (!page) {
		descend(o, level - 1, entry & GENMASK_ULL(51, 12), all, nx, a);
	} else if (!permitted(o, all, nx)) {
		answer_fault(o, &a, UM_PFEC_PRESENT);
	} else {
		a.gpa = page_address(p, level, entry, o->va);
		answer(o, &a);
	}
}

static void descend(struct oracle *o, int level, u64 table, u64 all, bool nx,
		    struct answer a)
{
	const u64 bits = is_32(o->paging) ? 10 : 9;
	u64 index = o->va >> shift_of(o->paging, level) & ((1 << bits) - 1);
	gpa_t gpa = table + index * entry_size(o->paging);
	u64 value[VALUES];
	int n, i;

	if (o->world->slots_move || !has_memory(o, gpa)) {
		struct answer none = a;

		none.nowhere = true;
		answer_fault(o, &none, 0);
		if (!o->world->slots_move || gpa_to_gfn(gpa) >= GFNS)
			return;
	}
	a.at[a.n] = gpa;
	n = values(o, gpa, value);
	for (i = 0; i < n && !o->full; i++)
		consider(o, level, value[i], all, nx, a);
}

void oracle_ask(struct oracle *o)
{
	const struct um_guest_paging *p = o->paging;
	u64 table = p->cr3 & GENMASK_ULL(51, 12);
	struct answer a = { 0 };
	int level = 2;

	o->n = 0;
	o->full = false;
	if (!is_64(p))
		o->va = (u32)o->va;
	if (is_64(p))
		level = p->cr4 & CR4_LA57 ? 5 : 4;
	else if (!is_32(p))
		table = p->pdpte[o->va >> 30];
	pthread_mutex_lock(&o->world->mm);
	if (guest_mem.keeps)
		pthread_mutex_lock(&guest_mem.history.lock);
	rcu_read_lock();
	if (!is_64(p) && !is_32(p) && !(table & PTE_P))
		answer_fault(o, &a, 0);
	else
		descend(o, level, table & GENMASK_ULL(51, 12), PTE_ALL, false,
			a);
	rcu_read_unlock();
	if (guest_mem.keeps)
		pthread_mutex_unlock(&guest_mem.history.lock);
	pthread_mutex_unlock(&o->world->mm);
}

static u32 walk_access(const struct vaccess *a)
{
	return (a->kind == STORE ? UM_WALK_WRITE : 0) |
	       (a->kind == FETCH ? UM_WALK_FETCH : 0) |
	       (a->user ? UM_WALK_USER : 0);
}

static struct oracle ask(struct vcpu *v, gva_t va, const struct vaccess *a,
			 u64 since)
{
	struct oracle o = {
		.world = v->cpu->world,
		.paging = &v->ctx.paging,
		.va = va,
		.access = walk_access(a),
		.since = since,
	};

	oracle_ask(&o);
	return o;
}

u64 oracle_since(const struct vcpu *v, gva_t va)
{
	u64 since = v->since[v->ctx.paging.cr4 & CR4_PCIDE ?
				     v->ctx.paging.cr3 & 3 : 0];
	int i;

	for (i = 0; i < FLUSHED; i++)
		if (v->flushed[i].page == va >> UM_PAGE_SHIFT &&
		    v->flushed[i].time > since)
			since = v->flushed[i].time;
	return since;
}

static const char *const kind_name[] = { "load", "store", "fetch" };

static void explain(const struct oracle *o)
{
	int i, k;

	for (i = 0; i < o->n && i < 6; i++) {
		const struct answer *a = &o->answer[i];

		shim_warn("  may be %s %llx%s:", a->fault ? "#PF" : "gpa",
			  a->fault ? a->code : a->gpa,
			  a->nowhere ? " (nowhere)" : "");
		for (k = 0; k < a->n; k++)
			printf(" [%llx]=%llx", a->at[k], a->entry[k]);
		printf("\n");
	}
}

static void complain(const struct vcpu *v, const struct oracle *o, gva_t va,
		     const struct vaccess *a, const char *what, u64 said)
{
	const struct um_guest_paging *p = &v->ctx.paging;

	world_bug("cpu %d: %s %s of %lx ended with %s %llx (cr0 %llx cr3 %llx cr4 %llx efer %llx ac %d)",
		  (int)(v->cpu - v->cpu->world->cpu),
		  a->user ? "user" : "supervisor", kind_name[a->kind], va, what,
		  said, p->cr0, p->cr3, p->cr4, p->efer, a->ac);
	explain(o);
}

/* Nothing but one translation was there: A stands in all of it, and D. */
static void check_used(struct vcpu *v, struct oracle *o, gva_t va,
		       const struct vaccess *a)
{
	const struct answer *one = &o->answer[0];
	int i;

	rcu_read_lock();
	for (i = 0; i < one->n; i++) {
		struct um_slot *slot = um_host_slot(&o->world->mmu,
						    gpa_to_gfn(one->at[i]));
		u64 want = PTE_A;

		if (a->kind == STORE && i == one->n - 1)
			want |= PTE_D;
		if (slot && !(slot->flags & KVM_MEM_READONLY) &&
		    (one->entry[i] & want) != want)
			complain(v, o, va, a, "A or D missing at",
				 one->at[i]);
	}
	rcu_read_unlock();
}

void oracle_check_done(struct vcpu *v, gva_t va, const struct vaccess *a,
		       gfn_t gfn)
{
	struct oracle o = ask(v, va, a, oracle_since(v, va));
	int i;

	for (i = 0; i < o.n && !o.full; i++)
		if (!o.answer[i].fault && gpa_to_gfn(o.answer[i].gpa) == gfn)
			break;
	if (i == o.n && !o.full)
		complain(v, &o, va, a, "gfn", gfn);
	else if (o.n == 1 && !o.full)
		check_used(v, &o, va, a);
}

void oracle_check_fault(struct vcpu *v, gva_t va, const struct vaccess *a,
			u64 since)
{
	struct oracle o = ask(v, va, a, since);
	u32 code = v->ctx.walk.error_code;
	int i;

	for (i = 0; i < o.n && !o.full; i++)
		if (o.answer[i].fault && o.answer[i].code == code)
			break;
	if (i == o.n && !o.full)
		complain(v, &o, va, a, "#PF", code);
}
