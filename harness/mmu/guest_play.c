// SPDX-License-Identifier: GPL-2.0
/* What guests and hosts do at random: see guest_play.h. */
#include "guest_play.h"

#include <umbra/host.h>

#include <linux/bitops.h>
#include <linux/kvm.h>

#include <stdlib.h>

void guest_mode(struct guest *g, struct vcpu *v)
{
	struct um_guest_paging p = { 0 };

	random_mode(&g->tables, &p);
	SAY(g, "cpu %d mode %d cr0 %llx cr4 %llx cr3 %llx", (int)(v - g->vcpu),
	    format_of(&p), p.cr0, p.cr4, p.cr3);
	v->ctx.paging.no_gbpages = p.no_gbpages;
	vcpu_set_mode(v, p.cr0, p.cr4, p.efer, p.cr3);
}

struct guest *guest_new(enum guest_format first, enum guest_format last,
			       enum um_fast_mode mode, enum um_ptw_mode ptw)
{
	struct guest *g = calloc(1, sizeof(*g));
	int i;

	world_shadow_huge = chance(50);
	g->world = world_new_shadow(mode, ptw);
	random_tables_init(&g->tables, g->world, first, last, chance(60));
	for (i = 0; i < VCPUS; i++) {
		vcpu_init(&g->vcpu[i], &g->world->cpu[i]);
		g->vcpu[i].watched = true;
		guest_mode(g, &g->vcpu[i]);
	}
	return g;
}

void guest_access(struct guest *g, struct vcpu *v)
{
	struct vaccess a = {
		.kind = below(3),
		.user = chance(50),
		.ac = chance(30),
		.size = chance(80) ? 8 : 4,
		.value = shim_random(),
	};
	bool paging = vcpu_is_paging(v);
	gva_t va = any_va(format_of(&v->ctx.paging));
	enum vresult ret;
	gpa_t gpa = 0;

	if (!paging) {
		va = gfn_to_gpa(any_target(&g->tables)) + below(512) * 8;
		a.user = false;
	}
	/* What it would write into a table is an entry. */
	if (a.kind == STORE && chance(70))
		a.kind = LOAD;
	if (a.kind == STORE) {
		a.value = any_gpte(&g->tables, format_of(&v->ctx.paging), 1 + below(2));
		a.size = guest_gpte_size(format_of(&v->ctx.paging));
	}
	SAY(g, "cpu %d %s %s %lx", (int)(v - g->vcpu), a.user ? "user" : "super",
	    a.kind == LOAD ? "load" : a.kind == STORE ? "store" : "fetch", va);
	ret = vcpu_access(v, va, &a, &gpa);
	SAY(g, "   %d, gpa %llx, code %x", ret, gpa, v->ctx.walk.error_code);
	if (ret == V_STUCK)
		world_bug("an access to %lx never ended: path %x", va,
			  v->path);
	v->accesses++;
	v->pfs += ret == V_PF;
}

/* The entry of a random level on the way to a random address. */
static gpa_t entry_in_use(struct guest *g, struct vcpu *v, int *level)
{
	enum guest_format f = format_of(&v->ctx.paging);
	unsigned int size = guest_gpte_size(f);
	gva_t va = any_va(f);
	gpa_t gpa = v->ctx.paging.cr3 & GENMASK_ULL(51, 12);
	int l = guest_levels(f), to = chance(60) ? 1 : 1 + below(l);
	u64 entry;

	for (;; l--) {
		gpa += guest_index(f, l, va) * size;
		entry = guest_peek(g->world, gpa, size);
		*level = l;
		if (l <= to || !(entry & PTE_P) ||
		    ((entry & PTE_PS) && l < 4) ||
		    gpa_to_gfn(entry & GENMASK_ULL(49, 12)) >= GFNS)
			return gpa;
		gpa = entry & GENMASK_ULL(49, 12);
	}
}

static u64 edited(struct guest *g, enum guest_format f, int level, u64 old)
{
	static const u64 flag[] = { PTE_P, PTE_W, PTE_W, PTE_U, PTE_A, PTE_D,
				    PTE_NX, BIT_ULL(9) };
	u64 r = below(3);

	if (f == GUEST_PAE && level == 3)
		return any_pdpte(&g->tables);
	if (r == 0 && old)
		return old ^ flag[below(f == GUEST_32 ? 6 : 8)];
	return r == 1 && chance(30) ? 0 : any_gpte(&g->tables, f, level);
}

/* By a store through the window. */
void guest_edit(struct guest *g, struct vcpu *v)
{
	enum guest_format f = format_of(&v->ctx.paging);
	struct vaccess a = { .kind = STORE, .size = guest_gpte_size(f) };
	gpa_t gpa;
	int level;

	if (!vcpu_is_paging(v))
		return;
	gpa = entry_in_use(g, v, &level);
	if (gpa_to_gfn(gpa) - RAM_BASE >= RAM_PAGES)
		return;
	a.value = edited(g, f, level, guest_peek(g->world, gpa, a.size));
	a.unshadow = chance(5);
	/* A half at a time, as PAE guests do. */
	if (a.size == 8 && chance(10)) {
		a.size = 4;
		a.value = chance(50) ? a.value : a.value >> 32;
		gpa += chance(50) ? 4 : 0;
	}
	SAY(g, "cpu %d edit level %d at %llx: %llx", (int)(v - g->vcpu), level,
	    gpa, a.value);
	/* It may be shut: a random store went to the window's own tables. */
	if (vcpu_access(v, guest_window(&g->tables.tables[f], gpa), &a,
			NULL) == V_STUCK)
		world_bug("an edit never ended: path %x", v->path);
	v->edits++;
}

void guest_flush(struct guest *g, struct vcpu *v)
{
	enum guest_format f = format_of(&v->ctx.paging);
	gva_t va = any_va(f);
	u64 r = below(10);
	int i = below(ROOTS);

	SAY(g, "cpu %d flush %llu, %lx, root %d", (int)(v - g->vcpu), r, va, i);
	if (!vcpu_is_paging(v))
		return;
	if (r < 6)
		vcpu_invlpg(v, va);
	else if (r < 9)
		vcpu_set_cr3(v, gfn_to_gpa(g->tables.root[f][i]) |
				(v->ctx.paging.cr4 & CR4_PCIDE ? i : 0),
			     chance(50));
	else
		vcpu_flush(v);
}

void guest_switch(struct guest *g, struct vcpu *v)
{
	struct um_guest_paging *p = &v->ctx.paging;

	if (vcpu_is_paging(v) && chance(30))
		vcpu_set_mode(v, CR0_PE | CR0_WP, p->cr4 & ~CR4_PCIDE, p->efer,
			      p->cr3);
	else
		guest_mode(g, v);
}

static void copy_page(struct guest *g, gfn_t gfn)
{
	g->copy[gfn] = host_read(g->world, gfn);
}

void guest_harvest(struct guest *g)
{
	struct um_slot *slot = g->world->slots[0];
	u64 i;

	um_dirty_harvest(&g->world->mmu, slot);
	for (i = 0; i < slot->npages; i++)
		if (test_bit(i, slot->dirty_out))
			copy_page(g, slot->base + i);
}

void guest_log(struct guest *g)
{
	bool on = um_slot_is_logged(g->world->slots[0]);
	gfn_t gfn;

	if (on && chance(80)) {
		guest_harvest(g);
		return;
	}
	slot_log(g->world, on ? LOG_OFF : LOG_ON);
	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++)
		copy_page(g, gfn);
}

static void age(struct world *world, gfn_t gfn)
{
	int idx = um_host_read_lock(&world->mmu);
	struct um_slot *slot = um_host_slot(&world->mmu, gfn);

	if (slot)
		um_mmu_age(&world->mmu, slot, gfn, gfn + 1);
	um_host_read_unlock(&world->mmu, idx);
}

void guest_host(struct guest *g)
{
	gfn_t gfn = chance(60) ? any_data() : g->tables.pool[below(POOL)];
	struct world *world = g->world;
	u64 r = below(65);

	SAY(g, "host %llu %llx", r, gfn);
	if (gfn - RAM_BASE >= RAM_PAGES)
		gfn = any_data();
	if (r < 30)
		host_migrate(world, gfn);
	else if (r < 50)
		host_share(world, gfn);
	else
		age(world, gfn);
}

/* What holds the slots; never beside guest_log(). */
void guest_slots(struct guest *g)
{
	struct world *world = g->world;
	u64 r = below(10);

	SAY(g, "slots %llu", r);
	if (r < 3)
		slot_insert(world, 0, slot_remove(world, 0));
	else if (r < 5)
		slot_insert(world, 1, slot_remove(world, 1));
	else if (r < 7)
		um_mmu_set_quota(&world->mmu, chance(50) ? 12 + below(60) :
							   TABLES);
	else
		WRITE_ONCE(world->mmu.ptw, below(2));
}

void guest_check(struct guest *g, bool whole)
{
	struct world *world = g->world;
	bool logged;
	gfn_t gfn;

	if (!um_mmu_audit_quiet(&world->mmu))
		world_bug("audit");
	world_check_leaves(world);
	world_check_shadow(world);
	if (!whole)
		return;
	logged = um_slot_is_logged(world->slots[0]);
	if (logged)
		guest_harvest(g);
	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++)
		world_check_page(world, gfn, logged ? g->copy : NULL);
}

void guest_step(struct guest *g, struct vcpu *v)
{
	u64 r = below(100);

	if (r < 68)
		guest_access(g, v);
	else if (r < 88)
		guest_edit(g, v);
	else if (r < 99)
		guest_flush(g, v);
	else
		guest_switch(g, v);
}

void guest_summary(const struct guest *g)
{
	const struct um_mmu_stat *s = &g->world->mmu.stat;
	u64 accesses = 0, pfs = 0, edits = 0, fast = 0;
	int i, k;

	for (i = 0; i < VCPUS; i++) {
		accesses += g->vcpu[i].accesses;
		pfs += g->vcpu[i].pfs;
		edits += g->vcpu[i].edits;
		fast += g->vcpu[i].cpu->stat.fast;
	}
	printf("# %llu accesses, %llu #PF, %llu edits;", accesses, pfs, edits);
	for (k = UM_PF_RETRY; k <= UM_PF_GUEST; k++) {
		static const char *const name[] = {
			"continue", "retry", "fixed", "spurious", "emulate",
			"table", "guest",
		};
		u64 sum = 0;

		for (i = 0; i < VCPUS; i++)
			sum += g->vcpu[i].outcomes[k];
		printf(" %s %llu", name[k], sum);
	}
	printf("; fast %llu, zapped %lld, synced %lld, flooded %lld, reclaimed %lld\n",
	       fast, atomic64_read(&s->shadow_zapped),
	       atomic64_read(&s->shadow_synced),
	       atomic64_read(&s->shadow_flooded), atomic64_read(&s->reclaimed));
}


bool guest_free(struct guest *g)
{
	bool good;
	int i;

	for (i = 0; i < VCPUS; i++)
		vcpu_destroy(&g->vcpu[i]);
	good = world_free_shadow(g->world);
	free(g);
	return good;
}
