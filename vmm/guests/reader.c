// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that writes its working set once and from then on only reads it, so
 * that nothing but stacks gets dirty. Every read is compared.
 *
 * Arguments: ws=BYTES (8M) working set of all vCPUs, rate=PAGES a second and
 * vCPU (0: no bound).
 */
#include "guest.h"

#define BEAT 256	/* pages between two heartbeats */

static u32 ready;

static u64 word_of(u64 page)
{
	return (page + 1) * 0x9e3779b97f4a7c15UL;
}

static void check(u64 *base, u64 page, u64 cpu)
{
	u64 *words = base + page * 512;
	u64 want = word_of(page);

	if (words[0] == want && words[511] == ~want)
		return;
	print("reader: cpu %u page %x holds %x, not %x\n", (u32)cpu, page,
	      words[0], want);
	guest_exit(1);
}

static void fill(u64 *base, u64 pages, u64 cpu, u64 cpus)
{
	u64 i;

	for (i = cpu; i < pages; i += cpus) {
		base[i * 512] = word_of(i);
		base[i * 512 + 511] = ~word_of(i);
	}
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) != cpus)
		pause();
}

void guest_main(const struct guest_params *p, u64 cpu)
{
	u64 pages = arg_number(p, "ws", 8UL << 20) / PAGE;
	u64 *base = (u64 *)p->free_start;
	struct pace pace;
	u64 i = 0, n;

	if (!pages || p->free_start + pages * PAGE > p->low_memory) {
		print("reader: the working set does not fit\n");
		guest_exit(2);
	}
	fill(base, pages, cpu, p->cpus);
	if (!cpu)
		print("reader: %u vCPUs read %u pages\n", p->cpus, (u32)pages);
	pace_init(&pace, arg_number(p, "rate", 0));
	do {
		for (n = 0; n < BEAT; n++, i++)
			check(base, i % pages, cpu);
		outl(PORT_WORK, BEAT);
		pace_wait(&pace, BEAT);
	} while (inl(PORT_COMMAND) != CMD_FINISH);
	if (!cpu) {
		for (i = 0; i < pages; i++)
			check(base, i, cpu);
		print("reader: ok, %u pages as written\n", (u32)pages);
		guest_exit(0);
	}
}
