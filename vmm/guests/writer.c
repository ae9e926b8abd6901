// SPDX-License-Identifier: GPL-2.0
/*
 * A guest whose memory proves itself.
 *
 * Each vCPU owns a run of pages. A page carries a sequence number, raised at
 * every write, and words computed from page and number. What a page must hold is
 * also kept in a table elsewhere in memory, and the total of all numbers in a
 * register (r15, used for nothing else). So
 *  - a page left behind by a migration disagrees with the table,
 *  - a table page left behind disagrees with the pages,
 *  - both left behind at the same state disagree with the register, which
 *    travels with the vCPU and not with the memory.
 * Cookies in an XMM register and in the MSR of the other GS base prove the rest
 * of the vCPU. A page is checked before each write; all are checked every so
 * many writes and at the end.
 *
 * With page tables of its own (paging.h) the guest moves its pages about: what a
 * page must hold goes with the frame, and another table says which frame a
 * virtual page has. So a translation that is stale shows as a wrong page.
 *
 * Arguments:
 *  ws=BYTES      working set of all vCPUs together (8M)
 *  pattern=P     seq, random, or hot: nine of ten writes to a tenth (seq)
 *  rate=N        pages a second written by each vCPU; 0: no bound (0)
 *  fill=N        words written in a page, 4..512 (8)
 *  verify=N      check all pages after N times their number of writes (4);
 *                0: at the end only
 *  beat=N        writes between two heartbeats (64)
 *  edit=N        edits its page tables after so many writes; 0: never (16)
 *  writes=N      end after N writes of each vCPU; 0: when told to (0)
 */
#include "paging.h"

#define MSR_KERNEL_GS_BASE 0xc0000102

/* The build keeps a register for this alone. */
#ifdef __x86_64__
register ulong total asm("r15");
#define COOKIE_REGISTER "xmm15"
#else
register ulong total asm("esi");
#define COOKIE_REGISTER "xmm7"
#endif

struct work {
	u32 cpu;
	u32 first, pages;	/* own run of pages */
	ulong data;		/* all pages */
	u64 *table;		/* what all frames must hold */
	u32 *where;		/* which frame is where */
	u64 random;
	u32 next;
	u32 fill;
	u32 edit;		/* writes between two edits; 0: none */
	u32 since_edit, edits;
	enum { SEQ, RANDOM, HOT } pattern;
};

static u32 done;		/* vCPUs that have found all well */
static ulong all_writes;

static u64 mix(u64 frame, u64 seq, u64 word)
{
	u64 x = (frame << 40) ^ (seq << 9) ^ word;

	x *= 0x9e3779b97f4a7c15ULL;
	return x ^ x >> 29;
}

static u64 cookie(u32 cpu)
{
	/* Canonical: it also stands in the GS base. */
	return mix(cpu, 7, 7) >> 20 & ~0xfffULL;
}

static void set_cookies(u32 cpu)
{
	u64 c = cookie(cpu), xmm[2] = { c, ~c };

	asm volatile("movups %0, %%" COOKIE_REGISTER : : "m"(xmm));
	asm volatile("wrmsr" : : "c"(MSR_KERNEL_GS_BASE), "a"((u32)c),
		     "d"((u32)(c >> 32)));
}

static void check_cookies(u32 cpu)
{
	u64 c = cookie(cpu), xmm[2];
	u32 lo, hi;

	asm volatile("movups %%" COOKIE_REGISTER ", %0" : "=m"(xmm));
	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(MSR_KERNEL_GS_BASE));
	if (xmm[0] == c && xmm[1] == ~c && ((u64)hi << 32 | lo) == c)
		return;
	print("writer: cpu %u lost registers: " COOKIE_REGISTER
	      " %x, GS base %x, not %x\n", cpu, xmm[0], (u64)hi << 32 | lo, c);
	guest_exit(1);
}

static u64 *words_of(const struct work *w, u32 page)
{
	return (u64 *)(w->data + page * PAGE);
}

/* Word i of n lies so that first and last word of the page are among them. */
static u32 position(const struct work *w, u32 i)
{
	return i * 511 / (w->fill - 1);
}

static void write_page(struct work *w, u32 page)
{
	u64 *words = words_of(w, page), seq;
	u32 frame = w->where[page], i;

	seq = ++w->table[frame];
	words[0] = seq;
	for (i = 1; i < w->fill; i++)
		words[position(w, i)] = mix(frame, seq, i);
	total++;
}

static void check_page(struct work *w, u32 page)
{
	u64 *words = words_of(w, page);
	u32 frame = w->where[page], i;
	u64 seq = w->table[frame];

	if (words[0] != seq) {
		print("writer: cpu %u page %u is stale: seq %x, expected %x of frame %u\n",
		      w->cpu, page, words[0], seq, frame);
		guest_exit(1);
	}
	if (!seq)
		return;
	for (i = 1; i < w->fill; i++) {
		if (words[position(w, i)] == mix(frame, seq, i))
			continue;
		print("writer: cpu %u page %u frame %u seq %x: word %u is wrong\n",
		      w->cpu, page, frame, seq, i);
		guest_exit(1);
	}
}

static void check_all(struct work *w)
{
	ulong sum = 0;
	u32 i;

	for (i = w->first; i < w->first + w->pages; i++) {
		check_page(w, i);
		sum += w->table[i];
	}
	if (sum != total) {
		print("writer: cpu %u made %x writes, its pages show %x\n",
		      w->cpu, (u64)total, (u64)sum);
		guest_exit(1);
	}
	check_cookies(w->cpu);
}

static u32 next_random(struct work *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random >> 11;
}

static u32 next_page(struct work *w)
{
	u32 r, hot;

	if (w->pattern == SEQ) {
		if (++w->next == w->pages)
			w->next = 0;
		return w->first + w->next;
	}
	r = next_random(w);
	hot = w->pages / 10;
	if (w->pattern == HOT && hot && r % 10)
		return w->first + r / 10 % hot;
	return w->first + r / 10 % w->pages;
}

static void check_used(struct work *w, u32 page, bool written)
{
	if (window_used(page, written))
		return;
	print("writer: cpu %u page %u was %s, its entry tells otherwise\n",
	      w->cpu, page, written ? "written" : "read");
	guest_exit(1);
}

static void swap(struct work *w, u32 i, u32 j)
{
	u32 frame = w->where[i];

	w->where[i] = w->where[j];
	w->where[j] = frame;
	window_swap(i, j);
}

static void rotate(struct work *w, u32 i, u32 n)
{
	u32 frame = w->where[i];

	window_rotate(i, n);
	for (; --n; i++)
		w->where[i] = w->where[i + 1];
	w->where[i] = frame;
}

/* One of the things that a kernel does to its tables, by turns. */
static void edit(struct work *w)
{
	u32 page = w->first + next_random(w) % (w->pages - 8);

	switch (w->edits++ % 4) {
	case 0:
		swap(w, page, page + 1 + next_random(w) % 7);
		break;
	case 1:
		rotate(w, page, 8);
		break;
	case 2:
		window_unmap(page);
		break;
	default:
		window_protect(page, true);
		check_page(w, page);
		window_protect(page, false);
		write_page(w, page);
		return;
	}
	check_page(w, page);
	check_used(w, page, false);
	write_page(w, page);
	check_used(w, page, true);
}

static void write_some(struct work *w, u32 n)
{
	u32 page;

	while (n--) {
		page = next_page(w);
		check_page(w, page);
		write_page(w, page);
		if (w->edit && ++w->since_edit == w->edit) {
			w->since_edit = 0;
			edit(w);
		}
	}
}

static ulong whole_pages(ulong bytes)
{
	return (bytes + PAGE - 1) & ~(PAGE - 1);
}

/* In memory: what frames must hold, which is where, page tables, frames. */
static void prepare(const struct guest_params *p, struct work *w, u32 cpu)
{
	u32 pages = arg_number(p, "ws", 8UL << 20) / PAGE, i;
	ulong table = whole_pages(pages * 8), where = whole_pages(pages * 4);
	u32 fill = arg_number(p, "fill", 8);
	struct window window = {
		.tables = p->free_start + table + where,
		.nframes = pages, .pages = pages,
	};

	window.frames = window.tables + window_tables(p, pages);
	if (pages / p->cpus < 16 ||
	    window.frames + pages * PAGE > p->low_memory) {
		print("writer: the working set does not fit\n");
		guest_exit(2);
	}
	if (fill < 4 || fill > 512) {
		print("writer: fill is 4 to 512\n");
		guest_exit(2);
	}
	w->cpu = cpu;
	w->pages = pages / p->cpus;
	w->first = w->pages * cpu;
	w->table = (u64 *)(ulong)p->free_start;
	w->where = (u32 *)(ulong)(p->free_start + table);
	w->data = window_enter(p, cpu, &window);
	w->random = mix(cpu, 1, 1) | 1;
	w->next = 0;
	w->fill = fill;
	w->edit = p->paging ? arg_number(p, "edit", 16) : 0;
	w->since_edit = w->edits = 0;
	w->pattern = arg_is(p, "pattern", "random") ? RANDOM :
		     arg_is(p, "pattern", "hot") ? HOT : SEQ;
	for (i = w->first; i < w->first + w->pages; i++)
		w->where[i] = i;
}

/* The last vCPU to find all well ends the guest. */
static void finish(const struct guest_params *p, struct work *w)
{
	check_all(w);
	__atomic_fetch_add(&all_writes, total, __ATOMIC_SEQ_CST);
	if (__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST) != p->cpus)
		return;
	print("writer: ok, %u pages hold what %u writes left there\n",
	      w->pages * p->cpus, (u32)all_writes);
	guest_exit(0);
}

void guest_main(const struct guest_params *p, ulong cpu)
{
	u32 writes, verify, beat, since = 0, i;
	struct pace pace;
	struct work w;

	prepare(p, &w, cpu);
	total = 0;
	set_cookies(cpu);
	if (!cpu)
		print("writer: %u vCPUs, %u pages each\n", p->cpus, w.pages);
	writes = arg_number(p, "writes", 0);
	beat = arg_number(p, "beat", 64);
	verify = arg_number(p, "verify", 4) * w.pages;
	for (i = w.first; i < w.first + w.pages; i++)
		write_page(&w, i);
	pace_init(&pace, arg_number(p, "rate", 0));
	do {
		write_some(&w, beat);
		outl(PORT_WORK, beat);
		since += beat;
		if (verify && since >= verify) {
			check_all(&w);
			since = 0;
		}
		pace_wait(&pace, beat);
	} while (inl(PORT_COMMAND) != CMD_FINISH &&
		 (!writes || total < writes));
	finish(p, &w);
}
