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
 * Cookies in xmm15, in the GS base and in an MSR prove the rest of the vCPU.
 * A page is checked before each write; all are checked every so many writes and
 * at the end.
 *
 * Arguments:
 *  ws=BYTES      working set of all vCPUs together (8M)
 *  pattern=P     seq, random, or hot: nine of ten writes to a tenth (seq)
 *  rate=N        pages a second written by each vCPU; 0: no bound (0)
 *  fill=N        words written in a page, 4..512 (8)
 *  verify=N      check all pages after N times their number of writes (4);
 *                0: at the end only
 *  beat=N        writes between two heartbeats (64)
 *  writes=N      end after N writes of each vCPU; 0: when told to (0)
 */
#include "guest.h"

#define MSR_KERNEL_GS_BASE 0xc0000102

register u64 total asm("r15");	/* the build keeps it for this alone */

struct work {
	u64 cpu;
	u64 first, pages;	/* own run of pages */
	u64 *data;		/* all pages */
	u64 *table;		/* what all pages must hold */
	u64 random;
	u64 next;
	u32 fill;
	enum { SEQ, RANDOM, HOT } pattern;
};

static u32 done;		/* vCPUs that have found all well */
static u64 all_writes;

static u64 mix(u64 page, u64 seq, u64 word)
{
	u64 x = (page << 40) ^ (seq << 9) ^ word;

	x *= 0x9e3779b97f4a7c15UL;
	return x ^ x >> 29;
}

static u64 cookie(u64 cpu)
{
	/* Canonical: it also stands in the GS base. */
	return mix(cpu, 7, 7) >> 20 & ~0xfffUL;
}

static void set_cookies(u64 cpu)
{
	u64 c = cookie(cpu), xmm[2] = { c, ~c };

	asm volatile("movups %0, %%xmm15" : : "m"(xmm));
	asm volatile("wrmsr" : : "c"(MSR_KERNEL_GS_BASE), "a"((u32)c),
		     "d"((u32)(c >> 32)));
}

static void check_cookies(u64 cpu)
{
	u64 c = cookie(cpu), xmm[2];
	u32 lo, hi;

	asm volatile("movups %%xmm15, %0" : "=m"(xmm));
	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(MSR_KERNEL_GS_BASE));
	if (xmm[0] == c && xmm[1] == ~c && ((u64)hi << 32 | lo) == c)
		return;
	print("writer: cpu %u lost registers: xmm15 %x, GS base %x, not %x\n",
	      (u32)cpu, xmm[0], (u64)hi << 32 | lo, c);
	guest_exit(1);
}

static u64 *words_of(const struct work *w, u64 page)
{
	return w->data + page * (PAGE / 8);
}

/* Word i of n lies so that first and last word of the page are among them. */
static u64 position(const struct work *w, u32 i)
{
	return i * 511UL / (w->fill - 1);
}

static void write_page(struct work *w, u64 page, u64 seq)
{
	u64 *words = words_of(w, page);
	u32 i;

	words[0] = seq;
	for (i = 1; i < w->fill; i++)
		words[position(w, i)] = mix(page, seq, i);
}

static void check_page(struct work *w, u64 page)
{
	u64 *words = words_of(w, page);
	u64 seq = w->table[page];
	u32 i;

	if (words[0] != seq) {
		print("writer: cpu %u page %x is stale: seq %x, expected %x\n",
		      (u32)w->cpu, page, words[0], seq);
		guest_exit(1);
	}
	if (!seq)
		return;
	for (i = 1; i < w->fill; i++) {
		if (words[position(w, i)] == mix(page, seq, i))
			continue;
		print("writer: cpu %u page %x seq %x: word %u is wrong\n",
		      (u32)w->cpu, page, seq, i);
		guest_exit(1);
	}
}

static void check_all(struct work *w)
{
	u64 sum = 0, i;

	for (i = w->first; i < w->first + w->pages; i++) {
		check_page(w, i);
		sum += w->table[i];
	}
	if (sum != total) {
		print("writer: cpu %u made %x writes, its pages show %x\n",
		      (u32)w->cpu, total, sum);
		guest_exit(1);
	}
	check_cookies(w->cpu);
}

static u64 next_random(struct work *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static u64 next_page(struct work *w)
{
	u64 r, hot;

	if (w->pattern == SEQ) {
		if (++w->next == w->pages)
			w->next = 0;
		return w->first + w->next;
	}
	r = next_random(w) >> 11;
	hot = w->pages / 10;
	if (w->pattern == HOT && hot && r % 10)
		return w->first + r / 10 % hot;
	return w->first + r / 10 % w->pages;
}

static void write_some(struct work *w, u64 n)
{
	u64 page;

	while (n--) {
		page = next_page(w);
		check_page(w, page);
		write_page(w, page, ++w->table[page]);
		total++;
	}
}

static void prepare(const struct guest_params *p, struct work *w, u64 cpu)
{
	u64 pages = arg_number(p, "ws", 8UL << 20) / PAGE;
	u64 table = (pages * 8 + PAGE - 1) & ~(PAGE - 1);
	u64 fill = arg_number(p, "fill", 8);

	if (pages < p->cpus ||
	    p->free_start + table + pages * PAGE > p->low_memory) {
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
	w->table = (u64 *)p->free_start;
	w->data = (u64 *)(p->free_start + table);
	w->random = mix(cpu, 1, 1) | 1;
	w->next = 0;
	w->fill = fill;
	w->pattern = arg_is(p, "pattern", "random") ? RANDOM :
		     arg_is(p, "pattern", "hot") ? HOT : SEQ;
}

/* The last vCPU to find all well ends the guest. */
static void finish(const struct guest_params *p, struct work *w)
{
	check_all(w);
	__atomic_fetch_add(&all_writes, total, __ATOMIC_SEQ_CST);
	if (__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST) != p->cpus)
		return;
	print("writer: ok, %u pages hold what %u writes left there\n",
	      (u32)(w->pages * p->cpus), (u32)all_writes);
	guest_exit(0);
}

void guest_main(const struct guest_params *p, u64 cpu)
{
	u64 writes, verify, beat, since = 0, i;
	struct pace pace;
	struct work w;

	prepare(p, &w, cpu);
	total = 0;
	set_cookies(cpu);
	if (!cpu)
		print("writer: %u vCPUs, %u pages each\n", p->cpus,
		      (u32)w.pages);
	writes = arg_number(p, "writes", 0);
	beat = arg_number(p, "beat", 64);
	verify = arg_number(p, "verify", 4) * w.pages;
	for (i = w.first; i < w.first + w.pages; i++) {
		write_page(&w, i, ++w.table[i]);
		total++;
	}
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
