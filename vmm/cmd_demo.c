// SPDX-License-Identifier: GPL-2.0
/*
 * penumbra demo: both ends of a migration on one host.
 *
 * The receiver is a process of its own, so that nothing but the socket connects
 * the two; what it found out it leaves in a page shared with the sender, for the
 * one report at the end.
 */
#include "boot.h"
#include "control.h"
#include "options.h"
#include "receive.h"
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP_MS 60000

static const char doc[] =
	"Migrate a writing guest between two processes of this host, compare "
	"the memories, and let the guest check itself where it arrived.\v"
	"--for counts from the arrival.\n\n"
	"Test aids: --break-log N loses every Nth dirty page; the guest then runs "
	"on though the memories differ, so that its own check can be seen to "
	"fail. --break-stream N spoils the checksum of record N.\n\n"
	"Exit status: 0 if the memories are "
	"equal and the guest found all it wrote, else as for penumbra send and "
	"receive.";

struct cmd {
	struct run_options run;
	struct guest_options guest;
	struct migrate_options migrate;
	uint64_t working_set;
	uint64_t rate;
	uint64_t fill;
	const char *pattern;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct cmd *cmd = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &cmd->run;
		state->child_inputs[1] = &cmd->migrate;
		return 0;
	case 'c':
		cmd->guest.cpus = option_number(state, "--cpus", arg, 1, 64);
		return 0;
	case 'm':
		if (!parse_size(arg, MIB, &cmd->guest.bytes) ||
		    cmd->guest.bytes % (2 * MIB))
			argp_error(state, "--memory: %s is no multiple of 2M",
				   arg);
		return 0;
	case KEY_WORKING_SET:
		if (!parse_size(arg, 1, &cmd->working_set) ||
		    cmd->working_set < 64 * PAGE_SIZE)
			argp_error(state, "--working-set: %s is no size of 256K or more",
				   arg);
		return 0;
	case KEY_PATTERN:
		if (strcmp(arg, "seq") && strcmp(arg, "random") &&
		    strcmp(arg, "hot"))
			argp_error(state, "--pattern: %s is not seq, random or hot",
				   arg);
		cmd->pattern = arg;
		return 0;
	case KEY_RATE:
		cmd->rate = option_number(state, "--rate", arg, 0, 1U << 31);
		return 0;
	case KEY_PAGING:
		cmd->guest.paging = option_paging(state, arg);
		return 0;
	case KEY_FILL:
		cmd->fill = option_number(state, "--fill", arg, 4, 512);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option opts[] = {
	{ "cpus", 'c', "N", 0, "vCPUs (2)" },
	{ "memory", 'm', "MIB", 0,
	  "Memory in MiB, or with a suffix M or G (32)" },
	{ "working-set", KEY_WORKING_SET, "SIZE", 0,
	  "Memory that the guest writes to (8M)" },
	{ "pattern", KEY_PATTERN, "P", 0,
	  "seq, random or hot: nine of ten writes to a tenth (hot)" },
	{ "rate", KEY_RATE, "N", 0,
	  "Pages a second that each vCPU writes, 0: no bound (2000)" },
	{ "fill", KEY_FILL, "N", 0, "Words written in a page (8)" },
	PAGING_OPTION,
	{ 0 },
};

static int be_receiver(const struct cmd *cmd, int fd, struct arrival *a)
{
	struct device dev;
	int status;

	control_init();
	device_open(&dev, cmd->run.device, cmd->run.engine, cmd->run.ptw);
	status = receive_guest(&dev, fd,
			       &(struct receive_how){
				       .for_ms = cmd->run.for_ms,
				       .timeout_ms = cmd->migrate.timeout_ms +
						     WARM_UP_MS,
				       .ignore_digest = cmd->migrate.break_log,
			       },
			       a);
	device_close(&dev);
	return status;
}

/* Let the guest get under load: it shall have written everything once. */
static int warm_up(struct vm *vm, const struct cmd *cmd)
{
	uint64_t pages = cmd->working_set / PAGE_SIZE;
	uint64_t end = now_us() + WARM_UP_MS * 1000ULL;

	vm_run(vm);
	while (vm_work(vm) < pages / 4) {
		switch (control_wait(vm, 20)) {
		case CONTROL_ENDED:
		case CONTROL_INTERRUPT:
			return control_run_guest(vm, -1);
		default:
			if (now_us() < end)
				break;
			vm_stop(vm);
			say("the guest does not come under load");
			return ST_ERROR;
		}
	}
	return ST_OK;
}

static int be_sender(const struct cmd *cmd, struct vm *vm, int fd,
		     struct migration *m)
{
	struct stream s;
	int status = warm_up(vm, cmd);

	if (status) {
		close(fd);
		return status;
	}
	say("the guest is under load, %u vCPUs; migrating it", vm->ncpus);
	stream_init(&s, fd, cmd->migrate.timeout_ms);
	s.stop_fd = control_fd();
	s.stopped = control_interrupted;
	migrate_send(vm, &s, &cmd->migrate, m);
	stream_close(&s);
	report_table(m);
	vm_stop(vm);
	if (m->outcome == MIGRATE_DONE)
		return ST_OK;
	say("not migrated: %s", m->err);
	return control_interrupted() ? ST_INTERRUPTED : ST_MIGRATION;
}

static void make_guest(struct cmd *cmd, struct device *dev, struct vm *vm,
		       char *args, size_t len)
{
	snprintf(args, len, "ws=%llu pattern=%s rate=%llu fill=%llu",
		 (unsigned long long)cmd->working_set, cmd->pattern,
		 (unsigned long long)cmd->rate, (unsigned long long)cmd->fill);
	cmd->guest.image = "builtin:writer";
	cmd->guest.args = args;
	boot_create(vm, dev, &cmd->guest, cmd->migrate.log);
}

/* Wait for the receiver to end, passing the user's wish to stop on to it. */
static int await_receiver(pid_t pid)
{
	struct pollfd fds[] = {
		{ .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN },
		{ .fd = control_fd(), .events = POLLIN },
	};
	int status;

	while (fds[0].fd >= 0 && !fds[0].revents) {
		poll(fds, ARRAY_SIZE(fds), -1);
		if (fds[1].revents && control_interrupted()) {
			kill(pid, SIGTERM);
			break;
		}
	}
	if (fds[0].fd >= 0)
		close(fds[0].fd);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : ST_ERROR;
}

static int verdict(const struct arrival *a, int here, int there)
{
	if (here == ST_INTERRUPTED)
		return here;
	if (a->arrived)
		fprintf(stderr, "the guest's own check at the destination: %s\n",
			a->guest_status ? "FAILED" : "ok");
	if (a->compared)
		report_arrival(a);
	if (!a->arrived)
		fprintf(stderr, "no guest arrived\n");
	return there ? there : here;
}

static int demo(struct cmd *cmd, const int fds[2], struct arrival *a)
{
	struct migration m = { 0 };
	struct device dev;
	char args[160];
	struct vm vm;
	int here, there;
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		close(fds[0]);
		_exit(be_receiver(cmd, fds[1], a));
	}
	close(fds[1]);
	control_init();
	device_open(&dev, cmd->run.device, cmd->run.engine, cmd->run.ptw);
	make_guest(cmd, &dev, &vm, args, sizeof(args));
	here = be_sender(cmd, &vm, fds[0], &m);
	there = await_receiver(pid);
	if (cmd->run.json)
		report_json(cmd->run.json, &vm, &cmd->guest, &m, a);
	vm_destroy(&vm);
	device_close(&dev);
	migration_free(&m);
	return verdict(a, here, there);
}

int cmd_demo(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &run_argp, 0, "", 2 },
		{ &migrate_argp, 0, "", 1 },
		{ 0 },
	};
	static const struct argp argp = { opts, parse, NULL, doc, children };
	struct cmd cmd = {
		.working_set = 8 * MIB, .rate = 2000, .fill = 8,
		.pattern = "hot",
	};
	struct arrival *a;
	int fds[2];

	run_options_init(&cmd.run);
	cmd.run.for_ms = 500;
	guest_options_init(&cmd.guest);
	cmd.guest.cpus = 2;
	cmd.guest.bytes = 32 * MIB;
	migrate_options_init(&cmd.migrate);
	argp_parse(&argp, argc, argv, 0, NULL, &cmd);

	a = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (a == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		die("preparing the demo: %s", strerror(errno));
	a->guest_status = -1;
	return demo(&cmd, fds, a);
}
