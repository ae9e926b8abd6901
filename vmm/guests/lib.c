// SPDX-License-Identifier: GPL-2.0
/*
 * What guests share: printing, arguments, pacing.
 *
 * No library, no interrupts, several vCPUs at once.
 */
#include "guest.h"

#include <stdarg.h>

static u32 print_lock;

void lock(u32 *word)
{
	while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE))
		pause();
}

void unlock(u32 *word)
{
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

/* GCC may call these for copies and clears of its own. */
void *memset(void *to, int c, ulong n);
void *memset(void *to, int c, ulong n)
{
	void *p = to;

	asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return to;
}

static void put(const char *s)
{
	for (; *s; s++)
		outb(PORT_SERIAL, *s);
}

static void put_decimal(u32 v)
{
	char digits[12];
	u32 i = sizeof(digits) - 1;

	digits[i] = 0;
	do {
		digits[--i] = '0' + v % 10;
		v /= 10;
	} while (v);
	put(digits + i);
}

static void put_hex(u64 v)
{
	u32 shift = 64;

	while (shift > 4 && !(v >> (shift - 4)))
		shift -= 4;
	for (; shift; shift -= 4)
		outb(PORT_SERIAL, "0123456789abcdef"[v >> (shift - 4) & 15]);
}

void print(const char *fmt, ...)
{
	va_list ap;

	lock(&print_lock);
	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			outb(PORT_SERIAL, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == 's')
			put(va_arg(ap, const char *));
		else if (*fmt == 'u')
			put_decimal(va_arg(ap, u32));
		else
			put_hex(va_arg(ap, u64));
	}
	va_end(ap);
	unlock(&print_lock);
}

static const char *find(const struct guest_params *p, const char *key)
{
	const char *a = p->args, *k;

	while (*a) {
		while (*a == ' ')
			a++;
		for (k = key; *k && *a == *k; k++)
			a++;
		if (!*k && *a == '=')
			return a + 1;
		while (*a && *a != ' ')
			a++;
	}
	return 0;
}

u64 arg_number(const struct guest_params *p, const char *key, u64 otherwise)
{
	const char *a = find(p, key);
	u64 v = 0;

	if (!a)
		return otherwise;
	for (; *a >= '0' && *a <= '9'; a++)
		v = v * 10 + (*a - '0');
	if (*a == 'K' || *a == 'k')
		v <<= 10;
	else if (*a == 'M' || *a == 'm')
		v <<= 20;
	else if (*a == 'G' || *a == 'g')
		v <<= 30;
	else if (*a && *a != ' ') {
		print("argument %s is no number\n", key);
		guest_exit(2);
	}
	return v;
}

bool arg_is(const struct guest_params *p, const char *key, const char *value)
{
	const char *a = find(p, key);

	if (!a)
		return false;
	while (*value && *a == *value) {
		a++;
		value++;
	}
	return !*value && (!*a || *a == ' ');
}

void guest_exit(u8 status)
{
	for (;;)
		outb(PORT_EXIT, status);
}

/* 32-bit code has no such division of its own; the quotient fits. */
static u32 divide(u64 n, u32 by)
{
	u32 quotient, rest;

	asm("divl %4" : "=a"(quotient), "=d"(rest)
	    : "a"((u32)n), "d"((u32)(n >> 32)), "r"(by));
	return quotient;
}

void pace_init(struct pace *pace, u64 rate)
{
	pace->rate = rate;
	pace->units = 0;
	if (rate)
		pace->start_ms = inl(PORT_CLOCK);
}

void pace_wait(struct pace *pace, u64 units)
{
	u32 due, now;

	if (!pace->rate)
		return;
	pace->units += units;
	due = pace->start_ms + divide(pace->units * 1000, pace->rate);
	now = inl(PORT_CLOCK);
	if ((int)(due - now) > 0)
		outl(PORT_SLEEP, due - now);
	else if ((int)(now - due) > 1000)
		pace_init(pace, pace->rate);	/* do not run after lost time */
}
