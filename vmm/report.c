// SPDX-License-Identifier: GPL-2.0
/*
 * What is said at the end: the table of rounds, and the JSON files.
 *
 * In JSON all times are microseconds and all sizes bytes; what the device or the
 * guest does not tell is null.
 */
#include "report.h"

#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

static double ms(uint64_t us)
{
	return us / 1000.0;
}

static void table_row(const struct migration *m, unsigned int i)
{
	const struct round *r = &m->rounds[i];
	bool last = i == m->nrounds - 1 && m->outcome == MIGRATE_DONE;
	char faults[24] = "-";

	if (r->faults.n)
		snprintf(faults, sizeof(faults), "%llu", (ull)stats_value(&r->faults, "pf_taken"));
	fprintf(stderr, "%5u %8llu %8llu %9llu %9.1f %8.1f %8llu %8s %s\n", i,
		(ull)r->pages, (ull)r->zero, (ull)r->bytes / 1024, ms(r->us),
		ms(r->harvest_us), (ull)r->left, faults,
		last ? "stopped" : "running");
}

void report_table(const struct migration *m)
{
	unsigned int i;

	fprintf(stderr, "\n%5s %8s %8s %9s %9s %8s %8s %8s %s\n", "round",
		"pages", "zero", "KiB", "ms", "log ms", "dirty", "faults",
		"guest");
	for (i = 0; i < m->nrounds; i++)
		table_row(m, i);
	fprintf(stderr, "%5s %8llu %8s %9llu %9.1f\n\n", "all", (ull)m->pages,
		"", (ull)m->bytes / 1024, ms(m->us));
	if (m->outcome != MIGRATE_DONE)
		return;
	fprintf(stderr, "downtime %.1f ms: digest %.1f ms, all else %.1f ms\n",
		ms(m->downtime_us), ms(m->digest_us),
		ms(m->downtime_us - m->digest_us));
	if (m->stall_us)
		fprintf(stderr,
			"longest vCPU stall while running %.1f ms (%.1f ms before the migration)\n",
			ms(m->stall_us), ms(m->gap_before_us));
}

void report_arrival(const struct arrival *a)
{
	if (!a->compared)
		fprintf(stderr, "the memories were not compared\n");
	else if (a->equal)
		fprintf(stderr, "the memories are equal (digest %016llx)\n",
			(ull)a->digest_here);
	else
		fprintf(stderr,
			"the memories are DIFFERENT (digest %016llx there, %016llx here)\n",
			(ull)a->digest_there, (ull)a->digest_here);
}

static void open_json(struct json *j, const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		die("%s: %s", path, strerror(errno));
	json_begin(j, f);
	json_string(j, "program", "penumbra");
	json_u64(j, "format", 1);
}

static void close_json(struct json *j, const char *path)
{
	bool ok = json_end(j);

	if (fclose(j->f) || !ok)
		die("%s: %s", path, strerror(errno));
}

static void put_vm(struct json *j, const struct vm *vm)
{
	json_string(j, "device", vm->dev->path);
	if (vm->dev->engine)
		json_string(j, "engine", vm->dev->engine);
	else
		json_null(j, "engine");
	json_u64(j, "vcpus", vm->ncpus);
	json_u64(j, "memory", vm_memory_size(vm));
	json_string(j, "log", log_name(vm->log));
}

static void put_known(struct json *j, const char *key, uint64_t v)
{
	if (v)
		json_u64(j, key, v);
	else
		json_null(j, key);
}

static void put_faults(struct json *j, const struct fault_stats *s)
{
	unsigned int i;

	if (!s->n) {
		json_null(j, "faults");
		return;
	}
	json_object(j, "faults");
	for (i = 0; i < s->n; i++)
		json_u64(j, s->stat[i].name, s->stat[i].value);
	json_object_end(j);
}

static void put_hex(struct json *j, const char *key, uint64_t v)
{
	char text[20];

	snprintf(text, sizeof(text), "%016llx", (ull)v);
	json_string(j, key, text);
}

void report_run_json(const char *path, struct vm *vm, int status)
{
	struct fault_stats faults;
	struct json j;

	stats_read(vm, &faults);
	open_json(&j, path);
	put_vm(&j, vm);
	json_u64(&j, "status", status);
	json_u64(&j, "lived_us", vm_clock_us(vm));
	json_u64(&j, "work", vm_work(vm));
	put_known(&j, "longest_gap_us", vm_max_gap(vm));
	put_faults(&j, &faults);
	close_json(&j, path);
}

static void put_round(struct json *j, const struct migration *m, unsigned int i)
{
	const struct round *r = &m->rounds[i];

	json_object(j, NULL);
	json_u64(j, "round", i);
	json_bool(j, "guest_stopped",
		  i == m->nrounds - 1 && m->outcome != MIGRATE_FAILED);
	json_u64(j, "pages", r->pages);
	json_u64(j, "zero_pages", r->zero);
	json_u64(j, "bytes", r->bytes);
	json_u64(j, "duration_us", r->us);
	json_u64(j, "log_us", r->harvest_us);
	json_u64(j, "dirty_after", r->left);
	json_u64(j, "work", r->work);
	put_faults(j, &r->faults);
	json_object_end(j);
}

static void put_migration(struct json *j, const struct migration *m)
{
	static const char *const names[] = { "failed", "done", "unknown" };
	unsigned int i;

	json_string(j, "outcome", names[m->outcome]);
	if (m->err[0])
		json_string(j, "error", m->err);
	else
		json_null(j, "error");
	json_array(j, "rounds");
	for (i = 0; i < m->nrounds; i++)
		put_round(j, m, i);
	json_array_end(j);
	json_u64(j, "pages", m->pages);
	json_u64(j, "bytes", m->bytes);
	json_u64(j, "duration_us", m->us);
	put_known(j, "downtime_us", m->downtime_us);
	put_known(j, "digest_us", m->digest_valid ? m->digest_us : 0);
	put_known(j, "longest_stall_us", m->stall_us);
	put_known(j, "longest_gap_before_us", m->gap_before_us);
	if (m->digest_valid)
		put_hex(j, "digest", m->digest);
	else
		json_null(j, "digest");
}

static void put_arrival(struct json *j, const struct arrival *a)
{
	json_object(j, "arrival");
	json_bool(j, "arrived", a->arrived);
	if (a->err[0])
		json_string(j, "error", a->err);
	else
		json_null(j, "error");
	if (a->compared) {
		json_bool(j, "memories_equal", a->equal);
		put_hex(j, "digest", a->digest_here);
	} else {
		json_null(j, "memories_equal");
		json_null(j, "digest");
	}
	json_u64(j, "pages", a->pages);
	put_known(j, "load_us", a->load_us);
	put_known(j, "longest_stall_us", a->stall_us);
	if (a->guest_status >= 0)
		json_u64(j, "guest_status", a->guest_status);
	else
		json_null(j, "guest_status");
	json_object_end(j);
}

void report_json(const char *path, struct vm *vm,
		 const struct guest_options *guest, const struct migration *m,
		 const struct arrival *a)
{
	struct json j;

	open_json(&j, path);
	if (vm)
		put_vm(&j, vm);
	if (guest) {
		json_string(&j, "guest", guest->image ? guest->image : guest->kernel);
		json_string(&j, "arguments", guest->args);
	}
	if (m)
		put_migration(&j, m);
	if (a)
		put_arrival(&j, a);
	close_json(&j, path);
}
