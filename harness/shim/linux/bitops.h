/* REAL: what is atomic may yield before and not after. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BITOPS_H
#define _SHIM_LINUX_BITOPS_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include <shim.h>

#define BITS_TO_LONGS(n) (((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)

static inline unsigned long __ffs(unsigned long word)
{
	return __builtin_ctzl(word);
}

/* The highest bit that is set, from 1; 0 for none. */
static inline int fls64(u64 word)
{
	return word ? 64 - __builtin_clzll(word) : 0;
}

static inline unsigned long __fls(unsigned long word)
{
	return BITS_PER_LONG - 1 - __builtin_clzl(word);
}

static inline bool test_bit(unsigned long nr, const unsigned long *addr)
{
	return READ_ONCE(addr[nr / BITS_PER_LONG]) >> nr % BITS_PER_LONG & 1;
}

static inline void __set_bit(unsigned long nr, unsigned long *addr)
{
	addr[nr / BITS_PER_LONG] |= BIT(nr % BITS_PER_LONG);
}

static inline void set_bit(unsigned long nr, unsigned long *addr)
{
	shim_yield_hard();
	__atomic_fetch_or(&addr[nr / BITS_PER_LONG], BIT(nr % BITS_PER_LONG),
			  __ATOMIC_SEQ_CST);
}

static inline void __clear_bit(unsigned long nr, unsigned long *addr)
{
	addr[nr / BITS_PER_LONG] &= ~BIT(nr % BITS_PER_LONG);
}

static inline void clear_bit(unsigned long nr, unsigned long *addr)
{
	shim_yield_hard();
	__atomic_fetch_and(&addr[nr / BITS_PER_LONG],
			   ~BIT(nr % BITS_PER_LONG), __ATOMIC_SEQ_CST);
}

static inline bool test_and_set_bit(unsigned long nr, unsigned long *addr)
{
	shim_yield_hard();
	return __atomic_fetch_or(&addr[nr / BITS_PER_LONG],
				 BIT(nr % BITS_PER_LONG), __ATOMIC_SEQ_CST) >>
	       nr % BITS_PER_LONG & 1;
}

static inline bool test_and_clear_bit(unsigned long nr, unsigned long *addr)
{
	shim_yield_hard();
	return __atomic_fetch_and(&addr[nr / BITS_PER_LONG],
				  ~BIT(nr % BITS_PER_LONG),
				  __ATOMIC_SEQ_CST) >>
	       nr % BITS_PER_LONG & 1;
}

#endif
