/* SPDX-License-Identifier: GPL-2.0 */
/* A 16550 of which only the sending half does anything. */
#ifndef PENUMBRA_SERIAL_H
#define PENUMBRA_SERIAL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct serial {
	pthread_mutex_t lock;
	uint8_t regs[8];	/* IER, LCR, MCR, SCR as written; travels */
	uint8_t divisor[2];	/* travels */
	char line[256];
	size_t len;
};

void serial_init(struct serial *s);
void serial_write(struct serial *s, unsigned int reg, uint8_t value);
uint8_t serial_read(struct serial *s, unsigned int reg);
void serial_flush(struct serial *s);

#endif
