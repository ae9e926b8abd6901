// SPDX-License-Identifier: GPL-2.0
/*
 * agent: run the testbed's payload and hand its output to the outside.
 *
 *	agent [-t] PAYLOAD GETLIST
 *
 * The emulated serial port costs thousands of ticks a character; port 0xe9
 * costs one. So this, the only process that touches that port, pumps what the
 * payload writes, then the files named in GETLIST (one path a line), the
 * kernel's log and the exit status, in the frames of frames.h.
 *
 * The payload's standard output is a terminal in raw mode, so that its C library
 * passes it on line by line. Its standard error is a pipe, so that it holds
 * nobody for a reader; -t says that there is one, and makes it the terminal.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "frames.h"

#define KLOG_READ_ALL	3
#define KLOG_SIZE	(1 << 20)

/* As outsb() of <sys/io.h>, which forgets that it reads memory. */
static void port_write(const void *data, size_t len)
{
	asm volatile("rep outsb"
		     : "+S"(data), "+c"(len) : "d"(UM_PORT) : "memory");
}

static void emit(enum um_frame type, const void *data, size_t len)
{
	uint8_t head[UM_HEAD_LEN] = UM_MAGIC;
	const uint8_t *p = data;
	uint16_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	head[4] = type;
	head[5] = len;
	head[6] = len >> 8;
	head[7] = sum;
	head[8] = sum >> 8;
	port_write(head, sizeof(head));
	port_write(data, len);
}

static void emit_all(enum um_frame type, const char *data, size_t len)
{
	while (len) {
		size_t n = len < UM_DATA_MAX ? len : UM_DATA_MAX;

		emit(type, data, n);
		data += n;
		len -= n;
	}
}

static int open_terminal(void)
{
	struct termios t;
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || tcgetattr(fd, &t))
		err(125, "no terminal");
	cfmakeraw(&t);
	if (tcsetattr(fd, TCSANOW, &t) || fcntl(fd, F_SETFL, O_NONBLOCK))
		err(125, "no terminal");
	return fd;
}

/* Run payload on tty, its standard error on err_fd or, if that is -1, on tty. */
static pid_t start(const char *payload, const char *tty, int err_fd)
{
	sigset_t none;
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	setsid();
	fd = open(tty, O_RDWR);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(err_fd < 0 ? fd : err_fd, 2) < 0)
		err(125, "%s", tty);
	close(fd);
	fd = open("/dev/null", O_RDONLY);
	if (fd > 0)
		dup2(fd, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/*
	 * The port is not the payload's: an inherited bitmap costs each of
	 * its system calls an update of the TSS.
	 */
	ioperm(UM_PORT, 1, 0);
	execl("/bin/sh", "sh", payload, NULL);
	err(125, "/bin/sh");
}

/* Returns whether there was anything. */
static int drain(int fd)
{
	char buf[UM_DATA_MAX];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		emit(UM_OUTPUT, buf, n);
	return n > 0;
}

static int run(const char *payload, bool reader)
{
	enum { TTY, CHILD, ERR };
	struct pollfd p[3] = { { .events = POLLIN }, { .events = POLLIN },
			       { .events = POLLIN } };
	struct signalfd_siginfo info;
	int tty = open_terminal(), err_pipe[2] = { -1, -1 }, hold, status;
	sigset_t child;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	if (!reader && pipe2(err_pipe, O_CLOEXEC | O_NONBLOCK))
		err(125, "pipe");
	/* the payload's end blocks */
	fcntl(err_pipe[1], F_SETFL, 0);
	p[TTY].fd = tty;
	p[ERR].fd = err_pipe[0];
	p[CHILD].fd = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
	/* keeps the terminal from hanging up, which poll() would spin on */
	hold = open(ptsname(tty), O_RDWR | O_NOCTTY | O_CLOEXEC);
	emit(UM_START, NULL, 0);
	pid = start(payload, ptsname(tty), err_pipe[1]);
	if (pid < 0 || p[CHILD].fd < 0 || hold < 0)
		err(125, "cannot start the payload");

	while (poll(p, 3, -1) >= 0 || errno == EINTR) {
		drain(tty);
		drain(err_pipe[0]);
		if (read(p[CHILD].fd, &info, sizeof(info)) > 0 &&
		    waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	while (drain(tty) || drain(err_pipe[0]))
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static void send_file(unsigned char number, const char *path)
{
	char buf[UM_DATA_MAX];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (n < 0) {
		snprintf(buf, sizeof(buf), "%c%s", number, strerror(errno));
		emit(UM_GET_NONE, buf, 1 + strlen(buf + 1));
		return;
	}
	emit(UM_GET_OPEN, &number, 1);
	for (; n > 0; n = read(fd, buf, sizeof(buf)))
		emit(UM_GET_DATA, buf, n);
	emit(UM_GET_CLOSE, &number, 1);
	close(fd);
}

static void send_files(const char *list)
{
	FILE *f = fopen(list, "r");
	unsigned char number = 0;
	char path[4096];

	while (f && fgets(path, sizeof(path), f)) {
		path[strcspn(path, "\n")] = 0;
		send_file(number++, path);
	}
}

static void send_klog(void)
{
	char *buf = malloc(KLOG_SIZE);
	int n = buf ? klogctl(KLOG_READ_ALL, buf, KLOG_SIZE) : -1;

	if (n > 0)
		emit_all(UM_KLOG, buf, n);
}

int main(int argc, char **argv)
{
	bool reader = argc > 1 && !strcmp(argv[1], "-t");
	unsigned char status;

	argv += reader;
	if (argc != 3 + reader)
		errx(125, "usage: agent [-t] PAYLOAD GETLIST");
	if (ioperm(UM_PORT, 1, 1))
		err(125, "port %#x", UM_PORT);
	status = run(argv[1], reader);
	send_files(argv[2]);
	send_klog();
	emit(UM_EXIT, &status, 1);
	return 0;
}
