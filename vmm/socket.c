// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses as users write them: unix:PATH and tcp:HOST:PORT.
 *
 * Hosts are numeric ("[::1]" for IPv6): a static program has no name service it
 * could rely on.
 */
#include "socket.h"

#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

static bool parse_unix(const char *path, struct address *a)
{
	size_t len = strlen(path);

	if (!len || len >= sizeof(a->un.sun_path))
		return false;
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path, len + 1);
	a->len = sizeof(a->un);
	return true;
}

static bool parse_tcp(const char *text, struct address *a)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;
	char host[64];
	size_t len;

	if (!colon || !parse_number(colon + 1, 65535, &port))
		return false;
	len = colon - text;
	if (len > 2 && text[0] == '[' && colon[-1] == ']') {
		text++;
		len -= 2;
	}
	if (!len || len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = 0;
	if (!strcmp(host, "localhost"))
		strcpy(host, "127.0.0.1");
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		a->len = sizeof(a->in);
		return true;
	}
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(port);
		a->len = sizeof(a->in6);
		return true;
	}
	return false;
}

static bool parse(const char *text, struct address *a)
{
	memset(a, 0, sizeof(*a));
	if (!strncmp(text, "unix:", 5))
		return parse_unix(text + 5, a);
	if (!strncmp(text, "tcp:", 4))
		return parse_tcp(text + 4, a);
	return false;
}

bool socket_address_ok(const char *address)
{
	struct address a;

	return parse(address, &a);
}

int socket_connect(const char *address, char *err, size_t len)
{
	struct address a;
	int fd, one = 1;

	if (!parse(address, &a)) {
		snprintf(err, len, "%s is no address", address);
		return -1;
	}
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &a.any, a.len)) {
		snprintf(err, len, "%s: %s", address, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (a.any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int socket_listen(const char *address)
{
	struct address a;
	struct stat st;
	int fd, one = 1;

	if (!parse(address, &a))
		die("%s is no address", address);
	/* A socket file that its owner left behind would be in the way. */
	if (a.any.sa_family == AF_UNIX && !stat(a.un.sun_path, &st) &&
	    S_ISSOCK(st.st_mode))
		unlink(a.un.sun_path);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &a.any, a.len) || listen(fd, 1))
		die("%s: %s", address, strerror(errno));
	return fd;
}

void socket_unlisten(const char *address, int fd)
{
	struct address a;

	close(fd);
	if (parse(address, &a) && a.any.sa_family == AF_UNIX)
		unlink(a.un.sun_path);
}
