// SPDX-License-Identifier: GPL-2.0
/*
 * A migration as a picture: a row per round, its pages and its time as bars, and
 * below what the guest noticed. Plain SVG, no script, no font of its own.
 */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROW 22
#define TOP 64
#define LEFT 40
#define BAR 260		/* longest bar */
#define COLUMN 380	/* from one group of bars to the next */
#define WIDTH (LEFT + 2 * COLUMN)

#define RUNNING "#4878a8"
#define STOPPED "#c44e52"

typedef unsigned long long ull;

static void put_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '<' || *s == '>' || *s == '&')
			fprintf(f, "&#%d;", *s);
		else
			fputc(*s, f);
	}
}

static void bar(FILE *f, int column, int y, double part, const char *color,
		const char *label)
{
	int x = LEFT + column * COLUMN;
	double width = part * BAR;

	if (width < 1)
		width = 1;
	fprintf(f,
		"<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
		x, y, width, ROW - 6, color);
	fprintf(f, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", x + width + 6,
		y + ROW - 10, label);
}

static void rows(FILE *f, const struct migration *m)
{
	uint64_t most_pages = 1, most_us = 1;
	unsigned int i;
	char label[80];

	for (i = 0; i < m->nrounds; i++) {
		if (m->rounds[i].pages > most_pages)
			most_pages = m->rounds[i].pages;
		if (m->rounds[i].us > most_us)
			most_us = m->rounds[i].us;
	}
	if (m->downtime_us > most_us)
		most_us = m->downtime_us;
	for (i = 0; i < m->nrounds; i++) {
		const struct round *r = &m->rounds[i];
		bool stopped = i == m->nrounds - 1 &&
			       m->outcome != MIGRATE_FAILED;
		const char *color = stopped ? STOPPED : RUNNING;
		int y = TOP + i * ROW;

		fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%u</text>\n",
			LEFT - 8, y + ROW - 10, i);
		snprintf(label, sizeof(label), "%llu", (ull)r->pages);
		bar(f, 0, y, (double)r->pages / most_pages, color, label);
		snprintf(label, sizeof(label), "%.1f ms", r->us / 1000.0);
		bar(f, 1, y, (double)r->us / most_us, color, label);
	}
	if (m->downtime_us) {
		snprintf(label, sizeof(label), "%.1f ms downtime, digest %.1f",
			 m->downtime_us / 1000.0, m->digest_us / 1000.0);
		bar(f, 1, TOP + i * ROW, (double)m->downtime_us / most_us,
		    STOPPED, label);
	}
}

static void heading(FILE *f, const struct vm *vm, const struct arrival *a)
{
	fprintf(f, "<text x=\"%d\" y=\"22\" font-weight=\"bold\">Live migration on ",
		LEFT);
	put_text(f, vm->dev->path);
	fprintf(f, ": %u vCPUs, %llu MiB", vm->ncpus,
		(ull)(vm_memory_size(vm) / MIB));
	if (a && a->compared)
		fprintf(f, ", memories %s", a->equal ? "equal" : "DIFFERENT");
	fprintf(f, "</text>\n<text x=\"%d\" y=\"50\">pages sent, by round</text>\n",
		LEFT);
	fprintf(f, "<text x=\"%d\" y=\"50\">time taken</text>\n",
		LEFT + COLUMN);
	fprintf(f, "<text x=\"%d\" y=\"50\" fill=\"%s\">guest running</text>\n",
		LEFT + COLUMN + 90, RUNNING);
	fprintf(f, "<text x=\"%d\" y=\"50\" fill=\"%s\">guest stopped</text>\n",
		LEFT + COLUMN + 190, STOPPED);
}

void report_svg(const char *path, const struct vm *vm,
		const struct migration *m, const struct arrival *a)
{
	int height = TOP + (m->nrounds + 1) * ROW + 10;
	FILE *f = fopen(path, "we");
	bool bad;

	if (!f)
		die("%s: %s", path, strerror(errno));
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n",
		WIDTH, height, WIDTH, height);
	fprintf(f, "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", WIDTH,
		height);
	heading(f, vm, a);
	rows(f, m);
	fputs("</svg>\n", f);
	bad = ferror(f);
	if (fclose(f) || bad)
		die("%s: %s", path, strerror(errno));
}
