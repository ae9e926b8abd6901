// SPDX-License-Identifier: GPL-2.0
/*
 * Standard input on its way to a guest that reads, or that does not: a terminal
 * and its keys, a pipe and its end.
 */
#include "console.h"
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#define MANY 20000	/* bytes: more than any buffer on the way */
#define LONG_MS 10000	/* only a failure waits for so long */

static struct vm start(int input)
{
	struct vm vm = { .pc = (struct pc *)1, .status = -1 };

	dup2(input, STDIN_FILENO);
	pthread_mutex_init(&vm.lock, NULL);
	pthread_cond_init(&vm.cond, NULL);
	vm.event_fd = eventfd(0, 0);
	serial_init(&vm.serial);
	return vm;
}

static void stop(struct vm *vm)
{
	console_stop(vm);
	serial_destroy(&vm->serial);
	close(vm->event_fd);
}

static bool has_byte(struct vm *vm)
{
	return serial_read(&vm->serial, 5) & 1;
}

/* As a driver does. */
static bool comes(struct vm *vm, char byte)
{
	unsigned int ms;

	for (ms = 0; ms < LONG_MS && !has_byte(vm); ms++)
		usleep(1000);
	return serial_read(&vm->serial, 0) == (uint8_t)byte;
}

static bool reads(struct vm *vm, const char *text)
{
	while (*text && comes(vm, *text))
		text++;
	return !*text && !has_byte(vm);
}

static bool ends(struct vm *vm)
{
	struct pollfd fd = { .fd = vm->event_fd, .events = POLLIN };

	return poll(&fd, 1, LONG_MS) > 0 && vm->status == ST_INTERRUPTED;
}

static bool is_raw(int fd)
{
	struct termios t;

	return !tcgetattr(fd, &t) && !(t.c_lflag & (ICANON | ECHO | ISIG)) &&
	       t.c_oflag & OPOST;
}

static void types(int fd, const char *keys)
{
	if (write(fd, keys, strlen(keys)) < 0)
		die("a terminal does not take what is typed");
}

static void test_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, i;
	struct vm vm;

	if (grantpt(master) || unlockpt(master))
		die("no terminal");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	vm = start(slave);
	console_start(&vm);
	ok(is_raw(slave), "a terminal is raw, but for its output");
	types(master, "ls\r\3");
	ok(reads(&vm, "ls\r\3"), "keys come as they are");
	types(master, "\1a\1bx");
	ok(reads(&vm, "\1bx"), "Ctrl-A a is one; others stay");
	for (i = 0; i < MANY / 10; i++)
		types(master, "0123456789");
	types(master, "\1");
	ok(!vm.ended, "a guest that reads nothing goes on");
	types(master, "x");
	ok(ends(&vm), "and Ctrl-A x ends it still");
	stop(&vm);
	ok(!is_raw(slave), "the terminal is as it was");
	close(slave);
	close(master);
}

static void test_pipe(void)
{
	int fds[2], i;
	struct vm vm;

	if (pipe2(fds, O_CLOEXEC))
		die("no pipe");
	vm = start(fds[0]);
	console_start(&vm);
	types(fds[1], "\1x");
	ok(reads(&vm, "\1x"), "keys in a pipe mean nothing");
	for (i = 0; i < MANY; i++)
		types(fds[1], "y");
	close(fds[1]);
	for (i = 0; i < MANY && comes(&vm, 'y'); i++)
		;
	ok(i == MANY && !has_byte(&vm),
	   "all of a file comes, after its end and at leisure");
	stop(&vm);
	close(fds[0]);
}

int main(void)
{
	test_terminal();
	test_pipe();
	return tap_done();
}
