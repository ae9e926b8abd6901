// SPDX-License-Identifier: GPL-2.0
/*
 * The stage on which races run, and sides that several of them have.
 *
 * Judged after each round: every leaf maps what the host maps; every write is
 * in memory; in a logged slot, what the log never told of equals its copy; the
 * audit is content. At the end no table is left over. While a round runs, the
 * model CPU complains of a frame that is not its own any more, and the host of
 * a shared page that was written.
 */
#include "race.h"

#include <linux/bitops.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 300

u64 race_copy[GFNS];
struct vcpu race_vcpu[CPUS];
struct guest_tables race_tables;

struct stage {
	const struct race *race;
	struct world *world;
	pthread_barrier_t barrier;
	u64 seed;
	bool over;
};

struct actor {
	struct stage *stage;
	int side;
	pthread_t thread;
};

static void *act(void *arg)
{
	struct actor *actor = arg;
	struct stage *stage = actor->stage;
	struct world *world = stage->world;

	shim_thread(stage->seed + actor->side + 1);
	for (;;) {
		pthread_barrier_wait(&stage->barrier);
		if (stage->over)
			return NULL;
		shim_pace = shim_random() % 3;
		/* Who is woken first shall not always be first. */
		if (shim_random() % 2)
			usleep(shim_random() % 100);
		stage->race->side[actor->side](world,
					       &world->cpu[actor->side]);
		pthread_barrier_wait(&stage->barrier);
	}
}

/* All sides are done. */
static void judge(struct world *world, bool whole)
{
	gfn_t end = RAM_BASE + (whole ? RAM_PAGES : RACE_PAGES), gfn;
	bool logged = um_slot_is_logged(world->slots[0]);

	if (!um_mmu_audit_quiet(&world->mmu))
		world_bug("audit");
	world_check_leaves(world);
	if (world->mmu.shadow)
		world_check_shadow(world);
	if (logged)
		race_harvest(world, NULL);
	for (gfn = RAM_BASE; gfn < end; gfn++)
		world_check_page(world, gfn, logged ? race_copy : NULL);
}

static void play(struct stage *stage, int rounds)
{
	const struct race *race = stage->race;
	struct world *world = stage->world;
	int i;

	for (i = 0; i < rounds && !shim_warnings(); i++) {
		if (race->before)
			race->before(world);
		shim_yields = true;
		pthread_barrier_wait(&stage->barrier);
		pthread_barrier_wait(&stage->barrier);
		shim_yields = false;
		if (race->after)
			race->after(world);
		judge(world, i == rounds - 1);
	}
	stage->over = true;
	pthread_barrier_wait(&stage->barrier);
}

static struct world *shadow_world(const struct race *race)
{
	struct world *world = world_new_shadow(race->mode, race->ptw);
	const u64 flags = PTE_ALL | PTE_A | PTE_D;
	int i;

	guest_tables_init(&race_tables, world, race->format, RAM_BASE + 64,
			  RAM_BASE + 128);
	for (i = 0; i < RACE_PAGES; i++)
		guest_map(&race_tables, world, RACE_VA + i * UM_PAGE_SIZE,
			  RACE_GFN + i, flags);
	guest_mem.keeps = race->watched;
	for (i = 0; i < CPUS; i++) {
		vcpu_init(&race_vcpu[i], &world->cpu[i]);
		race_vcpu[i].watched = race->watched;
		vcpu_set_mode(&race_vcpu[i], CR0_PE | CR0_PG | CR0_WP,
			      guest_cr4(race->format),
			      guest_efer(race->format),
			      gfn_to_gpa(race_tables.root));
	}
	return world;
}

static bool shadow_world_free(struct world *world)
{
	int i;

	for (i = 0; i < CPUS; i++)
		vcpu_destroy(&race_vcpu[i]);
	return world_free_shadow(world);
}

void race_run(const struct race *race, u64 seed, int times)
{
	struct stage stage = { .race = race, .seed = seed * 1000 };
	struct actor actors[RACE_SIDES];
	int n = 0, i;

	stage.world = race->shadow ? shadow_world(race) :
				     world_new(race->mode, !race->noad,
					       race->huge);
	memset(race_copy, 0, sizeof(race_copy));
	stage.world->mmu.log = race->log;
	if (race->logged)
		slot_log(stage.world, true);
	while (n < RACE_SIDES && race->side[n])
		n++;
	pthread_barrier_init(&stage.barrier, NULL, n + 1);
	for (i = 0; i < n; i++) {
		actors[i].stage = &stage;
		actors[i].side = i;
		pthread_create(&actors[i].thread, NULL, act, &actors[i]);
	}
	play(&stage, times * (race->rounds ?: ROUNDS));
	for (i = 0; i < n; i++)
		pthread_join(actors[i].thread, NULL);
	if (race->shadow ? !shadow_world_free(stage.world) :
			   !world_free(stage.world))
		world_bug("leak");
	pthread_barrier_destroy(&stage.barrier);
}

gfn_t race_gfn(void)
{
	return RACE_GFN + shim_random() % RACE_PAGES;
}

bool race_access(struct cpu *cpu, gfn_t gfn, u8 access)
{
	int tries;

	for (tries = 0; tries < 8; tries++) {
		enum um_pf ret;
		bool done;

		cpu_enter(cpu);
		done = cpu_access(cpu, gfn, access);
		cpu_leave(cpu);
		if (done)
			return true;
		ret = cpu_fault(cpu, NULL);
		if (ret != UM_PF_FIXED && ret != UM_PF_SPURIOUS &&
		    ret != UM_PF_RETRY)
			return false;
	}
	return false;
}

void race_write(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++)
		race_access(cpu, race_gfn(), UM_ACC_W);
}

void race_read(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++)
		race_access(cpu, race_gfn(), UM_ACC_R);
}

void race_harvest(struct world *world, struct cpu *cpu)
{
	struct um_slot *slot = world->slots[0];
	u64 i;

	um_dirty_harvest(&world->mmu, slot);
	for (i = 0; i < slot->npages; i++)
		if (test_bit(i, slot->dirty_out))
			race_copy[slot->base + i] =
				host_read(world, slot->base + i);
}

void race_clear(struct world *world, unsigned long mask)
{
	struct um_slot *slot = world->slots[0];
	int i;

	um_dirty_sync(&world->mmu, slot);
	mask &= READ_ONCE(slot->dirty[0]);
	if (um_dirty_clear(&world->mmu, slot, 0, 1, &mask))
		um_tlb_pay(&world->mmu);
	for (i = 0; i < RACE_PAGES; i++)
		if (mask >> i & 1)
			race_copy[RACE_GFN + i] = host_read(world, RACE_GFN + i);
}

void race_migrate(struct world *world, struct cpu *cpu)
{
	host_migrate(world, race_gfn());
}

void race_share(struct world *world, struct cpu *cpu)
{
	host_share(world, race_gfn());
}

void race_age(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++)
		um_mmu_age(&world->mmu, world->slots[0], RACE_GFN,
			   RACE_GFN + RACE_PAGES);
}

void race_trust(struct world *world, gfn_t gfn)
{
	u64 value = host_read(world, gfn);
	int i;

	for (i = 0; i < 20; i++) {
		shim_yield_hard();
		if (host_read(world, gfn) != value)
			world_bug("gfn %llx: written while protected", gfn);
	}
}

void race_copy_all(struct world *world)
{
	gfn_t gfn;

	for (gfn = RAM_BASE; gfn < RAM_BASE + RAM_PAGES; gfn++)
		race_copy[gfn] = host_read(world, gfn);
}

struct vcpu *race_vcpu_of(struct cpu *cpu)
{
	return &race_vcpu[cpu - cpu->world->cpu];
}

static void vaccess(struct cpu *cpu, enum vkind kind)
{
	gva_t va = RACE_VA + shim_random() % RACE_PAGES * UM_PAGE_SIZE;
	struct vaccess a = { .kind = kind, .size = 8 };

	vcpu_access(race_vcpu_of(cpu), va + 8 * (shim_random() % 512), &a,
		    NULL);
}

void race_vstore(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++)
		vaccess(cpu, STORE);
}

void race_vload(struct world *world, struct cpu *cpu)
{
	int i;

	for (i = 0; i < 4; i++)
		vaccess(cpu, LOAD);
}

enum vresult race_edit(struct vcpu *v, gpa_t gpa, u64 value)
{
	struct vaccess a = {
		.kind = STORE,
		.size = guest_gpte_size(race_tables.format),
		.value = value,
	};

	return vcpu_access(v, guest_window(&race_tables, gpa), &a, NULL);
}
