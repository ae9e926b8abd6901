// SPDX-License-Identifier: GPL-2.0
/*
 * penumbra: a small VMM for any KVM device, made to migrate guests.
 *
 * In reading order: vm.c and vcpu.c (who runs when), boot.c (how a guest
 * begins), linux.c and pc.c (Linux, and the machine it finds), migrate_send.c
 * and migrate_recv.c (the two ends of a migration), wire.h (what goes between
 * them).
 */
#include "options.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

const char *argp_program_version = "penumbra " PENUMBRA_VERSION;

static const char doc[] =
	"Run small guests on a KVM device and migrate them live.\v"
	"Commands:\n"
	"  run      run a guest\n"
	"  send     run a guest and migrate it to a receiver\n"
	"  receive  wait for a guest and run it on\n"
	"  demo     do all that on one host and compare the memories\n"
	"\n"
	"Each command has its own --help.";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", cmd_run },
	{ "send", cmd_send },
	{ "receive", cmd_receive },
	{ "demo", cmd_demo },
};

struct choice {
	const struct command *command;
	int argc;
	char **argv;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct choice *choice = state->input;
	unsigned int i;

	switch (key) {
	case ARGP_KEY_ARG:
		for (i = 0; i < ARRAY_SIZE(commands); i++)
			if (!strcmp(arg, commands[i].name))
				choice->command = &commands[i];
		if (!choice->command)
			argp_error(state, "no such command: %s", arg);
		choice->argc = state->argc - state->next + 1;
		choice->argv = state->argv + state->next - 1;
		state->next = state->argc;	/* the rest is the command's */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse, .args_doc = "COMMAND [OPTION...]", .doc = doc,
	};
	struct choice choice = { 0 };
	char name[64];

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);
	/* So that usage messages name the command as well. */
	snprintf(name, sizeof(name), "penumbra %s", choice.command->name);
	choice.argv[0] = name;
	return choice.command->run(choice.argc, choice.argv);
}
