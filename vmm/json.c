// SPDX-License-Identifier: GPL-2.0
/*
 * Writing JSON, one value after the other; commas and escapes are its own.
 */
#include "json.h"

static void quote(struct json *j, const char *s)
{
	fputc('"', j->f);
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			fprintf(j->f, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(j->f, "\\u%04x", c);
		else
			fputc(c, j->f);
	}
	fputc('"', j->f);
}

static void lead(struct json *j, const char *key)
{
	if (!j->first)
		fputc(',', j->f);
	if (j->depth)
		fprintf(j->f, "\n%*s", j->depth * 2, "");
	j->first = false;
	if (key) {
		quote(j, key);
		fputs(": ", j->f);
	}
}

static void open_value(struct json *j, const char *key, char bracket)
{
	lead(j, key);
	fputc(bracket, j->f);
	j->depth++;
	j->first = true;
}

static void close_value(struct json *j, char bracket)
{
	j->depth--;
	if (!j->first)
		fprintf(j->f, "\n%*s", j->depth * 2, "");
	fputc(bracket, j->f);
	j->first = false;
}

void json_begin(struct json *j, FILE *f)
{
	*j = (struct json){ .f = f, .first = true };
	open_value(j, NULL, '{');
}

bool json_end(struct json *j)
{
	close_value(j, '}');
	fputc('\n', j->f);
	return !fflush(j->f) && !ferror(j->f);
}

void json_object(struct json *j, const char *key)
{
	open_value(j, key, '{');
}

void json_object_end(struct json *j)
{
	close_value(j, '}');
}

void json_array(struct json *j, const char *key)
{
	open_value(j, key, '[');
}

void json_array_end(struct json *j)
{
	close_value(j, ']');
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
	lead(j, key);
	fprintf(j->f, "%llu", (unsigned long long)v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	lead(j, key);
	fputs(v ? "true" : "false", j->f);
}

void json_string(struct json *j, const char *key, const char *v)
{
	lead(j, key);
	quote(j, v);
}

void json_null(struct json *j, const char *key)
{
	lead(j, key);
	fputs("null", j->f);
}
