// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that writes its working set once and from then on only reads it, so
 * that nothing but stacks gets dirty. Every read is compared.
 *
 * With page tables of its own (paging.h) each vCPU sees the pages through a
 * window of its own, and moves them about there; then tables get dirty as well.
 *
 * Arguments: ws=BYTES (8M) working set of all vCPUs, rate=PAGES a second and
 * vCPU (0: no bound).
 */
#include "paging.h"

#define BEAT 256	/* pages between two heartbeats */

struct reader {
	u32 cpu, pages;
	ulong data;		/* all pages, as this vCPU sees them */
	u32 first;		/* its first page in the window of all vCPUs */
	u32 *where;		/* which of the pages it sees where */
};

static u32 ready;

static u64 word_of(u32 frame)
{
	return (frame + 1) * 0x9e3779b97f4a7c15ULL;
}

static void check(struct reader *r, u32 page)
{
	u64 *words = (u64 *)(r->data + page * PAGE);
	u64 want = word_of(r->where[page]);

	if (words[0] == want && words[511] == ~want)
		return;
	print("reader: cpu %u page %u holds %x, not %x\n", r->cpu, page,
	      words[0], want);
	guest_exit(1);
}

/* Before anything is moved; the vCPUs share the work. */
static void fill(struct reader *r, u32 cpus)
{
	u64 *words;
	u32 i;

	for (i = r->cpu; i < r->pages; i += cpus) {
		words = (u64 *)(r->data + i * PAGE);
		words[0] = word_of(i);
		words[511] = ~word_of(i);
	}
	for (i = 0; i < r->pages; i++)
		r->where[i] = i;
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) != cpus)
		pause();
}

/* Four pages, whose entries lie side by side, go round. */
static void edit(struct reader *r, u32 page)
{
	u32 *where = r->where + page, first = where[0];

	window_rotate(r->first + page, 4);
	where[0] = where[1];
	where[1] = where[2];
	where[2] = where[3];
	where[3] = first;
	window_swap(r->first + page, r->first + page + 3);
	where[3] = where[0];
	where[0] = first;
}

static void prepare(const struct guest_params *p, struct reader *r, u32 cpu)
{
	u32 pages = arg_number(p, "ws", 8UL << 20) / PAGE;
	u32 seen = p->paging ? pages * p->cpus : pages;
	ulong where = (pages * 4 + PAGE - 1) & ~(PAGE - 1);
	struct window window = {
		.tables = p->free_start + where * p->cpus,
		.nframes = pages, .pages = seen,
	};

	window.frames = window.tables + window_tables(p, seen);
	if (pages < 4 || window.frames + pages * PAGE > p->low_memory) {
		print("reader: the working set does not fit\n");
		guest_exit(2);
	}
	r->cpu = cpu;
	r->pages = pages;
	r->first = p->paging ? pages * cpu : 0;
	r->where = (u32 *)(ulong)(p->free_start + where * cpu);
	r->data = window_enter(p, cpu, &window) + r->first * PAGE;
	fill(r, p->cpus);
}

void guest_main(const struct guest_params *p, ulong cpu)
{
	struct reader r;
	struct pace pace;
	u32 i = 0, n;

	prepare(p, &r, cpu);
	if (!cpu)
		print("reader: %u vCPUs read %u pages\n", p->cpus, r.pages);
	pace_init(&pace, arg_number(p, "rate", 0));
	do {
		for (n = 0; n < BEAT; n++, i++)
			check(&r, i % r.pages);
		if (p->paging)
			edit(&r, i % (r.pages - 3));
		outl(PORT_WORK, BEAT);
		pace_wait(&pace, BEAT);
	} while (inl(PORT_COMMAND) != CMD_FINISH);
	if (!cpu) {
		for (i = 0; i < r.pages; i++)
			check(&r, i);
		print("reader: ok, %u pages as written\n", r.pages);
		guest_exit(0);
	}
}
