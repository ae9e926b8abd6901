// SPDX-License-Identifier: GPL-2.0
/* What the JSON writer writes, byte for byte. */
#include "json.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static char *text;
static size_t text_len;

static void begin(struct json *j)
{
	json_begin(j, open_memstream(&text, &text_len));
}

static int ends_as(struct json *j, const char *want)
{
	int same = json_end(j);

	fclose(j->f);
	same = same && !strcmp(text, want);
	if (!same)
		printf("# got: %s", text);
	free(text);
	return same;
}

int main(void)
{
	struct json j;
	FILE *full;

	begin(&j);
	ok(ends_as(&j, "{}\n"), "an empty object");

	begin(&j);
	json_u64(&j, "n", ~0ULL);
	json_bool(&j, "b", true);
	json_null(&j, "x");
	ok(ends_as(&j, "{\n  \"n\": 18446744073709551615,\n  \"b\": true,\n"
		   "  \"x\": null\n}\n"), "values and commas");

	begin(&j);
	json_string(&j, "s\"", "a\\\"\n\x1f\x7f" "ä");
	ok(ends_as(&j, "{\n  \"s\\\"\": \"a\\\\\\\"\\u000a\\u001f\\u007f" "ä"
		   "\"\n}\n"), "escapes");

	begin(&j);
	json_array(&j, "a");
	json_object(&j, NULL);
	json_object_end(&j);
	json_object(&j, NULL);
	json_array(&j, "e");
	json_array_end(&j);
	json_u64(&j, "one", 1);
	json_object_end(&j);
	json_array_end(&j);
	json_u64(&j, "two", 2);
	ok(ends_as(&j, "{\n  \"a\": [\n    {},\n    {\n      \"e\": [],\n"
		   "      \"one\": 1\n    }\n  ],\n  \"two\": 2\n}\n"),
	   "nesting");

	full = fopen("/dev/full", "w");
	if (full) {
		json_begin(&j, full);
		ok(!json_end(&j), "a full disk is noticed");
		fclose(full);
	} else {
		printf("ok %d - a full disk # SKIP no /dev/full\n",
		       ++tap_count);
	}
	return tap_done();
}
