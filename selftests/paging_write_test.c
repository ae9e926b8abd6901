// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest can write to a table in use: every instruction, width and place.
 */
#include "kselftest_harness.h"
#include "lib/paging.h"

/*
 * Page n's entry in the table, from which page 0's differs in one byte or bit
 * at a time: the gpas of the pages are so chosen.
 */
#define NEW (page_gpa(5) | PT_RIGHTS)
#define OLD (page_gpa(0) | PT_RIGHTS)

static void check_line(bool good, u64 line, u64 value)
{
	if (!good)
		ucall(UCALL_FAIL, (u64)__FILE__, line, (u64)"goes where the "
		      "tables say", value, 0);
}

static void start(u64 *pte)
{
	WRITE_ONCE(pte[0], OLD);
	WRITE_ONCE(pte[1], page_gpa(1) | PT_RIGHTS);
	invlpg(PAGE_VA(0));
	invlpg(PAGE_VA(1));
	check_line(guest_read(PAGE_VA(0)) == mark(0), __LINE__, 0);
	check_line(guest_read(PAGE_VA(1)) == mark(1), __LINE__, 0);
}

static void see(u64 n, u64 want, u64 line)
{
	u64 v;

	invlpg(PAGE_VA(n));
	v = guest_read(PAGE_VA(n));
	check_line(v == mark(want), line, v);
}

/* What the instruction makes of page 0's entry leads to page 5. */
#define FORM(insn, value) do {						\
	u64 __a = value, __p = (u64)pte;				\
									\
	start(pte);							\
	asm volatile(insn : "+a"(__a), "+D"(__p)			\
		     : "b"(NEW), "c"(0ul), "d"(pte) : "memory", "cc");	\
	see(0, 5, __LINE__);						\
} while (0)

static u64 *test_pte(void)
{
	return (u64 *)((u64)guest_entry(PAGE_VA(0), 1));
}

#define A_D (PT_A)

static void guest_plain(void)
{
	u64 *pte = test_pte();

	FORM("movb %%al, 1(%%rdx)", (NEW >> 8) & 0xff);
	FORM("movw %%ax, (%%rdx)", NEW & 0xffff);
	FORM("movw %%ax, 1(%%rdx)", (NEW >> 8) & 0xffff);
	FORM("movl %%eax, (%%rdx)", NEW);
	FORM("movl %%eax, 1(%%rdx)", NEW >> 8);
	FORM("movq %%rax, (%%rdx)", NEW);
	FORM("movb $0x50, 1(%%rdx)", 0);
	FORM("movw $0x5007, (%%rdx)", 0);
	FORM("movl $0x10005007, (%%rdx)", 0);
	FORM("movq $0x10005007, (%%rdx)", 0);
	FORM("movnti %%rax, (%%rdx)", NEW);
	FORM("stosq", NEW);
	FORM("incq %%rdi; stosb", 0x50);
	guest_done();
}

static void guest_arithmetic(void)
{
	u64 *pte = test_pte();

	FORM("addq %%rax, (%%rdx)", 0x5000);
	FORM("addl $0x5000, (%%rdx)", 0);
	FORM("addb $0x50, 1(%%rdx)", 0);
	FORM("orq %%rax, (%%rdx)", 0x5000);
	FORM("orw $0x5000, (%%rdx)", 0);
	FORM("xorl %%eax, (%%rdx)", 0x5000);
	FORM("subl %%eax, (%%rdx)", -0x5000);
	FORM("adcl %%eax, (%%rdx)", 0x5000);
	FORM("lock addq %%rax, (%%rdx)", 0x5000);
	FORM("lock orl $0x5000, (%%rdx)", 0);
	FORM("lock xorb $0x50, 1(%%rdx)", 0);
	FORM("lock subq %%rax, (%%rdx)", -0x5000);
	FORM("btsl $12, (%%rdx); btsl $14, (%%rdx)", 0);
	FORM("lock btsq $12, (%%rdx); lock btcq $14, (%%rdx)", 0);
	FORM("btsq %%rax, (%%rdx); btsl $14, (%%rdx)", 12);
	FORM("incb 1(%%rdx); addb $0x4f, 1(%%rdx)", 0);
	FORM("lock incb 1(%%rdx); lock addb $0x4f, 1(%%rdx)", 0);
	FORM("notb 1(%%rdx); xorb $0xaf, 1(%%rdx)", 0);
	FORM("negb 1(%%rdx); addb $0x50, 1(%%rdx)", 0);
	guest_done();
}

/* cmpxchg compares with what the entry is: A may have been set. */
static void guest_exchange(void)
{
	u64 *pte = test_pte();

	FORM("xchgq %%rax, (%%rdx)", NEW);
	FORM("xchgl %%eax, (%%rdx)", NEW);
	FORM("xchgb %%al, 1(%%rdx)", 0x50);
	FORM("xaddl %%eax, (%%rdx)", 0x5000);
	FORM("lock xaddq %%rax, (%%rdx)", 0x5000);
	FORM("lock cmpxchgq %%rbx, (%%rdx)", OLD | A_D);
	FORM("lock cmpxchgl %%ebx, (%%rdx)", OLD | A_D);
	FORM("cmpxchgq %%rbx, (%%rdx)", OLD | A_D);
	FORM("pushq %%rbx; popq (%%rdx)", 0);
	guest_done();
}

static bool cmpxchg8b(void *p, u64 old, u64 new)
{
	u32 a = old, d = old >> 32;
	u8 same;

	asm volatile("lock cmpxchg8b (%[p]); sete %[same]"
		     : "+a"(a), "+d"(d), [same] "=q"(same)
		     : "b"((u32)new), "c"((u32)(new >> 32)), [p] "r"(p)
		     : "memory", "cc");
	return same;
}

static bool cmpxchg16b(void *p, const u64 *old, const u64 *new)
{
	u64 a = old[0], d = old[1];
	u8 same;

	asm volatile("lock cmpxchg16b (%[p]); sete %[same]"
		     : "+a"(a), "+d"(d), [same] "=q"(same)
		     : "b"(new[0]), "c"(new[1]), [p] "r"(p) : "memory", "cc");
	return same;
}

static void guest_wide_exchange(void)
{
	u64 *pte = test_pte(), old[2], new[2] = { NEW, page_gpa(6) | PT_RIGHTS };

	start(pte);
	GUEST_ASSERT(!cmpxchg8b(pte, OLD ^ PT_W, NEW));
	see(0, 0, __LINE__);
	GUEST_ASSERT(cmpxchg8b(pte, OLD | PT_A, NEW));
	see(0, 5, __LINE__);
	/* One compare-and-exchange of two entries. */
	start(pte);
	old[0] = pte[0];
	old[1] = pte[1] ^ PT_A;
	GUEST_ASSERT(!cmpxchg16b(pte, old, new));
	see(0, 0, __LINE__);
	see(1, 1, __LINE__);
	old[0] = pte[0];
	old[1] = pte[1];
	GUEST_ASSERT(cmpxchg16b(pte, old, new));
	see(0, 5, __LINE__);
	see(1, 6, __LINE__);
	guest_done();
}

/* Half of one entry and half of the next; the last of one table and the
 * first of another.
 */
static void guest_misaligned(void)
{
	u64 *pte = test_pte(), *last, value, n, d, s;

	for (n = 1; n < 8; n++) {
		start(pte);
		value = page_gpa(1) | PT_RIGHTS;
		value = OLD >> 8 * n | value << (64 - 8 * n);
		/* The same bytes, then those of new entries. */
		*(volatile u64 *)((u64)pte + n) = value;
		see(0, 0, __LINE__);
		see(1, 1, __LINE__);
		value = (page_gpa(7) | PT_RIGHTS) << (64 - 8 * n) |
			OLD >> 8 * n;
		*(volatile u64 *)((u64)pte + n) = value;
		see(1, n == 1 ? 1 : 7, __LINE__);
		see(0, 0, __LINE__);
	}
	last = guest_entry(TEST_VA + HUGE_SIZE - PAGE_SIZE, 1);
	GUEST_ASSERT_EQ(((u64)last & 0xfff), 0xff8);
	last[0] = page_gpa(1) | PT_RIGHTS;
	last[1] = page_gpa(2) | PT_RIGHTS;
	see(511, 1, __LINE__);
	see(512, 2, __LINE__);
	for (n = 1; n < 8; n++) {
		value = (page_gpa(n) | PT_RIGHTS) >> 8 |
			(page_gpa(n) | PT_RIGHTS) << 56;
		*(volatile u64 *)((u64)last + 1) = value;
		*(volatile u64 *)((u64)last + 3) = value >> 16 |
			(page_gpa(n) | PT_RIGHTS) << 40;
		see(511, n, __LINE__);
		see(512, n, __LINE__);
	}
	/* A table copied over another by one instruction. */
	d = (u64)pte & ~0xffful;
	s = page_gpa(9);
	for (n = 0; n < 512; n++)
		((u64 *)s)[n] = page_gpa(7 - n % 8) | PT_RIGHTS;
	n = 512;
	asm volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	write_cr3(read_cr3());
	for (n = 0; n < 8; n++)
		GUEST_ASSERT_EQ(guest_read(PAGE_VA(n)), mark(7 - n));
	guest_done();
}

/* Instructions that no emulator of page-table writes needs to know. */
static void guest_unknown(void)
{
	u64 *pte = test_pte(), two[2] __attribute__((aligned(16))), i;
	u64 area = ((u64)pte & ~0xffful) + 2048;

	for (i = 0; i < 8; i++) {
		start(pte);
		two[0] = NEW;
		two[1] = page_gpa(6) | PT_RIGHTS;
		if (i & 1)
			asm volatile("movups (%0), %%xmm0; movups %%xmm0, (%1)"
				     : : "r"(two), "r"(pte) : "memory");
		else
			asm volatile("movaps (%0), %%xmm1; movntdq %%xmm1, (%1)"
				     : : "r"(two), "r"(pte) : "memory");
		see(0, 5, __LINE__);
		see(1, 6, __LINE__);
		start(pte);
		asm volatile("movq (%0), %%xmm2; movq %%xmm2, (%1)"
			     : : "r"(two), "r"(pte) : "memory");
		see(0, 5, __LINE__);
		/* 512 bytes into entries that map nothing. */
		asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
		GUEST_ASSERT(*(u16 *)area == 0x37f);
		see(0, 5, __LINE__);
		GUEST_ASSERT_EQ(pte[1] & PT_ADDR, page_gpa(1));
	}
	guest_done();
}

/* W, U, P and NX one at a time, seen at once after INVLPG. */
static void guest_rights(void)
{
	u64 *pte = test_pte(), error, i;

	write_cr0(read_cr0() | CR0_WP);
	for (i = 0; i < 10; i++) {
		start(pte);
		guest_write(PAGE_VA(0) + 8, i);
		asm volatile("lock btrq $1, %0" : "+m"(*pte) : : "cc");
		invlpg(PAGE_VA(0));
		GUEST_ASSERT_EQ(try_write(PAGE_VA(0) + 8, 99, &error), PF_TRAP);
		GUEST_ASSERT_EQ(error, PF_P | PF_W);
		GUEST_ASSERT_EQ(guest_read(PAGE_VA(0) + 8), i);
		asm volatile("lock btsq $1, %0" : "+m"(*pte) : : "cc");
		guest_write(PAGE_VA(0) + 8, i + 1);
		asm volatile("lock btrq $0, %0" : "+m"(*pte) : : "cc");
		invlpg(PAGE_VA(0));
		GUEST_ASSERT_EQ(try_write(PAGE_VA(0) + 8, 99, &error), PF_TRAP);
		GUEST_ASSERT_EQ(error, PF_W);
		asm volatile("btsq $0, %0" : "+m"(*pte) : : "cc");
		GUEST_ASSERT_EQ(guest_read(PAGE_VA(0) + 8), i + 1);
		/* A and D come back after the guest took them. */
		asm volatile("lock andq $~0x60, %0" : "+m"(*pte) : : "cc");
		invlpg(PAGE_VA(0));
		guest_read(PAGE_VA(0));
		GUEST_ASSERT_EQ(READ_ONCE(*pte) & (PT_A | PT_D), PT_A);
		guest_write(PAGE_VA(0) + 8, i);
		GUEST_ASSERT_EQ(READ_ONCE(*pte) & (PT_A | PT_D), PT_A | PT_D);
	}
	guest_done();
}

#define WRITES(name)							\
TEST_F(paging, name)							\
{									\
	boot(self, guest_##name);					\
	run_to_done(self->vcpu);					\
}
WRITES(plain)
WRITES(arithmetic)
WRITES(exchange)
WRITES(wide_exchange)
WRITES(unknown)
WRITES(rights)

TEST_F(paging, misaligned)
{
	u64 at = TEST_VA + HUGE_SIZE, table;

	boot(self, guest_misaligned);
	/* The next table is the next page. */
	table = gpt_entry(&self->gpt, at, 1) & PT_ADDR;
	ASSERT_EQ(table, (gpt_entry(&self->gpt, TEST_VA, 1) & PT_ADDR) +
		  PAGE_SIZE);
	run_to_done(self->vcpu);
}

/* ---- the mode of writes changed while the guest runs ---- */

static void guest_edits_ever(void)
{
	u64 *pte = test_pte(), i;

	for (i = 0;; i++) {
		WRITE_ONCE(*pte, page_gpa(i % 8) | PT_RIGHTS);
		invlpg(PAGE_VA(0));
		GUEST_ASSERT_EQ(guest_read(PAGE_VA(0)), mark(i % 8));
		WRITE_ONCE(where[0], i);
	}
}

TEST_F(paging, mode_changed_meanwhile)
{
	struct vcpu_thread t;
	u64 i, seen = 0;

	if (!vm_is_shadow(self->vm))
		SKIP(return, "only the shadow engine has these modes");
	boot(self, guest_edits_ever);
	vcpu_thread_start(&t, self->vcpu);
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, vm_enable_cap(self->vm, UM_CAP_PTW, i & 1));
		while (GUEST_VAR(self->vm, where[0]) < seen + 3)
			usleep(100);
		seen = GUEST_VAR(self->vm, where[0]);
	}
	vcpu_thread_stop(&t);
}

/* ---- tables where one cannot write, or nothing is ---- */

#define RO_GPA (MEM_GPA + 8 * HUGE_SIZE)
#define RO_VA (TEST_VA + (1ul << 30))

static void guest_rom_tables(void)
{
	u64 *pte = (u64 *)RO_GPA, error;

	GUEST_ASSERT_EQ(guest_read(RO_VA), mark(3));
	GUEST_ASSERT_EQ(READ_ONCE(*pte) & (PT_A | PT_D), 0);
	guest_write(RO_VA + 8, 77);
	GUEST_ASSERT_EQ(guest_read(page_gpa(3) + 8), 77);
	GUEST_ASSERT_EQ(READ_ONCE(*pte) & (PT_A | PT_D), 0);
	GUEST_ASSERT_EQ(try_read(RO_VA + PAGE_SIZE, &error), PF_TRAP);
	guest_done();
}

/* A and D are never set there; an EPT that keeps its own cannot do it. */
TEST_F(paging, tables_in_a_read_only_slot)
{
	u64 *rom;

	if (!vm_is_shadow(self->vm))
		SKIP(return, "with EPT's A and D flags no such table works");
	boot(self, guest_rom_tables);
	rom = vm_add_mem(self->vm, 7, KVM_MEM_READONLY, RO_GPA, PAGE_SIZE);
	rom[0] = page_gpa(3) | PT_RIGHTS;
	gpt_map(&self->gpt, RO_VA, RO_GPA | PT_RIGHTS, 2);
	run_to_done(self->vcpu);
	EXPECT_EQ(page_gpa(3) | PT_RIGHTS, rom[0]);
}

static void guest_no_tables(void)
{
	u64 value;
	int i;

	for (i = 0; i < 3; i++) {
		/* There is no entry, hence none that is present. */
		GUEST_ASSERT_EQ(try_read(RO_VA, &value), PF_TRAP);
		GUEST_ASSERT_EQ(value, 0);
		GUEST_ASSERT_EQ(guest_read(PAGE_VA(i)), mark(i));
		GUEST_ASSERT_EQ(try_write(RO_VA, 1, &value), PF_TRAP);
		GUEST_ASSERT_EQ(value, PF_W);
	}
	guest_sync(1);
	GUEST_ASSERT_EQ(guest_read(RO_VA), mark(6));
	guest_done();
}

TEST_F(paging, tables_where_nothing_is)
{
	u64 *mem;

	if (!vm_is_shadow(self->vm))
		SKIP(return, "the CPU's own walk cannot be answered");
	boot(self, guest_no_tables);
	gpt_map(&self->gpt, RO_VA, RO_GPA | PT_RIGHTS, 2);
	run_to_sync(self->vcpu, 1);
	mem = vm_add_mem(self->vm, 7, 0, RO_GPA, PAGE_SIZE);
	mem[0] = page_gpa(6) | PT_RIGHTS;
	run_to_done(self->vcpu);
}

TEST_HARNESS_MAIN
