// SPDX-License-Identifier: GPL-2.0
/*
 * Random guests on random tables, one thread: vCPUs access, edit entries that
 * are in use, flush or do not, switch roots and modes; the host moves and
 * shares pages, slots change, the log is read. Each access is held against the
 * oracle, and the whole world is judged again and again.
 *
 *   unit_shadow_random [-s SEED] [-n STEPS] [-f FORMAT] [-m EMUL|OOS] [-v]
 */
#include "guest_play.h"
#include "unit.h"

#include <linux/bitops.h>
#include <linux/kvm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static bool verbose;

static void step(struct guest *g)
{
	u64 r = below(1000);

	if (r < 940)
		guest_step(g, &g->vcpu[below(VCPUS)]);
	else if (r < 980)
		guest_host(g);
	else if (r < 995)
		guest_log(g);
	else
		guest_slots(g);
}

static void play(u64 seed, u64 steps, enum guest_format first,
		 enum guest_format last, enum um_fast_mode mode,
		 enum um_ptw_mode ptw)
{
	struct guest *g;

	shim_seed(seed);
	g = guest_new(first, last, mode, ptw);
	g->verbose = verbose;
	g->world->mmu.audit = true;
	guest_mem.read_fails = chance(20);
	for (; g->step < steps && !shim_warnings(); g->step++) {
		step(g);
		if (g->step % 16 == 0)
			guest_check(g, g->step % 512 == 0);
	}
	if (!shim_warnings())
		guest_check(g, true);
	if (shim_warnings())
		printf("# step %llu of seed %llu\n", g->step, seed);
	guest_summary(g);
	guest_free(g);
}

int main(int argc, char **argv)
{
	int format = -1, ptw = -1, opt, f, m, n = 0, bad = 0;
	u64 steps = 3000, seed = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(1);
	while ((opt = getopt(argc, argv, "s:n:f:m:v")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'n')
			steps = strtoull(optarg, NULL, 0);
		else if (opt == 'f')
			format = atoi(optarg);
		else if (opt == 'm')
			ptw = atoi(optarg);
		else
			verbose = true;
	}
	for (f = 0; f <= GUEST_FORMATS; f++)
		for (m = 0; m < 2; m++) {
			static const enum um_fast_mode mode[] = {
				UM_FAST_TAG, UM_FAST_PAIR, UM_FAST_MW,
			};
			int said = shim_warnings();

			if ((format >= 0 && f != format) ||
			    (ptw >= 0 && m != ptw))
				continue;
			if (f < GUEST_FORMATS)
				play(seed, steps, f, f, mode[seed % 3], m);
			else
				play(seed, steps, 0, GUEST_FORMATS - 1,
				     mode[seed % 3], m);
			bad += shim_warnings() != said;
			printf("%sok %d - %s, %s, seed %llu\n",
			       shim_warnings() != said ? "not " : "", ++n,
			       f < GUEST_FORMATS ? guest_format_name[f] : "mixed",
			       m ? "oos" : "emul", seed);
			shim_forgive(shim_warnings());
		}
	printf("1..%d\n", n);
	return !!bad;
}
