// SPDX-License-Identifier: GPL-2.0
/*
 * The sending end of a migration.
 *
 * Pre-copy: all pages, then in rounds those that the dirty log names, while the
 * guest runs; then stop, send the rest and the vCPUs. The device logs from before
 * the first page is read, so a write after the read is always in the log.
 * Until GO has been sent the guest is ours and runs on when anything fails.
 */
#include "migrate.h"

#include "digest.h"
#include "dirty.h"
#include "pc.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

struct sender {
	struct vm *vm;
	struct stream *s;
	const struct migrate_options *o;
	struct migration *m;
	struct dirty_set dirty;
	ZSTD_CCtx *zstd;
	uint8_t *raw;		/* a run of pages as it was when it was read */
	uint8_t *packed;
	bool stopped;		/* the guest is */
};

static bool is_zero(const void *page)
{
	const uint64_t *w = page, *end = w + PAGE_SIZE / 8;

	while (w < end)
		if (*w++)
			return false;
	return true;
}

static int send_zero(struct sender *x, uint64_t gpa, uint64_t pages)
{
	struct wire_zero z = { .gpa = gpa, .pages = pages };

	return stream_send(x->s, WIRE_ZERO, &z, sizeof(z), NULL, 0);
}

static int send_raw(struct sender *x, uint64_t gpa, const uint8_t *from,
		    uint64_t pages)
{
	struct wire_pages p = { .gpa = gpa, .pages = pages };
	size_t len = pages * PAGE_SIZE, n;

	if (!x->zstd)
		return stream_send(x->s, WIRE_PAGES, &p, sizeof(p), from, len);
	/* The guest writes meanwhile; the compressor needs it to hold still. */
	memcpy(x->raw, from, len);
	n = ZSTD_compressCCtx(x->zstd, x->packed, len, x->raw, len, 1);
	if (ZSTD_isError(n))	/* no gain */
		return stream_send(x->s, WIRE_PAGES, &p, sizeof(p), x->raw,
				   len);
	p.encoding = WIRE_ZSTD;
	return stream_send(x->s, WIRE_PAGES, &p, sizeof(p), x->packed, n);
}

/* Send a run of pages, cut into stretches of zero pages and of others. */
static int send_run(struct sender *x, uint64_t gpa, const uint8_t *from,
		    uint64_t pages, struct round *r)
{
	uint64_t n;
	bool zero;
	int err;

	while (pages) {
		zero = is_zero(from);
		for (n = 1; n < pages && n < WIRE_RUN_PAGES; n++)
			if (is_zero(from + n * PAGE_SIZE) != zero)
				break;
		if (zero)
			err = send_zero(x, gpa, n);
		else
			err = send_raw(x, gpa, from, n);
		if (err)
			return err;
		r->pages += n;
		r->zero += zero ? n : 0;
		gpa += n * PAGE_SIZE;
		from += n * PAGE_SIZE;
		pages -= n;
	}
	return 0;
}

/* Send all that is in the dirty set, and empty it. */
static int send_dirty(struct sender *x, struct round *r)
{
	uint64_t total = dirty_count(&x->dirty), page = 0, run;
	unsigned int slot = 0, n = x->m->nrounds;
	int more;

	while ((more = dirty_take_run(&x->dirty, &slot, &page, WIRE_RUN_PAGES,
				      &run)) > 0) {
		struct vm_slot *sl = &x->vm->slots[slot];
		uint64_t at = page * PAGE_SIZE;

		if (send_run(x, sl->gpa + at, sl->hva + at, run, r))
			return -1;
		page += run;
		progress_page(n, r->pages, total);
		if (!x->stopped && vm_ended(x->vm))
			return stream_fail(x->s, "the guest ended meanwhile");
	}
	if (more)
		return stream_fail(x->s, "KVM_CLEAR_DIRTY_LOG: %s",
				   strerror(-more));
	return 0;
}

static int harvest(struct sender *x, struct round *r)
{
	uint64_t start = now_us();
	int err = dirty_harvest(&x->dirty);

	if (err)
		return stream_fail(x->s, "fetching the dirty log (%s): %s",
				   log_name(x->vm->log), strerror(-err));
	r->harvest_us = now_us() - start;
	r->left = dirty_count(&x->dirty);
	return 0;
}

/* One round: what is in the set goes out, what got dirty meanwhile comes in. */
static int do_round(struct sender *x, bool last)
{
	struct round *r = &x->m->rounds[x->m->nrounds];
	uint64_t start = now_us(), sent = x->s->sent, work = vm_work(x->vm);
	struct wire_round mark = { .round = x->m->nrounds };
	struct fault_stats before, now;

	stats_read(x->vm, &before);
	if (send_dirty(x, r) ||
	    stream_send(x->s, WIRE_ROUND, &mark, sizeof(mark), NULL, 0) ||
	    stream_flush(x->s))
		return -1;
	if (!last && harvest(x, r))
		return -1;
	r->us = now_us() - start;
	r->bytes = x->s->sent - sent;
	r->work = vm_work(x->vm) - work;
	stats_read(x->vm, &now);
	stats_since(&before, &now, &r->faults);
	x->m->pages += r->pages;
	progress_round(x->m->nrounds, r, last);
	x->m->nrounds++;
	return 0;
}

static int precopy(struct sender *x)
{
	uint64_t left;

	dirty_fill(&x->dirty);
	do {
		if (do_round(x, false))
			return -1;
		left = x->m->rounds[x->m->nrounds - 1].left;
	} while (left > x->o->max_remaining &&
		 x->m->nrounds < x->o->max_rounds);
	return 0;
}

static int send_cpus(struct sender *x)
{
	uint8_t *buf = xcalloc(1, STATE_MAX);
	char why[160];
	unsigned int i;
	int err = 0;

	for (i = 0; i < x->vm->ncpus && !err; i++) {
		struct vcpu *v = &x->vm->cpus[i];
		struct wire_cpu c = { .id = i, .halted = v->halted };
		int64_t len = state_save(v, buf, why, sizeof(why));

		if (len < 0)
			err = stream_fail(x->s, "%s", why);
		else
			err = stream_send(x->s, WIRE_CPU, &c, sizeof(c), buf,
					  len);
	}
	free(buf);
	return err;
}

/* What a machine for Linux has besides. */
static int send_pc(struct sender *x)
{
	uint8_t *buf;
	char why[160];
	int64_t len;
	int err;

	if (!x->vm->pc)
		return 0;
	buf = xcalloc(1, STATE_MAX);
	len = pc_save(x->vm, buf, why, sizeof(why));
	if (len < 0)
		err = stream_fail(x->s, "%s", why);
	else
		err = stream_send(x->s, WIRE_PC, buf, len, NULL, 0);
	free(buf);
	return err;
}

static int send_devices(struct sender *x)
{
	struct wire_devices d = {
		.finish = x->vm->finish,
		.clock_us = vm_clock_us(x->vm),
	};

	serial_save(&x->vm->serial, &d.serial);
	return stream_send(x->s, WIRE_DEVICES, &d, sizeof(d), NULL, 0);
}

static int send_digest(struct sender *x)
{
	struct wire_digest d = { .valid = !x->o->no_digest };
	uint64_t start = now_us();

	if (d.valid)
		d.digest = digest_memory(x->vm);
	x->m->digest = d.digest;
	x->m->digest_valid = d.valid;
	x->m->digest_us = now_us() - start;
	return stream_send(x->s, WIRE_DIGEST, &d, sizeof(d), NULL, 0);
}

/* The guest stands still: the rest of its memory, then itself. */
static int stop_and_copy(struct sender *x)
{
	struct round unused = { 0 };
	struct record rec;

	if (vm_ended(x->vm))
		return stream_fail(x->s, "the guest ended meanwhile");
	if (harvest(x, &unused) || do_round(x, true) || send_cpus(x) ||
	    send_pc(x) || send_devices(x) ||
	    stream_send(x->s, WIRE_STOPPED, NULL, 0, NULL, 0) ||
	    stream_flush(x->s) || send_digest(x) || stream_flush(x->s))
		return -1;
	return stream_expect(x->s, WIRE_LOADED, &rec);
}

static int hand_over(struct sender *x)
{
	struct record rec;

	if (stream_send(x->s, WIRE_GO, NULL, 0, NULL, 0) ||
	    stream_flush(x->s) || stream_expect(x->s, WIRE_RUNNING, &rec)) {
		/* A refusal is certain; anything else is not. */
		if (!x->s->refused)
			x->m->outcome = MIGRATE_UNKNOWN;
		return -1;
	}
	return 0;
}

static int greet(struct sender *x)
{
	struct wire_hello h = {
		.page_size = PAGE_SIZE,
		.cpus = x->vm->ncpus,
		.memory = vm_memory_size(x->vm),
	};
	const struct pc *pc = x->vm->pc;
	struct record rec;

	if (pc) {
		h.machine = WIRE_MACHINE_PC;
		h.disks = pc->ndisks;
		h.tsc_khz = pc_tsc_khz(x->vm);
	}
	if (stream_send_header(x->s) ||
	    stream_send(x->s, WIRE_HELLO, &h, sizeof(h), NULL, 0) ||
	    stream_flush(x->s) || stream_recv_header(x->s))
		return -1;
	return stream_expect(x->s, WIRE_READY, &rec);
}

static int run_all(struct sender *x)
{
	struct migration *m = x->m;
	uint64_t stopped_at;
	int err;

	if (greet(x))
		return -1;
	err = vm_log_dirty(x->vm, true);
	if (err)
		return stream_fail(x->s, "turning the dirty log on: %s",
				   strerror(-err));
	if (precopy(x))
		return -1;
	m->stall_us = vm_max_gap(x->vm);
	stopped_at = now_us();
	vm_pause(x->vm);
	x->stopped = true;
	if (stop_and_copy(x) || hand_over(x))
		return -1;
	m->downtime_us = now_us() - stopped_at;
	return 0;
}

void migrate_send(struct vm *vm, struct stream *s,
		  const struct migrate_options *o, struct migration *m)
{
	struct sender x = { .vm = vm, .s = s, .o = o, .m = m };
	uint64_t start = now_us();
	int err;

	memset(m, 0, sizeof(*m));
	m->rounds = xcalloc(o->max_rounds + 2, sizeof(*m->rounds));
	m->gap_before_us = vm_max_gap(vm);
	vm_reset_gap(vm);
	s->spoil = o->break_stream;
	dirty_init(&x.dirty, vm);
	x.dirty.break_every = o->break_log;
	if (o->zstd) {
		x.zstd = ZSTD_createCCtx();
		x.raw = xcalloc(WIRE_RUN_PAGES, PAGE_SIZE);
		x.packed = xcalloc(WIRE_RUN_PAGES, PAGE_SIZE);
	}
	err = run_all(&x);
	if (!err) {
		m->outcome = MIGRATE_DONE;
	} else {
		vm_log_dirty(vm, false);
		if (m->outcome == MIGRATE_FAILED && x.stopped && !vm_ended(vm))
			vm_run(vm);
		stream_find_refusal(s);
		snprintf(m->err, sizeof(m->err), "%s", s->err);
	}
	m->us = now_us() - start;
	m->bytes = s->sent;
	ZSTD_freeCCtx(x.zstd);
	free(x.raw);
	free(x.packed);
	dirty_free(&x.dirty);
}

void migration_free(struct migration *m)
{
	free(m->rounds);
}
