// SPDX-License-Identifier: GPL-2.0
/*
 * The main thread: signals, time, and the end of the guest.
 *
 * All signals but the kick are blocked everywhere and read from a signalfd, so
 * that no code of penumbra runs in a signal handler.
 */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long a guest that was asked to finish may take to check itself. */
#define FINISH_MS 120000

static int signal_fd = -1;
static bool interrupted;

void control_init(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		die("signalfd: %s", strerror(errno));
}

int control_fd(void)
{
	return signal_fd;
}

/* One pending signal, or 0. */
static int next_signal(void)
{
	struct signalfd_siginfo info;

	if (signal_fd < 0 ||
	    read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo != SIGUSR1)
		interrupted = true;
	return info.ssi_signo;
}

bool control_interrupted(void)
{
	while (next_signal())
		;
	return interrupted;
}

enum control_event control_wait(struct vm *vm, int64_t ms)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = vm->event_fd, .events = POLLIN },
	};
	uint64_t until = now_us() + ms * 1000;
	int64_t left = ms;
	int sig;

	for (;;) {
		if (interrupted)
			return CONTROL_INTERRUPT;
		if (vm_ended(vm))
			return CONTROL_ENDED;
		if (ms >= 0) {
			left = (int64_t)(until - now_us()) / 1000;
			if (left < 0)
				left = 0;
		}
		if (!poll(fds, ARRAY_SIZE(fds), left > 60000 ? 60000 : left) &&
		    ms >= 0 && now_us() >= until)
			return CONTROL_TIMEOUT;
		sig = next_signal();
		if (sig == SIGUSR1)
			return CONTROL_MIGRATE;
	}
}

static int ended_status(struct vm *vm)
{
	serial_flush(&vm->serial);
	if (vm->status)
		say("%s", vm->why);
	return vm->status;
}

int control_run_guest(struct vm *vm, int64_t for_ms)
{
	bool asked = false;

	for (;;) {
		switch (control_wait(vm, asked ? FINISH_MS : for_ms)) {
		case CONTROL_ENDED:
			vm_stop(vm);
			return ended_status(vm);
		case CONTROL_INTERRUPT:
			vm_stop(vm);
			serial_flush(&vm->serial);
			say("interrupted, guest stopped");
			return ST_INTERRUPTED;
		case CONTROL_MIGRATE:
			say("nowhere to migrate to: see penumbra send");
			break;
		case CONTROL_TIMEOUT:
			if (asked) {
				vm_stop(vm);
				say("the guest was asked to finish, in vain");
				return ST_ERROR;
			}
			if (vm->pc) {	/* Linux can not be asked */
				vm_stop(vm);
				return ST_OK;
			}
			asked = true;
			vm_finish(vm);
		}
	}
}
