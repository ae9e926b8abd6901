/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guests in 64-bit mode that change their own page tables, which they
 * reach at the same addresses (lib/vm.c).
 */
#ifndef SELFTEST_GUEST_PAGING_H
#define SELFTEST_GUEST_PAGING_H

#include "lib/gpt.h"
#include "uapi/umbra.h"

/* Where the library's tables have nothing: a PML4 entry of its own. */
#define TEST_VA (3ul << 39)
#define PT_RIGHTS (PT_P | PT_W | PT_U)

/* Pages of test memory, and a word in each that tells which it is. */
#define PAGE_VA(n) (TEST_VA + (n) * PAGE_SIZE)

static inline u64 page_gpa(u64 n)
{
	return MEM_GPA + n * PAGE_SIZE;
}

static inline u64 mark(u64 n)
{
	return 0x600d0000 + n;
}

static inline void invlpg(u64 va)
{
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline int guest_invpcid(u64 type, u64 pcid, u64 va)
{
	struct { u64 pcid, va; } desc = { pcid, va };

	return SAFE_ASM("invpcid (%[desc]), %[type]", , [desc] "r"(&desc),
			[type] "r"(type));
}

/* The current tables' entry for va of a level; all above must be tables. */
static inline u64 *guest_entry(u64 va, int level)
{
	u64 table = read_cr3();
	int i;

	for (i = 4; i > level; i--)
		table = ((u64 *)(table & PT_ADDR))[va >> (12 + 9 * (i - 1)) &
						   511];
	return (u64 *)(table & PT_ADDR) + (va >> (12 + 9 * (level - 1)) & 511);
}

/* TRAPPED | 14 or 0. */
static inline int try_write(u64 va, u64 value, u64 *error)
{
	register u64 r9 asm("r9") = SAFE_MAGIC;
	register u64 r10 asm("r10");

	asm volatile("leaq 771f(%%rip), %%r10\n\t"
		     "mov %[v], (%[a])\n\t"
		     "xorl %%r9d, %%r9d\n"
		     "771:" : "+&r"(r9), "=&r"(r10)
		     : [v] "r"(value), [a] "r"(va) : "memory", "cc");
	*error = r10;
	return r9;
}

static inline int try_read(u64 va, u64 *value)
{
	register u64 r9 asm("r9") = SAFE_MAGIC;
	register u64 r10 asm("r10");
	u64 v = 0;

	asm volatile("leaq 771f(%%rip), %%r10\n\t"
		     "mov (%[a]), %[v]\n\t"
		     "xorl %%r9d, %%r9d\n"
		     "771:" : "+&r"(r9), "=&r"(r10), [v] "+&r"(v)
		     : [a] "r"(va) : "memory", "cc");
	*value = r9 ? r10 : v;	/* a fault's error code */
	return r9;
}

#define PF_TRAP (TRAPPED | 14)

/* A fixture of three variants: EPT, and shadow paging with each ptw=. */
#define PTW_VARIANTS(fixture)						\
	FIXTURE_VARIANT(fixture) { enum engine engine; int ptw; };	\
	FIXTURE_VARIANT_ADD(fixture, tdp) { ENGINE_TDP, -1 };		\
	FIXTURE_VARIANT_ADD(fixture, shadow_emul) {			\
		ENGINE_SHADOW, UM_PTW_MODE_EMUL				\
	};								\
	FIXTURE_VARIANT_ADD(fixture, shadow_oos) {			\
		ENGINE_SHADOW, UM_PTW_MODE_OOS				\
	}

#endif
