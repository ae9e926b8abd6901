// SPDX-License-Identifier: GPL-2.0
/*
 * A bad line: passes a connection on and spoils it at a given byte.
 *
 * usage: relay FRONT BACK cut|back-cut|flip|back-flip N
 * Listens on the unix socket FRONT, connects to BACK. cut: after N bytes from
 * front to back (back-cut: from back to front) both are hung up. flip, back-flip: bit 1 of byte N is
 * turned over on the way to the back or to the front.
 */
#include "socket.h"
#include "util.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Pass on what is there; false at the end. */
static bool pass(int from, int to, uint64_t *seen, uint64_t flip, uint64_t cut)
{
	static uint8_t buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));
	size_t len = n, done = 0;

	if (n <= 0)
		return false;
	if (flip >= *seen && flip - *seen < len)
		buf[flip - *seen] ^= 2;
	if (*seen + len > cut)
		len = cut - *seen;
	while (done < len) {
		ssize_t w = send(to, buf + done, len - done, MSG_NOSIGNAL);

		if (w < 0)
			return false;
		done += w;
	}
	*seen += n;
	return *seen <= cut;
}

int main(int argc, char **argv)
{
	uint64_t n, to_back = 0, to_front = 0;
	char path[128], err[128];
	struct pollfd fds[2];

	if (argc != 5 || !parse_number(argv[4], ~0ULL, &n))
		die("usage: relay FRONT BACK cut|back-cut|flip|back-flip N");
	snprintf(path, sizeof(path), "unix:%s", argv[1]);
	fds[0].fd = accept(socket_listen(path), NULL, NULL);
	snprintf(path, sizeof(path), "unix:%s", argv[2]);
	fds[1].fd = socket_connect(path, err, sizeof(err));
	if (fds[0].fd < 0 || fds[1].fd < 0)
		die("relay: no connection");
	fds[0].events = fds[1].events = POLLIN;
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents &&
		    !pass(fds[0].fd, fds[1].fd, &to_back,
			  strcmp(argv[3], "flip") ? ~0ULL : n,
			  strcmp(argv[3], "cut") ? ~0ULL : n))
			break;
		if (fds[1].revents &&
		    !pass(fds[1].fd, fds[0].fd, &to_front,
			  strcmp(argv[3], "back-flip") ? ~0ULL : n,
			  strcmp(argv[3], "back-cut") ? ~0ULL : n))
			break;
	}
	return 0;
}
