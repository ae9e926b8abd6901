// SPDX-License-Identifier: GPL-2.0
/*
 * The guest of storm.c, what a kernel does when processes come and go: fork by
 * write-protecting the parent's entries into tables made for the child, copy on
 * write in both, exit. A vCPU has a parent and one child at a time, of its
 * own. Parent and child count in each page they write, and look whether they
 * see what they should: no write of the other's.
 */
#include "storm.h"

typedef unsigned long long u64;

#define PAGE		4096ull
#define WINDOW		(1ull << 39)	/* of the process: slot 1 of the PML4 */
#define LOW_PML4	((u64 *)0x1000)

#define PRESENT		0x01ull
#define WRITE		0x02ull
#define TABLE		0x27ull
#define ACCESSED	0x20ull
#define DIRTY		0x40ull

struct frame;

static struct storm_cpu *me(void)
{
	return (void *)((u64)__builtin_frame_address(0) & -STORM_AREA);
}

static void halt(void)
{
	for (;;)
		asm volatile("hlt" : : : "memory");
}

static void wrong(unsigned int line)
{
	me()->error = line;
	halt();
}

#define CHECK(what)				\
	do {					\
		if (!(what))			\
			wrong(__LINE__);	\
	} while (0)

static void load_root(u64 *const levels[4])
{
	me()->current = levels[0];
	asm volatile("mov %0, %%cr3" : : "r"(levels[3]) : "memory");
}

static void *new_table(struct storm_cpu *c)
{
	u64 *table = (u64 *)(c->tables + c->taken++ % STORM_TABLES * PAGE);
	u64 *to = table, n = PAGE / 8;

	asm volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(0) : "memory");
	return table;
}

static void make_tables(struct storm_cpu *c, u64 *levels[4])
{
	for (int i = 0; i < 4; i++)
		levels[i] = new_table(c);
	levels[3][0] = LOW_PML4[0];
	levels[3][1] = (u64)levels[2] | TABLE;
	levels[2][0] = (u64)levels[1] | TABLE;
	levels[1][0] = (u64)levels[0] | TABLE;
}

static unsigned int frame_of(struct storm_cpu *c, u64 pte)
{
	return ((pte & -PAGE) - c->frames) / PAGE;
}

static void copy_on_write(struct storm_cpu *c, u64 *pte)
{
	unsigned int old = frame_of(c, *pte), new;
	u64 from, to, n = PAGE / 8;

	if (c->ref[old] == 1) {
		*pte |= WRITE | DIRTY;
		return;
	}
	CHECK(c->nfree);
	new = c->free[--c->nfree];
	c->ref[new] = 1;
	c->ref[old]--;
	from = c->frames + old * PAGE;
	to = c->frames + new * PAGE;
	*pte = to | PRESENT | WRITE | ACCESSED | DIRTY;
	asm volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
}

__attribute__((interrupt)) static void page_fault(struct frame *f, u64 error)
{
	struct storm_cpu *c = me();
	u64 va;

	(void)f;
	asm volatile("mov %%cr2, %0" : "=r"(va));
	CHECK(error == 3 && va - WINDOW < STORM_PAGES * PAGE);
	c->faults++;
	copy_on_write(c, &c->current[(va - WINDOW) / PAGE]);
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static void fork(struct storm_cpu *c)
{
	u64 pte;

	/* The parent keeps its tables, which are the first of them all. */
	if (c->taken % STORM_TABLES == 0)
		c->taken += 4;
	make_tables(c, c->child);
	for (int i = 0; i < STORM_PAGES; i++) {
		pte = c->parent[0][i] & ~WRITE;
		c->parent[0][i] = pte;
		c->child[0][i] = pte & ~ACCESSED;
		c->ref[frame_of(c, pte)]++;
	}
	load_root(c->parent);
}

static void exit(struct storm_cpu *c)
{
	unsigned int frame;

	load_root(c->parent);
	for (int i = 0; i < STORM_PAGES; i++) {
		frame = frame_of(c, c->child[0][i]);
		c->child[0][i] = 0;
		if (!--c->ref[frame])
			c->free[c->nfree++] = frame;
	}
}

static volatile u64 *words(int page)
{
	return (u64 *)(WINDOW + page * PAGE);
}

/* It writes to the first half, before its child does. */
static void be_parent(struct storm_cpu *c)
{
	for (int i = 0; i < STORM_PAGES / 2; i++) {
		CHECK(words(i)[0] == c->made && !words(i)[1]);
		words(i)[0]++;
	}
}

/* It writes to the half in the middle. */
static void be_child(struct storm_cpu *c)
{
	load_root(c->child);
	for (int i = STORM_PAGES / 4; i < STORM_PAGES * 3 / 4; i++) {
		CHECK(words(i)[0] == (i < STORM_PAGES / 2 ? c->made : 0));
		words(i)[1]++;
		CHECK(words(i)[1] == 1);
	}
}

static void begin(struct storm_cpu *c)
{
	struct {
		unsigned short limit;
		u64 base;
	} __attribute__((packed)) r;
	u64 handler = (u64)page_fault;

	c->gdt[1] = 0x00af9b000000ffff;
	c->gdt[2] = 0x00cf93000000ffff;
	r.limit = sizeof(c->gdt) - 1;
	r.base = (u64)c->gdt;
	asm volatile("lgdt %0" : : "m"(r));
	c->idt[2 * 14] = (handler & 0xffff) | 8 << 16 | 0x8e00ull << 32 |
			 (handler & 0xffff0000) << 32;
	c->idt[2 * 14 + 1] = handler >> 32;
	r.limit = sizeof(c->idt) - 1;
	r.base = (u64)c->idt;
	asm volatile("lidt %0" : : "m"(r));
	make_tables(c, c->parent);
	for (int i = 0; i < STORM_PAGES; i++) {
		c->parent[0][i] = (c->frames + i * PAGE) | PRESENT | WRITE;
		c->ref[i] = 1;
	}
	for (int i = STORM_PAGES; i < STORM_FRAMES; i++)
		c->free[c->nfree++] = i;
}

__attribute__((section(".text.start"))) void storm_start(struct storm_cpu *c)
{
	if (!c->taken)
		begin(c);
	load_root(c->parent);
	for (u64 n = c->forks; n; n--) {
		fork(c);
		be_parent(c);
		be_child(c);
		exit(c);
		c->made++;
	}
	halt();
}
