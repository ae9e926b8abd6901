/* SPDX-License-Identifier: GPL-2.0 */
/* Command-line options that several subcommands share, as argp children. */
#ifndef PENUMBRA_OPTIONS_H
#define PENUMBRA_OPTIONS_H

#include "log.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#define DEFAULT_DEVICE "/dev/umbra"

/* Keys of long-only options; one space for all, so that none collide. */
enum {
	KEY_FOR = 0x100,
	KEY_ARGS,
	KEY_JSON,
	KEY_TO,
	KEY_AFTER,
	KEY_MAX_ROUNDS,
	KEY_MAX_REMAINING,
	KEY_ZSTD,
	KEY_NO_DIGEST,
	KEY_TIMEOUT,
	KEY_BREAK_LOG,
	KEY_BREAK_STREAM,
	KEY_IGNORE_DIGEST,
	KEY_LISTEN,
	KEY_WORKING_SET,
	KEY_PATTERN,
	KEY_RATE,
	KEY_FILL,
	KEY_LOG,
	KEY_ENGINE,
	KEY_PTW,
	KEY_PAGING,
	KEY_KERNEL,
	KEY_INITRD,
	KEY_APPEND,
	KEY_NO_REBOOT,
	KEY_DISK,
};

/* Levels of the page tables that a guest makes for itself. */
enum paging {
	PAGING_FLAT,	/* none: it stays as it was entered */
	PAGING_32 = 2,
	PAGING_PAE,
	PAGING_64,
	PAGING_57,
};

/* Which device, and for how long the guest runs: all subcommands. */
struct run_options {
	const char *device;
	const char *engine;	/* of umbra's VMs; NULL: the device's default */
	const char *ptw;
	const char *json;
	int64_t for_ms;		/* -1: until it ends by itself */
};

#define MAX_DISKS 4

struct disk_option {
	const char *path;
	bool ro;
};

/* Disks of a Linux guest: run, send, receive. */
struct disk_options {
	unsigned int n;
	struct disk_option disk[MAX_DISKS];
};

/* What the guest is: run, send. */
struct guest_options {
	const char *image;
	const char *args;
	const char *kernel;	/* Linux, in the place of an image */
	const char *initrd;	/* NULL: none */
	const char *append;
	const struct disk_options *disks;
	bool no_reboot;
	uint64_t cpus;
	uint64_t bytes;
	enum paging paging;
};

/* How to migrate: send, demo. */
struct migrate_options {
	uint64_t max_rounds;
	uint64_t max_remaining;	/* pages */
	uint64_t timeout_ms;
	enum log_kind log;
	uint64_t break_log;	/* test aid: lose every Nth dirty page */
	uint64_t break_stream;	/* test aid: spoil a byte of record N */
	bool zstd;
	bool no_digest;
};

extern const struct argp run_argp, guest_argp, migrate_argp, disk_argp;

void run_options_init(struct run_options *o);
void guest_options_init(struct guest_options *o);
void migrate_options_init(struct migrate_options *o);

/* Of --paging; shared by guest_argp and the demo. */
#define PAGING_OPTION \
	{ "paging", KEY_PAGING, "MODE", 0, \
	  "Page tables that the guest makes and edits: 32, pae, 64, 57, or flat: none of its own (flat)" }
enum paging option_paging(struct argp_state *state, const char *arg);

/* Parse @arg or end the program through argp_error(). */
uint64_t option_number(struct argp_state *state, const char *name,
		       const char *arg, uint64_t min, uint64_t max);

/* The subcommands; each takes its own argv and returns the exit status. */
int cmd_run(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_receive(int argc, char **argv);
int cmd_demo(int argc, char **argv);

#endif
