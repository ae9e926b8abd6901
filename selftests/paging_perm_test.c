// SPDX-License-Identifier: GPL-2.0
/*
 * Rights, faults, A and D of guest page tables, in every paging mode.
 *
 * Two entries of a walk, at each pair of levels, have any value; all others
 * give every right. Exhaustive, for each pair: W, U, NX of both by CR0.WP,
 * CR4.SMEP and SMAP, EFER.NXE (32-bit: CR4.PSE), each with eight accesses:
 * read, write, fetch by supervisor and user, and data by a supervisor with AC.
 * Exhaustive, for each level: every bit alone that is no address. The product
 * of all that with P, A, D, reserved bits and the order of accesses has 2^20
 * setups for each pair: a sample of it by RANDOM_SEED=, all with PERM_ALL=1,
 * PERM_COUNT= for each pair and set of modes.
 */
#include <time.h>
#include "kselftest_harness.h"
#include "lib/sdm.h"

/* Two pieces of memory where leaves of every size reach, one above 4G. */
#define LOW_GPA (1ul << 30)
#define HIGH_GPA (5ul << 30)
#define SIZE (4ul << 20)
#define PAGES (SIZE / PAGE_SIZE)
#define IN_PAGE 0x450
#define ALL (PT_P | PT_W | PT_U | PT_A | PT_D)

/* What the word of a page has in its low bytes: ud2. */
#define UD2 0x0b0f

FIXTURE(perm) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct gpt gpt;
	struct sdm_cpu cpu;
	struct access_batch *batch;
	u8 *mem[2];
	u32 *want[2];		/* each page's word */
	u64 slot[PT_LEVELS_MAX]; /* gpa of the entries under test */
	u64 table[PT_LEVELS_MAX]; /* their usual values */
	u64 va, seed, setups, accesses;
	int top;		/* highest level under test */
};

FIXTURE_VARIANT(perm) {
	enum engine engine;
	int levels;
};

#define MODES(engine, ENGINE)						\
	FIXTURE_VARIANT_ADD(perm, engine##_32bit) { ENGINE, 2 };	\
	FIXTURE_VARIANT_ADD(perm, engine##_pae) { ENGINE, 3 };		\
	FIXTURE_VARIANT_ADD(perm, engine##_4level) { ENGINE, 4 };	\
	FIXTURE_VARIANT_ADD(perm, engine##_5level) { ENGINE, 5 }
MODES(tdp, ENGINE_TDP);
MODES(shadow, ENGINE_SHADOW);

#define SELF struct _test_data_perm *self

static u64 rand64(u64 *seed)
{
	rand_next(seed);
	return *seed >> 32 ^ *seed << 32;
}

/* The guest's CPU; false: it cannot do so many levels. */
static bool ask_cpu(struct sdm_cpu *cpu, int levels)
{
	int dev = dev_open();
	struct kvm_cpuid2 *cpuid = supported_cpuid(dev);
	struct kvm_cpuid_entry2 *e = cpuid_leaf(cpuid, 0x80000008);
	bool la57;

	cpu->levels = levels;
	cpu->maxphyaddr = e ? e->eax & 0xff : 36;
	e = cpuid_leaf(cpuid, 0x80000001);
	cpu->gbpages = e && e->edx & 1 << 26;
	e = cpuid_leaf(cpuid, 7);
	la57 = e && e->ecx & 1 << 16;
	free(cpuid);
	close(dev);
	return levels < 5 || la57;
}

static void fill(u8 *mem, u32 *want, u32 mark)
{
	u64 i;

	for (i = 0; i < PAGES; i++) {
		want[i] = UD2 | mark | i << 16;
		*(u32 *)(mem + i * PAGE_SIZE + IN_PAGE) = want[i];
	}
}

static void add_memory(SELF)
{
	static const u64 gpa[] = { LOW_GPA, HIGH_GPA };
	int i;

	for (i = 0; i < 2; i++) {
		self->mem[i] = vm_add_mem(self->vm, MEM_SLOT + i, 0, gpa[i],
					  SIZE);
		self->want[i] = calloc(PAGES, 4);
		fill(self->mem[i], self->want[i], i << 31);
	}
}

/* Tables for va, all rights given; those of 64-bit modes hang in the lib's. */
static void make_tables(SELF)
{
	struct gpt *gpt = &self->gpt;
	int level, levels = gpt->levels;

	self->top = levels == 3 ? 2 : levels;
	for (level = self->top; level; level--) {
		self->slot[level - 1] = gpt_entry(gpt, self->va, level);
		if (level > 1)
			gpt_entry(gpt, self->va, level - 1);
		self->table[level - 1] = gpt_get(gpt, self->slot[level - 1]) |
					 ALL;
	}
	self->table[0] = LOW_GPA | ALL;
}

FIXTURE_SETUP(perm)
{
	const char *seed = getenv("RANDOM_SEED");
	int levels = variant->levels;

	if (!engine_choose(variant->engine))
		SKIP(return, "this device has no such engine");
	if (!ask_cpu(&self->cpu, levels))
		SKIP(return, "no 5-level paging here");
	self->seed = seed ? strtoul(seed, NULL, 0) : time(NULL);
	self->vm = vm_create_mem();
	add_memory(self);
	access_tables(&self->gpt, self->vm, levels);
	/* Indices that differ, in each level. */
	self->va = levels == 5 ? 7ul << 48 : 0;
	self->va |= levels > 3 ? 5ul << 39 : 0;
	self->va |= levels == 2 ? 0x20345000 : 0xc0205000;
	self->va |= IN_PAGE;
	make_tables(self);
	self->vcpu = access_boot(&self->gpt);
	self->batch = GUEST_PTR(self->vm, access_batch);
	printf("# RANDOM_SEED=%lu\n", self->seed);
	fflush(stdout);
}

FIXTURE_TEARDOWN(perm)
{
	printf("# %lu setups, %lu accesses\n", self->setups, self->accesses);
	fflush(stdout);
	vm_free(self->vm);
}

static const u64 ops[ACCESS_EACH] = {
	ACCESS_READ, ACCESS_WRITE | ACCESS_USER, ACCESS_FETCH,
	ACCESS_WRITE | ACCESS_AC, ACCESS_READ | ACCESS_USER, ACCESS_WRITE,
	ACCESS_FETCH | ACCESS_USER, ACCESS_READ | ACCESS_AC,
};

static u32 *word_at(SELF, u64 frame, bool wanted)
{
	int high = frame >= HIGH_GPA;
	u64 page = (frame - (high ? HIGH_GPA : LOW_GPA)) / PAGE_SIZE;

	if (page >= PAGES)
		return NULL;
	return wanted ? &self->want[high][page] :
	       (u32 *)(self->mem[high] + page * PAGE_SIZE + IN_PAGE);
}

/* What is wrong with the word: the frame is the right one, or it is not. */
static const char *bad_word(SELF, const struct access *a, u64 frame)
{
	u32 *want = word_at(self, frame, true);
	u32 *have = word_at(self, frame, false);

	if (!want)
		return "the test itself: a frame without memory";
	if ((a->op & 3) == ACCESS_READ && (u32)a->value != *want)
		return "value read";
	if ((a->op & 3) == ACCESS_WRITE) {
		*want = a->value;
		return NULL;
	}
	return *have == *want || self->batch->nr ? NULL : "value in memory";
}

/*
 * A and D of the entries, from now to after. An access that is done sets A in
 * all that it goes through and D in the leaf that it writes. One that faults
 * may set A in tables on its way, but nothing else.
 */
static const char *bad_entries(SELF, const struct access *a, const u64 *now,
			       const struct sdm_outcome *out)
{
	u64 may, must, diff;
	int level;

	for (level = 1; level <= self->top; level++) {
		diff = now[level - 1] ^ a->entry[level - 1];
		may = must = 0;
		if (level >= out->level && !out->fault) {
			must = PT_A;
			if (level == out->level && (a->op & 3) == ACCESS_WRITE)
				must |= PT_D;
			must &= ~now[level - 1];
		} else if (level > out->level) {
			may = PT_A & ~now[level - 1];
		}
		if ((diff & ~may) != must)
			return "A and D";
	}
	return NULL;
}

static const char *bad_access(SELF, const struct access *a, const u64 *now,
			      u64 va, struct sdm_outcome *out)
{
	sdm_access(&self->cpu, now, va, a->op, out);
	if (a->vector != (out->fault ? ACCESS_FAULT : ACCESS_DONE))
		return "outcome";
	if (out->fault && a->error != out->error)
		return "error code";
	if (out->fault && a->cr2 != va)
		return "CR2";
	if (!out->fault && bad_word(self, a, out->frame))
		return bad_word(self, a, out->frame);
	return bad_entries(self, a, now, out);
}

static void explain(SELF, const struct access_setup *s, int nr,
		    const u64 *now, const struct sdm_outcome *out,
		    const char *what)
{
	const struct access *a = &s->access[nr];
	static int told;
	int level;

	if (told++ >= 12)
		return;
	printf("# wrong %s: op %lx at %lx, access %d, cr0 %lx cr4 %lx efer %lx\n",
	       what, a->op, s->va, nr, self->cpu.cr0, self->cpu.cr4,
	       self->cpu.efer);
	printf("#   vector %lu error %lx cr2 %lx value %lx\n"
	       "#   wanted %s error %x frame %lx\n",
	       a->vector, a->error, a->cr2, a->value,
	       out->fault ? "fault" : "done", out->error, out->frame);
	for (level = self->top; level; level--)
		printf("#   level %d: %016lx, then %016lx\n", level,
		       now[level - 1], a->entry[level - 1]);
	fflush(stdout);
}

/* Returns how many accesses of the setup went wrong. */
static int judge(SELF, const struct access_setup *s)
{
	struct sdm_outcome out;
	u64 now[PT_LEVELS_MAX];
	const char *what;
	int i, bad = 0;

	memcpy(now, s->entry, sizeof(now));
	for (i = 0; i < s->nr; i++) {
		what = bad_access(self, &s->access[i], now, s->va, &out);
		if (what) {
			explain(self, s, i, now, &out, what);
			bad++;
		}
		memcpy(now, s->access[i].entry, sizeof(now));
	}
	return bad;
}

/* The words of all pages are those last written, and no others. */
static int judge_memory(SELF)
{
	int i, bad = 0;
	u64 page;

	for (i = 0; i < 2; i++) {
		for (page = 0; page < PAGES; page++)
			bad += self->want[i][page] != *(u32 *)(self->mem[i] +
				page * PAGE_SIZE + IN_PAGE);
	}
	if (bad)
		printf("# %d pages have a word that nobody wrote there\n", bad);
	return bad;
}

static int flush_batch(SELF)
{
	u64 nr = self->batch->nr, i;
	int bad = 0;

	if (!nr)
		return 0;
	access_run(self->vcpu);
	for (i = 0; i < nr; i++)
		bad += judge(self, &self->batch->setup[i]);
	self->batch->nr = 0;
	self->setups += nr;
	return bad;
}

/* entry[] of levels 1.. as they are to be, accesses from the first-th on. */
static int add_setup(SELF, const u64 *entry, int first, int nr)
{
	struct access_setup *s = &self->batch->setup[self->batch->nr];
	int i;

	memset(s, 0, sizeof(*s));
	s->nr = nr;
	s->nr_entries = self->top;
	s->va = self->va;
	memcpy(s->gpa, self->slot, sizeof(s->gpa));
	memcpy(s->entry, entry, self->top * 8);
	for (i = 0; i < nr; i++) {
		s->access[i].op = ops[(first + i) % ACCESS_EACH];
		s->access[i].value = (u32)rand64(&self->seed) << 16 | UD2;
	}
	self->accesses += nr;
	self->batch->nr++;
	return self->batch->nr == ACCESS_SETUPS ? flush_batch(self) : 0;
}

/* 16 sets of modes. */
static void set_modes(SELF, int modes)
{
	struct sdm_cpu *cpu = &self->cpu;
	struct kvm_sregs sregs;

	vcpu_sregs(self->vcpu, &sregs);
	cpu->cr0 = (sregs.cr0 & ~CR0_WP) | (modes & 1 ? CR0_WP : 0);
	cpu->cr4 = sregs.cr4 & ~(CR4_SMEP | CR4_SMAP);
	cpu->cr4 |= modes & 2 ? CR4_SMEP : 0;
	cpu->cr4 |= modes & 4 ? CR4_SMAP : 0;
	cpu->efer = sregs.efer & ~(EFER_NXE | EFER_LMA);
	if (cpu->levels == 2)
		cpu->cr4 = (cpu->cr4 & ~CR4_PSE) | (modes & 8 ? CR4_PSE : 0);
	else
		cpu->efer |= modes & 8 ? EFER_NXE : 0;
	self->batch->cr0 = cpu->cr0;
	self->batch->cr4 = cpu->cr4;
	self->batch->efer = cpu->efer;
}

/* A leaf of that level that maps memory, aligned to its size. */
static u64 a_leaf(SELF, int level)
{
	u64 r = rand64(&self->seed), at;

	/* Then PS says nothing, and it is a table. */
	if (self->cpu.levels == 2 && level == 2 && !(self->cpu.cr4 & CR4_PSE))
		return self->table[1] | PT_PS;
	if (self->cpu.levels == 2 && level == 2)
		return (r & 1 ? LOW_GPA :
			(HIGH_GPA & 0xffffffff) | HIGH_GPA >> 32 << 13) |
		       PT_PS | ALL;
	at = r & 1 || self->cpu.levels == 2 ? LOW_GPA : HIGH_GPA;
	if (level == 1)
		at += (r >> 8) % PAGES * PAGE_SIZE;
	else if (level == 2)
		at += (r >> 8 & 1) * HUGE_SIZE;
	return at | ALL | (level > 1 ? PT_PS : 0);
}

/* One reserved bit of the entry, if it can have one. */
static u64 a_reserved_bit(SELF, u64 entry, int level)
{
	u64 mask = sdm_reserved(&self->cpu, entry, level);
	int skip;

	if (!mask)
		return 0;
	for (skip = rand64(&self->seed) % __builtin_popcountl(mask); skip;
	     skip--)
		mask &= mask - 1;
	return mask & -mask;
}

/* Seven choices of a bit each: W U NX P RSV A D. */
static u64 choose(SELF, u64 entry, int level, u32 bits)
{
	static const u64 cleared[] = { PT_W, PT_U, 0, PT_P, 0, PT_A, PT_D };
	int i;

	for (i = 0; i < 7; i++)
		entry &= bits >> i & 1 ? ~cleared[i] : ~0ul;
	if (bits & 4 && self->cpu.levels > 2)
		entry |= PT_NX;
	if (bits & 16)
		entry |= a_reserved_bit(self, entry, level);
	return entry;
}

/* Bits: W U NX of the two, then P RSV A of the two, D, and the order. */
#define CORE_BITS 6
#define SETUP_BITS 16

static int one_setup(SELF, int upper, int lower, u32 bits)
{
	u32 low = (bits & 7) | (bits >> 6 & 7) << 3 | (bits >> 12 & 1) << 6;
	u32 up = (bits >> 3 & 7) | (bits >> 9 & 7) << 3;
	u64 entry[PT_LEVELS_MAX];

	memcpy(entry, self->table, sizeof(entry));
	entry[lower - 1] = choose(self, a_leaf(self, lower), lower, low);
	if (upper)
		entry[upper - 1] = choose(self, entry[upper - 1], upper, up);
	return add_setup(self, entry, bits >> 13, ACCESS_EACH);
}

static u64 env(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

/* All of one pair of levels under all modes. */
static int pair(SELF, int upper, int lower)
{
	u64 all = env("PERM_ALL", 0), i;
	u64 count = env("PERM_COUNT", vm_is_shadow(self->vm) ? 8 : 32);
	int modes, bad = 0;

	for (modes = 0; modes < 16; modes++) {
		set_modes(self, modes);
		for (i = 0; i < 1 << (all ? SETUP_BITS : CORE_BITS); i++)
			bad += one_setup(self, upper, lower, i);
		for (i = 0; !all && i < count; i++)
			bad += one_setup(self, upper, lower,
					 rand64(&self->seed) %
					 (1 << SETUP_BITS));
		bad += flush_batch(self);
	}
	return bad;
}

/* Leaves, of 4K or huge, below each table. */
TEST_F_TIMEOUT(perm, pairs_of_levels, 3600)
{
	int upper, lower, bad = 0;

	for (lower = 1; lower <= 3; lower++) {
		if (lower > self->top || (lower == 3 && !self->cpu.gbpages))
			break;
		if (lower == self->top)
			bad += pair(self, 0, lower);
		for (upper = lower + 1; upper <= self->top; upper++)
			bad += pair(self, upper, lower);
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, judge_memory(self));
}

/*
 * Addresses of tables and leaves stay, as far as they are possible ones; with
 * two levels PS would make an address above 4G of a table's.
 */
static bool is_address(SELF, u64 entry, int bit, int level)
{
	u64 mask = 1ul << bit & ~sdm_reserved(&self->cpu, entry, level);

	if (self->cpu.levels == 2)
		return bit >= 12 || (level == 2 && 1ul << bit == PT_PS);
	if (level > 1 && sdm_is_leaf(&self->cpu, entry, level) && bit == 12)
		return false;	/* PAT */
	return mask & PT_ADDR;
}

static int each_bit(SELF, int level, int lower)
{
	u64 entry[PT_LEVELS_MAX], was;
	int bit, bad = 0;

	for (bit = 0; bit < (self->cpu.levels == 2 ? 32 : 64); bit++) {
		memcpy(entry, self->table, sizeof(entry));
		entry[lower - 1] = a_leaf(self, lower);
		was = entry[level - 1];
		if (is_address(self, was, bit, level) ||
		    (level == lower && level > 1 && 1ul << bit == PT_PS))
			continue;
		entry[level - 1] ^= 1ul << bit;
		bad += add_setup(self, entry, bit, 3);
	}
	return bad;
}

TEST_F_TIMEOUT(perm, each_bit_alone, 300)
{
	int level, lower, modes, bad = 0;

	for (modes = 0; modes < 16; modes += 8) {
		set_modes(self, modes);
		for (lower = 1; lower <= 3 && lower <= self->top; lower++) {
			if (lower == 3 && !self->cpu.gbpages)
				break;
			for (level = lower; level <= self->top; level++)
				bad += each_bit(self, level, lower);
		}
		bad += flush_batch(self);
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, judge_memory(self));
}

TEST_HARNESS_MAIN
