// SPDX-License-Identifier: GPL-2.0
/*
 * Tables that one vCPU changes while another uses them, and while the dirty
 * log is harvested. All of it lies in the logged slot, the tables too: what
 * the CPU or the MMU sets in them is a write like others.
 */
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "lib/guest_paging.h"
#include "lib/sdm.h"
#include "uapi/umbra.h"

#define PAGES 1024ul
#define SIZE (PAGES * PAGE_SIZE)
#define LOG KVM_MEM_LOG_DIRTY_PAGES

FIXTURE(smp) {
	struct vm *vm;
	u8 *mem;
};

FIXTURE_VARIANT(smp) {
	enum engine engine;
	int ptw, fastpath;
};
FIXTURE_VARIANT_ADD(smp, tdp) { ENGINE_TDP, -1, UM_FASTPATH_TAG };
FIXTURE_VARIANT_ADD(smp, shadow_emul) {
	ENGINE_SHADOW, UM_PTW_MODE_EMUL, UM_FASTPATH_TAG
};
FIXTURE_VARIANT_ADD(smp, shadow_oos) {
	ENGINE_SHADOW, UM_PTW_MODE_OOS, UM_FASTPATH_TAG
};
FIXTURE_VARIANT_ADD(smp, shadow_oos_pair) {
	ENGINE_SHADOW, UM_PTW_MODE_OOS, UM_FASTPATH_PAIR
};

FIXTURE_SETUP(smp)
{
	ENGINE_CHOOSE();
	self->vm = vm_create_mem();
	if (variant->ptw >= 0) {
		ASSERT_EQ(0, vm_enable_cap(self->vm, UM_CAP_PTW, variant->ptw));
		ASSERT_EQ(0, vm_enable_cap(self->vm, UM_CAP_FASTPATH,
					   variant->fastpath));
	}
	self->mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, SIZE);
}

FIXTURE_TEARDOWN(smp)
{
	vm_free(self->vm);
}

static void start(struct vm *vm, struct vcpu_thread *t, void (*guest)(u64))
{
	int i;

	for (i = 0; i < 2; i++)
		vcpu_setup(vcpu_add(vm, i), (void (*)(void))guest);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &vm->vcpus[i]);
}

/* On two vCPUs, to the end of both. */
static void play(struct vm *vm, void (*guest)(u64))
{
	struct vcpu_thread t[2];
	int i;

	start(vm, t, guest);
	for (i = 0; i < 2; i++)
		vcpu_thread_join(&t[i]);
}

/* ---- store, INVLPG, access ---- */

#define ROUNDS 150
#define ENTRY (PT_P | PT_W | PT_U)

static volatile u64 turn, answer;

static u64 data_gpa(u64 n)
{
	return MEM_GPA + (16 + n % 64) * PAGE_SIZE;
}

static void wait_for(volatile u64 *word, u64 value)
{
	while (*word != value)
		cpu_pause();
}

/* The other one: it flushes by itself, and then must see what is new. */
static void reader(void)
{
	u64 n, v;

	for (n = 1; n <= ROUNDS; n++) {
		wait_for(&turn, n);
		/* Without a flush, what was there is right as well. */
		v = guest_read(TEST_VA);
		GUEST_ASSERT(v == data_gpa(n) || v == data_gpa(n - 1));
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), data_gpa(n));
		guest_write(TEST_VA + 8, n);
		GUEST_ASSERT_EQ(guest_read(data_gpa(n) + 8), n);
		answer = n;
	}
}

static void litmus(u64 id)
{
	u64 *pte = guest_entry(TEST_VA, 1), n;

	if (id) {
		reader();
		guest_done();
	}
	for (n = 1; n <= ROUNDS; n++) {
		WRITE_ONCE(*pte, data_gpa(n) | ENTRY);
		if (n & 1)
			turn = n;
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), data_gpa(n));
		turn = n;
		wait_for(&answer, n);
	}
	guest_done();
}

static void map_data(struct vm *vm, u8 *mem)
{
	struct gpt gpt = { vm, 4, PML4_GPA };
	u64 n;

	for (n = 0; n < 64; n++)
		*(u64 *)(mem + data_gpa(n) - MEM_GPA) = data_gpa(n);
	gpt_map(&gpt, TEST_VA, data_gpa(0) | ENTRY, 1);
}

TEST_F(smp, store_invlpg_access)
{
	map_data(self->vm, self->mem);
	play(self->vm, litmus);
}

/* ---- no word but the entry itself ---- */

/*
 * Whoever sees the new entry, flushes and accesses, goes by it. A store that is
 * made by software is there a moment before the shadow hears of it; so many
 * rounds meet that moment most times, not always.
 */
static void seen(u64 id)
{
	volatile u64 *pte = guest_entry(TEST_VA, 1);
	u64 n;

	for (n = 1; n <= ROUNDS; n++) {
		if (!id) {
			*pte = data_gpa(n) | ENTRY;
			wait_for(&answer, n);
			continue;
		}
		guest_read(TEST_VA);
		while ((*pte & PT_ADDR) != data_gpa(n))
			;
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), data_gpa(n));
		answer = n;
	}
	guest_done();
}

TEST_F(smp, seen_in_the_table)
{
	map_data(self->vm, self->mem);
	play(self->vm, seen);
}

/* ---- A and D against edits ---- */

static volatile u64 wrote, unmapped;

/* Writes on and on; told so, flushes, and may not write any more. */
static void dirtier(void)
{
	u64 n, count, error;

	for (n = 1; n <= ROUNDS; n++) {
		wait_for(&turn, n);
		for (count = 0; unmapped != n;) {
			if (!try_write(TEST_VA + 8, count + 1, &error))
				count++;
			else
				GUEST_ASSERT_EQ(error, PF_W);
		}
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(try_write(TEST_VA + 8, 0, &error), PF_TRAP);
		wrote = count;
		answer = n;
	}
}

/*
 * An entry taken away by XCHG has D, when anybody wrote by it, and nothing
 * else changed in it; what was written before the flush is there after it.
 */
static void dirty_bits(u64 id)
{
	u64 *pte = guest_entry(TEST_VA, 1), n, i, old;

	if (id) {
		dirtier();
		guest_done();
	}
	for (n = 1; n <= ROUNDS; n++) {
		guest_write(data_gpa(n) + 8, 0);
		WRITE_ONCE(*pte, data_gpa(n) | ENTRY);
		turn = n;
		for (i = 0; i < n * 37 % 800; i++)
			cpu_pause();
		old = 0;
		asm volatile("xchgq %0, %1" : "+r"(old), "+m"(*pte));
		invlpg(TEST_VA);
		unmapped = n;
		wait_for(&answer, n);
		GUEST_ASSERT_EQ(old & ~(PT_A | PT_D), data_gpa(n) | ENTRY);
		GUEST_ASSERT_EQ(guest_read(data_gpa(n) + 8), wrote);
		GUEST_ASSERT(!wrote || old & PT_D);
	}
	guest_done();
}

TEST_F(smp, accessed_and_dirty_against_edits)
{
	map_data(self->vm, self->mem);
	play(self->vm, dirty_bits);
}

/* ---- processes that fork ---- */

#define VPAGES 24ul
#define OWN 512ul		/* pages of memory for each vCPU */
#define TABLES 16ul		/* of them for tables */

struct process {
	u64 root, *pte;
	u64 value[VPAGES];
};

struct family {
	struct process process[2];
	u64 base;
	u16 refs[OWN];
	u64 next, rand, count;
};

static struct family family[2];
static volatile u64 forks[2];

static u64 frame_of(struct family *f, u64 pte)
{
	return ((pte & PT_ADDR) - f->base) / PAGE_SIZE;
}

static u64 new_frame(struct family *f)
{
	do {
		f->next = f->next + 1 < OWN ? f->next + 1 : TABLES;
	} while (f->refs[f->next]);
	f->refs[f->next] = 1;
	return f->base + f->next * PAGE_SIZE;
}

/* Four tables, four pages apart, and the program by the library's. */
static void new_process(struct family *f, int n)
{
	struct process *p = &f->process[n];
	u64 at = f->base + 4 * n * PAGE_SIZE, *table, i;

	p->root = at;
	table = (u64 *)at;
	table[0] = ((u64 *)PML4_GPA)[0];
	for (i = 0; i < 3; i++) {
		at += PAGE_SIZE;
		table[i ? 0 : TEST_VA >> 39] = at | PT_RIGHTS;
		table = (u64 *)at;
	}
	p->pte = table;
}

/* The child has all that the parent has, and neither may write it. */
static void fork_child(struct family *f)
{
	struct process *parent = &f->process[0], *child = &f->process[1];
	u64 i;

	for (i = 0; i < VPAGES; i++) {
		if (child->pte[i])
			f->refs[frame_of(f, child->pte[i])]--;
		asm volatile("lock andq %1, %0" : "+m"(parent->pte[i])
			     : "r"(~PT_W) : "cc");
		WRITE_ONCE(child->pte[i], parent->pte[i] & ~(PT_A | PT_D));
		f->refs[frame_of(f, parent->pte[i])]++;
		child->value[i] = parent->value[i];
	}
}

static void copy_on_write(struct family *f, struct process *p, u64 i)
{
	u64 old = p->pte[i], frame;

	if (f->refs[frame_of(f, old)] == 1) {
		asm volatile("lock orq %1, %0" : "+m"(p->pte[i]) : "r"(PT_W)
			     : "cc");
	} else {
		frame = new_frame(f);
		guest_write(frame, guest_read(old & PT_ADDR));
		f->refs[frame_of(f, old)]--;
		WRITE_ONCE(p->pte[i], frame | ENTRY);
	}
	invlpg(TEST_VA + i * PAGE_SIZE);
}

static void write_page(struct family *f, struct process *p, u64 i)
{
	u64 error, tries = 0;

	p->value[i] = ++f->count;
	while (try_write(TEST_VA + i * PAGE_SIZE, f->count, &error)) {
		GUEST_ASSERT_EQ(error, PF_P | PF_W);
		GUEST_ASSERT(tries++ < 2);
		copy_on_write(f, p, i);
	}
}

static void storm(u64 id)
{
	struct family *f = &family[id];
	struct process *p;
	u64 i, k;

	f->base = MEM_GPA + id * OWN * PAGE_SIZE;
	f->rand = 77 + id;
	f->next = TABLES;
	for (i = 0; i < 2; i++)
		new_process(f, i);
	for (i = 0; i < VPAGES; i++)
		f->process[0].pte[i] = new_frame(f) | ENTRY;
	for (;;) {
		write_cr0(read_cr0() | CR0_WP);
		fork_child(f);
		for (k = 0; k < 40; k++) {
			p = &f->process[k / 4 & 1];
			write_cr3(p->root);
			write_page(f, p, rand_next(&f->rand) % VPAGES);
			i = rand_next(&f->rand) % VPAGES;
			GUEST_ASSERT_EQ(guest_read(TEST_VA + i * PAGE_SIZE),
					p->value[i]);
		}
		forks[id]++;
	}
}

struct harvest {
	u64 pages, lost;
	bool manual;
};

static void harvest(struct vm *vm, const u8 *mem, u8 *copy, struct harvest *h)
{
	static u64 bits[PAGES / 64];
	u64 i;

	REQUIRE(!vm_dirty_log(vm, MEM_SLOT, bits), "GET_DIRTY_LOG");
	if (h->manual)
		REQUIRE(!vm_clear_log(vm, MEM_SLOT, 0, PAGES, bits), "CLEAR");
	for (i = 0; i < PAGES; i++) {
		if (!(bits[i / 64] >> i % 64 & 1))
			continue;
		memcpy(copy + i * PAGE_SIZE, mem + i * PAGE_SIZE, PAGE_SIZE);
		h->pages++;
	}
}

static bool forked(struct vm *vm)
{
	return GUEST_VAR(vm, forks[0]) > 1 && GUEST_VAR(vm, forks[1]) > 1;
}

/* Harvests so often, and compares what it has with the memory at rest. */
static void follow(struct vm *vm, const u8 *mem, int rounds, struct harvest *h,
		   struct vcpu_thread *t, bool drop)
{
	u8 *copy = mem_alloc(SIZE, PAGE_SIZE);
	u64 i;

	for (i = 0; i < rounds || !forked(vm); i++) {
		sleep_ms(i % 3);
		harvest(vm, mem, copy, h);
	}
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
	if (!drop)
		harvest(vm, mem, copy, h);
	for (i = 0; i < PAGES; i++)
		h->lost += !!memcmp(copy + i * PAGE_SIZE, mem + i * PAGE_SIZE,
				    PAGE_SIZE);
	munmap(copy, SIZE);
}

static void log_storm(struct __test_metadata *_metadata,
		      struct _test_data_smp *self, struct harvest *h, bool drop)
{
	struct vcpu_thread t[2];

	if (h->manual)
		ASSERT_EQ(0, vm_enable_cap(self->vm,
			KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
	vm_slot(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE, self->mem);
	start(self->vm, t, storm);
	follow(self->vm, self->mem, drop ? 4 : 20, h, t, drop);
}

TEST_F(smp, fork_storm_logged)
{
	struct harvest h = { 0 };

	log_storm(_metadata, self, &h, false);
	EXPECT_EQ(0, h.lost);
	EXPECT_GE(h.pages, 40);
}

TEST_F(smp, fork_storm_logged_by_clear)
{
	struct harvest h = { .manual = true };

	log_storm(_metadata, self, &h, false);
	EXPECT_EQ(0, h.lost);
	EXPECT_GE(h.pages, 40);
}

/* The test of the test. */
TEST_F(smp, a_lost_harvest_is_noticed)
{
	struct harvest h = { 0 };

	log_storm(_metadata, self, &h, true);
	EXPECT_GE(h.lost, 1);
}

/* The host forks, too: each page the guest then writes, tables too, moves. */
TEST_F(smp, fork_storm_under_forks)
{
	struct vcpu_thread t[2];
	u64 before[2], i, k;
	pid_t child;

	start(self->vm, t, storm);
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 2; i++)
			before[i] = GUEST_VAR(self->vm, forks[i]);
		child = fork();
		if (!child) {
			sleep_ms(3);
			_exit(0);
		}
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		for (i = 0; i < 2; i++) {
			while (GUEST_VAR(self->vm, forks[i]) < before[i] + 2)
				sleep_ms(1);
		}
	}
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
}

/* ---- 32-bit modes ---- */

FIXTURE(narrow) {
	struct vm *vm;
	u8 *mem;
};

FIXTURE_VARIANT(narrow) {
	enum engine engine;
	int levels, fastpath;
};
#define NARROW(name, args...) FIXTURE_VARIANT_ADD(narrow, name) { args }
NARROW(tdp_32bit, ENGINE_TDP, 2, UM_FASTPATH_TAG);
NARROW(tdp_pae, ENGINE_TDP, 3, UM_FASTPATH_TAG);
NARROW(shadow_32bit, ENGINE_SHADOW, 2, UM_FASTPATH_TAG);
NARROW(shadow_pae, ENGINE_SHADOW, 3, UM_FASTPATH_TAG);
NARROW(shadow_32bit_pair, ENGINE_SHADOW, 2, UM_FASTPATH_PAIR);
NARROW(shadow_pae_pair, ENGINE_SHADOW, 3, UM_FASTPATH_PAIR);

FIXTURE_SETUP(narrow)
{
	ENGINE_CHOOSE();
	self->vm = vm_create_mem();
	if (vm_is_shadow(self->vm))
		ASSERT_EQ(0, vm_enable_cap(self->vm, UM_CAP_FASTPATH,
					   variant->fastpath));
	self->mem = vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE);
}

FIXTURE_TEARDOWN(narrow)
{
	vm_free(self->vm);
}

#define NARROW_VA 0xd0000000ul

struct follower {
	struct _test_data_narrow *data;
	struct harvest h;
	u8 *copy;
	volatile int stop;
};

static void *follow_main(void *arg)
{
	struct follower *f = arg;

	while (!f->stop)
		harvest(f->data->vm, f->data->mem, f->copy, &f->h);
	return NULL;
}

/* Setups that lead to pages at random and write there. */
static void fill_batch(struct access_batch *b, u64 slot, u64 *rand)
{
	struct access_setup *s;
	u64 i, k;

	for (i = 0; i < ACCESS_SETUPS; i++) {
		s = &b->setup[i];
		memset(s, 0, sizeof(*s));
		s->nr = 2;
		s->nr_entries = 1;
		s->va = NARROW_VA;
		s->gpa[0] = slot;
		s->entry[0] = (MEM_GPA + rand_next(rand) % PAGES * PAGE_SIZE) |
			      ENTRY | (*rand >> 60 & 1 ? PT_D : 0);
		for (k = 0; k < 2; k++) {
			s->access[k].op = k ? ACCESS_WRITE | ACCESS_USER :
					      (*rand >> 62 & 1);
			s->access[k].value = *rand >> 20;
		}
	}
	b->nr = ACCESS_SETUPS;
}

TEST_F(narrow, written_pages_are_logged)
{
	struct follower f = { self, .copy = mem_alloc(SIZE, PAGE_SIZE) };
	struct gpt gpt;
	struct access_batch *b;
	struct vcpu *vcpu;
	u64 slot, rand = 5, done = 0, i, k;
	pthread_t thread;

	access_tables(&gpt, self->vm, variant->levels);
	slot = gpt_entry(&gpt, NARROW_VA, 1);
	vcpu = access_boot(&gpt);
	b = GUEST_PTR(self->vm, access_batch);
	b->cr0 = CR0_PG | CR0_PE | CR0_WP;
	b->cr4 = variant->levels == 3 ? CR4_PAE : CR4_PSE;
	ASSERT_EQ(0, pthread_create(&thread, NULL, follow_main, &f));
	for (i = 0; i < 6; i++) {
		fill_batch(b, slot, &rand);
		access_run(vcpu);
		for (k = 0; k < ACCESS_SETUPS; k++)
			done += b->setup[k].access[1].vector == ACCESS_DONE;
	}
	f.stop = 1;
	pthread_join(thread, NULL);
	harvest(self->vm, self->mem, f.copy, &f.h);
	EXPECT_EQ(0, memcmp(f.copy, self->mem, SIZE));
	EXPECT_EQ(6 * ACCESS_SETUPS, done);
	EXPECT_GE(f.h.pages, 150);
	munmap(f.copy, SIZE);
}

TEST_HARNESS_MAIN
