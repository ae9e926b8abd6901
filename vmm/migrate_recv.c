// SPDX-License-Identifier: GPL-2.0
/*
 * The receiving end of a migration.
 *
 * Nothing that comes in is trusted to be in range. Nothing runs before GO; what
 * has come until then is thrown away when anything is wrong, and the sender is
 * told why, so that the guest runs on there.
 */
#include "migrate.h"

#include "digest.h"
#include "pc.h"
#include "ports.h"
#include "state.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>

struct receiver {
	struct vm *vm;
	struct device *dev;
	struct stream *s;
	struct arrival *a;
	ZSTD_DCtx *zstd;
	uint64_t cpus_seen;	/* bit per vCPU */
	uint64_t stopped_at;	/* 0: the sender's guest still runs */
	bool have_devices, have_pc;
	const struct disk_options *disks;
};

static int bad(struct receiver *x, const char *what)
{
	return stream_fail(x->s, "%s: the stream makes no sense", what);
}

static int do_pages(struct receiver *x, const struct record *r)
{
	struct wire_pages p;
	size_t len, want, n;
	uint8_t *to;

	if (r->length < sizeof(p))
		return bad(x, "pages");
	memcpy(&p, r->data, sizeof(p));
	len = r->length - sizeof(p);
	want = (size_t)p.pages * PAGE_SIZE;
	to = vm_memory(x->vm, p.gpa, want);
	if (!p.pages || p.pages > WIRE_RUN_PAGES || p.gpa % PAGE_SIZE || !to)
		return bad(x, "page addresses");
	x->a->pages += p.pages;
	if (p.encoding == WIRE_RAW && len == want) {
		memcpy(to, r->data + sizeof(p), len);
		return 0;
	}
	if (p.encoding != WIRE_ZSTD)
		return bad(x, "page encoding");
	n = ZSTD_decompressDCtx(x->zstd, to, want, r->data + sizeof(p), len);
	if (n != want)
		return bad(x, "compressed pages");
	return 0;
}

static int do_zero(struct receiver *x, const struct record *r)
{
	struct wire_zero z;
	uint8_t *to = NULL;
	uint64_t i, w;

	if (r->length != sizeof(z))
		return bad(x, "zero pages");
	memcpy(&z, r->data, sizeof(z));
	if (z.gpa % PAGE_SIZE == 0 && z.pages <= vm_memory_size(x->vm))
		to = vm_memory(x->vm, z.gpa, z.pages * PAGE_SIZE);
	if (!to)
		return bad(x, "zero page addresses");
	x->a->pages += z.pages;
	/* Look before clearing: a page never written costs no memory. */
	for (i = 0; i < z.pages; i++, to += PAGE_SIZE) {
		for (w = 0; w < PAGE_SIZE / 8; w++)
			if (((uint64_t *)to)[w])
				break;
		if (w < PAGE_SIZE / 8)
			memset(to, 0, PAGE_SIZE);
	}
	return 0;
}

static int do_cpu(struct receiver *x, const struct record *r)
{
	struct wire_cpu c;
	char why[160];

	if (r->length < sizeof(c))
		return bad(x, "a vCPU");
	memcpy(&c, r->data, sizeof(c));
	if (c.id >= x->vm->ncpus || x->cpus_seen & 1ULL << c.id)
		return bad(x, "vCPU numbers");
	if (!x->cpus_seen && x->vm->pc)
		x->vm->pc->moment = tsc_now();
	x->cpus_seen |= 1ULL << c.id;
	x->vm->cpus[c.id].halted = c.halted;
	if (state_load(&x->vm->cpus[c.id], r->data + sizeof(c),
		       r->length - sizeof(c), why, sizeof(why)))
		return stream_fail(x->s, "%s", why);
	return 0;
}

static int do_pc(struct receiver *x, const struct record *r)
{
	char why[160];

	if (!x->vm->pc || x->have_pc)
		return bad(x, "devices of a machine for Linux");
	x->have_pc = true;
	if (pc_load(x->vm, r->data, r->length, why, sizeof(why)))
		return stream_fail(x->s, "%s", why);
	return 0;
}

static int do_devices(struct receiver *x, const struct record *r)
{
	struct wire_devices d;

	if (r->length != sizeof(d))
		return bad(x, "devices");
	memcpy(&d, r->data, sizeof(d));
	if (!serial_load(&x->vm->serial, &d.serial))
		return bad(x, "the serial port");
	x->vm->finish = d.finish;
	x->vm->clock_us = d.clock_us;
	x->have_devices = true;
	return 0;
}

static int do_stopped(struct receiver *x)
{
	uint64_t all = x->vm->ncpus == 64 ? ~0ULL :
					    (1ULL << x->vm->ncpus) - 1;

	if (x->cpus_seen != all || !x->have_devices ||
	    x->have_pc != !!x->vm->pc)
		return bad(x, "missing vCPUs or devices");
	x->stopped_at = now_us();
	return 0;
}

static int do_record(struct receiver *x, const struct record *r)
{
	switch (r->type) {
	case WIRE_PAGES:
		return do_pages(x, r);
	case WIRE_ZERO:
		return do_zero(x, r);
	case WIRE_ROUND:
		return 0;
	case WIRE_CPU:
		return do_cpu(x, r);
	case WIRE_DEVICES:
		return do_devices(x, r);
	case WIRE_PC:
		return do_pc(x, r);
	case WIRE_STOPPED:
		return do_stopped(x);
	default:
		return bad(x, "type of record");
	}
}

static int compare(struct receiver *x, bool ignore)
{
	struct wire_digest d;
	struct record r;
	uint64_t here = 0;

	/* Taken while the sender takes its own. */
	here = digest_memory(x->vm);
	if (stream_expect(x->s, WIRE_DIGEST, &r))
		return -1;
	if (r.length != sizeof(d))
		return bad(x, "digest");
	memcpy(&d, r.data, sizeof(d));
	x->a->compared = d.valid;
	x->a->digest_here = here;
	x->a->digest_there = d.digest;
	x->a->equal = d.valid && d.digest == here;
	if (!d.valid || x->a->equal || ignore)
		return 0;
	return stream_fail(x->s, "memories are DIFFERENT: %016llx there, %016llx here",
			   (unsigned long long)d.digest,
			   (unsigned long long)here);
}

/* A clock may be this much faster or slower, as with KVM: 250 ppm. */
static bool same_pace(uint32_t here, uint32_t there)
{
	uint32_t apart = here > there ? here - there : there - here;

	return apart <= here / 4000;
}

static int make_pc(struct receiver *x, const struct wire_hello *h)
{
	uint32_t khz = pc_tsc_khz(x->vm);

	if (!same_pace(khz, h->tsc_khz))
		return stream_fail(x->s, "a TSC of %u kHz, here it has %u",
				   h->tsc_khz, khz);
	pc_add_disks(x->vm, x->disks);
	return 0;
}

static int welcome(struct receiver *x, bool *made)
{
	struct wire_hello h;
	struct record r;

	if (stream_recv_header(x->s) || stream_expect(x->s, WIRE_HELLO, &r))
		return -1;
	if (r.length != sizeof(h))
		return bad(x, "the greeting");
	memcpy(&h, r.data, sizeof(h));
	if (h.page_size != PAGE_SIZE)
		return stream_fail(x->s, "pages of %u bytes", h.page_size);
	if (!h.cpus || h.cpus > GUEST_MAX_CPUS || h.cpus > x->dev->max_cpus)
		return stream_fail(x->s, "%u vCPUs", h.cpus);
	if (h.memory < 2 * MIB || h.memory % PAGE_SIZE ||
	    h.memory > (GUEST_MAX_GIB - 1) * GIB)
		return stream_fail(x->s, "%llu bytes of memory",
				   (unsigned long long)h.memory);
	if (h.machine > WIRE_MACHINE_PC)
		return stream_fail(x->s, "a machine of kind %u", h.machine);
	if (h.disks != x->disks->n)
		return stream_fail(x->s, "%u disks, but %u are given here",
				   h.disks, x->disks->n);
	vm_create(x->vm, x->dev,
		  &(struct vm_shape){ .cpus = h.cpus, .bytes = h.memory,
				      .log = LOG_BITMAP,
				      .pc = h.machine == WIRE_MACHINE_PC });
	*made = true;
	if (x->vm->pc && make_pc(x, &h))
		return -1;
	if (stream_send_header(x->s) ||
	    stream_send(x->s, WIRE_READY, NULL, 0, NULL, 0))
		return -1;
	return stream_flush(x->s);
}

static int receive_all(struct receiver *x, bool ignore, bool *made)
{
	struct record r;

	if (welcome(x, made))
		return -1;
	while (!x->stopped_at)
		if (stream_recv(x->s, &r) || do_record(x, &r))
			return -1;
	if (compare(x, ignore) ||
	    stream_send(x->s, WIRE_LOADED, NULL, 0, NULL, 0) ||
	    stream_flush(x->s) || stream_expect(x->s, WIRE_GO, &r))
		return -1;
	vm_run(x->vm);
	x->a->arrived = true;
	x->a->load_us = now_us() - x->stopped_at;
	/* It runs here now; a sender that does not hear it keeps its guest. */
	if (stream_send(x->s, WIRE_RUNNING, NULL, 0, NULL, 0) ||
	    stream_flush(x->s))
		say("the sender was not told that the guest runs: %s",
		    x->s->err);
	return 0;
}

bool migrate_receive(struct vm *vm, struct device *dev, struct stream *s,
		     const struct disk_options *disks, bool ignore_digest,
		     struct arrival *a, bool *made)
{
	struct receiver x = { .vm = vm, .dev = dev, .s = s, .a = a,
			      .disks = disks };
	char why[sizeof(s->err)];

	memset(a, 0, sizeof(*a));
	a->guest_status = -1;
	*made = false;
	x.zstd = ZSTD_createDCtx();
	if (receive_all(&x, ignore_digest, made)) {
		memcpy(why, s->err, sizeof(why));
		snprintf(a->err, sizeof(a->err), "%s", why);
		/* Best effort: the sender may be gone. */
		if (s->place_out || !stream_send_header(s))
			if (!stream_send(s, WIRE_REFUSE, why, strlen(why),
					 NULL, 0))
				stream_flush(s);
	}
	ZSTD_freeDCtx(x.zstd);
	return a->arrived;
}
