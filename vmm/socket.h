/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses as users write them: unix:PATH and tcp:HOST:PORT. */
#ifndef PENUMBRA_SOCKET_H
#define PENUMBRA_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

/* Whether @address is one; HOST is a numeric address or "localhost". */
bool socket_address_ok(const char *address);
/* A connected socket, or -1 with the reason in @err. */
int socket_connect(const char *address, char *err, size_t len);
/* A listening socket; ends the program if there can be none. */
int socket_listen(const char *address);
/* Remove what socket_listen() left in the file system. */
void socket_unlisten(const char *address, int fd);

#endif
