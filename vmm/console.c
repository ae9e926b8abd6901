// SPDX-License-Identifier: GPL-2.0
/*
 * Standard input becomes what a guest's serial port receives.
 *
 * A thread of its own waits for it, as the guest may take its bytes late, and
 * the main thread may be migrating.
 */
#include "console.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE 0x01	/* Ctrl-A */

static struct termios cooked;
static bool is_terminal;
static pthread_t thread;
static int stop_fd = -1;

static void restore(void)
{
	if (is_terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	is_terminal = false;
}

/* Output stays as it is: penumbra's own messages come between the guest's. */
static void make_raw(void)
{
	static bool registered;
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &cooked))
		return;
	is_terminal = true;
	if (!registered)
		atexit(restore);
	registered = true;
	raw = cooked;
	cfmakeraw(&raw);
	raw.c_oflag = cooked.c_oflag;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

/* Returns false when the guest is not to get any more. */
static bool take(struct vm *vm, uint8_t byte, bool *escaped)
{
	if (is_terminal && !*escaped && byte == ESCAPE) {
		*escaped = true;
		return true;
	}
	if (*escaped && byte == 'x') {
		vm_end(vm, ST_INTERRUPTED, "ended at the console");
		return false;
	}
	if (*escaped && byte == 'a')
		byte = ESCAPE;
	*escaped = false;
	return serial_input(&vm->serial, byte);
}

static void *console_main(void *arg)
{
	struct vm *vm = arg;
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN },
	};
	bool escaped = false;
	uint8_t buf[256];
	ssize_t n, i;

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (!fds[0].revents)
			continue;
		n = read(STDIN_FILENO, buf, sizeof(buf));
		if (n <= 0)
			return NULL;	/* the end of a file, or no input */
		for (i = 0; i < n; i++)
			if (!take(vm, buf[i], &escaped))
				return NULL;
	}
}

void console_start(struct vm *vm)
{
	int err;

	if (!vm->pc)
		return;
	stop_fd = eventfd(0, EFD_CLOEXEC);
	if (stop_fd < 0)
		die("eventfd: %s", strerror(errno));
	make_raw();
	err = pthread_create(&thread, NULL, console_main, vm);
	if (err)
		die("a thread for the console: %s", strerror(err));
}

void console_stop(struct vm *vm)
{
	uint64_t one = 1;

	if (stop_fd < 0)
		return;
	serial_close(&vm->serial);
	if (write(stop_fd, &one, sizeof(one)) < 0)
		say("eventfd: %s", strerror(errno));
	pthread_join(thread, NULL);
	close(stop_fd);
	stop_fd = -1;
	restore();
}
