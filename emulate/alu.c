// SPDX-License-Identifier: GPL-2.0
/*
 * Arithmetic and conditions: pure functions from values to values and flags.
 *
 * Where the SDM leaves a flag undefined it keeps what the common CPUs do: AF
 * clear after logic, the flags but CF unchanged after a bit test.
 */
#include "internal.h"

#include <linux/types.h>

/* XOR-fold the low byte: 0x9669 has a bit for each nibble of even parity. */
static bool parity_even(u64 val)
{
	return (0x9669 >> ((val ^ (val >> 4)) & 0xf)) & 1;
}

static u64 result_flags(u64 result, unsigned int size)
{
	u64 flags = 0;

	if (!result)
		flags |= UM_FL_ZF;
	if (result >> (size * 8 - 1) & 1)
		flags |= UM_FL_SF;
	if (parity_even(result))
		flags |= UM_FL_PF;
	return flags;
}

/* @carries: the carry (or borrow) out of each bit. */
static u64 carry_flags(u64 carries, unsigned int size)
{
	unsigned int top = size * 8 - 1;
	u64 flags = 0;

	if (carries >> top & 1)
		flags |= UM_FL_CF;
	if (carries >> 3 & 1)
		flags |= UM_FL_AF;
	if ((carries >> top ^ carries >> (top - 1)) & 1)
		flags |= UM_FL_OF;
	return flags;
}

static u64 add(u64 a, u64 b, u64 carry, unsigned int size, u64 *flags)
{
	u64 r = (a + b + carry) & um_size_mask(size);

	*flags = carry_flags((a & b) | ((a | b) & ~r), size);
	*flags |= result_flags(r, size);
	return r;
}

static u64 sub(u64 a, u64 b, u64 borrow, unsigned int size, u64 *flags)
{
	u64 r = (a - b - borrow) & um_size_mask(size);

	*flags = carry_flags((~a & b) | ((~a | b) & r), size);
	*flags |= result_flags(r, size);
	return r;
}

/*
 * The lower half of the product. CF and OF: the upper half is more than its sign.
 * The others are undefined and stay clear.
 */
static u64 imul(u64 a, u64 b, unsigned int size, u64 *flags)
{
	s64 x = um_sign_extend(a, size), y = um_sign_extend(b, size), r;
	bool over = __builtin_mul_overflow(x, y, &r);

	if (over || (u64)r != um_sign_extend(r, size))
		*flags = UM_FL_CF | UM_FL_OF;
	return r & um_size_mask(size);
}

/* Those to the left stand at even places. */
static bool is_right(enum um_op op)
{
	return (op - UM_OP_ROL) & 1;
}

/* One place, with the bit that falls out in *@carry. */
static u64 shift_once(enum um_op op, u64 val, unsigned int size, u64 *carry)
{
	unsigned int top = size * 8 - 1;
	u64 in = 0, out = is_right(op) ? val & 1 : val >> top;

	switch (op) {
	case UM_OP_ROL:
	case UM_OP_ROR:
		in = out;
		break;
	case UM_OP_RCL:
	case UM_OP_RCR:
		in = *carry;
		break;
	case UM_OP_SAR:
		in = val >> top;
		break;
	default:
		break;
	}
	*carry = out;
	if (is_right(op))
		return val >> 1 | in << top;
	return (val << 1 | in) & um_size_mask(size);
}

static u64 bit_test(enum um_op op, u64 dst, u64 src, unsigned int size,
		    u64 *rflags)
{
	u64 bit = 1ULL << (src & (size * 8 - 1));

	*rflags &= ~UM_FL_CF;
	if (dst & bit)
		*rflags |= UM_FL_CF;
	switch (op) {
	case UM_OP_BTS:
		return dst | bit;
	case UM_OP_BTR:
		return dst & ~bit;
	case UM_OP_BTC:
		return dst ^ bit;
	default:
		return dst;
	}
}

/*
 * The new destination value of an operation that sets flags. @dst and @src
 * have no bits above @size; *@rflags is the whole register.
 */
u64 um_alu(enum um_op op, u64 dst, u64 src, unsigned int size, u64 *rflags)
{
	u64 carry = *rflags & UM_FL_CF ? 1 : 0;
	u64 kept = *rflags & ~UM_FL_STATUS;
	u64 flags = 0;
	u64 r;

	switch (op) {
	case UM_OP_ADD:
	case UM_OP_XADD:
		r = add(dst, src, 0, size, &flags);
		break;
	case UM_OP_ADC:
		r = add(dst, src, carry, size, &flags);
		break;
	case UM_OP_INC:
		r = add(dst, 1, 0, size, &flags);
		flags = (flags & ~UM_FL_CF) | carry;
		break;
	case UM_OP_SUB:
	case UM_OP_CMP:
		r = sub(dst, src, 0, size, &flags);
		break;
	case UM_OP_SBB:
		r = sub(dst, src, carry, size, &flags);
		break;
	case UM_OP_DEC:
		r = sub(dst, 1, 0, size, &flags);
		flags = (flags & ~UM_FL_CF) | carry;
		break;
	case UM_OP_NEG:
		r = sub(0, dst, 0, size, &flags);
		break;
	case UM_OP_IMUL:
		r = imul(dst, src, size, &flags);
		break;
	case UM_OP_OR:
		r = dst | src;
		flags = result_flags(r, size);
		break;
	case UM_OP_XOR:
		r = dst ^ src;
		flags = result_flags(r, size);
		break;
	case UM_OP_AND:
	case UM_OP_TEST:
		r = dst & src;
		flags = result_flags(r, size);
		break;
	default:
		return bit_test(op, dst, src, size, rflags);
	}
	*rflags = kept | flags;
	return r;
}

/*
 * Shifts and rotations, place by place: there are few. OF is defined when there
 * is one; by none, no flag changes.
 */
u64 um_shift(enum um_op op, u64 dst, u64 count, unsigned int size, u64 *rflags)
{
	u64 carry = *rflags & UM_FL_CF ? 1 : 0, top, changed;
	unsigned int bits = size * 8;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return dst;
	while (count--)
		dst = shift_once(op, dst, size, &carry);
	changed = UM_FL_CF | UM_FL_OF;
	if (op >= UM_OP_SHL)
		changed = UM_FL_STATUS;
	*rflags &= ~changed;
	if (op >= UM_OP_SHL)
		*rflags |= result_flags(dst, size);
	if (carry)
		*rflags |= UM_FL_CF;
	/* To the left: did the sign change? To the right: does it differ? */
	top = dst >> (bits - 1);
	if (top != (is_right(op) ? dst >> (bits - 2) & 1 : carry))
		*rflags |= UM_FL_OF;
	return dst;
}

/* The low four bits of a Jcc, SETcc or CMOVcc opcode. */
bool um_condition(u8 cc, u64 rflags)
{
	bool sf = rflags & UM_FL_SF;
	bool of = rflags & UM_FL_OF;
	bool holds;

	switch ((cc >> 1) & 7) {
	case 0:
		holds = of;
		break;
	case 1:
		holds = rflags & UM_FL_CF;
		break;
	case 2:
		holds = rflags & UM_FL_ZF;
		break;
	case 3:
		holds = rflags & (UM_FL_CF | UM_FL_ZF);
		break;
	case 4:
		holds = sf;
		break;
	case 5:
		holds = rflags & UM_FL_PF;
		break;
	case 6:
		holds = sf != of;
		break;
	default:
		holds = sf != of || (rflags & UM_FL_ZF);
		break;
	}
	return holds != (cc & 1);
}
