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
	pthread_cond_t room;	/* in the FIFO, or closed */
	struct wire_serial st;
	bool closed;
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
/* Give the guest a byte; waits for room. False once serial_close() was called. */
bool serial_input(struct serial *s, uint8_t byte);
void serial_close(struct serial *s);
/* What travels; loading tells the line's level anew. */
void serial_save(struct serial *s, struct wire_serial *out);
bool serial_load(struct serial *s, const struct wire_serial *in);

#endif
