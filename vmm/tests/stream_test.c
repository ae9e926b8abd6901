// SPDX-License-Identifier: GPL-2.0
/*
 * The stream's reader against good and bad input.
 *
 * A good stream is written into a buffer; each test spoils a copy of it and
 * looks what the reader says. The sweeps leave out no byte: every truncation and
 * every flipped bit must be noticed.
 */
#include "stream.h"
#include "digest.h"
#include "tap.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t good[4096];
static size_t good_len;

static void write_good(void)
{
	static const char payload[] = "some payload";
	struct wire_round r = { .round = 7 };
	struct stream s;
	int fds[2];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair");
	stream_init(&s, fds[0], 1000);
	if (stream_send_header(&s) ||
	    stream_send(&s, WIRE_HELLO, payload, sizeof(payload), NULL, 0) ||
	    stream_send(&s, WIRE_ROUND, &r, sizeof(r), payload, 5) ||
	    stream_send(&s, WIRE_GO, NULL, 0, NULL, 0) || stream_flush(&s))
		die("writing a stream: %s", s.err);
	stream_close(&s);
	while ((n = read(fds[1], good + good_len, sizeof(good) - good_len)) > 0)
		good_len += n;
	close(fds[1]);
}

/* Read a stream to its end. Return the records read; *err says what stopped. */
static int read_back(const uint8_t *data, size_t len, char *err)
{
	struct record r;
	struct stream s;
	int fds[2], n = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair");
	if (send(fds[0], data, len, 0) != (ssize_t)len)
		die("send");
	close(fds[0]);
	stream_init(&s, fds[1], 1000);
	if (!stream_recv_header(&s))
		while (!stream_recv(&s, &r))
			n++;
	strcpy(err, s.err);
	stream_close(&s);
	return n;
}

static void test_good(void)
{
	char err[256];

	ok(read_back(good, good_len, err) == 3, "three records come through");
	ok(strstr(err, "hung up"), "an end between records is an end: %s", err);
}

static void test_truncated(void)
{
	char err[256];
	size_t len, silent = 0;

	read_back(good, 10, err);
	ok(strstr(err, "truncated"), "cut in the header: %s", err);
	ok(read_back(good, good_len - 1, err) == 2 && strstr(err, "truncated"),
	   "cut in the last record: %s", err);
	for (len = 0; len < good_len; len++)
		silent += read_back(good, len, err) >= 3;
	ok(!silent, "no truncation gives the whole stream");
}

static void test_damaged(void)
{
	uint8_t bad[sizeof(good)];
	size_t bit, missed = 0;
	char err[256];

	for (bit = 0; bit < good_len * 8; bit++) {
		memcpy(bad, good, good_len);
		bad[bit / 8] ^= 1 << bit % 8;
		missed += read_back(bad, good_len, err) >= 3;
	}
	ok(!missed, "each flipped bit is noticed");
	memcpy(bad, good, good_len);
	bad[sizeof(struct wire_stream_header) + sizeof(struct wire_record)] ^= 1;
	ok(!read_back(bad, good_len, err) && strstr(err, "bad checksum"),
	   "a spoiled payload: %s", err);
}

static void test_foreign(void)
{
	uint8_t bad[sizeof(good)];
	struct wire_stream_header h;
	char err[256], said[32];

	memcpy(bad, good, good_len);
	memcpy(bad, "QEVM\0\0\0\3", 8);
	read_back(bad, good_len, err);
	ok(strstr(err, "no penumbra stream"), "foreign magic: %s", err);

	memcpy(&h, good, sizeof(h));
	h.version = WIRE_VERSION + 1;
	h.checksum = digest64(&h, offsetof(typeof(h), checksum), 0);
	memcpy(bad, good, good_len);
	memcpy(bad, &h, sizeof(h));
	read_back(bad, good_len, err);
	snprintf(said, sizeof(said), "version %u", WIRE_VERSION + 1);
	ok(strstr(err, said), "newer version: %s", err);
}

static void test_order(void)
{
	const size_t head = sizeof(struct wire_stream_header);
	const size_t first = sizeof(struct wire_record) +
			     sizeof("some payload");
	uint8_t bad[sizeof(good)];
	char err[256];

	memcpy(bad, good, head);
	memcpy(bad + head, good + head + first, good_len - head - first);
	ok(!read_back(bad, good_len - first, err) &&
	   strstr(err, "came in place of"), "a lost record: %s", err);
}

static void test_length(void)
{
	uint8_t bad[sizeof(good)];
	struct wire_record r;
	char err[256];

	memcpy(bad, good, good_len);
	memcpy(&r, bad + sizeof(struct wire_stream_header), sizeof(r));
	r.length = ~0U;
	memcpy(bad + sizeof(struct wire_stream_header), &r, sizeof(r));
	ok(!read_back(bad, good_len, err) && strstr(err, "length"),
	   "an absurd length: %s", err);
}

static bool never(void)
{
	return false;
}

static bool at_once(void)
{
	return true;
}

static void test_waiting(void)
{
	struct stream s;
	int fds[2], stop[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) || pipe(stop))
		die("socketpair");
	stream_init(&s, fds[1], 50);
	s.stopped = never;
	ok(stream_recv_header(&s) && strstr(s.err, "silent"),
	   "a silent peer: %s", s.err);
	s.timeout_ms = 5000;
	s.stop_fd = stop[0];
	s.stopped = at_once;
	if (write(stop[1], "", 1) != 1)
		die("write");
	ok(stream_recv_header(&s) && strstr(s.err, "interrupted"),
	   "the user gives up: %s", s.err);
	close(fds[0]);
	close(stop[1]);
	ok(stream_send_header(&s) || stream_flush(&s),
	   "a cut connection: %s", s.err);
	close(stop[0]);
	stream_close(&s);
}

static void test_refusal(void)
{
	static const char why[] = "no room";
	struct stream a, b;
	struct record r;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair");
	stream_init(&a, fds[0], 1000);
	stream_init(&b, fds[1], 1000);
	stream_send(&a, WIRE_REFUSE, why, strlen(why), NULL, 0);
	stream_flush(&a);
	ok(stream_expect(&b, WIRE_READY, &r) && b.refused &&
	   strstr(b.err, "refuses: no room"), "a refusal: %s", b.err);
	stream_close(&a);
	stream_close(&b);
}

int main(void)
{
	write_good();
	test_good();
	test_truncated();
	test_damaged();
	test_foreign();
	test_order();
	test_length();
	test_waiting();
	test_refusal();
	return tap_done();
}
