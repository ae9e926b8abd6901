// SPDX-License-Identifier: GPL-2.0
/*
 * What broke other MMUs: one test for each way that could exist here. Which
 * bug each stands for is in docs/security.md.
 *
 * Load with audit=1: then every fault also checks what it left behind.
 */
#include <sys/time.h>
#include "kselftest_harness.h"
#include "lib/guest_paging.h"
#include "lib/sdm.h"
#include "uapi/umbra.h"

#define SIZE (2 * HUGE_SIZE)
#define PAGES (SIZE / PAGE_SIZE)
#define HOLE_GPA (MEM_GPA + 64 * HUGE_SIZE)
#define LOG KVM_MEM_LOG_DIRTY_PAGES

FIXTURE(cve) {
	struct vm *vm;
	struct gpt gpt;
	u8 *mem;
	bool umbra;
};

PTW_VARIANTS(cve);

FIXTURE_SETUP(cve)
{
	u64 i;

	ENGINE_CHOOSE();
	self->vm = vm_create_mem();
	self->umbra = is_umbra();
	if (variant->ptw >= 0)
		ASSERT_EQ(0, vm_enable_cap(self->vm, UM_CAP_PTW, variant->ptw));
	self->mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA, SIZE);
	self->gpt = (struct gpt){ self->vm, 4, PML4_GPA };
	for (i = 0; i < PAGES; i++)
		*(u64 *)(self->mem + i * PAGE_SIZE) = mark(i);
	/* Entries of the directory that holds all of the tests' tables. */
	gpt_entry(&self->gpt, TEST_VA, 2);
}

/* Nothing runs any more: whatever happened, the tables are sound. */
FIXTURE_TEARDOWN(cve)
{
	if (self->umbra)
		EXPECT_EQ(0, KERR(self->vm->fd, UM_AUDIT, UM_AUDIT_QUIET));
	vm_free(self->vm);
}

typedef struct _test_data_cve *cve_t;

static struct vcpu *boot(cve_t self, void (*guest)(u64))
{
	struct vcpu *vcpu = vcpu_add(self->vm, self->vm->nr_vcpus);

	vcpu_setup(vcpu, (void (*)(void))guest);
	return vcpu;
}

static volatile u64 progress[2];

static void until(cve_t self, u64 more)
{
	u64 last = GUEST_VAR(self->vm, progress)[0];

	while (GUEST_VAR(self->vm, progress)[0] < last + more)
		usleep(200);
}

/* ---- a child that fits by gfn and not by role ---- */

/*
 * The directory's entry leads to the frame of MEM_GPA: now as a table, whose
 * entry i maps page i ^ 1, now as the first of a huge page.
 */
#define AS_TABLE (MEM_GPA | PT_RIGHTS)
#define AS_HUGE (MEM_GPA | PT_RIGHTS | PT_PS)

static volatile u64 flip_here = 1;

static void flipped(u64 id)
{
	u64 *pde = guest_entry(TEST_VA, 2), rand = id, i, v;

	for (;;) {
		if (id && flip_here) {
			WRITE_ONCE(*pde, rand_next(&rand) & 1 ? AS_TABLE : AS_HUGE);
		} else {
			i = 1 + rand_next(&rand) % 255;
			invlpg(PAGE_VA(i));
			v = guest_read(PAGE_VA(i));
			GUEST_ASSERT(v == mark(i) || v == mark(i ^ 1));
			guest_write(PAGE_VA(i) + 8, v);
		}
		progress[id]++;
	}
}

static void fill_tables(cve_t self)
{
	u64 *table = (u64 *)self->mem, i;

	for (i = 2; i < 512; i++)
		table[i] = page_gpa(i ^ 1) | PT_RIGHTS;
	table[1] = page_gpa(1) | PT_RIGHTS;
	gpt_map(&self->gpt, TEST_VA, AS_HUGE, 2);
}

/* All that looks at a frame's mappings. */
static void churn(cve_t self, int rounds, bool flip)
{
	static u64 bits[PAGES / 64];
	u64 pde = gpt_entry(&self->gpt, TEST_VA, 2);
	int i;

	for (i = 0; i < rounds; i++) {
		vm_slot(self->vm, MEM_SLOT, i & 1 ? 0 : LOG, MEM_GPA, SIZE,
			self->mem);
		if (flip)
			gpt_set(&self->gpt, pde, i % 3 ? AS_TABLE : AS_HUGE);
		until(self, 8);
		if (!(i & 1))
			vm_dirty_log(self->vm, MEM_SLOT, bits);
		madvise(self->mem + SIZE / 4, SIZE / 4, MADV_DONTNEED);
		until(self, 8);
	}
}

static void flip(cve_t self, bool by_host)
{
	struct vcpu_thread t[2];
	int i;

	fill_tables(self);
	GUEST_VAR(self->vm, flip_here) = !by_host;
	for (i = 0; i < 2; i++)
		boot(self, flipped);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &self->vm->vcpus[i]);
	churn(self, 24, by_host);
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
	/* The slot goes, and with it all that maps it; then its memory. */
	vm_slot(self->vm, MEM_SLOT, 0, 0, 0, NULL);
	madvise(self->mem, SIZE, MADV_DONTNEED);
}

TEST_F(cve, role_of_child_flipped_by_guest)
{
	flip(self, false);
}

TEST_F(cve, role_of_child_flipped_by_host)
{
	flip(self, true);
}

/* ---- a child that is no longer the one the guest names ---- */

#define TARGETS 3
#define TARGET_GPA (MEM_GPA + 16 * HUGE_SIZE)

/* The host changes where tables are; old ones may stay in use, or not. */
static void retargeted(u64 id)
{
	u64 rand = 9, i, v;

	for (;;) {
		i = rand_next(&rand) % 64;
		if (rand_next(&rand) % 8 == 0)
			write_cr3(read_cr3());
		invlpg(PAGE_VA(i));
		v = guest_read(PAGE_VA(i)) - mark(0);
		GUEST_ASSERT(v % 64 == i && v < TARGETS * 64);
		guest_write(PAGE_VA(i) + 8, i);
		progress[id]++;
	}
}

TEST_F(cve, gfn_of_child_changed_by_host)
{
	static u64 bits[1];
	struct vcpu_thread t;
	u64 *table[TARGETS], i, k;

	for (k = 0; k < TARGETS; k++) {
		table[k] = vm_add_mem(self->vm, 8 + k, LOG, TARGET_GPA +
				      k * HUGE_SIZE, PAGE_SIZE);
		for (i = 0; i < 64; i++)
			table[k][i] = page_gpa(k * 64 + i) | PT_RIGHTS;
	}
	gpt_map(&self->gpt, TEST_VA, TARGET_GPA | PT_RIGHTS, 2);
	boot(self, retargeted);
	vcpu_thread_start(&t, &self->vm->vcpus[0]);
	for (i = 0; i < 30; i++) {
		k = (i + 1) % TARGETS;
		gpt_map(&self->gpt, TEST_VA,
			(TARGET_GPA + k * HUGE_SIZE) | PT_RIGHTS, 2);
		until(self, 6);
		/* What the entry named before goes, and comes back. */
		k = i % TARGETS;
		vm_slot(self->vm, 8 + k, 0, 0, 0, NULL);
		until(self, 4);
		vm_slot(self->vm, 8 + k, LOG, TARGET_GPA + k * HUGE_SIZE,
			PAGE_SIZE, table[k]);
		vm_dirty_log(self->vm, 8 + k, bits);
	}
	vcpu_thread_stop(&t);
}

/* ---- memory that becomes a hole ---- */

static void into_a_hole(u64 id)
{
	u64 *pte = guest_entry(TEST_VA, 1), i;

	for (i = 0; i < 10; i++) {
		WRITE_ONCE(*pte, page_gpa(i) | PT_RIGHTS);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i));
		WRITE_ONCE(*pte, HOLE_GPA | PT_RIGHTS);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), 0x401e);
	}
	/* Now the host changes the entry and takes the page. */
	for (i = 0; i < 10; i++) {
		WRITE_ONCE(*pte, page_gpa(i) | PT_RIGHTS);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i));
		guest_sync2(1, i, (u64)pte);
		GUEST_ASSERT_EQ(guest_read(TEST_VA), 0x401e);
	}
	guest_done();
}

/* Answer reads of the hole until the guest calls. */
static struct ucall *run_holes(struct vcpu *vcpu, u64 *holes)
{
	u64 hole = 0x401e;

	for (;;) {
		REQUIRE(!vcpu_run_once(vcpu), "KVM_RUN");
		if (vcpu->run->exit_reason != KVM_EXIT_MMIO)
			break;
		REQUIRE(vcpu->run->mmio.phys_addr == HOLE_GPA, "gpa %llx",
			vcpu->run->mmio.phys_addr);
		memcpy(vcpu->run->mmio.data, &hole, 8);
		++*holes;
	}
	REQUIRE(vcpu_ucall(vcpu), "exit %s", exit_name(vcpu->run->exit_reason));
	return vcpu_ucall(vcpu);
}

TEST_F(cve, memory_becomes_a_hole)
{
	struct vcpu *vcpu;
	struct ucall *call;
	u64 holes = 0;

	gpt_map(&self->gpt, TEST_VA, MEM_GPA | PT_RIGHTS, 1);
	vcpu = boot(self, into_a_hole);
	for (;;) {
		call = run_holes(vcpu, &holes);
		if (call->cmd != UCALL_SYNC)
			break;
		/* No debt of the guest's: the page's going is the flush. */
		gpt_set(&self->gpt, call->arg[2], HOLE_GPA | PT_RIGHTS);
		ASSERT_EQ(0, madvise(self->mem + call->arg[1] * PAGE_SIZE,
				     PAGE_SIZE, MADV_DONTNEED));
		*(u64 *)(self->mem + call->arg[1] * PAGE_SIZE) =
			mark(call->arg[1]);
	}
	EXPECT_EQ(UCALL_DONE, call->cmd);
	EXPECT_EQ(20, holes);
}

/* ---- few tables for many roots ---- */

#define ROOTS 12
#define SPREAD 6

static u64 roots[ROOTS];

static u64 far(u64 i)
{
	return TEST_VA + (i << 30) + i * HUGE_SIZE;
}

static void many_roots(u64 id)
{
	u64 rand = id, n, i;

	for (;;) {
		n = rand_next(&rand) % ROOTS;
		write_cr3(roots[n]);
		for (i = 0; i < SPREAD; i++)
			GUEST_ASSERT_EQ(guest_read(far(i)),
					mark(n * SPREAD + i));
		guest_write(far(rand_next(&rand) % SPREAD) + 8, n);
		progress[id]++;
	}
}

static void make_roots(cve_t self)
{
	struct gpt gpt = self->gpt;
	u64 n, i;

	for (n = 0; n < ROOTS; n++) {
		gpt.root = gpt_page(self->vm);
		gpt_set(&gpt, gpt.root, gpt_get(&gpt, PML4_GPA));
		for (i = 0; i < SPREAD; i++)
			gpt_map(&gpt, far(i), page_gpa(n * SPREAD + i) |
				PT_RIGHTS, 1);
		GUEST_VAR(self->vm, roots[n]) = gpt.root;
	}
}

TEST_F(cve, tiny_quota_with_many_roots)
{
	static u64 bits[PAGES / 64];
	struct vcpu_thread t[2];
	int i;

	make_roots(self);
	ASSERT_EQ(0, KERR(self->vm->fd, KVM_SET_NR_MMU_PAGES, 64));
	vm_slot(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE, self->mem);
	for (i = 0; i < 2; i++)
		boot(self, many_roots);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(&t[i], &self->vm->vcpus[i]);
	for (i = 0; i < 15; i++) {
		until(self, 4);
		ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
		ASSERT_EQ(0, KERR(self->vm->fd, KVM_SET_NR_MMU_PAGES,
				  i & 1 ? 64 : 1000));
	}
	for (i = 0; i < 2; i++)
		vcpu_thread_stop(&t[i]);
}

/* ---- a slot that has a part of a huge page ---- */

#define PART_GPA (HOLE_GPA + 3 * PAGE_SIZE)
#define PART_PAGES 200ul

static void part_of_huge(u64 id)
{
	u64 va = TEST_VA + 16 * HUGE_SIZE, rand = 3, i;

	/* The first pages and the last ones are holes. */
	for (;;) {
		i = rand_next(&rand) % 512;
		invlpg(va + i * PAGE_SIZE);
		guest_write(va + i * PAGE_SIZE + 8, i);
		if (i >= 3 && i < 3 + PART_PAGES)
			GUEST_ASSERT_EQ(guest_read(va + i * PAGE_SIZE),
					mark(5 + i - 3));
		progress[id]++;
	}
}

static int part_stop;

static void *part_main(void *arg)
{
	struct vcpu *vcpu = arg;
	int err;

	while (!READ_ONCE(part_stop)) {
		err = vcpu_run_once(vcpu);
		if (err == EINTR || vcpu->run->exit_reason == KVM_EXIT_MMIO)
			continue;
		run_ucall(vcpu);	/* says what failed */
	}
	return NULL;
}

TEST_F(cve, slot_with_a_part_of_a_huge_page)
{
	static u64 bits[4];
	u64 size = PART_PAGES * PAGE_SIZE;
	u8 *part = self->mem + 5 * PAGE_SIZE;
	pthread_t thread;
	int i;

	madvise(self->mem, SIZE, MADV_HUGEPAGE);
	gpt_map(&self->gpt, TEST_VA + 16 * HUGE_SIZE,
		HOLE_GPA | PT_RIGHTS | PT_PS, 2);
	vm_slot(self->vm, 7, 0, PART_GPA, size, part);
	kick_setup();
	boot(self, part_of_huge);
	ASSERT_EQ(0, pthread_create(&thread, NULL, part_main,
				    &self->vm->vcpus[0]));
	for (i = 0; i < 20; i++) {
		vm_slot(self->vm, 7, i & 1 ? 0 : LOG, PART_GPA, size, part);
		until(self, 8);
		if (!(i & 1))
			ASSERT_EQ(0, vm_dirty_log(self->vm, 7, bits));
	}
	WRITE_ONCE(part_stop, 1);
	kick(thread);
	pthread_join(thread, NULL);
	vm_slot(self->vm, 7, 0, 0, 0, NULL);
}

/* ---- roots where nothing is, or no longer ---- */

#define ROOT_GPA (MEM_GPA + 32 * HUGE_SIZE)

static void run_on(u64 id)
{
	for (;;) {
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(2));
		guest_write(TEST_VA + 8, progress[0]++);
		write_cr3(read_cr3());
		if (progress[0] % 4 == 0)
			guest_sync(1);
	}
}

static void point_at(struct vcpu *vcpu, void (*guest)(u64), u64 root)
{
	struct kvm_sregs sregs;

	vcpu_reset(vcpu, (void (*)(void))guest);
	vcpu_sregs(vcpu, &sregs);
	sregs.cr3 = root;
	REQUIRE(!KERR(vcpu->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
}

/* It cannot run, whatever it says; but it ends. */
static void run_into_nothing(struct vcpu *vcpu)
{
	int i;

	for (i = 0; i < 4; i++) {
		if (vcpu_run_once(vcpu))
			return;
		REQUIRE(!vcpu_ucall(vcpu), "a guest without tables calls");
	}
}

TEST_F(cve, root_without_a_slot)
{
	struct vcpu *vcpu;
	u64 *root;
	int i;

	gpt_map(&self->gpt, TEST_VA, page_gpa(2) | PT_RIGHTS, 1);
	vcpu = boot(self, run_on);
	root = mem_alloc(PAGE_SIZE, PAGE_SIZE);
	memcpy(root, self->vm->ram + PML4_GPA, PAGE_SIZE);
	for (i = 0; i < 10; i++) {
		point_at(vcpu, run_on, ROOT_GPA);
		run_into_nothing(vcpu);
		/* It comes while the vCPU still has that CR3. */
		vm_slot(self->vm, 7, 0, ROOT_GPA, PAGE_SIZE, root);
		point_at(vcpu, run_on, ROOT_GPA);
		run_to_sync(vcpu, 1);
		run_to_sync(vcpu, 1);
		/* It goes while the vCPU uses it. */
		vm_slot(self->vm, 7, 0, 0, 0, NULL);
		run_into_nothing(vcpu);
	}
	point_at(vcpu, run_on, PML4_GPA);
	run_to_sync(vcpu, 1);
	munmap(root, PAGE_SIZE);
}

/* ---- states that cannot be ---- */

static void on_alarm(int sig)
{
}

static void sane(u64 id)
{
	guest_done();
}

/*
 * Whatever is accepted runs, or not, and may spoil its memory by taking it for
 * tables; a VM beside it does not notice.
 */
TEST_F(cve, impossible_states)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value.tv_usec = 1500 }, off = { 0 };
	struct kvm_sregs good, bad;
	u64 rand = 4711, accepted = 0, i;
	struct vcpu *vcpu;
	struct vm *beside;

	gpt_map(&self->gpt, TEST_VA, page_gpa(2) | PT_RIGHTS, 1);
	vcpu = boot(self, run_on);
	vcpu_sregs(vcpu, &good);
	sigaction(SIGALRM, &action, NULL);
	for (i = 0; i < 150; i++) {
		bad = good;
		bad.cr0 ^= 1ul << 31 * (rand_next(&rand) & 1);
		bad.cr0 ^= CR0_WP * (rand_next(&rand) & 1);
		bad.cr3 ^= rand_next(&rand) & 1 ? 0 : rand_next(&rand) << 5;
		bad.cr4 ^= rand_next(&rand) & (CR4_PAE | CR4_PSE | CR4_LA57 |
			CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PGE);
		bad.efer ^= rand_next(&rand) & 0xd00;
		bad.cs.l ^= rand_next(&rand) & 1;
		bad.cs.db ^= rand_next(&rand) & 1;
		if (KERR(vcpu->fd, KVM_SET_SREGS, &bad))
			continue;
		accepted++;
		setitimer(ITIMER_REAL, &soon, NULL);
		vcpu_run_once(vcpu);
		setitimer(ITIMER_REAL, &off, NULL);
	}
	EXPECT_GE(accepted, 3);
	beside = vm_create_mem();
	vcpu = vcpu_add(beside, 0);
	vcpu_setup(vcpu, (void (*)(void))sane);
	run_to_done(vcpu);
	vm_free(beside);
}

/* ---- rights of the way to a table that two ways share ---- */

#define SHARED_VA(n) (TEST_VA + ((2ul + (n)) << 30))

static void shared_table(u64 id)
{
	u64 error, i, order;

	write_cr0(read_cr0() | CR0_WP);
	for (order = 0; order < 8; order++) {
		for (i = 0; i < 2; i++) {
			if ((i ^ order) & 1) {
				GUEST_ASSERT_EQ(try_write(SHARED_VA(1) + 8, 1,
							  &error), PF_TRAP);
				GUEST_ASSERT_EQ(error, PF_P | PF_W);
				GUEST_ASSERT_EQ(guest_read(SHARED_VA(1)),
						mark(2));
			} else {
				guest_write(SHARED_VA(0) + 8, order);
			}
		}
		if (order & 2)
			write_cr3(read_cr3());
		if (order & 4)
			invlpg(SHARED_VA(order & 1));
	}
	guest_done();
}

TEST_F(cve, rights_of_a_shared_table)
{
	u64 entry;

	gpt_map(&self->gpt, SHARED_VA(0), page_gpa(2) | PT_RIGHTS, 1);
	entry = gpt_get(&self->gpt, gpt_entry(&self->gpt, SHARED_VA(0), 3));
	gpt_map(&self->gpt, SHARED_VA(1), entry & ~PT_W, 3);
	run_to_done(boot(self, shared_table));
}

/* ---- tables whose memory the host maps anew ---- */

static void remapped(u64 id)
{
	u64 *pte = (u64 *)ROOT_GPA;

	for (;;) {
		asm volatile("lock andq %1, %0" : "+m"(*pte)
			     : "r"(~(PT_A | PT_D)) : "cc");
		invlpg(TEST_VA);
		guest_write(TEST_VA + 8, 1);
		GUEST_ASSERT_EQ(READ_ONCE(*pte),
				page_gpa(2) | PT_RIGHTS | PT_A | PT_D);
		progress[id]++;
	}
}

TEST_F(cve, tables_mapped_anew)
{
	int fd = memfd_create("tables", 0), i;
	struct vcpu_thread t;
	u64 *table;

	ASSERT_EQ(0, ftruncate(fd, PAGE_SIZE));
	table = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	table[0] = page_gpa(2) | PT_RIGHTS;
	vm_slot(self->vm, 7, 0, ROOT_GPA, PAGE_SIZE, table);
	gpt_map(&self->gpt, TEST_VA, ROOT_GPA | PT_RIGHTS, 2);
	boot(self, remapped);
	vcpu_thread_start(&t, &self->vm->vcpus[0]);
	for (i = 0; i < 60; i++) {
		ASSERT_EQ(table, mmap(table, PAGE_SIZE, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_FIXED, fd, 0));
		if (i % 4 == 0)
			until(self, 2);
	}
	vcpu_thread_stop(&t);
	close(fd);
	munmap(table, PAGE_SIZE);
}

/* ---- writes by the emulator, and by the host ---- */

#define FORMS 9

static void each_form(u64 id)
{
	u64 *pte = guest_entry(TEST_VA, 1), two[2], old[2], n;

	for (n = 0; n < FORMS; n++) {
		invlpg(TEST_VA);
		guest_read(TEST_VA);
		two[0] = old[0] = pte[0];
		two[1] = old[1] = pte[1];
		guest_sync2(1, n, (u64)pte);
		if (n == 0)
			WRITE_ONCE(*(u8 *)pte, old[0]);
		else if (n == 1)
			WRITE_ONCE(*(u16 *)pte, old[0]);
		else if (n == 2)
			WRITE_ONCE(*(u32 *)pte, old[0]);
		else if (n == 3)
			WRITE_ONCE(*pte, old[0]);
		else if (n == 4)
			asm volatile("lock cmpxchgq %1, %0" : "+m"(*pte)
				     : "r"(old[0]), "a"(old[0]) : "cc");
		else if (n == 5)
			asm volatile("lock cmpxchg16b %0" : "+m"(*pte)
				     : "b"(two[0]), "c"(two[1]), "a"(old[0]),
				       "d"(old[1]) : "memory", "cc");
		else if (n == 6)
			asm volatile("lock orb $1, %0" : "+m"(*pte) : : "cc");
		else if (n == 7)
			asm volatile("xchgl %%eax, %0" : "+m"(*pte)
				     : "a"((u32)old[0]));
		else
			asm volatile("movups (%0), %%xmm0; movups %%xmm0, (%1)"
				     : : "r"(two), "r"(pte) : "memory");
		guest_sync(2);
	}
	guest_done();
}

/* Each way to write to a table in use is a write for the log. */
TEST_F(cve, table_writes_are_logged)
{
	static u64 bits[4096];
	struct ucall *call;
	struct vcpu *vcpu;
	u64 page, n;

	gpt_map(&self->gpt, TEST_VA, page_gpa(2) | PT_RIGHTS, 1);
	vm_slot(self->vm, 0, LOG, 0, self->vm->ram_size, self->vm->ram);
	vcpu = boot(self, each_form);
	for (n = 0; n < FORMS; n++) {
		call = run_ucall(vcpu);
		ASSERT_EQ(1, call->arg[0]);
		page = call->arg[2] / PAGE_SIZE;
		ASSERT_EQ(0, vm_dirty_log(self->vm, 0, bits));
		run_to_sync(vcpu, 2);
		ASSERT_EQ(0, vm_dirty_log(self->vm, 0, bits));
		EXPECT_EQ(1, bits[page / 64] >> page % 64 & 1) {
			TH_LOG("form %lu", n);
		}
	}
	run_to_done(vcpu);
}

static void host_writes(u64 id)
{
	u64 i;

	for (i = 0; i < 6; i++) {
		GUEST_ASSERT_EQ(guest_read(TEST_VA), mark(i));
		guest_sync(1);
	}
	guest_done();
}

/* A snapshot loaded into a VM that has run: tables change without a word. */
TEST_F(cve, tables_written_by_host)
{
	struct kvm_sregs sregs;
	struct vcpu *vcpu;
	u64 i;

	vcpu = boot(self, host_writes);
	for (i = 0; i < 6; i++) {
		gpt_map(&self->gpt, TEST_VA, page_gpa(i) | PT_RIGHTS, 1);
		vcpu_sregs(vcpu, &sregs);
		ASSERT_EQ(0, KERR(vcpu->fd, KVM_SET_SREGS, &sregs));
		run_to_sync(vcpu, 1);
	}
	run_to_done(vcpu);
}

/* ---- PAE's pointers at the end of a page, and nothing behind it ---- */

FIXTURE(pae) {
};
ENGINE_VARIANTS(pae);
FIXTURE_SETUP(pae)
{
	ENGINE_CHOOSE();
}
FIXTURE_TEARDOWN(pae)
{
}

TEST_F(pae, pointers_at_the_end_of_a_page)
{
	struct vm *vm = vm_create_mem();
	struct access_batch *b;
	struct vcpu *vcpu;
	struct gpt gpt;
	u64 *last;

	*(u64 *)vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, PAGE_SIZE) = mark(1);
	last = vm_add_mem(vm, 7, 0, ROOT_GPA, PAGE_SIZE);
	access_tables(&gpt, vm, 3);
	gpt_map(&gpt, 0xc0000000, MEM_GPA | PT_P, 1);
	memcpy(last + 508, vm->ram + gpt.root, 32);
	vcpu = access_boot(&gpt);
	b = GUEST_PTR(vm, access_batch);
	b->cr0 = CR0_PG | CR0_PE;
	b->cr4 = CR4_PAE;
	b->cr3 = ROOT_GPA + 0xfe0;
	b->nr = 1;
	b->setup[0].nr = 1;
	b->setup[0].va = 0xc0000000;
	b->setup[0].access[0].op = ACCESS_READ;
	access_run(vcpu);
	EXPECT_EQ(ACCESS_DONE, b->setup[0].access[0].vector);
	EXPECT_EQ(mark(1), b->setup[0].access[0].value);
	vm_free(vm);
}

TEST_HARNESS_MAIN
