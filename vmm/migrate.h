/* SPDX-License-Identifier: GPL-2.0 */
/* The two ends of a migration. */
#ifndef PENUMBRA_MIGRATE_H
#define PENUMBRA_MIGRATE_H

#include "options.h"
#include "stats.h"
#include "stream.h"
#include "vm.h"

#define MAX_ROUNDS 1002		/* --max-rounds, the first and the last */

struct round {
	uint64_t pages;		/* sent */
	uint64_t zero;		/* of these, all zero: sent as a mark */
	uint64_t bytes;		/* on the wire */
	uint64_t us;
	uint64_t harvest_us;	/* of it: fetching the dirty log */
	uint64_t left;		/* dirty when it was over */
	uint64_t work;		/* done by the guest meanwhile */
	struct fault_stats faults;
};

/* What became of a migration, as the sender sees it. */
enum outcome {
	MIGRATE_FAILED,		/* the guest runs on here */
	MIGRATE_DONE,		/* the guest runs there */
	MIGRATE_UNKNOWN,	/* cut after GO: the guest is held here */
};

struct migration {
	enum outcome outcome;
	char err[300];
	struct round *rounds;	/* the last is the one with the guest stopped */
	unsigned int nrounds;
	uint64_t pages, bytes, us;
	uint64_t downtime_us;	/* from the stop to the word that it runs */
	uint64_t digest_us;	/* of it: taking our digest */
	uint64_t digest;
	bool digest_valid;
	uint64_t gap_before_us;	/* longest between heartbeats, before */
	uint64_t stall_us;	/* and during the migration, until the stop */
};

/* Migrate the guest, which runs, over @s. */
void migrate_send(struct vm *vm, struct stream *s,
		  const struct migrate_options *o, struct migration *m);
void migration_free(struct migration *m);

/* What the receiver knows about an arrival. */
struct arrival {
	bool arrived;		/* the guest was started here */
	bool compared;		/* digests were */
	bool equal;
	uint64_t digest_here, digest_there;
	uint64_t bytes, pages;
	uint64_t load_us;	/* from the sender's stop mark to the start */
	uint64_t stall_us;	/* longest between heartbeats, after */
	int guest_status;	/* how the guest ended here; -1: not yet */
	char err[300];
};

/*
 * Receive a guest over @s into @vm, which is made here, and start it. Return
 * false if it has not arrived; a->err says why, the sender was told, and @vm
 * exists only if *made is true. Linux finds the disks given in these files.
 */
bool migrate_receive(struct vm *vm, struct device *dev, struct stream *s,
		     const struct disk_options *disks, bool ignore_digest,
		     struct arrival *a, bool *made);

/* progress.c: how the sender shows that it moves. */
void progress_page(unsigned int round, uint64_t done, uint64_t total);
void progress_round(unsigned int round, const struct round *r, bool last);

#endif
