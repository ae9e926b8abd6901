/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What guest code may call.
 *
 * Guest code is ordinary C in the test program. The whole program is copied
 * to the same addresses inside the guest, which runs in long mode on
 * identity tables, so pointers, literals and globals mean the same there.
 * It has no libc, no TLS, and its own copy of every global.
 */
#ifndef SELFTEST_GUEST_H
#define SELFTEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ul
#define HUGE_SIZE (2ul << 20)

/* The port that carries the address of a struct ucall. */
#define UCALL_PORT 0x5e0

enum ucall_cmd {
	UCALL_SYNC = 1,	/* args: stage, and whatever the test wants */
	UCALL_DONE,
	UCALL_FAIL,	/* args: file, line, text, two values */
	UCALL_TRAP,	/* args: vector, error code, rip, cr2 */
};

struct ucall {
	u64 cmd;
	u64 arg[5];
};

/* What the guest's exception entry leaves on the stack. */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

/* Outcome of an instruction that may trap: 0, or TRAPPED | vector. */
#define TRAPPED 0x100

void ucall(u64 cmd, u64 a, u64 b, u64 c, u64 d, u64 e);
void guest_trap(struct trap_frame *frame);

/* Who handles a vector in place of guest_trap(); set before the VM is made. */
#define GUEST_VECTORS 256
extern void (*guest_handlers[GUEST_VECTORS])(struct trap_frame *frame);

static inline void guest_sync(u64 stage)
{
	ucall(UCALL_SYNC, stage, 0, 0, 0, 0);
}

static inline void guest_sync2(u64 stage, u64 a, u64 b)
{
	ucall(UCALL_SYNC, stage, a, b, 0, 0);
}

static inline void guest_done(void)
{
	for (;;)
		ucall(UCALL_DONE, 0, 0, 0, 0, 0);
}

#define GUEST_ASSERT(cond) do {						\
	if (!(cond))							\
		ucall(UCALL_FAIL, (u64)__FILE__, __LINE__, (u64)#cond,	\
		      0, 0);						\
} while (0)

#define GUEST_ASSERT_EQ(a, b) do {					\
	u64 __a = (u64)(a), __b = (u64)(b);				\
	if (__a != __b)							\
		ucall(UCALL_FAIL, (u64)__FILE__, __LINE__,		\
		      (u64)#a " == " #b, __a, __b);			\
} while (0)

/*
 * Run one instruction that may trap. The trap handler knows it by the magic
 * in r9, continues at the label in r10 and leaves the vector in r9 and the
 * error code in r10.
 */
#define SAFE_MAGIC 0x5afe5afe

#define SAFE_ASM(insn, outs, ins...) ({					\
	register u64 __r9 asm("r9") = SAFE_MAGIC;			\
	register u64 __r10 asm("r10");					\
	asm volatile("leaq 771f(%%rip), %%r10\n\t"			\
		     insn "\n\t"					\
		     "xorl %%r9d, %%r9d\n"				\
		     "771:"						\
		     : "+&r"(__r9), "=&r"(__r10) outs : ins		\
		     : "memory", "cc");					\
	(int)__r9; })
#define OUTS(args...) , args

static inline int guest_wrmsr(u32 msr, u64 value)
{
	return SAFE_ASM("wrmsr", , "c"(msr), "a"((u32)value),
			"d"((u32)(value >> 32)));
}

static inline int guest_rdmsr(u32 msr, u64 *value)
{
	u32 lo = 0, hi = 0;
	int r = SAFE_ASM("rdmsr", OUTS("+a"(lo), "=d"(hi)), "c"(msr));

	*value = (u64)hi << 32 | lo;
	return r;
}

static inline int guest_xsetbv(u32 index, u64 value)
{
	return SAFE_ASM("xsetbv", , "c"(index), "a"((u32)value),
			"d"((u32)(value >> 32)));
}

#define GUEST_CR(n)							\
static inline u64 read_cr##n(void)					\
{									\
	u64 v;								\
									\
	asm volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory");	\
	return v;							\
}									\
static inline int write_cr##n(u64 v)					\
{									\
	return SAFE_ASM("mov %[v], %%cr" #n, , [v] "r"(v));		\
}
GUEST_CR(0)
GUEST_CR(2)
GUEST_CR(3)
GUEST_CR(4)

static inline void guest_cpuid(u32 *a, u32 *b, u32 *c, u32 *d)
{
	asm volatile("cpuid" : "+a"(*a), "=b"(*b), "+c"(*c), "=d"(*d));
}

static inline u64 guest_rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static inline void cpu_pause(void)
{
	asm volatile("pause" : : : "memory");
}

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

static inline u64 guest_read(u64 addr)
{
	return *(volatile u64 *)addr;
}

static inline void guest_write(u64 addr, u64 value)
{
	*(volatile u64 *)addr = value;
}

/* The next 31 bits of a sequence; who wants more takes *state's upper bits. */
static inline u64 rand_next(u64 *state)
{
	*state = *state * 6364136223846793005ul + 1442695040888963407ul;
	return *state >> 33;
}

/*
 * Never returns: writes a word of its own, by @id, of @pages pages from @addr
 * on, in an order of its own, with values that ever rise.
 */
static inline void guest_write_ever(u64 addr, u64 pages, u64 id)
{
	u64 seq = 0, rand = 12345 + id * 777;

	for (;;)
		guest_write(addr + rand_next(&rand) % pages * PAGE_SIZE +
			    id * 8, ++seq);
}

#endif
