/* SPDX-License-Identifier: GPL-2.0 */
/* A connection that carries the records of wire.h, in both directions. */
#ifndef PENUMBRA_STREAM_H
#define PENUMBRA_STREAM_H

#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
	int fd;
	int stop_fd;		/* readable: look whether the user gives up */
	bool (*stopped)(void);
	uint64_t timeout_ms;
	uint64_t sent;		/* bytes */
	uint64_t place_out, place_in;
	uint64_t spoil;		/* test aid: record to spoil; 0: none */
	size_t out_len;
	uint8_t *out;
	uint8_t *in;		/* payload of the record received last */
	bool refused;		/* a REFUSE came, and err is its text */
	char err[256];		/* why the last call failed */
};

struct record {
	enum wire_type type;
	uint32_t length;
	const uint8_t *data;	/* until the next stream_recv() */
};

void stream_init(struct stream *s, int fd, uint64_t timeout_ms);
void stream_close(struct stream *s);

/* All return 0, or -1 with the reason in s->err. */
int stream_send_header(struct stream *s);
int stream_recv_header(struct stream *s);
/* Queue a record made of two parts; the second may be empty. */
int stream_send(struct stream *s, enum wire_type type, const void *a,
		size_t alen, const void *b, size_t blen);
int stream_flush(struct stream *s);
int stream_recv(struct stream *s, struct record *r);
/* Receive a record of @type; a REFUSE becomes an error in its own words. */
int stream_expect(struct stream *s, enum wire_type type, struct record *r);
/*
 * After sending failed: if the other side left a REFUSE, take its words for the
 * reason, as they say more than "connection reset".
 */
void stream_find_refusal(struct stream *s);

int stream_fail(struct stream *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
