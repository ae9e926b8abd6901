// SPDX-License-Identifier: GPL-2.0
/*
 * A series: the same operation in several windows, each as long as the page
 * count asks for. The figure is the least of the windows (in the emulator
 * they repeat almost exactly; a longer one was interrupted); the median goes
 * beside it, so that a figure that does not repeat shows.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void series_init(struct series *s, struct vm *vm, const char *name)
{
	memset(s, 0, sizeof(*s));
	s->vm = vm;
	s->bench = vm->bench;
	snprintf(s->name, sizeof(s->name), "%s%s", vm->prefix, name);
}

void series_open(struct series *s)
{
	for (int i = 0; i < 2 && s->vm; i++)
		counters_read(&s->vm->counters[i], s->before[i]);
}

void series_close(struct series *s, uint64_t ticks, unsigned long ops)
{
	uint64_t now[COUNTERS_MAX];

	for (int i = 0; i < 2 && s->vm; i++) {
		counters_read(&s->vm->counters[i], now);
		for (unsigned int k = 0; k < s->vm->counters[i].nr; k++)
			s->spent[i][k] += now[k] - s->before[i][k];
	}
	if (s->rounds == ROUNDS_MAX)
		errx(1, "%s: more than %d rounds", s->name, ROUNDS_MAX);
	s->ticks[s->rounds++] = (double)ticks / ops;
	s->ops += ops;
	if (s->bench->mark)
		report_segment(s->bench, s->name, ops);
}

void series_guest(struct series *s, const char *routine, uint64_t gpa,
		  uint64_t stride, unsigned long count)
{
	uint64_t ticks;

	series_open(s);
	ticks = vm_call(s->vm, routine, gpa, stride, count, s->bench->mark);
	series_close(s, ticks, count);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Writes the figure and its counters; returns the figure. */
double series_report(struct series *s)
{
	struct counters *c;

	qsort(s->ticks, s->rounds, sizeof(s->ticks[0]), by_size);
	report_figure(s->bench, s->name, s->ticks[0], s->ticks[s->rounds / 2],
		      s->ops);
	for (int i = 0; i < 2 && s->vm; i++) {
		c = &s->vm->counters[i];
		for (unsigned int k = 0; k < c->nr; k++)
			report_counter(s->bench, s->name, c->name[k],
				       (double)s->spent[i][k] / s->ops);
	}
	return s->ticks[0];
}
