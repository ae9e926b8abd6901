// SPDX-License-Identifier: GPL-2.0
/*
 * What rmap/ costs. Two tables on standard output:
 *
 *   one thread: nanoseconds to add, find and remove one of N entries of a set,
 *   by the order of removal; with a directory and, up to 64k, as one list;
 *   two threads: one walks a set over and over, the other removes an entry and
 *   adds it again: with walks that hold the lock, and with walks that do not.
 *
 *   bench [FILE]    the second table's figures for gnuplot, too
 */
#include "field.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LARGEST (4u << 20)
#define AS_LIST (64u << 10)
#define SECONDS 1.0

static struct field f;
static struct um_rmap_head *head;
static unsigned int *order;

static u64 clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static u64 ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* What others do on this machine does not count. */
static u64 cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void shuffle(unsigned int n)
{
	unsigned int i, k, v;

	for (i = n; i-- > 1;) {
		k = shim_random() % (i + 1);
		v = order[i];
		order[i] = order[k];
		order[k] = v;
	}
}

static void put_order(const char *how, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		order[i] = how[0] == 'r' && how[1] == 'e' ? n - 1 - i : i;
	if (how[0] == 'r' && how[1] == 'a')
		shuffle(n);
}

static void fill(unsigned int n, bool list)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		/* The pool first: only the directory goes without memory. */
		if (f.pool.n < UM_RMAP_POOL / 2)
			um_rmap_topup(&f.pool);
		shim_alloc_fail = list ? 1024 : 0;
		um_rmap_add(&f.rmap, &f.pool, head, field_spte(i));
		shim_alloc_fail = 0;
	}
}

static bool touch(um_sptep_t sptep, void *sum)
{
	*(u64 *)sum += (u64)sptep;
	return false;
}

/* Entries of the longest list of the set, which has a list or a directory. */
static unsigned int longest_list(void)
{
	const struct um_rmap_dir *dir = rmap_dir(head->val);
	unsigned int most = 0, n;
	unsigned long b;

	if (!(head->val & RMAP_DIR))
		return um_rmap_count(&f.rmap, head);
	for (b = 0; b < dir->nr; b++) {
		struct rmap_list list = rmap_dir_list(head, dir, b);
		struct um_rmap_desc *desc = rmap_list_first(&list);

		n = desc ? desc->below + desc->used : 0;
		if (n > most)
			most = n;
	}
	return most;
}

static double take_all(const char *how, unsigned int n)
{
	unsigned int i;
	u64 start;

	put_order(how, n);
	start = cpu_ns();
	for (i = 0; i < n; i++)
		field_remove(&f, head, order[i]);
	return cpu_ns() - start;
}

static void line(unsigned int n, bool list)
{
	static const char *const orders[] = { "in order", "reverse", "random" };
	double add, walk, zap, take[3];
	struct um_rmap_stat stat;
	u64 start, sum = 0;
	int k;

	for (k = 0; k < 3; k++) {
		fill(n, list);
		take[k] = take_all(orders[k], n);
	}
	start = cpu_ns();
	fill(n, list);
	add = cpu_ns() - start;
	um_rmap_read_stat(&f.rmap, &stat);
	start = cpu_ns();
	um_rmap_walk(&f.rmap, head, touch, &sum);
	walk = cpu_ns() - start;
	k = longest_list();
	start = cpu_ns();
	field_zap(&f, head);
	zap = cpu_ns() - start;
	printf("%9u %-9s %6.0f %9.0f %9.0f %9.0f %6.1f %6.1f %8d %7.1f\n", n,
	       list ? "list" : "directory", add / n, take[0] / n, take[1] / n,
	       take[2] / n, walk / n, zap / n, k,
	       (stat.descs * 128.0 + stat.buckets * 8) / n);
}

static void one_thread(void)
{
	unsigned int n;

	printf("# one thread, ns of CPU time and bytes per entry\n"
	       "# %7s %-9s %6s %9s %9s %9s %6s %6s %8s %7s\n", "entries", "as",
	       "add", "in order", "reverse", "random", "walk", "zap",
	       "longest", "bytes");
	for (n = 1 << 10; n <= LARGEST; n <<= 2) {
		if (n <= AS_LIST)
			line(n, true);
		line(n, false);
	}
}

static unsigned int size;
static bool stop;
static struct {
	u64 n, longest;
} walks, changes;

static void walk_over_and_over(void)
{
	u64 start, took, sum = 0;

	while (!READ_ONCE(stop)) {
		start = ns();
		um_rmap_walk(&f.rmap, head, touch, &sum);
		took = ns() - start;
		walks.n++;
		if (took > walks.longest)
			walks.longest = took;
	}
}

static void change_over_and_over(void)
{
	u64 begin = ns(), start = begin, now;
	unsigned int i;

	while (start - begin < SECONDS * 1e9) {
		i = shim_random() % size;
		field_remove(&f, head, i);
		field_add(&f, head, i);
		now = ns();
		changes.n++;
		if (now - start > changes.longest)
			changes.longest = now - start;
		start = now;
	}
	WRITE_ONCE(stop, true);
}

static void run(int id)
{
	if (id)
		walk_over_and_over();
	else
		change_over_and_over();
}

static void two_threads(FILE *plot)
{
	static const char *const names[] = { "locked", "nulls" };
	int mode;

	printf("# two threads, %.1f s each: remove and add again, beside walks\n"
	       "# %7s %-7s %11s %10s %11s %10s %9s %7s\n", SECONDS, "entries",
	       "walk", "changes/s", "longest us", "walks/s", "longest us",
	       "restarts", "locked");
	for (size = 16; size <= 1 << 20; size <<= 4) {
		for (mode = 0; mode < 2; mode++) {
			f.rmap.mode = mode;
			fill(size, false);
			f.rmap.restarts.counter = 0;
			f.rmap.fallbacks.counter = 0;
			stop = false;
			walks.n = walks.longest = 0;
			changes.n = changes.longest = 0;
			field_race(2, run, size);
			field_zap(&f, head);
			printf("%9u %-7s %11.0f %10.1f %11.0f %10.1f %9lld %7lld\n",
			       size, names[mode], changes.n / SECONDS,
			       changes.longest / 1e3, walks.n / SECONDS,
			       walks.longest / 1e3, f.rmap.restarts.counter,
			       f.rmap.fallbacks.counter);
			if (plot)
				fprintf(plot, "%s%u %g%s", mode ? " " : "", size,
					changes.n / SECONDS, mode ? "\n" : "");
		}
	}
}

int main(int argc, char **argv)
{
	FILE *plot = argc > 1 ? fopen(argv[1], "w") : NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(1);
	field_init(&f, UM_RMAP_NULLS, LARGEST);
	order = malloc(LARGEST * sizeof(*order));
	head = field_head(&f, 0);
	one_thread();
	two_threads(plot);
	if (plot)
		fclose(plot);
	field_free(&f);
	free(order);
	return shim_warnings() ? 1 : 0;
}
