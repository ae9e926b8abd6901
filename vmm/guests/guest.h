/* SPDX-License-Identifier: GPL-2.0 */
/* What guests share: ports, printing, arguments. */
#ifndef PENUMBRA_GUEST_H
#define PENUMBRA_GUEST_H

#include "ports.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long ulong;	/* as wide as a pointer */
#define bool _Bool
#define true 1
#define false 0

#define PAGE 4096UL

static inline void outb(u16 port, u8 v)
{
	asm volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 v)
{
	asm volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void pause(void)
{
	asm volatile("pause" : : : "memory");
}

void lock(u32 *word);
void unlock(u32 *word);

/* %s, %u (u32) and %x (u64) only; a whole line is printed under a lock. */
void print(const char *fmt, ...);

/* The value of "key=" in the arguments, with K, M, G understood. */
u64 arg_number(const struct guest_params *p, const char *key, u64 otherwise);
/* Whether the arguments say "key=value". */
bool arg_is(const struct guest_params *p, const char *key, const char *value);

_Noreturn void guest_exit(u8 status);
/* Written by each guest; runs on every vCPU. */
void guest_main(const struct guest_params *p, ulong cpu);

/* Pacing by the VMM's clock: at most @rate units a second; 0 = no bound. */
struct pace {
	u64 rate;
	u32 start_ms;
	u64 units;
};

void pace_init(struct pace *pace, u64 rate);
void pace_wait(struct pace *pace, u64 units);

#endif
