/* REAL: but each access goes through step.c, which decides what it sees. */
/* SPDX-License-Identifier: GPL-2.0 */
#include_next <linux/compiler.h>

#ifndef _STEP_LINUX_COMPILER_H
#define _STEP_LINUX_COMPILER_H

unsigned long step_load(const void *addr);
void step_store(void *addr, unsigned long val);

/* Whole words are what walks look at; flags and counters are not. */
#undef READ_ONCE
#define READ_ONCE(x)                                                       \
	((typeof(x))(unsigned long)(sizeof(x) == sizeof(long) ?            \
			step_load(&(x)) : (unsigned long)(x)))
#undef WRITE_ONCE
#define WRITE_ONCE(x, v)                                                   \
	do {                                                               \
		_Static_assert(sizeof(x) == sizeof(long), "a word");       \
		step_store((void *)&(x), (unsigned long)(v));              \
	} while (0)

#endif
