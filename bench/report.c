// SPDX-License-Identifier: GPL-2.0
/*
 * The result file: one line a fact, words apart by one space, so that awk
 * joins files of several devices (bench/table).
 *
 *   run KEY=VALUE ...               once, first
 *   figure NAME LEAST MEDIAN OPS    ticks per operation
 *   counter NAME COUNTER PER-OP     from the device's statistics
 *   skip NAME REASON                not measured, and why
 *   fail GROUP STATUS               the group's process ended so
 *   segment NAME OPS                one marked window, in order of time
 */
#include <sys/utsname.h>

#include "bench.h"

void report_run(struct bench *b)
{
	struct utsname host = { 0 };

	uname(&host);
	fprintf(b->out, "run device=%s release=%s pages=%u rounds=%u\n",
		b->device, host.release, b->pages, b->rounds);
}

void report_figure(struct bench *b, const char *name, double least,
		   double median, unsigned long ops)
{
	fprintf(b->out, "figure %s %.1f %.1f %lu\n", name, least, median, ops);
}

void report_counter(struct bench *b, const char *name, const char *counter,
		    double per_op)
{
	fprintf(b->out, "counter %s %s %.3f\n", name, counter, per_op);
}

void report_skip(struct bench *b, const char *name, const char *reason)
{
	fprintf(b->out, "skip %s %s\n", name, reason);
}

void report_failure(struct bench *b, const char *group, int status)
{
	fprintf(b->out, "fail %s %d\n", group, status);
}

void report_segment(struct bench *b, const char *name, unsigned long ops)
{
	fprintf(b->out, "segment %s %lu\n", name, ops);
}
