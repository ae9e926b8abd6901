/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages, time and exit statuses shared by all of penumbra.
 *
 * Everything penumbra says goes to stderr; stdout belongs to the guest's serial
 * port.
 */
#ifndef PENUMBRA_UTIL_H
#define PENUMBRA_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses; 1..99 are the guest's own, written to its exit port. */
enum status {
	ST_OK = 0,
	ST_GUEST_MAX = 99,
	ST_ERROR = 120,		/* device, image, guest crash */
	ST_MIGRATION = 121,	/* migration failed, source kept running */
	ST_DIFFERENT = 122,	/* memories differ after arrival */
	ST_INTERRUPTED = 130,	/* SIGINT or SIGTERM */
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE_SIZE 4096ULL
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

#define PRINTF(f, a) __attribute__((format(printf, f, a)))

void say(const char *fmt, ...) PRINTF(1, 2);
_Noreturn void die(const char *fmt, ...) PRINTF(1, 2);

/* A whole file to read; ends the program if there is none. */
struct file {
	const uint8_t *data;
	size_t size;
};
void file_map(const char *path, struct file *file);
void file_unmap(struct file *file);

/* As calloc() and realloc(), but never NULL. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);

/* Monotonic time, the same for all processes of a host. */
uint64_t now_us(void);

/*
 * Parse a size such as "64", "8M" or "1G" into bytes, counted in @unit when no
 * suffix is given. Return false if it is not one.
 */
bool parse_size(const char *s, uint64_t unit, uint64_t *out);
bool parse_number(const char *s, uint64_t max, uint64_t *out);

#endif
