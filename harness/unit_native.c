// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator against this very CPU: the same instruction, registers and
 * memory once natively and once through um_emulate() in 64-bit mode. Compared
 * are all registers, the flags the SDM defines, and every byte of memory.
 *
 * Encodings come from a list of opcodes; prefixes, ModRM, SIB, displacement,
 * immediate and all values are random.
 */
#include "umbra/emulate.h"

#include "flat.h"
#include "random.h"
#include "tap.h"

#include <linux/kernel.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DATA_BASE 0x10000000UL
#define CODE_BASE 0x11000000UL
#define ROUNDS 3000		/* per opcode */

#define FL_CF 0x001
#define FL_PF 0x004
#define FL_AF 0x010
#define FL_ZF 0x040
#define FL_SF 0x080
#define FL_DF 0x400
#define FL_OF 0x800
#define FL_STATUS (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)
#define FL_LOGIC_UNDEFINED FL_AF
/* By more than one: OF; by more than there are bits: CF. */
#define FL_SHIFT_UNDEFINED (FL_OF | FL_AF | FL_CF)
#define FL_IMUL_UNDEFINED (FL_SF | FL_ZF | FL_AF | FL_PF)
#define FL_BT_UNDEFINED (FL_OF | FL_SF | FL_AF | FL_PF)

enum imm { IMM_NONE, IMM_8, IMM_Z };

#define LOCKABLE	0x01
#define MEM_ONLY	0x04
#define BIT_STRING	0x08	/* the reg operand is a bit offset */
#define COMPARES	0x10	/* make rax equal memory half of the time */
#define NO_66		0x20
#define ACC_PAIR	0x40	/* cmpxchg8b */
#define STACK		0x80	/* RSP must point into the data */

struct template {
	const char *name;
	u8 escape;		/* 0 or 0x0f */
	u8 opcode;
	s8 reg;			/* ModRM.reg, or -1 for any */
	enum imm imm;
	u8 flags;
	u16 undefined;		/* flags not to compare */
};

#define ALU(n, op, fl, un) \
	{ n " rm8,r8", 0, (op) + 0, -1, IMM_NONE, fl, un }, \
	{ n " rm,r", 0, (op) + 1, -1, IMM_NONE, fl, un }, \
	{ n " r8,rm8", 0, (op) + 2, -1, IMM_NONE, 0, un }, \
	{ n " r,rm", 0, (op) + 3, -1, IMM_NONE, 0, un }, \
	{ n " rm8,imm8", 0, 0x80, (op) >> 3, IMM_8, fl, un }, \
	{ n " rm,imm", 0, 0x81, (op) >> 3, IMM_Z, fl, un }, \
	{ n " rm,simm8", 0, 0x83, (op) >> 3, IMM_8, fl, un }

/* AF is undefined after a shift, not after a rotation. */
#define SHIFTS(n, op, imm, un) \
	{ "rol " n, 0, op, 0, imm, 0, (un) & ~(FL_AF | FL_CF) }, \
	{ "ror " n, 0, op, 1, imm, 0, (un) & ~(FL_AF | FL_CF) }, \
	{ "rcl " n, 0, op, 2, imm, 0, (un) & ~(FL_AF | FL_CF) }, \
	{ "rcr " n, 0, op, 3, imm, 0, (un) & ~(FL_AF | FL_CF) }, \
	{ "shl " n, 0, op, 4, imm, 0, un }, \
	{ "shr " n, 0, op, 5, imm, 0, un }, \
	{ "sal " n, 0, op, 6, imm, 0, un }, \
	{ "sar " n, 0, op, 7, imm, 0, (un) & ~FL_CF }

static const struct template templates[] = {
	ALU("add", 0x00, LOCKABLE, 0),
	ALU("or", 0x08, LOCKABLE, FL_LOGIC_UNDEFINED),
	ALU("adc", 0x10, LOCKABLE, 0),
	ALU("sbb", 0x18, LOCKABLE, 0),
	ALU("and", 0x20, LOCKABLE, FL_LOGIC_UNDEFINED),
	ALU("sub", 0x28, LOCKABLE, 0),
	ALU("xor", 0x30, LOCKABLE, FL_LOGIC_UNDEFINED),
	ALU("cmp", 0x38, 0, 0),
	{ "movsxd", 0, 0x63, -1, IMM_NONE, 0, 0 },
	{ "test rm8,r8", 0, 0x84, -1, IMM_NONE, 0, FL_LOGIC_UNDEFINED },
	{ "test rm,r", 0, 0x85, -1, IMM_NONE, 0, FL_LOGIC_UNDEFINED },
	{ "xchg rm8,r8", 0, 0x86, -1, IMM_NONE, LOCKABLE, 0 },
	{ "xchg rm,r", 0, 0x87, -1, IMM_NONE, LOCKABLE, 0 },
	{ "mov rm8,r8", 0, 0x88, -1, IMM_NONE, 0, 0 },
	{ "mov rm,r", 0, 0x89, -1, IMM_NONE, 0, 0 },
	{ "mov r8,rm8", 0, 0x8a, -1, IMM_NONE, 0, 0 },
	{ "mov r,rm", 0, 0x8b, -1, IMM_NONE, 0, 0 },
	{ "mov rm8,imm8", 0, 0xc6, 0, IMM_8, 0, 0 },
	{ "mov rm,imm", 0, 0xc7, 0, IMM_Z, 0, 0 },
	{ "test rm8,imm8", 0, 0xf6, 0, IMM_8, 0, FL_LOGIC_UNDEFINED },
	{ "test rm,imm", 0, 0xf7, 0, IMM_Z, 0, FL_LOGIC_UNDEFINED },
	{ "test rm8,imm8 /1", 0, 0xf6, 1, IMM_8, 0, FL_LOGIC_UNDEFINED },
	{ "not rm8", 0, 0xf6, 2, IMM_NONE, LOCKABLE, 0 },
	{ "not rm", 0, 0xf7, 2, IMM_NONE, LOCKABLE, 0 },
	{ "neg rm8", 0, 0xf6, 3, IMM_NONE, LOCKABLE, 0 },
	{ "neg rm", 0, 0xf7, 3, IMM_NONE, LOCKABLE, 0 },
	{ "inc rm8", 0, 0xfe, 0, IMM_NONE, LOCKABLE, 0 },
	{ "inc rm", 0, 0xff, 0, IMM_NONE, LOCKABLE, 0 },
	{ "dec rm8", 0, 0xfe, 1, IMM_NONE, LOCKABLE, 0 },
	{ "dec rm", 0, 0xff, 1, IMM_NONE, LOCKABLE, 0 },
	SHIFTS("by one rm8", 0xd0, IMM_NONE, FL_AF),
	SHIFTS("by one rm", 0xd1, IMM_NONE, FL_AF),
	SHIFTS("by cl rm8", 0xd2, IMM_NONE, FL_SHIFT_UNDEFINED),
	SHIFTS("by cl rm", 0xd3, IMM_NONE, FL_SHIFT_UNDEFINED),
	SHIFTS("by imm8 rm8", 0xc0, IMM_8, FL_SHIFT_UNDEFINED),
	SHIFTS("by imm8 rm", 0xc1, IMM_8, FL_SHIFT_UNDEFINED),
	{ "imul r,rm", 0x0f, 0xaf, -1, IMM_NONE, 0, FL_IMUL_UNDEFINED },
	{ "bt rm,r", 0x0f, 0xa3, -1, IMM_NONE, BIT_STRING, FL_BT_UNDEFINED },
	{ "bts rm,r", 0x0f, 0xab, -1, IMM_NONE, BIT_STRING | LOCKABLE,
	  FL_BT_UNDEFINED },
	{ "btr rm,r", 0x0f, 0xb3, -1, IMM_NONE, BIT_STRING | LOCKABLE,
	  FL_BT_UNDEFINED },
	{ "btc rm,r", 0x0f, 0xbb, -1, IMM_NONE, BIT_STRING | LOCKABLE,
	  FL_BT_UNDEFINED },
	{ "bt rm,imm8", 0x0f, 0xba, 4, IMM_8, 0, FL_BT_UNDEFINED },
	{ "bts rm,imm8", 0x0f, 0xba, 5, IMM_8, LOCKABLE, FL_BT_UNDEFINED },
	{ "btr rm,imm8", 0x0f, 0xba, 6, IMM_8, LOCKABLE, FL_BT_UNDEFINED },
	{ "btc rm,imm8", 0x0f, 0xba, 7, IMM_8, LOCKABLE, FL_BT_UNDEFINED },
	{ "cmpxchg rm8,r8", 0x0f, 0xb0, -1, IMM_NONE, LOCKABLE | COMPARES, 0 },
	{ "cmpxchg rm,r", 0x0f, 0xb1, -1, IMM_NONE, LOCKABLE | COMPARES, 0 },
	{ "xadd rm8,r8", 0x0f, 0xc0, -1, IMM_NONE, LOCKABLE, 0 },
	{ "xadd rm,r", 0x0f, 0xc1, -1, IMM_NONE, LOCKABLE, 0 },
	{ "movzx r,rm8", 0x0f, 0xb6, -1, IMM_NONE, 0, 0 },
	{ "movzx r,rm16", 0x0f, 0xb7, -1, IMM_NONE, 0, 0 },
	{ "movsx r,rm8", 0x0f, 0xbe, -1, IMM_NONE, 0, 0 },
	{ "movsx r,rm16", 0x0f, 0xbf, -1, IMM_NONE, 0, 0 },
	{ "movnti", 0x0f, 0xc3, -1, IMM_NONE, MEM_ONLY | NO_66, 0 },
	{ "cmpxchg8b/16b", 0x0f, 0xc7, 1, IMM_NONE,
	  MEM_ONLY | LOCKABLE | ACC_PAIR, 0 },
	{ "push rm", 0, 0xff, 6, IMM_NONE, STACK, 0 },
	{ "pop rm", 0, 0x8f, 0, IMM_NONE, STACK, 0 },
};

extern struct um_emul_regs native_regs;
extern char native_return[];
void native_run(void);

static u8 *data;	/* FLAT_SIZE bytes at DATA_BASE */
static u8 *code;	/* a page at CODE_BASE */

/* One test case. */
struct subject {
	u8 bytes[15];
	unsigned int len;
	struct um_emul_regs regs;
	u8 mem[FLAT_SIZE];
	u16 undefined;
};

static struct subject subject;
static struct flat flat;

static void emit(u64 val, unsigned int n)
{
	memcpy(subject.bytes + subject.len, &val, n);
	subject.len += n;
}

static void random_regs(void)
{
	struct um_emul_regs *regs = &subject.regs;
	unsigned int i;

	for (i = 0; i < 16; i++)
		regs->gpr[i] = random_operand();
	/* PUSH and POP use the stack whatever the operand. */
	regs->gpr[4] = DATA_BASE + 1024 + random_below(FLAT_SIZE - 2048);
	regs->rflags = 0x202 | (random_u64() & (FL_STATUS | FL_DF));
	for (i = 0; i < FLAT_SIZE; i += 8) {
		u64 val = i % 64 ? random_u64() : random_operand();

		memcpy(subject.mem + i, &val, 8);
	}
}

static void run_native(void)
{
	static const u8 jump[6] = { 0xff, 0x25, 0, 0, 0, 0 };
	void *back = native_return;

	memcpy(code, subject.bytes, subject.len);
	memcpy(code + subject.len, jump, sizeof(jump));
	memcpy(code + subject.len + sizeof(jump), &back, sizeof(back));
	memcpy(data, subject.mem, FLAT_SIZE);
	native_regs = subject.regs;
	native_regs.rip = CODE_BASE;
	native_run();
	native_regs.rip = CODE_BASE + subject.len;
}

static enum um_emul_result run_emulated(void)
{
	flat_init(&flat, FLAT_64, DATA_BASE);
	memcpy(flat.mem, subject.mem, FLAT_SIZE);
	flat.regs = subject.regs;
	flat_code(&flat, CODE_BASE, subject.bytes, subject.len);
	return flat_run(&flat);
}

static void show_bytes(void)
{
	unsigned int i;

	printf("# code:");
	for (i = 0; i < subject.len; i++)
		printf(" %02x", subject.bytes[i]);
	printf("\n");
}

static bool compare(const char *name)
{
	u64 mask = FL_STATUS & ~subject.undefined;
	enum um_emul_result result;
	unsigned int before = tap_bad;
	unsigned int i;

	/* Emulate first: a test that strays must not run natively. */
	result = run_emulated();
	if (!EXPECT(result == UM_EMUL_DONE, "%s: result %d", name, result)) {
		show_bytes();
		return false;
	}
	run_native();
	for (i = 0; i < 16; i++)
		EXPECT(flat.regs.gpr[i] == native_regs.gpr[i],
		       "%s: r%u is 0x%llx, natively 0x%llx", name, i,
		       flat.regs.gpr[i], native_regs.gpr[i]);
	EXPECT(flat.regs.rip == native_regs.rip, "%s: rip 0x%llx", name,
	       flat.regs.rip);
	EXPECT(!((flat.regs.rflags ^ native_regs.rflags) & mask),
	       "%s: flags 0x%llx, natively 0x%llx", name, flat.regs.rflags,
	       native_regs.rflags);
	EXPECT(!memcmp(flat.mem, data, FLAT_SIZE), "%s: memory differs", name);
	EXPECT(!flat.stray, "%s: stray access", name);
	if (tap_bad == before)
		return true;
	show_bytes();
	return false;
}

static void die(int sig)
{
	static const char text[] = "Bail out! native instruction trapped\n";
	ssize_t n = write(1, text, sizeof(text) - 1);

	_exit(n < 0 ? 2 : 128 + sig);
}

/* Memory operand addressing */

struct addressing {
	u8 modrm;
	u8 sib;
	u8 rex;
	bool has_sib;
	unsigned int disp_size;
	u64 disp;
	bool rip_relative;
	int base;		/* register numbers or -1 */
	int index;
};

static void pick_index(struct addressing *a)
{
	unsigned int index = random_below(16);

	a->index = index == 4 ? -1 : (int)index;
	a->sib = random_below(4) << 6 | (index & 7) << 3;
	a->rex |= index & 8 ? 2 : 0;
}

/* A random form; values are filled in afterwards. */
static struct addressing pick_addressing(void)
{
	struct addressing a = { .base = -1, .index = -1 };
	unsigned int mod = random_below(3);
	unsigned int base = random_below(16);

	a.has_sib = random_below(2) || (base & 7) == 4;
	a.rex = base & 8 ? 1 : 0;
	if (a.has_sib) {
		pick_index(&a);
		a.sib |= base & 7;
		a.modrm = mod << 6 | 4;
	} else {
		a.modrm = mod << 6 | (base & 7);
	}
	if (mod == 0 && (base & 7) == 5)
		a.rip_relative = !a.has_sib;
	else
		a.base = base;
	a.disp_size = mod == 1 ? 1 : mod == 2 || a.base < 0 ? 4 : 0;
	return a;
}

/*
 * Choose displacement and register values that give @target, which is known
 * but for RIP-relative forms, where the caller adds the length. False if this
 * form cannot reach it.
 */
static bool aim(struct addressing *a, u64 target, bool addr32)
{
	u64 *gpr = subject.regs.gpr;
	unsigned int scale = a->sib >> 6;
	u64 junk = addr32 ? random_u64() << 32 : 0;

	/* Stay close to a base that is also the stack pointer. */
	if (a->disp_size == 1 || (a->disp_size == 4 && a->base == 4))
		a->disp = (s8)random_u64();
	else if (a->disp_size == 4)
		a->disp = (s32)random_u64();
	if (a->index >= 0 && a->index == a->base) {
		if (a->disp_size != 4)
			return false;
		gpr[a->index] = random_below(1 << 20);
		a->disp = target - gpr[a->index] * (1 + (1 << scale));
		return true;
	}
	if (a->index >= 0 && a->base >= 0)
		gpr[a->index] = random_u64();
	else if (a->index >= 0)
		gpr[a->index] = random_below(1 << 20);
	if (a->index >= 0)
		target -= gpr[a->index] << scale;
	if (a->base >= 0)
		gpr[a->base] = target - a->disp + junk;
	else
		a->disp = target;
	return true;
}

static unsigned int operand_size(const struct template *t, bool p66, bool rexw)
{
	if (t->flags & ACC_PAIR)
		return rexw ? 16 : 8;
	return rexw ? 8 : p66 ? 2 : 4;
}

static u64 pick_target(unsigned int size)
{
	u64 target = DATA_BASE + FLAT_SIZE / 2 - 32 + random_below(64);

	if (random_below(2))
		target = DATA_BASE + 1024 + random_below(FLAT_SIZE - 2048);
	return size == 16 ? target & ~15ULL : target;
}

/* Values that make the comparing instructions meet both outcomes. */
static void match_accumulator(const struct template *t, u64 target,
			      unsigned int size)
{
	u8 *mem = subject.mem + (target - DATA_BASE);
	const u64 *gpr = subject.regs.gpr;

	if (random_below(2))
		return;
	if (t->flags & COMPARES)
		memcpy(mem, &gpr[0], 8);
	if (t->flags & ACC_PAIR) {
		memcpy(mem, &gpr[0], size / 2);
		memcpy(mem + size / 2, &gpr[2], size / 2);
	}
}

static void emit_opcode(const struct template *t, u8 rex)
{
	if (rex)
		emit(rex, 1);
	if (t->escape)
		emit(t->escape, 1);
	emit(t->opcode, 1);
}

static void emit_imm(const struct template *t, bool p66, bool rexw)
{
	if (t->imm == IMM_8)
		emit(random_operand(), 1);
	else if (t->imm == IMM_Z)
		emit(random_operand(), p66 && !rexw ? 2 : 4);
}

/* Build one instruction with a memory operand; false to try another. */
static bool make_memory_case(const struct template *t)
{
	bool p66 = !(t->flags & NO_66) && !random_below(3);
	bool addr32 = !random_below(4);
	bool rexw = !random_below(3);
	unsigned int size = operand_size(t, p66, rexw);
	u64 target = pick_target(size);
	unsigned int reg = t->reg < 0 ? random_below(16) : (unsigned int)t->reg;
	struct addressing a = pick_addressing();
	bool lock = (t->flags & LOCKABLE) && random_below(2);
	unsigned int disp_at;
	u8 rex;

	subject.len = 0;
	random_regs();
	if (!aim(&a, target, addr32))
		return false;
	if ((t->flags & BIT_STRING)) {
		if ((int)reg == a.base || (int)reg == a.index)
			return false;
		subject.regs.gpr[reg] = random_below(4096) - 2048LL;
	}
	if ((t->flags & STACK) &&
	    subject.regs.gpr[4] - DATA_BASE - 64 >= FLAT_SIZE - 128)
		return false;
	match_accumulator(t, target, size);

	rex = a.rex | (reg & 8 ? 4 : 0) | (rexw ? 8 : 0);
	if (rex || random_below(2))
		rex |= 0x40;
	if (lock)
		emit(0xf0, 1);
	if (p66)
		emit(0x66, 1);
	if (addr32)
		emit(0x67, 1);
	emit_opcode(t, rex);
	emit(a.modrm | (reg & 7) << 3, 1);
	if (a.has_sib)
		emit(a.sib, 1);
	disp_at = subject.len;
	emit(a.disp, a.disp_size);
	emit_imm(t, p66, rexw);
	if (a.rip_relative) {
		u32 disp = target - (CODE_BASE + subject.len);

		memcpy(subject.bytes + disp_at, &disp, 4);
	}
	return subject.len <= 15;
}

static void make_register_case(const struct template *t)
{
	bool p66 = !(t->flags & NO_66) && !random_below(3);
	bool rexw = !random_below(3);
	unsigned int reg = t->reg < 0 ? random_below(16) : (unsigned int)t->reg;
	unsigned int rm = random_below(16);
	u8 rex = (rm & 8 ? 1 : 0) | (reg & 8 ? 4 : 0) | (rexw ? 8 : 0);

	subject.len = 0;
	random_regs();
	if (rex || random_below(2))
		rex |= 0x40;
	if (p66)
		emit(0x66, 1);
	emit_opcode(t, rex);
	emit(0xc0 | (reg & 7) << 3 | (rm & 7), 1);
	emit_imm(t, p66, rexw);
	if ((t->flags & COMPARES) && random_below(2))
		subject.regs.gpr[0] = subject.regs.gpr[rm];
}

static unsigned long total;

static void check_template(const struct template *t)
{
	unsigned int i;

	subject.undefined = t->undefined;
	for (i = 0; i < ROUNDS && tap_bad < TAP_SHOWN; i++) {
		if (!(t->flags & MEM_ONLY) && !random_below(8))
			make_register_case(t);
		else
			while (!make_memory_case(t))
				;
		compare(t->name);
		total++;
	}
}

static void modrm_instructions(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(templates); i++)
		check_template(&templates[i]);
}

static void conditions(void)
{
	struct template t = { .escape = 0x0f, .reg = -1 };
	unsigned int cc;

	for (cc = 0; cc < 16; cc++) {
		t.name = "cmovcc";
		t.opcode = 0x40 + cc;
		check_template(&t);
		t.name = "setcc";
		t.opcode = 0x90 + cc;
		check_template(&t);
	}
}

static void moffs(void)
{
	unsigned int i;

	subject.undefined = 0;
	for (i = 0; i < 4 * ROUNDS && tap_bad < TAP_SHOWN; i++) {
		bool addr32 = !random_below(3);

		subject.len = 0;
		random_regs();
		if (!random_below(3))
			emit(0x66, 1);
		if (addr32)
			emit(0x67, 1);
		if (!random_below(3))
			emit(0x48, 1);
		emit(0xa0 + random_below(4), 1);
		emit(pick_target(8), addr32 ? 4 : 8);
		compare("mov moffs");
		total++;
	}
}

static void strings(void)
{
	static const u8 opcodes[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab,
				      0xac, 0xad, 0xae, 0xaf };
	struct um_emul_regs *regs = &subject.regs;
	unsigned int i;

	subject.undefined = 0;
	for (i = 0; i < 20 * ROUNDS && tap_bad < TAP_SHOWN; i++) {
		u8 opcode = opcodes[random_below(sizeof(opcodes))];
		bool addr32 = !random_below(3);
		bool rep = random_below(2);

		subject.len = 0;
		random_regs();
		regs->gpr[6] = pick_target(8);
		regs->gpr[7] = pick_target(8);
		regs->gpr[1] = rep ? 1 + random_below(100) : random_u64();
		/* Equal stretches, so that comparisons go on for a while. */
		if (random_below(2))
			memset(subject.mem, regs->gpr[0], FLAT_SIZE);
		if (addr32) {
			regs->gpr[6] |= random_u64() << 32;
			regs->gpr[7] |= random_u64() << 32;
			regs->gpr[1] |= random_u64() << 32;
			emit(0x67, 1);
		}
		if (!random_below(3))
			emit(0x66, 1);
		if (rep)
			emit(0xf2 + random_below(2), 1);
		if (!random_below(3))
			emit(0x48 | random_below(8), 1);
		emit(opcode, 1);
		compare("string");
		total++;
	}
}

static void rep_with_count_zero(void)
{
	random_regs();
	subject.regs.gpr[1] = 0;
	subject.len = 0;
	emit(0xf3, 1);
	emit(0xa5, 1);
	compare("rep movs, count 0");
}

/* The first REX counts for nothing when a prefix follows it. */
static void misplaced_rex(void)
{
	random_regs();
	subject.regs.gpr[3] = DATA_BASE + 2048;
	subject.len = 0;
	emit(0x48, 1);
	emit(0x66, 1);
	emit(0x0389, 2);	/* mov %ax, (%rbx) */
	compare("rex before 66");
	subject.len = 0;
	emit(0x4148, 2);	/* only the last of two */
	emit(0xc389, 2);
	compare("two rex");
}

int main(void)
{
	struct sigaction sa = { .sa_handler = die, .sa_flags = SA_ONSTACK };
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };

	data = mmap((void *)DATA_BASE, FLAT_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	code = mmap((void *)CODE_BASE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (data == MAP_FAILED || code == MAP_FAILED) {
		perror("Bail out! mmap");
		return 1;
	}
	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);

	random_start(0x756d627261ULL);
	TEST(modrm_instructions);
	TEST(conditions);
	TEST(moffs);
	TEST(strings);
	TEST(rep_with_count_zero);
	TEST(misplaced_rex);
	printf("# %lu instructions compared\n", total);
	return tap_done();
}
