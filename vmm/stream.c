// SPDX-License-Identifier: GPL-2.0
/*
 * A connection that carries the records of wire.h, in both directions.
 *
 * Everything that comes in is checked before anyone sees it: length, place in
 * the stream, checksum. Waiting ends at a timeout or when the user gives up.
 */
#include "stream.h"

#include "digest.h"
#include "util.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Takes a record of any size, and gathers small ones into one send(). */
#define OUT_SIZE (WIRE_MAX_PAYLOAD + 4096U)

void stream_init(struct stream *s, int fd, uint64_t timeout_ms)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->stop_fd = -1;
	s->timeout_ms = timeout_ms;
	s->out = xcalloc(1, OUT_SIZE);
	s->in = xcalloc(1, WIRE_MAX_PAYLOAD);
}

void stream_close(struct stream *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->out);
	free(s->in);
}

int stream_fail(struct stream *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->err, sizeof(s->err), fmt, ap);
	va_end(ap);
	return -1;
}

static int wait_for(struct stream *s, short events)
{
	uint64_t until = now_us() + s->timeout_ms * 1000;
	struct pollfd fds[] = {
		{ .fd = s->fd, .events = events },
		{ .fd = s->stop_fd, .events = POLLIN },
	};

	for (;;) {
		int64_t left = (int64_t)(until - now_us()) / 1000;

		if (left <= 0)
			return stream_fail(s, "the other side is silent");
		if (poll(fds, ARRAY_SIZE(fds), left) < 0 && errno != EINTR)
			return stream_fail(s, "poll: %s", strerror(errno));
		if (fds[1].revents && s->stopped())
			return stream_fail(s, "interrupted");
		if (fds[0].revents)
			return 0;
	}
}

static int write_all(struct stream *s, const uint8_t *p, size_t len)
{
	ssize_t n;

	while (len) {
		n = send(s->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (wait_for(s, POLLOUT))
				return -1;
			continue;
		}
		if (n < 0)
			return stream_fail(s, "the connection is cut: %s",
					   strerror(errno));
		s->sent += n;
		p += n;
		len -= n;
	}
	return 0;
}

/* @what names the thing that is cut off when the stream ends within it. */
static int read_all(struct stream *s, void *to, size_t len, const char *what)
{
	uint8_t *p = to;
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = recv(s->fd, p + got, len - got, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (wait_for(s, POLLIN))
				return -1;
			continue;
		}
		if (n < 0)
			return stream_fail(s, "the connection is cut: %s",
					   strerror(errno));
		if (!n && !got && what == NULL)
			return stream_fail(s, "the other side hung up");
		if (!n)
			return stream_fail(s, "the stream is truncated in %s",
					   what ? what : "a record's header");
		got += n;
	}
	return 0;
}

int stream_flush(struct stream *s)
{
	size_t len = s->out_len;

	s->out_len = 0;
	return write_all(s, s->out, len);
}

/* Room for @len bytes in the queue, or NULL. */
static uint8_t *reserve(struct stream *s, size_t len)
{
	uint8_t *p;

	if (s->out_len + len > OUT_SIZE && stream_flush(s))
		return NULL;
	p = s->out + s->out_len;
	s->out_len += len;
	return p;
}

int stream_send_header(struct stream *s)
{
	struct wire_stream_header h = { .version = WIRE_VERSION };
	uint8_t *p;

	memcpy(h.magic, WIRE_MAGIC, sizeof(h.magic));
	h.checksum = digest64(&h, offsetof(typeof(h), checksum), 0);
	p = reserve(s, sizeof(h));
	if (!p)
		return -1;
	memcpy(p, &h, sizeof(h));
	return 0;
}

int stream_recv_header(struct stream *s)
{
	struct wire_stream_header h;

	if (read_all(s, &h, sizeof(h), "its header"))
		return -1;
	if (memcmp(h.magic, WIRE_MAGIC, sizeof(h.magic)))
		return stream_fail(s, "this is no penumbra stream");
	if (h.version != WIRE_VERSION)
		return stream_fail(s, "the stream is of version %u, this is %u",
				   h.version, WIRE_VERSION);
	if (h.checksum != digest64(&h, offsetof(typeof(h), checksum), 0))
		return stream_fail(s, "the stream's header is damaged");
	return 0;
}

static uint64_t checksum(const struct wire_record *r, const void *payload)
{
	return digest64(payload, r->length,
			digest64(r, offsetof(typeof(*r), checksum), 0));
}

int stream_send(struct stream *s, enum wire_type type, const void *a,
		size_t alen, const void *b, size_t blen)
{
	struct wire_record r = {
		.type = type,
		.length = alen + blen,
		.place = s->place_out++,
	};
	uint8_t *p;

	if (r.length > WIRE_MAX_PAYLOAD)
		return stream_fail(s, "a record of %u bytes", r.length);
	p = reserve(s, sizeof(r) + r.length);
	if (!p)
		return -1;
	/* Sum up the copy: guest memory may change while it is read. */
	if (alen)
		memcpy(p + sizeof(r), a, alen);
	if (blen)
		memcpy(p + sizeof(r) + alen, b, blen);
	r.checksum = checksum(&r, p + sizeof(r));
	if (s->spoil && s->spoil == s->place_out)
		r.checksum ^= 1;
	memcpy(p, &r, sizeof(r));
	return 0;
}

int stream_recv(struct stream *s, struct record *rec)
{
	struct wire_record r;

	if (read_all(s, &r, sizeof(r), NULL))
		return -1;
	if (r.length > WIRE_MAX_PAYLOAD)
		return stream_fail(s, "record %llu is damaged: length %u",
				   (unsigned long long)s->place_in, r.length);
	if (read_all(s, s->in, r.length, "a record"))
		return -1;
	if (r.checksum != checksum(&r, s->in))
		return stream_fail(s, "record %llu is damaged: bad checksum",
				   (unsigned long long)s->place_in);
	if (r.place != s->place_in)
		return stream_fail(s, "record %llu came in place of %llu",
				   (unsigned long long)r.place,
				   (unsigned long long)s->place_in);
	s->place_in++;
	rec->type = r.type;
	rec->length = r.length;
	rec->data = s->in;
	return 0;
}

static int take_refusal(struct stream *s, const struct record *r)
{
	s->refused = true;
	return stream_fail(s, "the receiver refuses: %.*s",
			   (int)(r->length < 180 ? r->length : 180),
			   (const char *)r->data);
}

int stream_expect(struct stream *s, enum wire_type type, struct record *r)
{
	if (stream_recv(s, r))
		return -1;
	if (r->type == WIRE_REFUSE)
		return take_refusal(s, r);
	if (r->type != type)
		return stream_fail(s, "record of type %#x in place of %#x",
				   r->type, type);
	return 0;
}

void stream_find_refusal(struct stream *s)
{
	char why[sizeof(s->err)];
	struct record r;

	if (s->refused)
		return;
	memcpy(why, s->err, sizeof(why));
	s->timeout_ms = 200;
	while (!stream_recv(s, &r)) {
		if (r.type != WIRE_REFUSE)
			continue;
		take_refusal(s, &r);
		return;
	}
	memcpy(s->err, why, sizeof(why));
}
