// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU of a VM with the shadow engine: what vmx/ does, and the instructions
 * of the guest that concern paging.
 */
#include "guest.h"

#include <umbra/host.h>

#include <string.h>
#include <unistd.h>

#define TRIES 5000

void vcpu_init(struct vcpu *v, struct cpu *cpu)
{
	int i;

	memset(v, 0, sizeof(*v));
	v->cpu = cpu;
	if (um_context_init(&v->ctx, &cpu->world->mmu))
		world_bug("no context");
	v->ctx.paging.maxphyaddr = 46;
	v->ctx.paging.read_gpte = guest_read_gpte;
	v->ctx.paging.cmpxchg_gpte = guest_cmpxchg_gpte;
	v->ctx.paging.priv = v;
	v->ctx.paging.cr0 = CR0_PE | CR0_WP;
	for (i = 0; i < UM_ROOTS; i++)
		v->ctx.root[i].vpid = (cpu - cpu->world->cpu) * UM_ROOTS + i + 1;
}

void vcpu_destroy(struct vcpu *v)
{
	um_context_destroy(&v->ctx);
}

static void flush_debts(struct vcpu *v)
{
	struct um_root *root = um_context_root(&v->ctx);
	u64 owed = um_tlb_owed(&vcpu_world(v)->mmu.tlb);

	if (root->tlb_seen != owed)
		cpu_shadow_flush(v, root->vpid);
	root->tlb_seen = owed;
}

bool vcpu_enter(struct vcpu *v)
{
	struct cpu *cpu = v->cpu;

	if (!vcpu_is_paging(v)) {
		cpu_enter(cpu);
		return true;
	}
	for (;;) {
		while (!um_context_is_ready(&v->ctx)) {
			enum um_pf ret = um_context_load(&v->ctx);

			if (ret != UM_PF_FIXED && ret != UM_PF_RETRY)
				return false;
		}
		WRITE_ONCE(cpu->in_guest, true);
		smp_mb(); /* T2 */
		if (um_context_is_ready(&v->ctx))
			break;
		WRITE_ONCE(cpu->in_guest, false);
	}
	flush_debts(v);
	cpu_shadow_load(v, um_context_root(&v->ctx));
	return true;
}

void vcpu_leave(struct vcpu *v)
{
	cpu_leave(v->cpu);
}

static u8 fault_access(const struct vaccess *a)
{
	if (a->kind == LOAD)
		return UM_ACC_R;
	return a->kind == STORE ? UM_ACC_W : UM_ACC_X;
}

/* The frame is the guest's, or was as long as its TLB says so. */
static gfn_t touch_frame(struct vcpu *v, gva_t va, const struct vaccess *a,
			 um_pfn_t pfn)
{
	struct world *world = vcpu_world(v);
	struct frame *frame = &world->frame[pfn];
	int owner;

	if (pfn >= FRAMES) {
		world_bug("%lx maps pfn %llx", va, pfn);
		return 0;
	}
	shim_yield();
	owner = READ_ONCE(frame->owner);
	if (owner < 0) {
		world_bug("%lx uses a frame that is free", va);
		return 0;
	}
	if (a->kind == STORE) {
		guest_store(gfn_to_gpa(owner) + va % UM_PAGE_SIZE, pfn, a->size,
			    a->value);
		__atomic_fetch_add(&frame->value, 1, __ATOMIC_SEQ_CST);
		v->cpu->writes[owner]++;
	}
	return owner;
}

/* In guest mode. */
static bool attempt(struct vcpu *v, gva_t va, const struct vaccess *a,
		    gpa_t *gpa)
{
	um_pfn_t pfn;

	if (!vcpu_is_paging(v)) {
		struct tlb_entry *tlb = cpu_translate(v->cpu, gpa_to_gfn(va),
						      fault_access(a));

		if (!tlb)
			return false;
		*gpa = va;
		if (touch_frame(v, va, a, tlb->pfn) != gpa_to_gfn(va))
			world_bug("gpa %lx uses another's frame", va);
		return true;
	}
	if (!cpu_shadow_walk(v, va, a, &pfn))
		return false;
	*gpa = gfn_to_gpa(touch_frame(v, va, a, pfn)) + va % UM_PAGE_SIZE;
	return true;
}

static bool judged(const struct vcpu *v)
{
	return v->watched && vcpu_is_paging(v);
}

bool vcpu_attempt(struct vcpu *v, gva_t va, const struct vaccess *a, gpa_t *gpa)
{
	bool done = attempt(v, va, a, gpa);

	if (done && judged(v))
		oracle_check_done(v, va, a, gpa_to_gfn(*gpa));
	return done;
}

static enum um_pf handle(struct vcpu *v, const struct vaccess *a, gpa_t *gpa)
{
	const bool paging = vcpu_is_paging(v);
	struct um_fault f = {
		.gfn = v->cpu->fault_gfn,
		.access = fault_access(a),
		.allowed = paging ? (v->fault_pfec & UM_PFEC_PRESENT ?
					     UM_ACC_R : 0) :
				    v->cpu->fault_allowed,
		.tag = v->cpu->tag,
		.ctx = paging ? &v->ctx : NULL,
		.va = v->fault_va,
		.pfec = v->fault_pfec,
	};
	enum um_pf ret;

	v->ctx.paging.rflags = a->ac ? RFLAGS_AC : 0;
	if (v->stall) {
		shim_stall = v->stall;
		shim_stall_skip = v->stall_skip;
		v->stall = NULL;
	}
	ret = um_fault_handle(&vcpu_world(v)->mmu, &f, &v->cpu->stat);
	if (ret == UM_PF_TABLE || ret == UM_PF_EMULATE)
		*gpa = paging ? v->ctx.walk.gpa : gfn_to_gpa(f.gfn);
	if (paging && (ret == UM_PF_TABLE || ret == UM_PF_EMULATE) &&
	    f.gfn != gpa_to_gfn(*gpa))
		world_bug("gfn %llx, but the walk went to %llx", f.gfn, *gpa);
	v->outcomes[ret]++;
	v->path = f.path;
	return ret;
}

/* The emulator: the access is done by software. */
static enum vresult emulate(struct vcpu *v, gva_t va, const struct vaccess *a,
			    gpa_t gpa)
{
	bool done;

	if (v->idle || a->kind != STORE)
		return V_MMIO;
	gpa = (gpa & ~(UM_PAGE_SIZE - 1)) | va % UM_PAGE_SIZE;
	um_context_write_begin(&v->ctx, gpa, a->size);
	done = guest_write(v->cpu, gpa, a->size, a->value);
	/* Others see it. */
	shim_yield_hard();
	um_context_write_end(&v->ctx);
	return done ? V_DONE : V_MMIO;
}

static void forget_page(struct vcpu *v, gva_t va, u64 time)
{
	int i = v->nflushed++ % FLUSHED;

	v->flushed[i].page = va >> UM_PAGE_SHIFT;
	v->flushed[i].time = time;
}

/* V_STUCK: try again. */
static enum vresult serve(struct vcpu *v, gva_t va, const struct vaccess *a,
			  gpa_t *gpa, u64 began, int tries)
{
	u64 now = guest_now();

	switch (handle(v, a, gpa)) {
	case UM_PF_FIXED:
	case UM_PF_SPURIOUS:
	case UM_PF_RETRY:
	case UM_PF_NOMEM:
		return V_STUCK;
	case UM_PF_GUEST:
		if (judged(v))
			oracle_check_fault(v, va, a, began);
		forget_page(v, va, now);
		return V_PF;
	case UM_PF_TABLE:
		/* Where its own way leads through that table, in vain. */
		if (a->unshadow && tries < 3) {
			um_mmu_unshadow(&vcpu_world(v)->mmu, gpa_to_gfn(*gpa));
			return V_STUCK;
		}
		fallthrough;
	case UM_PF_EMULATE:
		if (judged(v))
			oracle_check_done(v, va, a, gpa_to_gfn(*gpa));
		return emulate(v, va, a, *gpa);
	default:
		world_bug("outcome of a fault at %lx", va);
		return V_PF;
	}
}

enum vresult vcpu_access(struct vcpu *v, gva_t va, const struct vaccess *a,
			 gpa_t *gpa)
{
	u64 began = guest_now();
	enum vresult ret = V_STUCK;
	gpa_t where;
	int tries;

	if (!gpa)
		gpa = &where;
	v->ctx.paging.rflags = a->ac ? RFLAGS_AC : 0;
	for (tries = 0; tries < TRIES && ret == V_STUCK; tries++) {
		bool done;

		/* Somebody else is to get on. */
		if (tries > 20)
			usleep(50);
		done = vcpu_enter(v);
		if (!done)
			continue;
		done = vcpu_attempt(v, va, a, gpa);
		vcpu_leave(v);
		ret = done ? V_DONE : serve(v, va, a, gpa, began, tries);
	}
	return ret;
}

/* All it had cached, of all address spaces. */
static void forget_all(struct vcpu *v)
{
	int i;

	for (i = 0; i < 4; i++)
		v->since[i] = guest_now();
}

static bool load_pdptes(struct vcpu *v, u64 cr3)
{
	struct um_guest_paging *p = &v->ctx.paging;
	u64 pdpte[4];
	int i;

	for (i = 0; i < 4; i++) {
		pdpte[i] = guest_peek(vcpu_world(v), (cr3 & ~31U) + i * 8, 8);
		if (!um_guest_pdpte_is_valid(pdpte[i], p->maxphyaddr))
			return false;
	}
	memcpy(p->pdpte, pdpte, sizeof(pdpte));
	return true;
}

bool vcpu_set_cr3(struct vcpu *v, u64 cr3, bool keep)
{
	struct um_guest_paging *p = &v->ctx.paging;
	bool pcid = p->cr4 & CR4_PCIDE;
	bool pae = (p->cr4 & CR4_PAE) && !(p->efer & EFER_LMA);

	if (pae && !load_pdptes(v, cr3))
		return false;
	p->cr3 = cr3;
	keep &= pcid;
	if (!keep)
		v->since[pcid ? cr3 & 3 : 0] = guest_now();
	um_context_new_cr3(&v->ctx, keep);
	return true;
}

bool vcpu_set_mode(struct vcpu *v, u64 cr0, u64 cr4, u64 efer, u64 cr3)
{
	struct um_guest_paging *p = &v->ctx.paging;
	bool pae = (cr4 & CR4_PAE) && !(efer & EFER_LMA);
	int i;

	if ((cr0 & CR0_PG) && pae && !load_pdptes(v, cr3))
		return false;
	p->cr0 = cr0;
	p->cr4 = cr4;
	p->efer = efer;
	p->cr3 = cr3;
	forget_all(v);
	if (!(cr0 & CR0_PG))
		return true;
	um_context_changed(&v->ctx);
	for (i = 0; i < UM_ROOTS; i++)
		v->ctx.root[i].tlb_seen = ~0ULL;
	return true;
}

void vcpu_invlpg(struct vcpu *v, gva_t va)
{
	forget_page(v, va, guest_now());
	um_context_invlpg(&v->ctx, va);
}

void vcpu_flush(struct vcpu *v)
{
	forget_all(v);
	um_context_flush(&v->ctx);
}
