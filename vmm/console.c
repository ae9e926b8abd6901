// SPDX-License-Identifier: GPL-2.0
/*
 * Standard input becomes what a guest's serial port receives.
 *
 * A thread of its own waits for it, as the main thread may be migrating. What the
 * guest does not take yet is kept, so that the keys which end a guest work on one
 * that takes nothing any more.
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
#define CHUNK 256	/* read at once, at most */

/* Only the thread's. */
struct input {
	uint8_t kept[4096];
	size_t n;
	bool escaped;
	bool over;	/* the end of a file, or no input */
};

static struct termios cooked;
static bool is_terminal;
static pthread_t thread;
static int stop_fd;

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

static void keep(struct input *in, uint8_t byte)
{
	if (in->n < sizeof(in->kept))
		in->kept[in->n++] = byte;
}

static void take(struct vm *vm, struct input *in, uint8_t byte)
{
	bool escaped = in->escaped;

	in->escaped = is_terminal && !escaped && byte == ESCAPE;
	if (in->escaped)
		return;
	if (escaped && byte == 'x')
		vm_end(vm, ST_INTERRUPTED, "ended at the console");
	else
		keep(in, escaped && byte == 'a' ? ESCAPE : byte);
}

static void take_input(struct vm *vm, struct input *in)
{
	uint8_t buf[CHUNK];
	ssize_t n, i;

	n = read(STDIN_FILENO, buf, sizeof(buf));
	in->over = n <= 0;
	for (i = 0; i < n; i++)
		take(vm, in, buf[i]);
}

static void give(struct vm *vm, struct input *in)
{
	size_t i = 0;

	while (i < in->n && serial_input(&vm->serial, in->kept[i]))
		i++;
	in->n -= i;
	memmove(in->kept, in->kept + i, in->n);
}

/* A file waits; of a terminal all is read, and what is too much is lost. */
static bool wants_input(const struct input *in)
{
	return !in->over &&
	       (is_terminal || in->n + CHUNK <= sizeof(in->kept));
}

static void *console_main(void *arg)
{
	struct vm *vm = arg;
	struct pollfd fds[] = {
		{ .fd = stop_fd, .events = POLLIN },
		{ .fd = vm->serial.room_fd, .events = POLLIN },
		{ .events = POLLIN },
	};
	struct input in = { 0 };
	uint64_t count;

	for (;;) {
		fds[2].fd = wants_input(&in) ? STDIN_FILENO : -1;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			die("poll: %s", strerror(errno));
		}
		if (fds[0].revents)
			return NULL;
		if (fds[2].revents)
			take_input(vm, &in);
		if (fds[1].revents &&
		    read(vm->serial.room_fd, &count, sizeof(count)) < 0)
			say("eventfd: %s", strerror(errno));
		give(vm, &in);
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

	if (!vm->pc)
		return;
	if (write(stop_fd, &one, sizeof(one)) < 0)
		say("eventfd: %s", strerror(errno));
	pthread_join(thread, NULL);
	close(stop_fd);
	restore();
}
