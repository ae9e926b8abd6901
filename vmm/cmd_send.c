// SPDX-License-Identifier: GPL-2.0
/*
 * penumbra send: run a guest, and migrate it when the time has come.
 *
 * Whatever goes wrong on the way, the guest runs on here; SIGUSR1 tries again.
 */
#include "boot.h"
#include "console.h"
#include "control.h"
#include "options.h"
#include "report.h"
#include "socket.h"

#include <string.h>

static const char doc[] =
	"Run a guest and migrate it live to a penumbra receive.\v"
	"IMAGE is as for penumbra run; ADDRESS is unix:PATH or tcp:HOST:PORT "
	"with a numeric HOST or localhost. When the migration fails the guest "
	"runs on here; SIGUSR1 begins a migration at once, or another one.\n\n"
	"Test aids: --break-log N loses every Nth dirty page, --break-stream N "
	"spoils the checksum of record N.\n\n"
	"Exit status: 0 if the guest runs there, 121 if a migration failed and "
	"the guest then ended well here, else as for penumbra run.";

struct cmd {
	struct run_options run;
	struct guest_options guest;
	struct disk_options disks;
	struct migrate_options migrate;
	const char *to;
	int64_t after_ms;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct cmd *cmd = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &cmd->run;
		state->child_inputs[1] = &cmd->guest;
		state->child_inputs[2] = &cmd->migrate;
		state->child_inputs[3] = &cmd->disks;
		return 0;
	case KEY_TO:
		if (!socket_address_ok(arg))
			argp_error(state, "%s is no address", arg);
		cmd->to = arg;
		return 0;
	case KEY_AFTER:
		cmd->after_ms = -1;
		if (strcmp(arg, "usr1"))
			cmd->after_ms = option_number(state, "--after", arg, 0,
						      1U << 31);
		return 0;
	case ARGP_KEY_END:
		if (!cmd->to)
			argp_error(state, "--to is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option opts[] = {
	{ "to", KEY_TO, "ADDRESS", 0, "Where the receiver waits" },
	{ "after", KEY_AFTER, "MS", 0,
	  "Begin after MS milliseconds (1000), or \"usr1\": when told by SIGUSR1" },
	{ 0 },
};

static enum outcome migrate(struct vm *vm, const struct cmd *cmd)
{
	struct migration m = { 0 };
	enum outcome outcome;
	struct stream s;
	int fd = socket_connect(cmd->to, m.err, sizeof(m.err));

	if (fd >= 0) {
		stream_init(&s, fd, cmd->migrate.timeout_ms);
		s.stop_fd = control_fd();
		s.stopped = control_interrupted;
		migrate_send(vm, &s, &cmd->migrate, &m);
		stream_close(&s);
		report_table(&m);
	}
	if (cmd->run.json)
		report_json(cmd->run.json, vm, &cmd->guest, &m, NULL);
	if (m.outcome == MIGRATE_DONE)
		say("migrated: the guest runs on %s", cmd->to);
	else if (m.outcome == MIGRATE_FAILED)
		say("not migrated, the guest runs on here: %s", m.err);
	else
		say("handed over, but not confirmed (%s): the guest is held here; SIGUSR1 runs it on here, SIGINT drops it",
		    m.err);
	outcome = m.outcome;
	migration_free(&m);
	return outcome;
}

/* Milliseconds until @at_us; -1 when that is never. */
static int64_t until(uint64_t at_us)
{
	uint64_t now = now_us();

	if (!at_us)
		return -1;
	return at_us > now ? (int64_t)(at_us - now) / 1000 : 0;
}

static int64_t sooner(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int serve(struct vm *vm, const struct cmd *cmd)
{
	uint64_t begin = now_us(), migrate_at = 0, finish_at = 0;
	enum outcome outcome = MIGRATE_FAILED;
	bool failed = false;
	int status;

	if (cmd->after_ms >= 0)
		migrate_at = begin + cmd->after_ms * 1000;
	if (cmd->run.for_ms >= 0)
		finish_at = begin + cmd->run.for_ms * 1000;
	vm_run(vm);
	for (;;) {
		enum control_event e = control_wait(
			vm, sooner(until(migrate_at), until(finish_at)));

		if (e == CONTROL_ENDED || e == CONTROL_INTERRUPT)
			break;
		if (e == CONTROL_MIGRATE ||
		    (migrate_at && now_us() >= migrate_at)) {
			migrate_at = 0;
			if (outcome == MIGRATE_UNKNOWN) {
				outcome = MIGRATE_FAILED;
				vm_run(vm);
				continue;
			}
			outcome = migrate(vm, cmd);
			if (outcome == MIGRATE_DONE)
				return ST_OK;
			failed = true;
		}
		if (finish_at && now_us() >= finish_at) {
			finish_at = 0;
			if (vm->pc) {	/* Linux can not be asked */
				vm_stop(vm);
				return failed ? ST_MIGRATION : ST_OK;
			}
			vm_finish(vm);
		}
	}
	status = control_run_guest(vm, -1);
	return !status && failed ? ST_MIGRATION : status;
}

int cmd_send(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &run_argp, 0, "", 2 },
		{ &guest_argp, 0, "", 0 },
		{ &migrate_argp, 0, "", 1 },
		{ &disk_argp, 0, "", 0 },
		{ 0 },
	};
	static const struct argp argp = { opts, parse, "IMAGE", doc, children };
	struct cmd cmd = { .after_ms = 1000 };
	struct device dev;
	struct vm vm;
	bool again;
	int status;

	run_options_init(&cmd.run);
	guest_options_init(&cmd.guest);
	cmd.guest.disks = &cmd.disks;
	migrate_options_init(&cmd.migrate);
	argp_parse(&argp, argc, argv, 0, NULL, &cmd);

	control_init();
	device_open(&dev, cmd.run.device, cmd.run.engine, cmd.run.ptw);
	do {
		boot_create(&vm, &dev, &cmd.guest, cmd.migrate.log);
		console_start(&vm);
		status = serve(&vm, &cmd);
		console_stop(&vm);
		again = !status && vm.reboot && !cmd.guest.no_reboot;
		vm_destroy(&vm);
	} while (again);
	device_close(&dev);
	return status;
}
