/* SPDX-License-Identifier: GPL-2.0 */
/* Writing JSON, one value after the other; commas and escapes are its own. */
#ifndef PENUMBRA_JSON_H
#define PENUMBRA_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *f;
	unsigned int depth;
	bool first;	/* nothing yet in the innermost object or array */
};

void json_begin(struct json *j, FILE *f);
/* End the document; false if any of it could not be written. */
bool json_end(struct json *j);

/* @key is NULL inside of arrays. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_string(struct json *j, const char *key, const char *v);
void json_null(struct json *j, const char *key);

#endif
