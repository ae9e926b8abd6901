// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's own page tables (paging.h), of two levels, PAE, four or five.
 *
 *   2     directory: low memory by 4M pages, the window's tables from 1G on
 *   PAE   pointers -> a directory for low memory, by 2M pages, and one at 1G
 *   4, 5  root -> ... -> pointers -> the same
 *
 * There are two roots that say the same, so that CR3 can be changed. The
 * window's tables follow each other: entry i of them all maps page i.
 */
#include "paging.h"

#define PRESENT		0x01UL
#define WRITE		0x02UL
#define ACCESSED	0x20UL
#define DIRTY		0x40UL
#define LARGE		0x80UL
#define TABLE		(PRESENT | WRITE)

#define CR0_WP		(1UL << 16)
#define CR0_PG		(1UL << 31)
#define CR4_PSE		(1UL << 4)
#define CR4_PAE		(1UL << 5)

#define WINDOW		(1UL << 30)

static struct {
	u32 size;		/* of an entry: 4 or 8 */
	ulong entries;		/* of the window */
	ulong roots[2];
	ulong next;		/* table not yet taken */
	u32 ready;
} own;

static u32 per_table(const struct guest_params *p)
{
	return p->paging == 2 ? 1024 : 512;
}

ulong window_tables(const struct guest_params *p, u32 pages)
{
	if (!p->paging)
		return 0;
	/* above the leaves: two roots, and at most five more */
	return ((pages + per_table(p) - 1) / per_table(p) + 7) * PAGE;
}

/* What is above the low half of an entry is zero. */
static ulong get(ulong at)
{
	return *(volatile ulong *)at;
}

static void exchange(ulong at, ulong value)
{
#ifdef __x86_64__
	if (own.size == 8) {
		asm volatile("xchgq %0, (%1)" : "+r"(value) : "r"(at) : "memory");
		return;
	}
#else
	if (own.size == 8) {
		u64 old = get(at);
		bool done;

		do {
			asm volatile("lock cmpxchg8b (%2)"
				     : "+A"(old), "=@ccz"(done)
				     : "D"(at), "b"(value), "c"(0) : "memory");
		} while (!done);
		return;
	}
#endif
	asm volatile("xchgl %k0, (%1)" : "+r"(value) : "r"(at) : "memory");
}

/* By plain stores and by locked ones, as kernels do both. */
static void set(ulong at, ulong value)
{
	if (value & PAGE)
		exchange(at, value);
	else
		*(volatile ulong *)at = value;
}

static ulong take(void)
{
	ulong table = own.next;

	own.next += PAGE;
	return table;
}

static ulong slot(ulong table, u32 index)
{
	return table + index * own.size;
}

/* The directory of low memory, all of a GiB. */
static void map_low(ulong table)
{
	ulong page = own.size == 4 ? 4UL << 20 : 2UL << 20, i;

	for (i = 0; i < (1UL << 30) / page; i++)
		set(slot(table, i), i * page | TABLE | LARGE);
}

static void map_window(ulong table, u32 index, const struct window *w,
		       u32 tables)
{
	u32 i;

	for (i = 0; i < tables; i++)
		set(slot(table, index + i), (own.entries + i * PAGE) | TABLE);
	for (i = 0; i < w->pages; i++)
		set(slot(own.entries, i),
		    (w->frames + i % w->nframes * PAGE) | TABLE);
}

/* Of the two GiB with something in them; the pointers of PAE have no W. */
static void map_pointers(ulong table, ulong flags, ulong low, ulong window)
{
	set(slot(table, 0), low | flags);
	set(slot(table, 1), window | flags);
}

static void make_tables(const struct guest_params *p, const struct window *w)
{
	u32 tables = (w->pages + per_table(p) - 1) / per_table(p), i;
	ulong low, window, child;

	own.size = p->paging == 2 ? 4 : 8;
	own.entries = w->tables;
	own.next = w->tables + tables * PAGE;
	own.roots[0] = take();
	own.roots[1] = take();
	if (p->paging == 2) {
		for (i = 0; i < 2; i++) {
			map_low(own.roots[i]);
			map_window(own.roots[i], 256, w, tables);
		}
		return;
	}
	low = take();
	window = take();
	map_low(low);
	map_window(window, 0, w, tables);
	if (p->paging == 3) {
		/* 32 bytes each: one page has both */
		own.roots[1] = own.roots[0] + 64;
		map_pointers(own.roots[0], PRESENT, low, window);
		map_pointers(own.roots[1], PRESENT, low, window);
		return;
	}
	child = take();
	map_pointers(child, TABLE, low, window);
	if (p->paging == 5) {
		low = child;
		child = take();
		set(slot(child, 0), low | TABLE);
	}
	set(slot(own.roots[0], 0), child | TABLE);
	set(slot(own.roots[1], 0), child | TABLE);
}

static void load_cr3(ulong root)
{
	asm volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

static ulong read_cr3(void)
{
	ulong root;

	asm volatile("mov %%cr3, %0" : "=r"(root));
	return root;
}

/* Four and five levels are entered with paging on. */
static void turn_on(const struct guest_params *p)
{
	ulong cr0, cr4;

	if (p->paging > 3)
		return;
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= p->paging == 2 ? CR4_PSE : CR4_PAE;
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	cr0 |= CR0_PG | CR0_WP;
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

ulong window_enter(const struct guest_params *p, ulong cpu,
		   const struct window *w)
{
	if (!p->paging)
		return w->frames;
	if (!cpu) {
		make_tables(p, w);
		__atomic_store_n(&own.ready, 1, __ATOMIC_RELEASE);
	}
	while (!__atomic_load_n(&own.ready, __ATOMIC_ACQUIRE))
		pause();
	/* PAE loads its pointers with CR3 only once CR4 and CR0 say so. */
	load_cr3(own.roots[cpu % 2]);
	turn_on(p);
	return WINDOW;
}

static void flush(u32 i)
{
	asm volatile("invlpg (%0)" : : "r"(WINDOW + i * PAGE) : "memory");
}

static void set_frame(u32 i, ulong frame)
{
	set(slot(own.entries, i), frame | TABLE);
}

static ulong frame_of(u32 i)
{
	return get(slot(own.entries, i)) & ~(PAGE - 1);
}

void window_swap(u32 i, u32 j)
{
	ulong first = frame_of(i);

	set_frame(i, frame_of(j));
	set_frame(j, first);
	flush(i);
	flush(j);
}

void window_rotate(u32 i, u32 n)
{
	ulong first = frame_of(i), root = read_cr3();

	for (; --n; i++)
		set_frame(i, frame_of(i + 1));
	set_frame(i, first);
	load_cr3(root == own.roots[0] ? own.roots[1] : own.roots[0]);
}

void window_unmap(u32 i)
{
	ulong frame = frame_of(i);

	set(slot(own.entries, i), 0);
	flush(i);
	/* What was not there before needs no flush. */
	set_frame(i, frame);
}

void window_protect(u32 i, bool on)
{
	ulong at = slot(own.entries, i);

	set(at, on ? get(at) & ~WRITE : get(at) | WRITE);
	flush(i);
}

bool window_used(u32 i, bool written)
{
	ulong entry = get(slot(own.entries, i));

	return entry & ACCESSED && !(entry & DIRTY) == !written;
}
