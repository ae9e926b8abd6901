// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550 of which only the sending half does anything.
 *
 * Output is gathered into lines, so that vCPUs and processes sharing a terminal
 * do not cut each other's lines. No interrupts, no input.
 */
#include "serial.h"

#include <string.h>
#include <unistd.h>

enum {
	REG_DATA,
	REG_IER,
	REG_IIR,	/* FCR when written */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
};

#define LCR_DLAB	0x80
#define LSR_EMPTY	0x60	/* holding and shift register */
#define MSR_READY	0xb0	/* carrier, data set ready, clear to send */
#define IIR_NONE	0x01

void serial_init(struct serial *s)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
}

static void flush_locked(struct serial *s)
{
	size_t done = 0;
	ssize_t n;

	while (done < s->len) {
		n = write(STDOUT_FILENO, s->line + done, s->len - done);
		if (n <= 0)
			break;	/* nobody reads: the guest need not care */
		done += n;
	}
	s->len = 0;
}

void serial_flush(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	flush_locked(s);
	pthread_mutex_unlock(&s->lock);
}

static void put(struct serial *s, char c)
{
	s->line[s->len++] = c;
	if (c == '\n' || s->len == sizeof(s->line))
		flush_locked(s);
}

void serial_write(struct serial *s, unsigned int reg, uint8_t value)
{
	pthread_mutex_lock(&s->lock);
	if (reg <= REG_IER && (s->regs[REG_LCR] & LCR_DLAB))
		s->divisor[reg] = value;
	else if (reg == REG_DATA)
		put(s, value);
	else if (reg == REG_IER || reg == REG_LCR || reg == REG_MCR ||
		 reg == REG_SCR)
		s->regs[reg] = value;
	pthread_mutex_unlock(&s->lock);
}

uint8_t serial_read(struct serial *s, unsigned int reg)
{
	uint8_t value = 0;

	pthread_mutex_lock(&s->lock);
	if (reg <= REG_IER && (s->regs[REG_LCR] & LCR_DLAB))
		value = s->divisor[reg];
	else if (reg == REG_IIR)
		value = IIR_NONE;
	else if (reg == REG_LSR)
		value = LSR_EMPTY;
	else if (reg == REG_MSR)
		value = MSR_READY;
	else if (reg != REG_DATA)
		value = s->regs[reg];
	pthread_mutex_unlock(&s->lock);
	return value;
}
