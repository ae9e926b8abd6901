// SPDX-License-Identifier: GPL-2.0
/*
 * Command-line options that several subcommands share, as argp children.
 */
#include "options.h"

#include "boot.h"
#include "ports.h"
#include "util.h"

#include <string.h>

uint64_t option_number(struct argp_state *state, const char *name,
		       const char *arg, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (!parse_number(arg, max, &v) || v < min)
		argp_error(state, "%s: %s is not a number from %llu to %llu",
			   name, arg, (unsigned long long)min,
			   (unsigned long long)max);
	return v;
}

static const char *option_name(struct argp_state *state, const char *name,
			       const char *arg, const char *one,
			       const char *other)
{
	if (strcmp(arg, one) && strcmp(arg, other))
		argp_error(state, "%s: %s is not %s or %s", name, arg, one,
			   other);
	return arg;
}

enum paging option_paging(struct argp_state *state, const char *arg)
{
	static const char *const names[] = {
		[PAGING_FLAT] = "flat", [PAGING_32] = "32", [PAGING_PAE] = "pae",
		[PAGING_64] = "64", [PAGING_57] = "57",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i] && !strcmp(arg, names[i]))
			return i;
	argp_error(state, "--paging: %s is not flat, 32, pae, 64 or 57", arg);
	return PAGING_FLAT;
}

void run_options_init(struct run_options *o)
{
	*o = (struct run_options){ .device = DEFAULT_DEVICE, .for_ms = -1 };
}

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;

	switch (key) {
	case 'd':
		o->device = arg;
		return 0;
	case KEY_ENGINE:
		o->engine = option_name(state, "--engine", arg, "tdp", "shadow");
		return 0;
	case KEY_PTW:
		o->ptw = option_name(state, "--ptw", arg, "emul", "oos");
		return 0;
	case KEY_JSON:
		o->json = arg;
		return 0;
	case KEY_FOR:
		o->for_ms = option_number(state, "--for", arg, 0, 1U << 31);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option run_opts[] = {
	{ "device", 'd', "PATH", 0,
	  "KVM device to use (" DEFAULT_DEVICE ")" },
	{ "engine", KEY_ENGINE, "E", 0,
	  "umbra's engine for the VM: tdp or shadow" },
	{ "ptw", KEY_PTW, "MODE", 0,
	  "What becomes of writes to page tables with it: emul or oos" },
	{ "for", KEY_FOR, "MS", 0,
	  "Ask the guest to check itself and end after MS milliseconds" },
	{ "json", KEY_JSON, "FILE", 0, "Write what was measured to FILE" },
	{ 0 },
};

const struct argp run_argp = { run_opts, parse_run };

void guest_options_init(struct guest_options *o)
{
	*o = (struct guest_options){
		.args = "", .append = "console=ttyS0", .cpus = 1,
	};
}

static error_t parse_guest(int key, char *arg, struct argp_state *state)
{
	struct guest_options *o = state->input;

	switch (key) {
	case 'c':
		o->cpus = option_number(state, "--cpus", arg, 1,
					GUEST_MAX_CPUS);
		return 0;
	case 'm':
		if (!parse_size(arg, MIB, &o->bytes) || o->bytes % (2 * MIB))
			argp_error(state, "--memory: %s is no multiple of 2M",
				   arg);
		return 0;
	case 'a':
		o->args = arg;
		return 0;
	case KEY_PAGING:
		o->paging = option_paging(state, arg);
		return 0;
	case KEY_KERNEL:
		o->kernel = arg;
		return 0;
	case KEY_INITRD:
		o->initrd = arg;
		return 0;
	case KEY_APPEND:
		o->append = arg;
		return 0;
	case KEY_NO_REBOOT:
		o->no_reboot = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->image)
			return ARGP_ERR_UNKNOWN;
		o->image = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->image == !o->kernel)
			argp_error(state, "which guest? Give --kernel, or an image or one of builtin:writer, builtin:reader, builtin:idle");
		if (!o->bytes)
			o->bytes = o->kernel ? 256 * MIB : 64 * MIB;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option guest_opts[] = {
	{ "cpus", 'c', "N", 0, "vCPUs (1)" },
	{ "memory", 'm', "MIB", 0,
	  "Memory in MiB, or with a suffix M or G (64; Linux: 256)" },
	{ "args", 'a', "TEXT", 0,
	  "The guest's arguments, such as \"ws=8M pattern=hot\"" },
	PAGING_OPTION,
	{ "kernel", KEY_KERNEL, "FILE", 0,
	  "Boot Linux, a bzImage or vmlinux, in the place of an image" },
	{ "initrd", KEY_INITRD, "FILE", 0, "Its initrd" },
	{ "append", KEY_APPEND, "TEXT", 0,
	  "Its command line (console=ttyS0)" },
	{ "no-reboot", KEY_NO_REBOOT, 0, 0,
	  "End when it reboots" },
	{ 0 },
};

const struct argp guest_argp = { guest_opts, parse_guest };

static void add_disk(struct argp_state *state, struct disk_options *o,
		     char *arg)
{
	struct disk_option *disk = &o->disk[o->n];
	char *comma = strrchr(arg, ',');

	if (o->n == MAX_DISKS)
		argp_error(state, "--disk: there are at most %d", MAX_DISKS);
	o->n++;
	disk->path = arg;
	disk->ro = comma && !strcmp(comma, ",ro");
	if (disk->ro)
		*comma = 0;
}

static error_t parse_disk(int key, char *arg, struct argp_state *state)
{
	if (key != KEY_DISK)
		return ARGP_ERR_UNKNOWN;
	add_disk(state, state->input, arg);
	return 0;
}

static const struct argp_option disk_opts[] = {
	{ "disk", KEY_DISK, "FILE[,ro]", 0,
	  "A disk of Linux; where it is received, the same disks in the same order" },
	{ 0 },
};

const struct argp disk_argp = { disk_opts, parse_disk };

void migrate_options_init(struct migrate_options *o)
{
	*o = (struct migrate_options){
		.max_rounds = 8, .max_remaining = 256, .timeout_ms = 30000,
	};
}

static error_t parse_migrate(int key, char *arg, struct argp_state *state)
{
	struct migrate_options *o = state->input;

	switch (key) {
	case KEY_MAX_ROUNDS:
		o->max_rounds = option_number(state, "--max-rounds", arg, 1,
					      1000);
		return 0;
	case KEY_MAX_REMAINING:
		o->max_remaining = option_number(state, "--max-remaining", arg,
						 0, 1U << 31);
		return 0;
	case KEY_TIMEOUT:
		o->timeout_ms = option_number(state, "--timeout", arg, 1,
					      86400) * 1000;
		return 0;
	case KEY_LOG:
		if (!log_parse(arg, &o->log))
			argp_error(state, "--log: %s is not auto, bitmap, clear or ring",
				   arg);
		return 0;
	case KEY_ZSTD:
		o->zstd = true;
		return 0;
	case KEY_NO_DIGEST:
		o->no_digest = true;
		return 0;
	case KEY_BREAK_LOG:
		o->break_log = option_number(state, "--break-log", arg, 1,
					     1U << 31);
		return 0;
	case KEY_BREAK_STREAM:
		o->break_stream = option_number(state, "--break-stream", arg, 1,
						1U << 31);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option migrate_opts[] = {
	{ "max-rounds", KEY_MAX_ROUNDS, "N", 0,
	  "Stop the guest after N rounds while it runs (8)" },
	{ "max-remaining", KEY_MAX_REMAINING, "PAGES", 0,
	  "Stop the guest when at most PAGES are dirty (256)" },
	{ "log", KEY_LOG, "KIND", 0,
	  "How to learn what the guest wrote: bitmap, clear, ring, or auto: clear where the device has it (auto)" },
	{ "zstd", KEY_ZSTD, 0, 0, "Compress pages" },
	{ "no-digest", KEY_NO_DIGEST, 0, 0,
	  "Do not compare the memories (shortens the downtime)" },
	{ "timeout", KEY_TIMEOUT, "S", 0,
	  "Give up when the other side is silent for S seconds (30)" },
	/* Test aids; kept out of the short help. */
	{ "break-log", KEY_BREAK_LOG, "N", OPTION_HIDDEN,
	  "Test aid: lose every Nth dirty page" },
	{ "break-stream", KEY_BREAK_STREAM, "N", OPTION_HIDDEN,
	  "Test aid: spoil record N after its checksum is taken" },
	{ 0 },
};

const struct argp migrate_argp = { migrate_opts, parse_migrate };
