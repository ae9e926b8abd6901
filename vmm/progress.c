// SPDX-License-Identifier: GPL-2.0
/*
 * How the sender shows that it moves: a line that rewrites itself on a terminal,
 * a line per round elsewhere, on serial lines and with TERM=dumb.
 */
#include "migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_US 100000

static bool on_terminal(void)
{
	static int known = -1;
	const char *term = getenv("TERM");
	struct winsize size;

	/* A serial line has no size, and is too slow to draw on. */
	if (known < 0)
		known = term && strcmp(term, "dumb") &&
			!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) &&
			size.ws_col;
	return known;
}

void progress_page(unsigned int round, uint64_t done, uint64_t total)
{
	static uint64_t drawn;
	uint64_t now;

	if (!on_terminal())
		return;
	now = now_us();
	if (now - drawn < REDRAW_US)
		return;
	drawn = now;
	fprintf(stderr, "\r\033[Kround %u: %llu of %llu pages", round,
		(unsigned long long)done, (unsigned long long)total);
}

void progress_round(unsigned int round, const struct round *r, bool last)
{
	if (on_terminal())
		fprintf(stderr, "\r\033[K");
	fprintf(stderr, "round %u%s: %llu pages (%llu zero), %llu KiB, %llu ms",
		round, last ? " (guest stopped)" : "",
		(unsigned long long)r->pages, (unsigned long long)r->zero,
		(unsigned long long)r->bytes / 1024,
		(unsigned long long)r->us / 1000);
	if (!last)
		fprintf(stderr, ", %llu pages dirty meanwhile",
			(unsigned long long)r->left);
	fputc('\n', stderr);
}
