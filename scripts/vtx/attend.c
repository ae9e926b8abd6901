// SPDX-License-Identifier: GPL-2.0
/*
 * attend: start an emulator, pass on what the payload inside says, and judge.
 *
 *	attend [-ev] [-t SECONDS] [-c CONSOLE] [-k KLOG] [-l LOG]
 *		[-g FILE]... [-- EMULATOR [ARG]...]
 *
 * Reads the frames of agent (frames.h) from the emulator's standard output,
 * writes the payload's output to its own, the Nth file asked for to the Nth -g
 * FILE, the kernel's log to KLOG, and to LOG what is no frame: the emulator's own
 * words. CONSOLE is the file that the emulator writes the serial console to;
 * trouble found there or in KLOG outweighs whatever the payload says.
 *
 * Without an emulator, only judge the KLOG that is there.
 *
 * With -e all times are the emulator's own CPU time, so that a busy machine makes
 * no difference; real time is bounded too, far more widely.
 *
 * Exit status: the payload's, 124 after SECONDS, 125 when the kernel had
 * trouble or the payload never came to its end.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"

#define HANG		124
#define TROUBLE		125
#define GETS_MAX	64
/* seconds granted: to the payload after trouble, to the kernel after a panic,
 * and from the payload's end to power off
 */
#define GRACE_TROUBLE	30
#define GRACE_PANIC	3
#define GRACE_POWEROFF	60
#define SHOWN_LINES	60
/* real seconds a second of CPU time may take */
#define STRETCH		8

static const char trouble_words[] =
	"(^|\\] )(WARNING:|BUG:)|Oops|general protection|soft lockup|"
	"hard LOCKUP|rcu.*stall|rcu.*self-detected|Kernel panic|Call Trace|"
	"unable to handle|blocked for more than";

static const char *console_path, *klog_path, *log_path, *gets[GETS_MAX];
static unsigned int nr_gets, timeout = 300;
static bool verbose, by_cpu_time, trouble, panicked, get_failed;
static int status = -1;
static FILE *get_file, *klog, *log;
static regex_t trouble_re;
static double started;
static clockid_t cpu_clock;

static double read_clock(clockid_t clock)
{
	struct timespec t;

	/* fails once the emulator is gone, when nobody asks any more */
	if (clock_gettime(clock, &t))
		return 0;
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double elapsed(void)
{
	double real = read_clock(CLOCK_MONOTONIC) - started, cpu;

	if (!by_cpu_time)
		return real;
	cpu = read_clock(cpu_clock);
	return cpu > real / STRETCH ? cpu : real / STRETCH;
}

static void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("testbed: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
}

static void get_frame(enum um_frame type, const uint8_t *data, size_t len)
{
	const char *path = len && data[0] < nr_gets ? gets[data[0]] : "?";

	switch (type) {
	case UM_GET_OPEN:
		get_file = fopen(path, "w");
		if (!get_file)
			err(TROUBLE, "%s", path);
		break;
	case UM_GET_DATA:
		if (get_file)
			fwrite(data, 1, len, get_file);
		break;
	case UM_GET_CLOSE:
		if (get_file && fclose(get_file))
			err(TROUBLE, "%s", path);
		get_file = NULL;
		break;
	default:
		say("no %s: %.*s", path, (int)len - 1, data + 1);
		get_failed = true;
	}
}

static void handle(enum um_frame type, const uint8_t *data, size_t len)
{
	switch (type) {
	case UM_START:
		if (verbose)
			say("payload starts after %.1f s, %.1f s of CPU time",
			    read_clock(CLOCK_MONOTONIC) - started,
			    read_clock(cpu_clock));
		break;
	case UM_OUTPUT:
		fwrite(data, 1, len, stdout);
		fflush(stdout);
		break;
	case UM_KLOG:
		if (klog)
			fwrite(data, 1, len, klog);
		break;
	case UM_EXIT:
		status = data[0];
		break;
	default:
		get_frame(type, data, len);
	}
}

/* Take whole frames off the front of buf; returns how much is used up. */
static size_t take_frames(const uint8_t *buf, size_t len)
{
	size_t at = 0;

	while (at + UM_HEAD_LEN <= len) {
		const uint8_t *h = buf + at, *data = h + UM_HEAD_LEN;
		size_t size = h[5] | h[6] << 8;
		uint16_t sum = 0;

		if (memcmp(h, UM_MAGIC, UM_MAGIC_LEN) || size > UM_DATA_MAX) {
			if (log)
				putc(buf[at], log);
			at++;
			continue;
		}
		if (at + UM_HEAD_LEN + size > len)
			break;
		for (size_t i = 0; i < size; i++)
			sum += data[i];
		if (sum != (h[7] | h[8] << 8)) {
			say("a damaged frame of output");
			trouble = true;
		}
		handle(h[4], data, size);
		at += UM_HEAD_LEN + size;
	}
	return at;
}

/* Returns false at the end of the stream. */
static bool read_frames(int fd)
{
	static uint8_t buf[4 * UM_DATA_MAX];
	static size_t len;
	ssize_t n = read(fd, buf + len, sizeof(buf) - len);
	size_t used;

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		if (log)
			fwrite(buf, 1, len, log);
		return false;
	}
	len += n;
	used = take_frames(buf, len);
	len -= used;
	memmove(buf, buf + used, len);
	return true;
}

static bool is_trouble(const char *line)
{
	if (regexec(&trouble_re, line, 0, NULL, 0))
		return false;
	if (strstr(line, "Kernel panic"))
		panicked = true;
	return true;
}

/* Read what the console has got since the last call. */
static void scan_console(void)
{
	static FILE *f;
	static char line[4096];
	static size_t len;
	int c;

	if (!f && console_path)
		f = fopen(console_path, "r");
	if (!f)
		return;
	clearerr(f);
	while ((c = getc(f)) != EOF) {
		if (c != '\n' && len < sizeof(line) - 1) {
			line[len++] = c ? c : ' ';
			continue;
		}
		line[len] = 0;
		len = 0;
		if (is_trouble(line))
			trouble = true;
	}
}

/*
 * Print path from its first line of trouble on, but none before the line that
 * holds from (NULL: any). Returns whether there is any.
 */
static bool show_trouble(const char *path, const char *from)
{
	char line[4096];
	FILE *f = path ? fopen(path, "r") : NULL;
	bool found = false;
	int left = 0;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (from) {
			if (strstr(line, from))
				from = NULL;
			continue;
		}
		if (!left && is_trouble(line)) {
			say("trouble in %s:", path);
			left = SHOWN_LINES;
			found = true;
		}
		if (!left)
			continue;
		fprintf(stderr, "    %s\n", line);
		if (!--left)
			break;
	}
	if (f)
		fclose(f);
	return found;
}

static void show_tail(const char *path, int lines)
{
	char cmd[4096];

	if (!path)
		return;
	fflush(stderr);
	snprintf(cmd, sizeof(cmd), "tail -n %d '%s' | sed 's/^/    /' >&2",
		 lines, path);
	if (system(cmd))
		say("no %s", path);
}

static pid_t launch(char **argv, int *out)
{
	int p[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (null < 0 || pipe(p))
		err(TROUBLE, "pipe");
	pid = fork();
	if (pid < 0)
		err(TROUBLE, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 0);
		dup2(p[1], 1);
		dup2(p[1], 2);
		close(p[0]);
		close(p[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(p[1]);
	*out = p[0];
	return pid;
}

/* Follow the emulator to its end; returns false when it had to be killed. */
static bool follow(pid_t pid, int out)
{
	double deadline = timeout;
	bool had_trouble = false, had_exit = false, had_panic = false;
	struct pollfd p = { .fd = out, .events = POLLIN };

	while (elapsed() < deadline) {
		if (poll(&p, 1, 500) > 0 && !read_frames(out)) {
			scan_console();
			return true;
		}
		scan_console();
		if (trouble && !had_trouble && elapsed() + GRACE_TROUBLE < deadline)
			deadline = elapsed() + GRACE_TROUBLE;
		if (panicked && !had_panic && elapsed() + GRACE_PANIC < deadline)
			deadline = elapsed() + GRACE_PANIC;
		if (status >= 0 && !had_exit)
			deadline = elapsed() + GRACE_POWEROFF;
		had_trouble = trouble;
		had_panic = panicked;
		had_exit = status >= 0;
	}
	kill(pid, SIGKILL);
	return false;
}

static int judge(bool ended)
{
	/* the kernel's warnings about the emulated machine come before the mark */
	bool seen = show_trouble(console_path, NULL);

	if (!seen)
		seen = show_trouble(klog_path, UM_KLOG_MARK);
	if (seen || trouble)
		return TROUBLE;
	if (!ended && status >= 0) {
		say("the host did not power off");
		return TROUBLE;
	}
	if (!ended) {
		say("no end after %u s; the console's last lines:", timeout);
		show_tail(console_path, 10);
		return HANG;
	}
	if (status < 0) {
		say("the emulator ended before the payload; its and the console's last lines:");
		show_tail(log_path, 5);
		show_tail(console_path, 20);
		return TROUBLE;
	}
	return !status && get_failed ? 1 : status;
}

int main(int argc, char **argv)
{
	int opt, out, wait_status;
	bool ended;
	pid_t pid;

	while ((opt = getopt(argc, argv, "+evt:c:k:l:g:")) != -1) {
		if (opt == 'v')
			verbose = true;
		else if (opt == 'e')
			by_cpu_time = true;
		else if (opt == 't')
			timeout = atoi(optarg);
		else if (opt == 'c')
			console_path = optarg;
		else if (opt == 'k')
			klog_path = optarg;
		else if (opt == 'l')
			log_path = optarg;
		else if (opt == 'g' && nr_gets < GETS_MAX)
			gets[nr_gets++] = optarg;
		else
			errx(2, "bad option");
	}
	if (regcomp(&trouble_re, trouble_words, REG_EXTENDED | REG_NOSUB))
		errx(TROUBLE, "regcomp");
	if (optind == argc)
		return show_trouble(klog_path, UM_KLOG_MARK) ? TROUBLE : 0;
	klog = klog_path ? fopen(klog_path, "w") : NULL;
	log = log_path ? fopen(log_path, "w") : NULL;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	started = read_clock(CLOCK_MONOTONIC);
	pid = launch(argv + optind, &out);
	if (clock_getcpuclockid(pid, &cpu_clock))
		errx(TROUBLE, "no clock of the emulator");
	ended = follow(pid, out);
	waitpid(pid, &wait_status, 0);
	if (klog)
		fclose(klog);
	if (log)
		fclose(log);
	return judge(ended);
}
