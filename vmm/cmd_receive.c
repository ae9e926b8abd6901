// SPDX-License-Identifier: GPL-2.0
/*
 * penumbra receive: wait for one guest, and run it on when it has come whole.
 */
#include "console.h"
#include "control.h"
#include "options.h"
#include "receive.h"
#include "report.h"
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char doc[] =
	"Wait for a guest from penumbra send and run it on.\v"
	"ADDRESS is unix:PATH or tcp:HOST:PORT with a numeric HOST or "
	"localhost. The guest runs only after all of it has come and the "
	"digests of both memories are equal; else the sender is told why and "
	"runs it on.\n\n"
	"Exit status: the guest's own (0 to 99), 120 if it or the device "
	"failed, 121 if no guest arrived, 122 if the memories differ, 130 if "
	"interrupted.";

struct cmd {
	struct run_options run;
	const char *listen;
	uint64_t timeout_ms;
	bool ignore_digest;
	struct disk_options disks;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct cmd *cmd = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &cmd->run;
		state->child_inputs[1] = &cmd->disks;
		return 0;
	case KEY_LISTEN:
		if (!socket_address_ok(arg))
			argp_error(state, "%s is no address", arg);
		cmd->listen = arg;
		return 0;
	case KEY_TIMEOUT:
		cmd->timeout_ms = option_number(state, "--timeout", arg, 1,
						86400) * 1000;
		return 0;
	case KEY_IGNORE_DIGEST:
		cmd->ignore_digest = true;
		return 0;
	case ARGP_KEY_END:
		if (!cmd->listen)
			argp_error(state, "--listen is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option opts[] = {
	{ "listen", KEY_LISTEN, "ADDRESS", 0, "Where to wait for the sender" },
	{ "from", KEY_LISTEN, "ADDRESS", OPTION_ALIAS },
	{ "timeout", KEY_TIMEOUT, "S", 0,
	  "Give up when the sender is silent for S seconds (30)" },
	{ "ignore-digest", KEY_IGNORE_DIGEST, 0, OPTION_HIDDEN,
	  "Test aid: run the guest though the memories differ" },
	{ 0 },
};

int receive_guest(struct device *dev, int fd, const struct receive_how *how,
		  struct arrival *a)
{
	struct stream s;
	struct vm vm;
	bool made, arrived;
	int status;

	stream_init(&s, fd, how->timeout_ms);
	s.stop_fd = control_fd();
	s.stopped = control_interrupted;
	arrived = migrate_receive(&vm, dev, &s, &how->disks,
				  how->ignore_digest, a, &made);
	stream_close(&s);
	if (arrived) {
		console_start(&vm);
		a->guest_status = control_run_guest(&vm, how->for_ms);
		console_stop(&vm);
		if (vm.reboot)
			say("it wants to reboot, and its kernel is not here");
		a->stall_us = vm_max_gap(&vm);
		status = a->guest_status;
		if (!status && a->compared && !a->equal)
			status = ST_DIFFERENT;
	} else {
		say("no guest arrived: %s", a->err);
		status = a->compared && !a->equal ? ST_DIFFERENT : ST_MIGRATION;
	}
	if (made)
		vm_destroy(&vm);
	return control_interrupted() ? ST_INTERRUPTED : status;
}

static int await_sender(int listener)
{
	struct pollfd fds[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = control_fd(), .events = POLLIN },
	};
	int fd;

	for (;;) {
		poll(fds, ARRAY_SIZE(fds), -1);
		if (fds[1].revents && control_interrupted())
			return -1;
		if (!fds[0].revents)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			die("accept: %s", strerror(errno));
		return fd;
	}
}

int cmd_receive(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &run_argp, 0, "", 1 },
		{ &disk_argp, 0, "", 0 },
		{ 0 },
	};
	static const struct argp argp = { opts, parse, NULL, doc, children };
	struct cmd cmd = { .timeout_ms = 30000 };
	struct arrival a;
	struct device dev;
	int listener, fd, status;

	run_options_init(&cmd.run);
	argp_parse(&argp, argc, argv, 0, NULL, &cmd);

	control_init();
	device_open(&dev, cmd.run.device, cmd.run.engine, cmd.run.ptw);
	listener = socket_listen(cmd.listen);
	say("waiting on %s", cmd.listen);
	fd = await_sender(listener);
	socket_unlisten(cmd.listen, listener);
	if (fd < 0)
		return ST_INTERRUPTED;
	status = receive_guest(&dev, fd,
			       &(struct receive_how){
				       .for_ms = cmd.run.for_ms,
				       .timeout_ms = cmd.timeout_ms,
				       .ignore_digest = cmd.ignore_digest,
				       .disks = cmd.disks,
			       },
			       &a);
	report_arrival(&a);
	if (cmd.run.json)
		report_json(cmd.run.json, NULL, NULL, NULL, &a);
	device_close(&dev);
	return status;
}
