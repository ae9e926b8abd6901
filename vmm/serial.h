/* SPDX-License-Identifier: GPL-2.0 */
/* A 16550A: its lines go to standard output, its input comes from whoever has some. */
#ifndef PENUMBRA_SERIAL_H
#define PENUMBRA_SERIAL_H

#include "wire.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct serial {
	pthread_mutex_t lock;
	struct wire_serial st;
	bool refused;		/* a byte, as the FIFO was full */
	int room_fd;		/* an eventfd: there is room again */
	bool unbuffered;	/* each byte is written out at once */
	bool level;		/* of the interrupt line, as told last */
	void (*line)(void *ctx, bool level);	/* NULL: no interrupts */
	void *ctx;
	char text[256];
	size_t len;
};

void serial_init(struct serial *s);
void serial_destroy(struct serial *s);
void serial_write(struct serial *s, unsigned int reg, uint8_t value);
uint8_t serial_read(struct serial *s, unsigned int reg);
void serial_flush(struct serial *s);
/* Give the guest a byte. False: there is no room, and room_fd tells when. */
bool serial_input(struct serial *s, uint8_t byte);
/* What travels; loading tells the line's level anew. */
void serial_save(struct serial *s, struct wire_serial *out);
bool serial_load(struct serial *s, const struct wire_serial *in);

#endif
