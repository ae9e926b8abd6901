// SPDX-License-Identifier: GPL-2.0
/*
 * The model of sdm.h.
 */
#include "lib/sdm.h"

static u64 bits(int high, int low)
{
	return high < low ? 0 : ~0ul >> (63 - high) & ~0ul << low;
}

bool sdm_is_leaf(const struct sdm_cpu *cpu, u64 entry, int level)
{
	if (level == 1)
		return true;
	if (!(entry & PT_PS))
		return false;
	if (cpu->levels == 2)
		return cpu->cr4 & CR4_PSE;
	return level == 2 || (level == 3 && cpu->gbpages);
}

u64 sdm_reserved(const struct sdm_cpu *cpu, u64 entry, int level)
{
	int m = cpu->maxphyaddr;
	u64 mask;

	if (cpu->levels == 2) {
		/* PSE-36: bits 20:13 are the address's 39:32. */
		if (level == 1 || !sdm_is_leaf(cpu, entry, level))
			return 0;
		return bits(21, (m < 40 ? m : 40) - 19);
	}
	mask = cpu->levels == 3 ? bits(62, m) : bits(51, m);
	if (!(cpu->efer & EFER_NXE))
		mask |= PT_NX;
	if (level == 1)
		return mask;
	if (!sdm_is_leaf(cpu, entry, level))
		return mask | (level > 2 ? PT_PS : 0);
	return mask | bits(12 + 9 * (level - 1) - 1, 13);
}

static u64 frame(const struct sdm_cpu *cpu, u64 entry, u64 va, int level)
{
	int shift = 12 + (cpu->levels == 2 ? 10 : 9) * (level - 1);
	u64 base = entry & PT_ADDR & ~bits(shift - 1, 0);

	if (cpu->levels == 2 && level == 2)
		base |= (entry >> 13 & 0xff) << 32;
	return (base | (va & bits(shift - 1, 0))) & ~(PAGE_SIZE - 1);
}

/* May it, by the rights that all levels leave? */
static bool allowed(const struct sdm_cpu *cpu, u64 all, bool nx, u64 op)
{
	u64 kind = op & 3;

	if (kind == ACCESS_FETCH && nx)
		return false;
	if (op & ACCESS_USER)
		return all & PT_U && (kind != ACCESS_WRITE || all & PT_W);
	if (all & PT_U) {
		if (kind == ACCESS_FETCH && cpu->cr4 & CR4_SMEP)
			return false;
		if (kind != ACCESS_FETCH && cpu->cr4 & CR4_SMAP &&
		    !(op & ACCESS_AC))
			return false;
	}
	return kind != ACCESS_WRITE || all & PT_W || !(cpu->cr0 & CR0_WP);
}

static u32 error_of(const struct sdm_cpu *cpu, u64 op)
{
	bool nx = cpu->efer & EFER_NXE && cpu->levels > 2;
	u32 error = op & ACCESS_USER ? PF_U : 0;

	if ((op & 3) == ACCESS_WRITE)
		error |= PF_W;
	if ((op & 3) == ACCESS_FETCH && (nx || cpu->cr4 & CR4_SMEP))
		error |= PF_I;
	return error;
}

void sdm_access(const struct sdm_cpu *cpu, const u64 *entry, u64 va, u64 op,
		struct sdm_outcome *out)
{
	int level = cpu->levels == 3 ? 2 : cpu->levels;
	u64 all = PT_W | PT_U, e;
	bool nx = false;

	*out = (struct sdm_outcome){ .fault = true, .error = error_of(cpu, op) };
	for (;; level--) {
		e = entry[level - 1];
		out->level = level;
		if (!(e & PT_P))
			return;
		if (e & sdm_reserved(cpu, e, level)) {
			out->error |= PF_P | PF_RSVD;
			return;
		}
		all &= e;
		nx |= cpu->levels > 2 && e & PT_NX;
		if (sdm_is_leaf(cpu, e, level))
			break;
	}
	if (!allowed(cpu, all, nx, op)) {
		out->error |= PF_P;
		return;
	}
	out->fault = false;
	out->frame = frame(cpu, e, va, level);
}
