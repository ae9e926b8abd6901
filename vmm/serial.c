// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A. What is sent is gone at once; what comes in waits in the FIFO.
 *
 * A plain machine's output is gathered into lines, so that vCPUs and processes
 * sharing a terminal do not cut each other's lines, and its line of interrupts
 * leads nowhere.
 */
#include "serial.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
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

#define IER_RECEIVED	0x01
#define IER_SENT	0x02
#define FCR_ENABLE	0x01
#define FCR_CLEAR	0x02	/* what came in */
#define LCR_DLAB	0x80
#define MCR_OUT2	0x08	/* lets interrupts out of the chip */
#define MCR_LOOP	0x10
#define LSR_RECEIVED	0x01
#define LSR_EMPTY	0x60	/* holding and shift register */
#define MSR_READY	0xb0	/* carrier, data set ready, clear to send */
#define IIR_NONE	0x01
#define IIR_SENT	0x02
#define IIR_RECEIVED	0x04
#define IIR_FIFO	0xc0

void serial_init(struct serial *s)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->room_fd < 0)
		die("eventfd: %s", strerror(errno));
}

void serial_destroy(struct serial *s)
{
	close(s->room_fd);
	pthread_mutex_destroy(&s->lock);
}

static void flush_locked(struct serial *s)
{
	size_t done = 0;
	ssize_t n;

	while (done < s->len) {
		n = write(STDOUT_FILENO, s->text + done, s->len - done);
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

static uint8_t reason(const struct serial *s)
{
	uint8_t ier = s->st.regs[REG_IER];

	if (ier & IER_RECEIVED && s->st.received)
		return IIR_RECEIVED;
	if (ier & IER_SENT && s->st.sent)
		return IIR_SENT;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	bool level = reason(s) != IIR_NONE &&
		     s->st.regs[REG_MCR] & MCR_OUT2;

	if (!s->line || level == s->level)
		return;
	s->level = level;
	s->line(s->ctx, level);
}

/* False: the FIFO is full. */
static bool receive(struct serial *s, uint8_t byte)
{
	if (s->st.received == WIRE_SERIAL_FIFO)
		return false;
	s->st.fifo[s->st.received++] = byte;
	return true;
}

static void tell_of_room(struct serial *s)
{
	uint64_t one = 1;

	if (s->refused && write(s->room_fd, &one, sizeof(one)) < 0)
		say("eventfd: %s", strerror(errno));
	s->refused = false;
}

static uint8_t take(struct serial *s)
{
	uint8_t byte = s->st.fifo[0];

	if (!s->st.received)
		return 0;
	memmove(s->st.fifo, s->st.fifo + 1, --s->st.received);
	tell_of_room(s);
	return byte;
}

static void put(struct serial *s, char c)
{
	s->st.sent = 1;
	if (s->st.regs[REG_MCR] & MCR_LOOP) {
		receive(s, c);
		return;
	}
	s->text[s->len++] = c;
	if (c == '\n' || s->unbuffered || s->len == sizeof(s->text))
		flush_locked(s);
}

static void set_ier(struct serial *s, uint8_t value)
{
	/* Asked anew, it is said anew. */
	if (value & ~s->st.regs[REG_IER] & IER_SENT)
		s->st.sent = 1;
	s->st.regs[REG_IER] = value & 0x0f;
}

static void set_fcr(struct serial *s, uint8_t value)
{
	s->st.regs[REG_IIR] = value & FCR_ENABLE;
	if (!(value & FCR_CLEAR))
		return;
	s->st.received = 0;
	tell_of_room(s);
}

void serial_write(struct serial *s, unsigned int reg, uint8_t value)
{
	pthread_mutex_lock(&s->lock);
	if (reg <= REG_IER && (s->st.regs[REG_LCR] & LCR_DLAB))
		s->st.divisor[reg] = value;
	else if (reg == REG_DATA)
		put(s, value);
	else if (reg == REG_IER)
		set_ier(s, value);
	else if (reg == REG_IIR)
		set_fcr(s, value);
	else if (reg == REG_LCR || reg == REG_MCR || reg == REG_SCR)
		s->st.regs[reg] = value;
	update_line(s);
	pthread_mutex_unlock(&s->lock);
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t why = reason(s);

	if (why == IIR_SENT)
		s->st.sent = 0;
	return why | (s->st.regs[REG_IIR] & FCR_ENABLE ? IIR_FIFO : 0);
}

/* In a loop, the outputs of MCR are the inputs of MSR. */
static uint8_t read_msr(const struct serial *s)
{
	uint8_t mcr = s->st.regs[REG_MCR];

	if (!(mcr & MCR_LOOP))
		return MSR_READY;
	return (mcr & 0x01) << 5 | (mcr & 0x02) << 3 | (mcr & 0x0c) << 4;
}

uint8_t serial_read(struct serial *s, unsigned int reg)
{
	uint8_t value;

	pthread_mutex_lock(&s->lock);
	if (reg <= REG_IER && (s->st.regs[REG_LCR] & LCR_DLAB))
		value = s->st.divisor[reg];
	else if (reg == REG_DATA)
		value = take(s);
	else if (reg == REG_IIR)
		value = read_iir(s);
	else if (reg == REG_LSR)
		value = LSR_EMPTY | (s->st.received ? LSR_RECEIVED : 0);
	else if (reg == REG_MSR)
		value = read_msr(s);
	else
		value = s->st.regs[reg];
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	return value;
}

bool serial_input(struct serial *s, uint8_t byte)
{
	bool taken;

	pthread_mutex_lock(&s->lock);
	taken = receive(s, byte);
	s->refused |= !taken;
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	return taken;
}

void serial_save(struct serial *s, struct wire_serial *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->st;
	pthread_mutex_unlock(&s->lock);
}

bool serial_load(struct serial *s, const struct wire_serial *in)
{
	if (in->received > WIRE_SERIAL_FIFO)
		return false;
	pthread_mutex_lock(&s->lock);
	s->st = *in;
	s->level = false;
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	return true;
}
