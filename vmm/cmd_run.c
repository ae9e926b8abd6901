// SPDX-License-Identifier: GPL-2.0
/*
 * penumbra run: one guest, from its first instruction to its end.
 */
#include "boot.h"
#include "console.h"
#include "control.h"
#include "options.h"
#include "report.h"

static const char doc[] =
	"Run a guest, its serial port on standard output.\v"
	"IMAGE is an ELF file, a flat binary (put at 1 MiB, entered at its "
	"first byte), or builtin:writer, builtin:reader, builtin:idle. With "
	"--kernel it is Linux, and standard input is what its serial port "
	"receives; on a terminal Ctrl-A x ends it, Ctrl-A a is Ctrl-A.\n\n"
	"Exit status: what the guest wrote to its exit port (0 to 99; Linux that "
	"powered off: 0), 120 if "
	"it or the device failed, 130 if interrupted.";

struct cmd {
	struct run_options run;
	struct guest_options guest;
	struct disk_options disks;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct cmd *cmd = state->input;

	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = &cmd->run;
	state->child_inputs[1] = &cmd->guest;
	state->child_inputs[2] = &cmd->disks;
	return 0;
}

/* *again: it asked for a reboot, and shall have it. */
static int run_once(struct device *dev, const struct cmd *cmd, bool *again)
{
	struct vm vm;
	int status;

	boot_create(&vm, dev, &cmd->guest, LOG_BITMAP);
	vm_run(&vm);
	console_start(&vm);
	status = control_run_guest(&vm, cmd->run.for_ms);
	console_stop(&vm);
	if (cmd->run.json)
		report_run_json(cmd->run.json, &vm, status);
	*again = !status && vm.reboot && !cmd->guest.no_reboot;
	vm_destroy(&vm);
	return status;
}

int cmd_run(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &run_argp, 0, "", 1 },
		{ &guest_argp, 0, "", 0 },
		{ &disk_argp, 0, "", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.parser = parse, .args_doc = "IMAGE\n--kernel FILE", .doc = doc,
		.children = children,
	};
	struct device dev;
	struct cmd cmd = { .disks = { 0 } };
	bool again;
	int status;

	run_options_init(&cmd.run);
	guest_options_init(&cmd.guest);
	cmd.guest.disks = &cmd.disks;
	argp_parse(&argp, argc, argv, 0, NULL, &cmd);

	control_init();
	device_open(&dev, cmd.run.device, cmd.run.engine, cmd.run.ptw);
	do {
		status = run_once(&dev, &cmd, &again);
	} while (again);
	device_close(&dev);
	return status;
}
