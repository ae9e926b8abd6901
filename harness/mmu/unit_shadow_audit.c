// SPDX-License-Identifier: GPL-2.0
/* Each check of the audit of shadow pages fails when it should, and says why. */
#include "guest.h"
#include "unit.h"

#include "../../mmu/audit.h"
#include "../../mmu/shadow.h"

#include <linux/hash.h>

#include <string.h>

#define TABLES_AT (RAM_BASE + 800) /* frames of the guest's tables */
#define USER 0x40000000UL	   /* a page with all rights */
#define BARE 0x50000000UL	   /* one to which a way without rights leads */
#define ROM 0x60000000UL	   /* one of the read-only slot */
#define HUGE 0x80000000UL	   /* of 2M */
#define GIANT 0x8000000000UL	   /* of 1G, from frame 0 on */

static struct world *world;
static struct vcpu v;
static struct guest_tables tables;

static void access_va(gva_t va, enum vkind kind)
{
	struct vaccess a = { .kind = kind, .size = 8 };

	CHECK(vcpu_access(&v, va, &a, NULL) == V_DONE);
}

static void poke(int level, gva_t va, u64 gpte)
{
	guest_poke(world, guest_entry(&tables, world, level, va),
		   guest_gpte_size(tables.format), gpte);
}

static void map_all(enum guest_format format)
{
	access_va(USER, STORE);
	if (format != GUEST_64)
		return;
	guest_map(&tables, world, BARE, GFN + 1, PTE_ALL | PTE_D);
	poke(2, BARE, (guest_entry(&tables, world, 1, BARE) &
		       GENMASK_ULL(51, 12)) | PTE_P | PTE_NX);
	guest_map(&tables, world, ROM, ROM_BASE, PTE_ALL);
	poke(2, HUGE, gfn_to_gpa(RAM_BASE) | PTE_ALL | PTE_PS);
	poke(3, GIANT, PTE_ALL | PTE_PS);
	access_va(BARE, LOAD);
	access_va(ROM, LOAD);
	access_va(HUGE + 5 * UM_PAGE_SIZE, STORE);
	access_va(GIANT + gfn_to_gpa(GFN + 6), STORE);
	/* A leaf of a frame that is a table. */
	access_va(guest_window(&tables, guest_entry(&tables, world, 1, USER)),
		  LOAD);
}

static void begin(enum guest_format format)
{
	world = world_new_shadow(UM_FAST_TAG, UM_PTW_EMUL);
	guest_tables_init(&tables, world, format, TABLES_AT, TABLES_AT + 64);
	/* Before the CPU loads the four pointers of PAE. */
	guest_map(&tables, world, USER, GFN, PTE_ALL);
	vcpu_init(&v, &world->cpu[0]);
	vcpu_set_mode(&v, CR0_PE | CR0_WP | CR0_PG, guest_cr4(format),
		      guest_efer(format), gfn_to_gpa(tables.root));
	map_all(format);
	CHECK(um_mmu_audit_quiet(&world->mmu));
}

static void end(void)
{
	CHECK(um_mmu_audit_quiet(&world->mmu));
	vcpu_destroy(&v);
	CHECK(world_free_shadow(world));
}

static um_sptep_t leaf_of(gva_t va)
{
	u64 sspte;

	return um_walk_shadow(um_context_root(&v.ctx), va, &sspte);
}

/* The page whose entry of @level is on the way to @va. */
static struct um_shadow_page *page_of(gva_t va, int level)
{
	struct um_shadow_page *sp = um_context_root(&v.ctx)->page[0];

	while (sp->role.level > level)
		sp = um_shadow_child(sp->table[um_va_index(va, sp->role.level)]);
	return sp;
}

/* What is asked: everything, everything in quiet, or one fault. */
enum ask { ALL, QUIET, FAULT };

static bool audit(enum ask ask, gva_t va)
{
	struct um_fault f = { .ctx = &v.ctx, .va = va };

	if (ask == ALL)
		return um_mmu_audit(&world->mmu);
	if (ask == QUIET)
		return um_mmu_audit_quiet(&world->mmu);
	return um_shadow_audit_fault(&world->mmu, &f);
}

/* It fails now, and says @what. */
static void fails(enum ask ask, gva_t va, const char *what)
{
	const int said = shim_warnings();

	CHECK(!audit(ask, va));
	CHECK(world->dead);
	EXPECT(strstr(shim_said(), what), "not %s", what);
	shim_forgive(shim_warnings() - said);
	world->dead = false;
}

static void with_word(u64 *word, u64 value, enum ask ask, gva_t va,
		      const char *what)
{
	u64 old = *word;

	*word = value;
	fails(ask, va, what);
	*word = old;
	CHECK(audit(ask, va));
}

static void with_leaf(gva_t va, u64 clear, u64 set, enum ask ask,
		      const char *what)
{
	u64 *word = (u64 *)leaf_of(va);

	with_word(word, (*word & ~clear) | set, ask, va, what);
}

static void entries(void)
{
	const u64 tag = 3ULL << UM_SS_TAG_SHIFT;
	enum ask ask;

	begin(GUEST_64);
	for (ask = ALL; ask <= FAULT; ask += FAULT - ALL) {
		with_leaf(USER, ~0ULL, UM_SS_MW, ask, "shadow I1");
		with_leaf(USER, UM_SS_MW, 0, ask, "shadow I2");
		with_leaf(USER, 0, tag, ask, "shadow I3");
		with_leaf(USER, 0, UM_SS_WP, ask, "shadow I4");
		with_leaf(USER, UM_SS_W, tag | UM_SS_PF, ask, "shadow I5");
		with_leaf(USER, 0, BIT_ULL(49), ask, "shadow I7");
		with_leaf(USER, 0, BIT_ULL(7), ask, "shadow I8");
	}
	end();
	begin(GUEST_PAE);
	with_leaf(USER, UM_SS_W, tag, FAULT, "shadow I6");
	end();
}

static void rights(void)
{
	const char *what = "rights that nobody gave";

	begin(GUEST_64);
	with_leaf(BARE, 0, UM_SS_U, ALL, what);
	with_leaf(BARE, UM_SS_NX, 0, ALL, what);
	with_leaf(BARE, 0, UM_SS_MW, ALL, what);
	with_leaf(ROM, 0, UM_SS_MW, FAULT, "a read-only slot may be written");
	end();
}

static void frames(void)
{
	u64 *twin;
	um_sptep_t sptep;
	struct um_rmap_head *head;

	begin(GUEST_64);
	twin = um_sspte_twin(leaf_of(HUGE + 5 * UM_PAGE_SIZE));
	with_word(twin, *twin + 1, ALL, 0, "not the frame of its place");
	sptep = leaf_of(USER);
	twin = um_sspte_twin(sptep);
	with_word(twin, GFN + 9, FAULT, USER, "not in the set of its frame");
	*twin = 7;
	CHECK(audit(FAULT, USER));
	*twin = GFN;
	with_word(twin, 7, QUIET, 0, "a leaf outside its slot");

	head = um_rmap_head(world->slots[0], GFN, 1);
	CHECK(um_rmap_remove(&world->mmu.rmap, head, sptep));
	fails(ALL, 0, "not in the set of its frame");
	CHECK(!um_rmap_topup(&v.ctx.pool));
	um_rmap_add(&world->mmu.rmap, &v.ctx.pool, head, sptep);
	um_rmap_add(&world->mmu.rmap, &v.ctx.pool, head + 1, sptep);
	fails(QUIET, 0, "in a set, and nowhere else");
	um_rmap_remove(&world->mmu.rmap, head + 1, sptep);
	end();
}

static void page_tables(void)
{
	struct um_rmap_head *head;
	struct um_fault f = {};
	int said = shim_warnings(), level;
	gva_t window;
	u64 spte;

	begin(GUEST_64);
	window = guest_window(&tables, guest_entry(&tables, world, 1, USER));
	f.gfn = page_of(USER, 1)->gfn;
	f.slot = world->slots[0];
	with_leaf(window, UM_SS_WP, 0, FAULT, "may write a page table");
	with_leaf(window, UM_SS_WP, 0, ALL, "page table");
	/* By the frame alone. */
	*(u64 *)leaf_of(window) &= ~UM_SS_WP;
	CHECK(!um_shadow_audit_fault(&world->mmu, &f));
	CHECK(strstr(shim_said(), "that a shadow leaf may write"));
	*(u64 *)leaf_of(window) |= UM_SS_WP;

	/* Another vCPU, without paging. */
	CHECK(fault(world, f.gfn, UM_ACC_R, NULL) == UM_PF_FIXED);
	spte = spte_at(world, f.gfn, &level);
	CHECK(spte & UM_SPTE_WP);
	put(world, f.gfn, spte & ~UM_SPTE_WP);
	CHECK(!um_shadow_audit_fault(&world->mmu, &f));
	CHECK(strstr(shim_said(), "may be written under EPT"));
	put(world, f.gfn, spte);
	shim_forgive(shim_warnings() - said);
	world->dead = false;

	head = um_rmap_head(world->slots[0], f.gfn, 1);
	um_rmap_wrprot_clear(&world->mmu.rmap, head);
	fails(ALL, 0, "in sync, and not protected");
	fails(FAULT, USER, "in sync, and not protected");
	um_rmap_wrprot_set(&world->mmu.rmap, head);
	end();
}

static void rehash(struct um_shadow_page *sp)
{
	hlist_add_head(&sp->hash,
		       &world->mmu.shadow->hash[hash_64(sp->gfn,
							UM_SHADOW_HASH_BITS)]);
}

static void links(void)
{
	const gva_t giant = GIANT + gfn_to_gpa(GFN + 6);
	struct um_shadow_page *sp, *upper;
	um_sptep_t sptep;

	begin(GUEST_64);
	sp = page_of(USER, 1);
	upper = page_of(USER, 2);
	hlist_del_init(&sp->hash);
	fails(ALL, 0, "leads to a page taken away");
	rehash(sp);
	sp->role.smep ^= 1;
	fails(FAULT, USER, "leads to another role");
	sp->role.smep ^= 1;
	sp->role.level++;
	fails(FAULT, USER, "leads to another role");
	sp->role.level--;
	upper->role.rights = 0;
	fails(ALL, 0, "leads to another role");
	upper->role.rights = UM_RIGHTS_ALL;

	sptep = um_shadow_sptep(upper, um_va_index(USER, 2));
	CHECK(um_rmap_remove(&world->mmu.rmap, &sp->parents, sptep));
	fails(FAULT, USER, "not among the parents");
	CHECK(!um_rmap_topup(&v.ctx.pool));
	um_rmap_add(&world->mmu.rmap, &v.ctx.pool, &sp->parents, sptep);

	page_of(HUGE, 1)->gfn++;
	fails(FAULT, HUGE, "leads to another frame");
	page_of(HUGE, 1)->gfn--;
	page_of(giant, 1)->gfn += 512;
	fails(FAULT, giant, "leads to another frame");
	page_of(giant, 1)->gfn -= 512;
	end();
}

static void lists(void)
{
	struct um_shadow *shadow;
	struct um_shadow_page *sp;

	begin(GUEST_64);
	shadow = world->mmu.shadow;
	sp = page_of(USER, 4);
	hlist_del_init(&sp->hash);
	fails(FAULT, USER, "filled after its end");
	fails(ALL, 0, "shadow pages in a wrong list");
	rehash(sp);
	sp = page_of(USER, 2);
	list_move(&sp->link, &shadow->retired);
	fails(ALL, 0, "shadow pages in a wrong list");
	list_move(&sp->link, &shadow->active);
	list_add(&sp->unsync_link, &shadow->unsync);
	fails(FAULT, USER, "out of sync, and no leaf");
	list_del_init(&sp->unsync_link);

	atomic64_inc(&world->mmu.stat.shadow_pages);
	fails(ALL, 0, "shadow pages miscounted");
	atomic64_dec(&world->mmu.stat.shadow_pages);
	atomic64_inc(&world->mmu.stat.shadow_unsync);
	fails(ALL, 0, "pages out of sync miscounted");
	atomic64_dec(&world->mmu.stat.shadow_unsync);
	atomic64_inc(&world->mmu.stat.shadow_leaves);
	fails(QUIET, 0, "shadow leaves miscounted");
	atomic64_dec(&world->mmu.stat.shadow_leaves);
	end();
}

static void in_quiet(void)
{
	const char *step = "not what the guest's table says";
	gpa_t entry;
	u64 gpte;

	begin(GUEST_64);
	with_leaf(USER, UM_SS_W, 1ULL << UM_SS_TAG_SHIFT, QUIET,
		  "left behind by nobody");
	world->slots[0]->dirty = world->dirty;
	fails(QUIET, 0, "writable, and not marked dirty");
	world->slots[0]->dirty = NULL;

	/* Behind everybody's back. */
	entry = guest_entry(&tables, world, 1, USER);
	gpte = guest_peek(world, entry, 8);
	guest_poke(world, entry, 8, gpte + UM_PAGE_SIZE);
	fails(QUIET, 0, step);
	guest_poke(world, entry, 8, gpte & ~PTE_P);
	fails(QUIET, 0, step);
	guest_poke(world, entry, 8, gpte);
	entry = guest_entry(&tables, world, 2, USER);
	gpte = guest_peek(world, entry, 8);
	guest_poke(world, entry, 8, gpte + UM_PAGE_SIZE);
	fails(QUIET, 0, step);
	guest_poke(world, entry, 8, gpte);
	end();
}

/* Two of ours for one of the guest's; and leaf tables in halves. */
static void legacy(void)
{
	gpa_t entry;
	u64 gpte;

	begin(GUEST_32);
	guest_map(&tables, world, USER + 0x200000, GFN + 2, PTE_ALL);
	access_va(USER + 0x200000, LOAD);
	CHECK(um_mmu_audit_quiet(&world->mmu));
	entry = guest_entry(&tables, world, 1, USER + 0x200000);
	gpte = guest_peek(world, entry, 4);
	guest_poke(world, entry, 4, gpte + UM_PAGE_SIZE);
	fails(QUIET, 0, "not what the guest's table says");
	guest_poke(world, entry, 4, gpte);
	end();
}

int main(void)
{
	unit_start();
	UNIT(entries);
	UNIT(rights);
	UNIT(frames);
	UNIT(page_tables);
	UNIT(links);
	UNIT(lists);
	UNIT(in_quiet);
	UNIT(legacy);
	return tap_done();
}
